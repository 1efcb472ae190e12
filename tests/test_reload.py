"""Edits while running: a valid file takes over whole and loses nothing, an invalid one changes nothing."""

import asyncio
import os
import signal

import pytest
from delivery_calls import CLICK, KEY, account, click, settings, stored, storing, vendor
from processes import serving as serving_process
from waiting import until

from gateway import serving
from gateway.store.contract import Filter

USERS = [f"u-{number}" for number in range(30)]


@pytest.fixture
async def good():
    async with vendor(lambda _: 204) as scripted:
        yield scripted


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(serving, "_LOOK", 0.02)


def write(gateway, body, more=""):
    gateway.path.write_text(settings(body, gateway.path.parent) + more)


class Watched:
    """A gateway whose file is watched, as its process does."""

    def __init__(self, gateway):
        self.look = asyncio.Event()
        self._gateway = gateway
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(serving._watch(self._gateway.service, self._gateway.path, self.look))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def said(self, event):
        return [line for line in self._gateway.lines if line["event"] == event]

    async def applied(self, times=1):
        await until(lambda: len(self.said("configuration applied")) >= times)


async def test_a_mended_file_applies_to_what_waits(tmp_path, good):
    """While a vendor fails its upstream is given another address: the whole backlog goes there, nothing is lost."""
    async with vendor(lambda _: 503) as bad:
        body = account("vaix", bad.url) + stored("vaix")
        async with storing(tmp_path, body) as gateway:
            await gateway.click(*USERS)
            await until(lambda: gateway.service.upstreams["vaix"].pace.is_open)
            write(gateway, account("vaix", good.url) + stored("vaix"))
            await serving.reload(gateway.service, gateway.path)
            await gateway.drained()
            assert sorted(good.users()) == sorted(USERS)
            assert await gateway.store.deadletters(Filter()) == []


async def test_no_click_is_lost_over_many_reloads(tmp_path, good):
    """Clicks without a pause, targets that come, change and go, an upstream that fails: all accepted ones arrive."""
    async with vendor(lambda call: 503 if hash(str(call)) % 3 == 0 else 204) as shaky:
        upstreams = account("dynamic_yield", good.url) + account("vaix", shaky.url)
        bodies = [
            upstreams + stored("dynamic_yield", ("vaix", f"fill = {{ placement = 'lane:{number}' }}"))
            for number in range(6)
        ]
        async with storing(tmp_path, bodies[0]) as gateway:
            sent = []

            async def clicking():
                while True:
                    user = f"u-{len(sent)}"
                    await gateway.click(user)
                    sent.append(user)

            clicks = asyncio.create_task(clicking())
            for body in bodies:
                before = len(sent)
                write(gateway, body)
                await serving.reload(gateway.service, gateway.path)
                await until(lambda: len(sent) > before + 5)  # noqa: B023  # awaited here
            clicks.cancel()
            await asyncio.gather(clicks, return_exceptions=True)
            shaky.answer = lambda _: 204
            await gateway.drained()
            assert set(sent) <= set(good.users())
            assert set(sent) <= set(shaky.users())


async def test_what_did_not_change_goes_on_undisturbed(tmp_path, good):
    """Another target's edit leaves an upstream its connections and its pace, and a worker its deliveries."""
    upstreams = account("dynamic_yield", good.url) + account("vaix", good.url)
    async with storing(tmp_path, upstreams + stored("dynamic_yield", "vaix")) as gateway:
        upstream, worker = gateway.service.upstreams["dynamic_yield"], gateway.service.workers["shop/dynamic_yield"]
        other = gateway.service.workers["shop/vaix"]
        write(gateway, upstreams + stored("dynamic_yield", ("vaix", "strict_ids = true")))
        await serving.reload(gateway.service, gateway.path)
        assert gateway.service.upstreams["dynamic_yield"] is upstream
        assert gateway.service.workers["shop/dynamic_yield"] is worker
        assert gateway.service.workers["shop/vaix"] is not other


async def test_a_target_that_vanishes_keeps_its_backlog(tmp_path, good):
    """Gone from the file: orphaned, shown, disturbed by nothing; back again: it goes on where it stood."""
    async with vendor(lambda _: 503) as bad:
        upstreams = account("dynamic_yield", good.url) + account("vaix", bad.url)
        async with storing(tmp_path, upstreams + stored("dynamic_yield", "vaix")) as gateway:
            await gateway.click(*USERS)
            await until(lambda: gateway.service.upstreams["vaix"].pace.is_open)
            write(gateway, upstreams + stored("dynamic_yield"))
            await serving.reload(gateway.service, gateway.path)
            orphan = await gateway.store.backlog("shop/vaix")
            assert (orphan.orphaned, orphan.pending) == (True, len(USERS))
            await gateway.click("u-later")
            await until(lambda: "u-later" in good.users())
            bad.answer = lambda _: 204
            bad.calls.clear()
            write(gateway, upstreams + stored("dynamic_yield", "vaix"))
            await serving.reload(gateway.service, gateway.path)
            await gateway.drained()
            assert set(USERS) <= set(bad.users())


