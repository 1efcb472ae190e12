"""Accepting in several processes, as `gateway serve` runs it: real processes, sockets and signals."""

import asyncio
import os
import re
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import processes
import pytest
from admin_calls import watching
from processes import free_port
from waiting import until

from gateway.sandbox import Sandbox

CLICK = {"user": {"id": "u-1"}, "session": {}, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}
PATH = "/v2/collect/user/engagement"
CONFIG = """
[server]
port = {port}
workers = {workers}
drain_delay = "100ms"
[admin]
port = {admin}
[store]
path = "{folder}/store"
[clients.shop]
key = "shop-key"
{client}
[upstreams.dy]
vendor = "dynamic_yield"
base_url = "{sandbox}"
api_key = "{key}"
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
[[routes.targets]]
upstream = "dy"
"""


def accepting_processes(parent):
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"accept" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def until_all_accept(port, count):
    """Wait until so many processes have answered, each known by how the ids of its requests begin."""
    found = set()
    async with asyncio.timeout(20):
        while len(found) < count:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
                found.add(answer.headers["X-Request-Id"][:12])


class Running:
    """A gateway of several processes, its sandbox and a client."""

    def __init__(self, process, sandbox, session, ports, path):
        self.process, self.sandbox, self.session = process, sandbox, session
        self.port, self.admin = ports
        self.path = path

    async def click(self, session=None, user="u-1", path=PATH):
        url, body = f"http://127.0.0.1:{self.port}{path}", CLICK | {"user": {"id": user}}
        async with (session or self.session).post(url, json=body, headers={"DY-API-Key": "shop-key"}) as answer:
            return answer.status

    async def answers(self):
        try:
            async with aiohttp.ClientSession() as session:
                return await self.click(session, "u-once") == 204
        except aiohttp.ClientError:
            return False

    async def ask(self, path):
        async with self.session.get(f"http://127.0.0.1:{self.admin}{path}") as answer:
            assert answer.status == 200
            return await answer.json()

    async def counted(self, name):
        async with self.session.get(f"http://127.0.0.1:{self.admin}/metrics") as answer:
            text = await answer.text()
        return sum(float(value) for value in re.findall(rf"^{name}{{.*}} (\S+)$", text, re.MULTILINE))


@asynccontextmanager
async def serving(folder, workers, sandbox=None, client=""):
    own = sandbox is None
    sandbox = sandbox or Sandbox()
    if own:
        await sandbox.start("127.0.0.1", 0)
    port, admin = free_port(), free_port()
    path = folder / "config.toml"
    filled = {"port": port, "admin": admin, "workers": workers, "folder": folder, "sandbox": sandbox.url}
    path.write_text(CONFIG.format(**filled, key="sandbox-dy-key", client=client))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "-c", str(path)), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(20):
            async for line in process.stdout:
                if b'"listening"' in line:
                    break
        reading = asyncio.create_task(process.stdout.read())
        async with aiohttp.ClientSession() as session:
            yield Running(process, sandbox, session, (port, admin), path)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.wait()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if own:
            await sandbox.stop()


async def test_every_click_is_delivered_and_counted_once(tmp_path):
    """What several processes accept is kept and delivered by one, and one admin port counts for all."""
    async with serving(tmp_path, 2) as gateway:
        assert [await gateway.click() for _ in range(40)] == [204] * 40
        assert len(await gateway.sandbox.received.wait(40, "dynamic_yield", 10)) == 40

        async def counted():
            return await gateway.counted("gateway_inbound_total") == 40

        await until(counted)
        assert len(accepting_processes(gateway.process.pid)) == 2
    assert gateway.process.returncode == 0


async def test_a_killed_process_is_started_again_and_stays_in_the_sum(tmp_path):
    """A kill -9 of an accepting process costs no accepted click and no count, and another one takes its place."""
    async with serving(tmp_path, 2) as gateway:
        for _ in range(20):
            assert await gateway.click() == 204

        async def all_counted():
            return await gateway.counted("gateway_inbound_total") == 20

        await until(all_counted)
        first = accepting_processes(gateway.process.pid)
        os.kill(first[0], signal.SIGKILL)

        async def replaced():
            now = accepting_processes(gateway.process.pid)
            return len(now) == 2 and first[0] not in now

        await until(replaced)
        assert await gateway.counted("gateway_inbound_total") == 20
        statuses = []
        for _ in range(20):
            try:
                statuses.append(await gateway.click())
            except aiohttp.ClientError:  # a kept-alive connection to the process that is gone
                continue
        taken = statuses.count(204)
        assert taken >= 19
        assert len(await gateway.sandbox.received.wait(20 + taken, "dynamic_yield", 10)) >= 20 + taken


async def test_another_number_of_processes_takes_up_the_same_backlog(tmp_path):
    """What one number of processes accepted is delivered by another: the store is one."""
    nowhere = _Down(f"http://127.0.0.1:{free_port()}")
    async with serving(tmp_path, 3, nowhere) as gateway:
        assert [await gateway.click() for _ in range(10)] == [204] * 10
    async with serving(tmp_path, 1) as gateway:
        assert len(await gateway.sandbox.received.wait(10, "dynamic_yield", 20)) == 10


