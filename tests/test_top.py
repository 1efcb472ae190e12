"""`gateway top`: on a real terminal, beside a real gateway, and as text."""

import asyncio
import re
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from operating_calls import SHOP, operated, written
from processes import ROOT, run, serving
from terminal import on_terminal

from gateway.sandbox.faults import Rule
from gateway.top.snapshots import Snapshots, snapshot
from gateway.top.tables import gateway_line, routes, store_line, targets

STATUS = {
    "version": "1.0",
    "unready": None,
    "routes": [{"name": "shop", "accepts": "vaix", "mode": "store"}],
    "targets": [
        {"name": "shop/vaix", "vendor": "vaix", "upstream": "vaix", "orphaned": False, "paused": True}
        | {"pending": 1200, "oldest_seconds": 7200.0, "dead": 3},
        {"name": "shop/old", "vendor": None, "upstream": None, "orphaned": True, "paused": False}
        | {"pending": 0, "oldest_seconds": None, "dead": 0},
    ],
    "upstreams": [
        {"name": "vaix", "breaker_open": True, "held": True, "concurrency": 16}
        | {"in_flight": 3, "paused_seconds": 12.0}
    ],
    "store": {"kind": "sqlite", "bytes": 3 << 30, "max_bytes": 6 << 30, "hours_left": 12.5},
}


def counted(inbound, delivered, *, rejected=0, shed=0, lost=0):
    """A scrape."""
    return (
        "# TYPE gateway_inbound counter\n"
        f'gateway_inbound_total{{route="shop",vendor="vaix",status="204"}} {inbound}\n'
        f'gateway_inbound_total{{route="-",vendor="-",status="404"}} {rejected}\n'
        "# TYPE gateway_deliveries counter\n"
        f'gateway_deliveries_total{{target="shop/vaix",vendor="vaix",outcome="delivered"}} {delivered}\n'
        f'gateway_deliveries_total{{target="shop/vaix",vendor="vaix",outcome="shed"}} {shed}\n'
        f'gateway_deliveries_total{{target="shop/vaix",vendor="vaix",outcome="lost"}} {lost}\n'
    )


def texts(rows):
    """The rows' texts."""
    return [[cell.text for cell in row] for row in rows]


def listens(gateway):
    """Its configuration with the ports that it took."""
    text = gateway.path.read_text()
    gateway.path.write_text(text.replace("[admin]\nport = 0", f"[admin]\nport = {gateway.admin_port}"))
    return gateway.path


def top(gateway, **variables):
    """The command beside a gateway, on a terminal."""
    return on_terminal("top", "-c", str(listens(gateway)), "--interval", "0.2", **variables)


@asynccontextmanager
async def clicking(gateway):
    """Clicks, one after another, while a test snapshots."""

    async def click():
        while True:
            await gateway.click()

    task = asyncio.create_task(click())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def rate(line, column):
    """One number of a row."""
    return float(re.split(r"\s{2,}", line.strip())[column].replace(",", ""))


# What is told


def test_rates_are_what_was_counted_over_the_time_between():
    """Between the oldest reading kept and the latest, by route and target, errors and ends each by their kind."""
    snapshots = Snapshots()
    snapshots.add(snapshot(10.0, STATUS, counted(100, 50)))
    assert {cell.text for cell in routes(snapshots)[0][3:]} == {"0"}
    snapshots.add(snapshot(12.0, STATUS, counted(300, 51, rejected=5, shed=8, lost=1)))
    assert texts(routes(snapshots)) == [
        ["shop", "vaix", "store", "100", "0", "0"],
        ["-", "no route", "", "2.5", "2.5", "0"],
    ]
    assert texts(targets(snapshots))[0] == [
        *("shop/vaix", "paused, held, breaker open, waits 12.0 s, sheds, loses copies", "0.5", "0", "0"),
        *("1,200", "2 h", "3", "4.0", "0.5", "3 of 16", "vaix"),
    ]
    assert texts(targets(snapshots))[1] == ["shop/old", "orphaned", *["0"] * 4, "", *["0"] * 3, "", ""]
    assert gateway_line(snapshots.latest) == "gateway 1.0: ready"
    assert store_line(snapshots.latest) == "store sqlite: 3.0 GiB of 6.0 GiB (50 %), full in 12 h at this rate"


