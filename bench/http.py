"""Accepting and forwarding over HTTP: the gateway's CPU and latency beside bare aiohttp under the same load.

`accept` is store mode, every answer after an fsync; `forward` waits for one vendor. The gateway checks the key, reads
and validates the body, counts, and logs one request in a hundred; bare aiohttp does none of that.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench.bodies import BODIES
from bench.processes import await_port, cpu, free, started

_COUNT: Final = 12_000
_ROUNDS: Final = 5
_CONNECTIONS: Final = 64
_PATH: Final = "/v2/collect/user/engagement"
CONFIG: Final = """
[server]
port = {port}
drain_delay = "0s"
[admin]
port = {admin}
[store]
path = "{folder}"
[log]
requests = 0.01
[clients.shop]
key = "shop-key"
[upstreams.dy]
vendor = "dynamic_yield"
base_url = "http://127.0.0.1:{vendor}"
api_key = "dy-key"
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
mode = "{mode}"
[[routes.targets]]
upstream = "dy"
{primary}
"""


def accept() -> None:
    """Store-mode accepts per second and CPU µs, beside bare aiohttp that answers 204."""
    print(f"\nStore-mode accept with one delivery, {_CONNECTIONS} connections, {_COUNT} requests × {_ROUNDS} rounds")
    _compare("store", ["answer"])


def forward() -> None:
    """Forwarded requests per second and CPU µs, beside a bare aiohttp proxy."""
    print(f"\nForward mode, {_CONNECTIONS} connections, {_COUNT} requests × {_ROUNDS} rounds")
    _compare("forward", ["proxy"])


def _compare(mode: str, bare: list[str]) -> None:
    body = next(
        body for (vendor, endpoint, _), body in BODIES.items() if (vendor, endpoint) == ("dynamic_yield", "engagement")
    )
    with ExitStack() as stack:
        vendor, port, other, admin = (free() for _ in range(4))
        stack.enter_context(started("-m", "bench.load", "vendor", str(vendor)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {"port": port, "admin": admin, "vendor": vendor, "folder": folder / "store"}
        primary = "primary = true" if mode == "forward" else ""
        (folder / "config.toml").write_text(CONFIG.format(**ports, mode=mode, primary=primary))
        gateway = stack.enter_context(started("-m", "gateway", "serve", "-c", str(folder / "config.toml")))
        reference = stack.enter_context(
            started("-m", "bench.contenders", *bare, str(other), *([str(vendor)] if bare == ["proxy"] else []))
        )
        contenders = {"gateway": (gateway, port), f"bare aiohttp {bare[0]}": (reference, other)}
        for _, listening in contenders.values():
            await_port(listening)
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in contenders}
        for _ in range(_ROUNDS):
            for name, (process, listening) in contenders.items():
                found[name].append(_round(process.pid, listening, body))
        _print(found)


def _round(pid: int, port: int, body: bytes) -> tuple[float, ...]:
    """CPU µs per request of the process, requests per second, p50, p99 (ms) and failures of one round."""
    before = cpu(pid)
    arguments = ("send", str(port), str(_COUNT), str(_CONNECTIONS), "DY-API-Key: shop-key", _PATH)
    told = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "bench.load", *arguments], input=body, capture_output=True, check=True, timeout=120
    )
    return ((cpu(pid) - before) / _COUNT * 1e6, *map(float, told.stdout.split()))


def _print(found: dict[str, list[tuple[float, ...]]]) -> None:
    print(f"{'':26}{'CPU µs':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'failed':>9}")
    reference = median(one[0] for one in list(found.values())[-1])
    for name, rounds in found.items():
        cpu, rate, p50, p99, failed = (median(one[index] for one in rounds) for index in range(5))
        print(f"{name:26}{cpu:9.1f}{rate:9.0f}{p50:9.2f}{p99:9.2f}{failed:9.0f}   {cpu / reference:.2f} × bare")
