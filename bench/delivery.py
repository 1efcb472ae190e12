"""Fan-out: clicks accepted and delivered to four vendors, sustained, by one process, beside bare aiohttp doing as much.

A round begins with the first click offered and ends when every vendor has been told of the last. Bare aiohttp reads the
body and posts it as it came to four addresses, before it answers: no store, no translation, no accounts.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench.bodies import BODIES
from bench.processes import await_port, cpu, free, started

_COUNT: Final = 4_000
_ROUNDS: Final = 5
_CONNECTIONS: Final = 64
_PATH: Final = "/v2/collect/user/engagement"
_CONFIG: Final = """
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
[upstreams.gf]
vendor = "gravity_field"
base_url = "http://127.0.0.1:{vendor}"
api_key = "gf-key"
fill = {{ "page.location" = "https://shop.example/" }}
[upstreams.vaix]
vendor = "vaix"
base_url = "http://127.0.0.1:{vendor}"
token = "vaix-token"
client_id = "group"
fill = {{ "page.location" = "https://shop.example/" }}
unsupported = "event"
[upstreams.auxia]
vendor = "auxia"
base_url = "http://127.0.0.1:{vendor}"
api_key = "auxia-key"
project_id = "1250"
fill = {{ placement = "HOME_SCREEN", variations = "1254" }}
unsupported = "event"
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
[[routes.targets]]
upstream = "dy"
[[routes.targets]]
upstream = "gf"
[[routes.targets]]
upstream = "vaix"
[[routes.targets]]
upstream = "auxia"
"""


def main() -> None:
    """Clicks per second and CPU µs per click, the gateway's beside bare aiohttp's."""
    print(f"\nFan-out to four vendors, {_CONNECTIONS} connections, {_COUNT} clicks × {_ROUNDS} rounds")
    body = next(body for (vendor, name, _), body in BODIES.items() if (vendor, name) == ("dynamic_yield", "engagement"))
    with ExitStack() as stack:
        vendor, port, other, admin = (free() for _ in range(4))
        stack.enter_context(started("-m", "bench.load", "vendor", str(vendor)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = _CONFIG.format(port=port, admin=admin, vendor=vendor, folder=folder / "store")
        (folder / "config.toml").write_text(config)
        gateway = stack.enter_context(started("-m", "gateway", "serve", "-c", str(folder / "config.toml")))
        bare = stack.enter_context(started("-m", "bench.contenders", "fan-out", str(other), str(vendor)))
        for listening in (vendor, port, other):
            await_port(listening)
        found: dict[str, list[tuple[float, float]]] = {"gateway": [], "bare aiohttp": []}
        for round_ in range(_ROUNDS):
            found["gateway"].append(_round(gateway.pid, port, body, admin, (round_ + 1) * _COUNT))
            found["bare aiohttp"].append(_round(bare.pid, other, body))
    print(f"{'':26}{'clicks/s':>9}{'CPU µs per click':>18}")
    reference = median(micros for _, micros in found["bare aiohttp"])
    for name, rounds in found.items():
        rate, micros = median(one[0] for one in rounds), median(one[1] for one in rounds)
        print(f"{name:26}{rate:9.0f}{micros:18.1f}   {micros / reference:.2f} × bare")


def _round(pid: int, port: int, body: bytes, admin: int | None = None, until: int = 0) -> tuple[float, float]:
    """Clicks per second and CPU µs per click, until all are delivered `until` that total."""
    before, since = cpu(pid), time.perf_counter()
    arguments = ("send", str(port), str(_COUNT), str(_CONNECTIONS), "DY-API-Key: shop-key", _PATH)
    told = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "bench.load", *arguments], input=body, capture_output=True, check=True, timeout=120
    )
    assert told.stdout.split()[3] == b"0", "some were refused"
    while admin is not None and _pending(admin):
        time.sleep(0.1)
    seconds = time.perf_counter() - since
    if admin is not None:
        assert _delivered(admin) == 4 * until, "some were not delivered once"
    return _COUNT / seconds, (cpu(pid) - before) / _COUNT * 1e6


def _pending(admin: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/api/status", timeout=10) as answer:
        return sum(target["pending"] for target in json.load(answer)["targets"])


def _delivered(admin: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counted = [one for one in lines if one.startswith("gateway_deliveries_total{") and 'outcome="delivered"' in one]
    return int(sum(float(one.rpartition(" ")[2]) for one in counted))