def test_a_gateway_that_was_started_again_begins_anew():
    """A counter that fell makes no negative rate; the next reading is compared with that one."""
    snapshots = Snapshots()
    snapshots.add(snapshot(10.0, STATUS, counted(1000, 1000)))
    snapshots.add(snapshot(11.0, STATUS, counted(10, 0)))
    assert texts(routes(snapshots))[0][3] == "0"
    snapshots.add(snapshot(12.0, STATUS, counted(30, 0)))
    assert texts(routes(snapshots))[0][3] == "20.0"


# As text


async def test_a_snapshot_is_text(tmp_path):
    """`--once`, and any output that is no terminal, is one snapshot: rates, backlog, states and the store."""
    body = SHOP + '[[routes.targets]]\nupstream = "auxia"\n'
    async with operated(tmp_path, body) as gateway:
        path = listens(gateway)
        gateway.sandbox.faults.set(Rule("auxia", "422"))
        await gateway.click()
        await gateway.dead()
        await gateway.ask("POST", "/api/targets/shop/vaix/pause")
        for options in (["--once"], []):
            async with clicking(gateway):
                code, out, errors = await run("top", "-c", str(path), "--interval", "0.5", *options)
            assert (code, errors) == (0, "")
            lines = {line.split(" ")[0]: line for line in out.splitlines() if line}
            assert ": ready" in lines["gateway"]
            assert "store sqlite: " in lines["store"]
            assert rate(lines["shop"], 3) > 0
            assert rate(lines["shop"], 4) == rate(lines["shop"], 5) == 0
            assert rate(lines["shop/dynamic_yield"], 2) > 0
            assert rate(lines["shop/auxia"], 4) > 0
            assert "paused" in lines["shop/vaix"]
            assert rate(lines["shop/vaix"], 5) > 0
            assert "\x1b" not in out


async def test_without_a_gateway_a_snapshot_is_a_sentence(tmp_path):
    """No gateway, or something else on its port: exit status 1 and what is the matter."""
    path = written(tmp_path, "http://127.0.0.1:1")
    path.write_text(path.read_text().replace("[admin]\nport = 0", "[admin]\nport = 1"))
    code, out, errors = await run("top", "--once", "-c", str(path))
    assert (code, out) == (1, "")
    assert errors == "Error: no gateway answers on http://127.0.0.1:1\n"
    async with operated(tmp_path) as gateway:
        port = gateway.sandbox.url.rpartition(":")[2]
        gateway.path.write_text(gateway.path.read_text().replace("[admin]\nport = 0", f"[admin]\nport = {port}"))
        code, out, errors = await run("top", "--once", "-c", str(gateway.path))
    assert (code, out) == (1, "")
    assert errors == f"Error: what listens on http://127.0.0.1:{port} is no gateway's admin port\n"


async def test_the_token_is_shown(tmp_path):
    """The token comes from the configuration; a wrong one is refused in the gateway's words."""
    async with operated(tmp_path, admin='token = "admin-token"') as gateway:
        path = listens(gateway)
        code, out, _ = await run("top", "--once", "--interval", "0.2", "-c", str(path))
        assert code == 0
        assert "shop/vaix" in out
        path.write_text(path.read_text().replace("admin-token", "wrong-token"))
        code, _, errors = await run("top", "--once", "-c", str(path))
    assert code == 1
    assert "token is asked for" in errors
    assert "wrong-token" not in errors


# On a terminal


async def test_a_terminal_shows_rates_as_they_come(tmp_path):
    """Rates of routes and targets appear, fit a window of another size, and `q` leaves the terminal as it was."""
    async with operated(tmp_path) as gateway, clicking(gateway):
        async with top(gateway) as terminal:
            await terminal.until(lambda: terminal.line("shop/vaix"))
            await terminal.until(lambda: rate(terminal.line("shop/vaix"), 2) > 0)
            await terminal.until(lambda: rate(terminal.line("shop "), 3) > 0)
            assert "store sqlite" in terminal.lines[1]
            await terminal.until(lambda: "q quit" in terminal.lines[-1])
            terminal.resize(60, 16)
            await terminal.until(lambda: "q quit" in terminal.lines[15])
            await terminal.until(lambda: terminal.line("shop/vaix"))
            terminal.press("q")
            assert await asyncio.wait_for(terminal.process.wait(), 20) == 0
        assert b"\x1b[?1049l" in terminal.written
        assert b"Traceback" not in terminal.written


