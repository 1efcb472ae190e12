"""`gateway serve` as a process: how it starts, refuses to start, drains and ends."""

import asyncio
import errno
import os
import signal
import socket

import aiohttp
import pytest
from gateway_calls import KEYS, VENDORS, accounts, body_of, fan_out, raw, route, settings, upstream
from processes import run, serving

from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule

PATH = "/api/tracker/events"


@pytest.fixture
async def sandbox():
    sandbox = Sandbox()
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


def written(folder, body, **more):
    """A configuration file."""
    path = folder / "config.toml"
    path.write_text(settings(body, folder, **more))
    return path


async def click(port, vendor="vaix", path=PATH, **options):
    options = {"headers": KEYS[vendor], "json": body_of(path)} | options
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", **options) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


async def ready(port):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, await answer.json()


async def test_a_whole_life(tmp_path, sandbox):
    """Started, used and abused, stopped by SIGTERM: JSON lines only, nothing on standard error, exit code 0."""
    path = written(tmp_path, accounts(sandbox.url) + fan_out(), server='body_timeout = "300ms"')
    async with serving(path) as gateway:
        assert gateway.lines[-1]["routes"] == list(VENDORS)
        assert await ready(gateway.admin_port) == (200, {"status": "ready"})
        assert (await click(gateway.port))[0] == 204
        key = b"Authorization: Bearer shop-key\r\n"
        head = b"POST /api/tracker/events HTTP/1.1\r\nHost: x\r\n" + key
        for bad in (
            b"\x16\x03\x01\x00",
            b"GET http://[::1 HTTP/1.1\r\n\r\n",
            head + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
            head + b"User-Agent: \xff\xfe\r\nContent-Length: 1\r\nConnection: close\r\n\r\n[",
            head + b"Content-Length: 50000\r\nConnection: close\r\n\r\n" + b"[" * 50_000,
            head + b"Content-Length: 100\r\n\r\nshort",
            head + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
            head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope",
        ):
            assert b" 4" in (await raw(gateway.port, bad))[:13]
        assert (await click(gateway.port, headers={}))[0] == 401
        assert (await click(gateway.port))[0] == 204
        gateway.process.terminate()
        assert await gateway.ended() == 0
    assert gateway.stderr == b""
    events = [line["event"] for line in gateway.lines if line["event"] != "delivery"]
    assert events.count("inbound") == 11
    assert events[-2:] == ["draining", "stopped"]
    assert gateway.lines[-1]["left"] == 0
    assert not [line for line in gateway.lines if line["level"] == "error" or "exception" in line]
    assert "shop-key" not in str(gateway.lines)
    assert "sandbox-" not in str([line for line in gateway.lines if line["event"] != "configuration"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_in_flight_is_finished(tmp_path, sandbox, number):
    """While draining: unready, connections end with their answer, what is under way is answered; then no more."""
    body = accounts(sandbox.url) + route("vaix", ["vaix"])
    path = written(tmp_path, body)
    path.write_text(path.read_text().replace('drain_delay = "0s"', 'drain_delay = "400ms"'))
    async with serving(path) as gateway:
        sandbox.faults.set(Rule("vaix", "slow:1000", count=1))
        under_way = asyncio.create_task(click(gateway.port))
        await sandbox.received.wait(1)
        gateway.process.send_signal(number)
        await gateway.line("draining")
        assert await ready(gateway.admin_port) == (503, {"status": "unready", "reason": "draining"})
        status, headers, _ = await click(gateway.port)
        assert (status, headers["Connection"]) == (204, "close")
        assert (await under_way)[0] == 204
        assert await gateway.ended() == 0
        with pytest.raises(aiohttp.ClientConnectorError):
            await click(gateway.port)
    assert (gateway.lines[-1]["event"], gateway.stderr) == ("stopped", b"")


async def test_what_is_left_is_counted(tmp_path, sandbox):
    """What a target that is down has not received when the gateway stops is said at its end."""
    gone = Sandbox()
    await gone.start()
    await gone.stop()
    body = (
        upstream("vaix", sandbox.url)
        + upstream("auxia", f"http://127.0.0.1:{gone.port}")
        + route("vaix", ["vaix", "auxia"])
    )
    async with serving(written(tmp_path, body)) as gateway:
        for _ in range(3):
            assert (await click(gateway.port))[0] == 204
        gateway.process.terminate()
        assert await gateway.ended() == 0
    assert gateway.lines[-1]["left"] == 3


async def test_a_log_without_a_reader_stops_no_click(tmp_path, sandbox):
    """When what collects standard output dies, callers are still served, and the stop is still clean."""
    path = written(tmp_path, accounts(sandbox.url) + route("vaix", ["vaix"]))
    async with serving(path) as gateway:
        gateway.process.stdout._transport.close()
        for _ in range(3):
            assert (await click(gateway.port))[0] == 204
        gateway.process.terminate()
        async with asyncio.timeout(10):
            await gateway.process.wait()


async def refused(path, **variables):
    """What a start that must fail says."""
    code, out, errors = await run("serve", "-c", str(path), cwd=path.parent, **variables)
    assert code == 1
    assert "Traceback" not in errors
    return out, errors


async def test_a_missing_variable_stops_the_start(tmp_path):
    """Key and variable are named, with the line; all that are missing at once."""
    body = upstream("vaix", "http://127.0.0.1:9").replace('"sandbox-vaix-token"', '{ env = "VAIX_TOKEN" }')
    path = written(
        tmp_path, body + route("vaix", ["vaix"]).replace("shop", "app") + '[clients.app]\nkey = { env = "APP_KEY" }\n'
    )
    out, errors = await refused(path)
    assert out == ""
    assert "upstreams.vaix.token: the environment variable VAIX_TOKEN is not set" in errors
    assert "clients.app.key: the environment variable APP_KEY is not set" in errors
    line = path.read_text().splitlines().index('token = { env = "VAIX_TOKEN" }') + 1
    assert f"config.toml:{line}" in errors


async def test_an_open_route_in_public_stops_the_start(tmp_path):
    """Without clients anyone could send: only on a loopback host, or when it is said to be meant."""
    body = upstream("vaix", "http://127.0.0.1:9") + route("vaix", ["vaix"], clients="[]")
    out, errors = await refused(written(tmp_path, body, server='host = "0.0.0.0"'))
    assert out == ""
    assert "routes[0].clients" in errors


@pytest.mark.parametrize("table", ["server", "admin"])
async def test_a_port_in_use_is_said_in_a_line(tmp_path, table):
    """Whose port it is and why it cannot be had; then the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = written(tmp_path, upstream("vaix", "http://127.0.0.1:9") + route("vaix", ["vaix"]))
        path.write_text(path.read_text().replace(f"[{table}]\nport = 0", f"[{table}]\nport = {port}"))
        _, errors = await refused(path)
    assert (
        errors
        == f"the gateway cannot start: [{table}] cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}\n"
    )


async def test_a_file_that_is_not_there_is_said_in_a_line(tmp_path):
    """The commonest mistake of all."""
    _, errors = await refused(tmp_path / "nowhere.toml")
    assert "nowhere.toml: cannot be read: No such file or directory" in errors


async def test_a_store_that_cannot_be_is_said_in_a_line(tmp_path):
    """A folder that cannot be made: the start is refused with its name, not with a traceback."""
    (tmp_path / "data").write_text("in the way")
    _, errors = await refused(written(tmp_path, upstream("vaix", "http://127.0.0.1:9") + route("vaix", ["vaix"])))
    assert str(tmp_path / "data") in errors


@pytest.mark.parametrize(("fault", "why"), [("401", "held"), ("500", "breaker open"), ("reset", "breaker open")])
async def test_the_log_tells_that_deliveries_wait_and_that_they_go_on(tmp_path, sandbox, fault, why):
    """A vendor that fails is named once, with how and why, and once more when it takes deliveries again."""
    body = route("vaix", ["vaix"]).replace('mode = "forward"', "").replace('on_failure = "relay"', "")
    path = written(tmp_path, accounts(sandbox.url) + body)
    async with serving(path) as gateway:
        sandbox.faults.set(Rule("vaix", fault))
        for _ in range(6):
            assert (await click(gateway.port))[0] == 204
        trouble = await gateway.line("upstream in trouble")
        assert (trouble["level"], trouble["upstream"], trouble["why"]) == ("warning", "vaix", why)
        assert trouble["status"] == (None if fault == "reset" else int(fault))
        sandbox.faults.clear()
        assert (await gateway.line("upstream recovered"))["upstream"] == "vaix"
        assert len(await sandbox.received.wait(6, "vaix")) >= 6
        gateway.process.terminate()
        assert await gateway.ended() == 0
    assert sum(line["event"] == "upstream in trouble" for line in gateway.lines) == 1