async def test_a_gateway_can_be_started_again_at_once_after_a_kill_9(tmp_path):
    """The processes of a gateway that is gone give up its port at once, however long a drain would ask for."""
    path = tmp_path / "config.toml"
    filled = {
        "port": free_port(),
        "admin": free_port(),
        "workers": 2,
        "folder": tmp_path,
        "sandbox": "http://127.0.0.1",
    }
    text = CONFIG.format(**filled, key="sandbox-dy-key", client="")
    path.write_text(text.replace('drain_delay = "100ms"', 'drain_delay = "30s"'))
    async with processes.serving(path) as first:
        await until_all_accept(first.port, 2)
        first.process.kill()
        async with processes.serving(path) as second:
            assert second.port == filled["port"]


async def test_a_clients_limit_holds_for_all_processes(tmp_path):
    """However its connections fall on the processes, a client gets its rate, and beside it a burst in each at most."""
    rate, seconds = 20, 4
    async with serving(tmp_path, 2, client=f'rate_limit = "{rate}/s"') as gateway:
        await until_all_accept(gateway.port, 2)
        began, statuses = time.monotonic(), []
        while time.monotonic() < began + seconds:
            async with aiohttp.ClientSession() as session:
                statuses.append(await gateway.click(session))
        taken = statuses.count(204)
        assert set(statuses) == {204, 429}
        assert taken >= rate * seconds * 0.8
        assert taken <= rate * (time.monotonic() - began) + 2 * rate


async def test_all_processes_take_up_a_changed_configuration(tmp_path):
    """After a reload every process knows the new key and none the old."""
    async with serving(tmp_path, 2) as gateway:
        gateway.path.write_text(gateway.path.read_text().replace("shop-key", "new-key"))

        async def refused():
            return await gateway.click() == 401

        for _ in range(5):
            await until(refused)


async def test_what_every_process_accepts_is_shown_to_who_watches(tmp_path):
    """Inbounds from all processes, their deliveries from the parent; a process that is started anew is told, too."""
    async with serving(tmp_path, 2) as gateway:
        async with watching(gateway.session, f"http://127.0.0.1:{gateway.admin}") as tail:
            for _ in range(2):
                shown = {}
                for _ in range(20):
                    async with aiohttp.ClientSession() as session:
                        assert await gateway.click(session) == 204
                while len(shown) < 40:
                    name, told = await tail.next("inbound", "delivery")
                    shown[name, told["request_id"]] = told
                first = accepting_processes(gateway.process.pid)
                for process in first:
                    os.kill(process, signal.SIGKILL)

                async def are_replaced(first=first):
                    now = accepting_processes(gateway.process.pid)
                    return len(now) == 2 and not set(first) & set(now) and await gateway.answers()

                await until(are_replaced)
        opened = await gateway.ask(f"/api/tail/{told['request_id']}")
        assert opened["inbound"]["body"] == CLICK
        assert opened["deliveries"][0]["answers"][0]["status"] == 204


async def test_one_person_is_found_in_what_every_process_accepts(tmp_path):
    """A filter is asked where the inbound is accepted: what does not fit never reaches the parent."""
    async with serving(tmp_path, 2) as gateway:
        url = f"http://127.0.0.1:{gateway.admin}"
        async with watching(gateway.session, url, user="u-9", outcome="accepted") as tail:
            for user in ("u-1", "u-9", "u-2"):
                async with aiohttp.ClientSession() as session:
                    assert await gateway.click(session, user) == 204
            told = await tail.next("inbound")
    assert told["interactions"][0]["user"] == "u-9"


FORWARD = """
[upstreams.gf]
vendor = "gravity_field"
base_url = "http://127.0.0.1:9"
api_key = "k-k-k"
[[routes]]
name = "other"
accepts = "dynamic_yield"
prefix = "/other"
clients = ["shop"]
mode = "forward"
[[routes.targets]]
upstream = "gf"
primary = true
"""


async def test_in_forward_mode_too_the_parent_knows_all(tmp_path):
    """An edit right after the start; upstreams in trouble and refusals of processes that ask a vendor themselves."""
    async with serving(tmp_path, 2) as gateway:
        text = gateway.path.read_text().replace('clients = ["shop"]', 'clients = ["shop"]\nmode = "forward"')
        gateway.path.write_text(text.replace('upstream = "dy"', 'upstream = "dy"\nprimary = true') + FORWARD)

        async def is_forwarded():
            modes = {route["mode"] for route in (await gateway.ask("/api/status"))["routes"]}
            return modes == {"forward"} and await gateway.click(path="/other" + PATH) == 422

        await until(is_forwarded)

        async def is_told():
            return bool((await gateway.ask("/api/samples?target=other/gf"))["kinds"])

        await until(is_told)
        (kind,) = (await gateway.ask("/api/samples?target=other/gf"))["kinds"]
        assert (kind["reason"], kind["fields"], kind["samples"][0]["body"]) == ("missing", ["page.location"], CLICK)
        await gateway.sandbox.stop()

        async def is_open():
            async with aiohttp.ClientSession() as session:
                await gateway.click(session)
            dy = next(one for one in (await gateway.ask("/api/status"))["upstreams"] if one["name"] == "dy")
            return dy["breaker_open"] and await gateway.counted("gateway_breaker_open") == 1

        await until(is_open)


class _Down:
    """A sandbox that is not there."""

    def __init__(self, url):
        self.url = url


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