async def test_a_target_is_paused_and_resumed_by_a_key(tmp_path):
    """`p` asks; `n` leaves the target as it is, `y` pauses it, and the same again resumes it."""
    async with operated(tmp_path) as gateway, top(gateway) as terminal:
        await terminal.until(lambda: terminal.line("shop/vaix"))
        terminal.press("\x1b[B")
        terminal.press("p")
        await terminal.until(lambda: terminal.line("Pause shop/vaix?"))
        terminal.press("n")
        await terminal.until(lambda: not terminal.line("Pause shop/vaix?"))
        assert not (await gateway.status_of("shop/vaix"))["paused"]
        terminal.press("p")
        await terminal.until(lambda: terminal.line("Pause shop/vaix?"))
        terminal.press("y")
        await terminal.until(lambda: "paused" in terminal.line("shop/vaix"))
        assert (await gateway.status_of("shop/vaix"))["paused"]
        terminal.press("p")
        await terminal.until(lambda: terminal.line("Resume shop/vaix?"))
        terminal.press("y")
        await terminal.until(lambda: "paused" not in terminal.line("shop/vaix "))
        assert not (await gateway.status_of("shop/vaix"))["paused"]


async def test_a_column_sorts_by_a_key(tmp_path):
    """`s` sorts by the next column, numbers from the largest; `r` turns it round; the cursor stays on its row."""
    async with operated(tmp_path) as gateway:
        await gateway.ask("POST", "/api/targets/shop/vaix/pause")
        await gateway.click()
        async with top(gateway) as terminal:

            def order():
                return [line.split()[0] for line in terminal.lines if line.strip().startswith("shop/")]

            await terminal.until(lambda: order() == ["shop/dynamic_yield", "shop/vaix"])
            terminal.press("sssss")
            await terminal.until(lambda: terminal.line("↓ pending"))
            await terminal.until(lambda: order() == ["shop/vaix", "shop/dynamic_yield"])
            terminal.press("r")
            await terminal.until(lambda: order() == ["shop/dynamic_yield", "shop/vaix"])
            terminal.press("SSSSSr")
            await terminal.until(lambda: order() == ["shop/vaix", "shop/dynamic_yield"])
            terminal.press("p")
            await terminal.until(lambda: terminal.line("Pause shop/dynamic_yield?"))


async def test_a_gateway_that_is_away_is_said_and_waited_for(tmp_path):
    """Before it runs, and when it stops: the sentence, what was last seen, and going on by itself when it is there."""
    async with operated(tmp_path) as gateway:
        path = listens(gateway)
    async with on_terminal("top", "-c", str(path), "--interval", "0.2", columns=100) as terminal:
        await terminal.until(lambda: terminal.line("no gateway answers"))
        assert "still trying" in terminal.line("no gateway answers")
        async with serving(path):
            await terminal.until(lambda: terminal.line("shop/vaix"))
            await terminal.until(lambda: not terminal.line("no gateway answers"))
        await terminal.until(lambda: terminal.line("no gateway answers"))
        assert terminal.line("shop/vaix")
        terminal.press("\x03")
        assert await asyncio.wait_for(terminal.process.wait(), 20) == 0


async def test_a_dumb_terminal_gets_text(tmp_path):
    """Where the terminal cannot move its cursor a snapshot is printed."""
    async with operated(tmp_path) as gateway:
        async with top(gateway, TERM="dumb") as terminal:
            await terminal.until(lambda: terminal.line("shop/vaix"))
            assert await asyncio.wait_for(terminal.process.wait(), 20) == 0
        assert b"\x1b" not in terminal.written


@pytest.mark.parametrize("command", ["--help", "top --help", "check --help", "serve --help", "deadletters list --help"])
def test_other_commands_do_not_import_the_terminal_library(command):
    """No command's start waits for what only the live view needs."""
    alone = (
        "import sys\nfrom gateway.__main__ import main\nsys.argv = ['gateway', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([one for one in sys.modules if one.split('.')[0] in ('textual', 'prometheus_client')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", alone, *command.split()], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