async def test_keys_are_rotated_without_a_gap(tmp_path, good):
    """`keys = [old, new]`: both are taken; then the old one is refused."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway:

        async def answers():
            return [
                (await gateway.send("POST", CLICK, json=click("u-1"), headers={"DY-API-Key": key})).status
                for key in ("shop-key", "new-key")
            ]

        assert await answers() == [204, 401]
        for keys, expected in (('["shop-key", "new-key"]', [204, 204]), ('["new-key"]', [401, 204])):
            text = settings(body, tmp_path).replace('key = "shop-key"', f"keys = {keys}")
            gateway.path.write_text(text)
            await serving.reload(gateway.service, gateway.path)
            assert await answers() == expected


async def test_an_invalid_file_changes_nothing(tmp_path, good):
    """Every fault is told, the old configuration stays in force, and the next valid file is taken up."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway, Watched(gateway) as watched:
        before = gateway.service.config
        write(gateway, body + stored("gone", name="shop"), "nonsense = 1\n")
        await until(lambda: watched.said("configuration refused"))
        (line,) = watched.said("configuration refused")
        assert len(line["faults"]) >= 3, line
        assert gateway.service.config is before
        await gateway.click("u-1")
        write(gateway, body, "\n# mended\n")
        await watched.applied()
        assert gateway.service.config is not before


async def test_a_half_written_file_is_waited_for(tmp_path, good):
    """While its content changes from look to look nothing is read; what stands still is, once."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway:
        look, digests = asyncio.Event(), []
        half = [b"1", b"2", b"3", b"4", b"4", b"4", b"4", b"4", b"4"]

        def digested(_):
            digests.append(half[min(len(digests), len(half) - 1)])
            return digests[-1]

        reloads = []

        async def noted(_service, _path):
            reloads.append(len(digests))
            return ()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(serving, "_digest", digested)
            patch.setattr(serving, "reload", noted)
            watching = asyncio.create_task(serving._watch(gateway.service, gateway.path, look))
            await until(lambda: len(digests) >= 9)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        assert len(reloads) == 1
        assert reloads[0] >= 5


@pytest.mark.parametrize("how", ["a rename", "a symbolic link's swap", "a secret's file"])
async def test_content_is_watched_not_names(tmp_path, good, how):
    """However the content comes to be another, by whatever links, it is seen."""
    secret = tmp_path / "key"
    secret.write_text("first")
    body = account("dynamic_yield", good.url).replace('"s3cret-dy"', '{ file = "key" }') + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway:
        if how == "a symbolic link's swap":
            (tmp_path / "one").mkdir()
            gateway.path.rename(tmp_path / "one" / "config.toml")
            (tmp_path / "now").symlink_to("one")
            gateway.path.symlink_to("now/config.toml")
        async with Watched(gateway) as watched:
            text = gateway.path.read_text() + "\n# another\n"
            if how == "a rename":
                (tmp_path / "new").write_text(text)
                (tmp_path / "new").rename(gateway.path)
            elif how == "a secret's file":
                secret.write_text("second")
            else:
                (tmp_path / "two").mkdir()
                (tmp_path / "two" / "config.toml").write_text(text)
                (tmp_path / "next").symlink_to("two")
                (tmp_path / "next").rename(tmp_path / "now")
            await watched.applied()
            assert gateway.service.upstreams["dynamic_yield"].settings.mapping.api_key.reveal() == secret.read_text()


async def test_a_secret_that_comes_late_mends_the_file(tmp_path, good):
    """Refused for want of a secret's file: it is taken up when that file comes, without another edit."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway, Watched(gateway) as watched:
        write(gateway, body.replace('"s3cret-dy"', '{ file = "late" }'))
        await until(lambda: watched.said("configuration refused"))
        (tmp_path / "late").write_text("there")
        await watched.applied()
        assert gateway.service.upstreams["dynamic_yield"].settings.mapping.api_key.reveal() == "there"


async def test_a_reload_that_fails_ends_no_watch(tmp_path, good, monkeypatch):
    """A mistake of the gateway's own is told, and the next edit is taken up."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway:
        real, calls = serving.load, []

        def failing(*arguments):
            calls.append(arguments)
            if len(calls) == 1:
                raise ZeroDivisionError
            return real(*arguments)

        monkeypatch.setattr(serving, "load", failing)
        async with Watched(gateway) as watched:
            watched.look.set()
            await until(lambda: watched.said("reload failed inside the gateway"))
            write(gateway, body, "\n# another\n")
            await watched.applied()
        gateway.lines[:] = [line for line in gateway.lines if not line["event"].endswith("inside the gateway")]


async def test_what_needs_a_restart_is_said_and_the_rest_applies(tmp_path, good):
    """A new port waits for a restart, by name; new limits of the same table hold at once."""
    body = account("dynamic_yield", good.url) + stored("dynamic_yield")
    async with storing(tmp_path, body) as gateway, Watched(gateway) as watched:
        text = settings(body, tmp_path, server='max_body = "100B"').replace("[server]\nport = 0", "[server]\nport = 1")
        gateway.path.write_text(text)
        await watched.applied()
        (line,) = watched.said("needs a restart")
        assert line["tables"] == ["server.port"]
        assert (await gateway.send("POST", CLICK, json=click("u" * 200), headers=KEY)).status == 413


async def test_sighup_reloads_a_process(tmp_path, good):
    """The signal that operators know: the file is read again at once, also when it has not changed."""
    path = tmp_path / "config.toml"
    path.write_text(settings(account("dynamic_yield", good.url) + stored("dynamic_yield"), tmp_path))
    async with serving_process(path) as gateway:
        gateway.process.send_signal(signal.SIGHUP)
        line = await gateway.line("configuration applied")
        assert line["routes"] == ["shop"]
        os.kill(gateway.process.pid, signal.SIGTERM)
        assert await gateway.ended() == 0
