"""The test that mirrors and fan-out kits fail: a second vendor slow, then down, then back, under a steady load.

What the caller feels (times from when each click was due), how many clicks each vendor was told of, what the gateway's
memory does, how fast the backlog drains.
"""

import asyncio
import json
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

import uvloop

from bench.bodies import BODIES
from bench.processes import await_port, free, resident, started
from bench.vendor import Load, Offered

_RATE: Final = 1000
_SECONDS: Final = 15
_DOWN: Final = 60
_CONNECTIONS: Final = 32
_HEAD: Final = (
    "POST /v2/collect/user/engagement HTTP/1.1\r\nHost: gateway\r\nDY-API-Key: shop-key\r\n"
    "User-Agent: bench\r\nContent-Type: application/json\r\n"
)
_CONFIG: Final = """
[server]
port = {port}
drain_delay = "0s"
[admin]
port = {admin}
[store]
path = "{folder}/store"
[log]
requests = "errors"
[clients.shop]
key = "shop-key"
[upstreams.first]
vendor = "dynamic_yield"
base_url = "http://127.0.0.1:{first}"
api_key = "dy-key"
[upstreams.second]
vendor = "vaix"
base_url = "http://127.0.0.1:{second}"
token = "vaix-token"
client_id = "group"
fill = {{ "page.location" = "https://shop.example/" }}
unsupported = "event"
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
[[routes.targets]]
upstream = "first"
[[routes.targets]]
upstream = "second"
"""


class Second:
    """The second vendor, in its changing condition."""

    def __init__(self, port: int, file: Path) -> None:
        self._arguments = ("-m", "bench.vendor", str(port), str(file))
        self._port = port
        self._process: AbstractContextManager[subprocess.Popen[bytes]] | None = None

    def be(self, condition: str) -> None:
        """Be healthy, slow by 300 ms, or down."""
        if self._process is not None:
            self._process.__exit__(None, None, None)
            self._process = None
        if condition != "down":
            self._process = started(*self._arguments, *(["300"] if condition == "+300 ms" else []))
            self._process.__enter__()
            await_port(self._port)


class Memory:
    """The most that a process had in use since the last look."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0.0
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def most(self) -> float:
        """Megabytes."""
        most, self._most = self._most, 0.0
        return most

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._most = max(self._most, resident(self._pid))


def main() -> None:
    """One table: a line for each condition of the second vendor."""
    print(f"\nA second vendor slow, then down: {_RATE} clicks/s offered over {_CONNECTIONS} connections")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, admin, first, second = (free() for _ in range(4))
        told = {name: folder / name for name in ("first", "second")}
        first_vendor = started("-m", "bench.vendor", str(first), str(told["first"]))
        first_vendor.__enter__()
        vendor = Second(second, told["second"])
        vendor.be("healthy")
        (folder / "config.toml").write_text(
            _CONFIG.format(port=port, admin=admin, first=first, second=second, folder=folder)
        )
        gateway = started("-m", "gateway", "serve", "-c", str(folder / "config.toml"))
        with gateway as process:
            for listening in (first, port):
                await_port(listening)
            memory = Memory(process.pid)
            sent = uvloop.run(_phases(port, admin, vendor, memory))
            memory.stop()
        vendor.be("down")
        first_vendor.__exit__(None, None, None)
        for name, file in told.items():
            print(f"{name} vendor: {_arrived(file, sent)}")


async def _phases(port: int, admin: int, vendor: Second, memory: Memory) -> int:
    """Every condition in turn; gives the number of clicks sent."""
    body = next(body for (source, name, _), body in BODIES.items() if (source, name) == ("dynamic_yield", "engagement"))
    load = Load(port, _HEAD, body, _CONNECTIONS)
    await load.open()
    await load.offer(_RATE, 3)
    memory.most()
    print(f"{'second vendor':16}{'clicks':>8}{'failed':>8}{'p50 ms':>8}{'p99 ms':>8}{'memory MB':>11}{'backlog':>9}")
    healthy: Offered | None = None
    for condition, seconds in (("healthy", _SECONDS), ("+300 ms", _SECONDS), ("down", _DOWN)):
        await asyncio.to_thread(vendor.be, condition)
        found = await load.offer(_RATE, seconds)
        healthy = healthy or found
        p50 = found.percentile(0.5)
        change = p50 / healthy.percentile(0.5) - 1
        print(
            f"{condition:16}{len(found.seconds):8}{found.failed:8}{p50:8.2f}{found.percentile(0.99):8.2f}"
            f"{memory.most():11.1f}{await asyncio.to_thread(_pending, admin):9}   p50 {change:+.0%}"
        )
    backlog = await asyncio.to_thread(_pending, admin)
    await asyncio.to_thread(vendor.be, "healthy")
    began, left = 0.0, backlog
    while left:
        await asyncio.sleep(0.05)
        left = await asyncio.to_thread(_pending, admin)
        if not began and left < backlog:
            began = time.perf_counter()
            backlog = left
    seconds = time.perf_counter() - began
    print(f"back: {backlog} drained at {backlog / seconds:.0f}/s, memory {memory.most():.1f} MB at most")
    return load.sent


def _arrived(file: Path, sent: int) -> str:
    """What share of the clicks a vendor was told of, and how often it was told of one again."""
    lines = [list(map(int, line.split())) for line in file.read_text().splitlines()]
    taken, numbers = sum(line[0] for line in lines), {number for line in lines for number in line[1:]}
    return f"{len(numbers) / sent:.2%} of {sent} clicks arrived, {taken - len(numbers)} of them more than once"


def _pending(admin: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/api/status", timeout=10) as answer:
        return sum(target["pending"] for target in json.load(answer)["targets"])
