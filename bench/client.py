"""The HTTP client that deliveries go by: CPU per exchange, beside aiohttp's client doing the same.

Each contender is a process of its own with so many exchanges under way at a time against one vendor that answers 204.
`python -m bench.client gateway|aiohttp PORT COUNT` prints the CPU µs and the wall µs per exchange of each round.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

import uvloop

from bench.bodies import BODIES
from bench.processes import await_port, free, started
from gateway.contract import Answer, Outbound
from gateway.delivery.http.client import Client, Limits
from gateway.delivery.http.exchange import Outcome
from gateway.delivery.http.tls import Trust

_COUNT: Final = 30_000
_ROUNDS: Final = 5
_IN_FLIGHT: Final = 64
_HEADERS: Final = {"content-type": "application/json", "dy-api-key": "dy-key", "user-agent": "bench"}
_BODY: Final = next(
    body for (vendor, name, _), body in BODIES.items() if (vendor, name) == ("dynamic_yield", "engagement")
)


def main() -> None:
    """CPU µs per exchange of both clients, round by round in turn, and their ratio."""
    print(f"\nThe client, {_IN_FLIGHT} exchanges in flight, {len(_BODY)} bytes each, {_COUNT} × {_ROUNDS} rounds")
    found: dict[str, list[tuple[float, float]]] = {"gateway": [], "aiohttp": []}
    port = free()
    with started("-m", "bench.load", "vendor", str(port)):
        await_port(port)
        for _ in range(_ROUNDS):
            for name, rounds in found.items():
                rounds.append(_round(name, port))
    print(f"{'':26}{'CPU µs':>9}{'wall µs':>9}")
    reference = median(cpu for cpu, _ in found["aiohttp"])
    for name, rounds in found.items():
        cpu, wall = (median(one[index] for one in rounds) for index in range(2))
        print(f"{name:26}{cpu:9.1f}{wall:9.1f}   {cpu / reference:.2f} × aiohttp")


def _round(name: str, port: int) -> tuple[float, float]:
    arguments = ("-m", "bench.client", name, str(port), str(_COUNT))
    told = subprocess.run([sys.executable, *arguments], capture_output=True, check=True, timeout=120)  # noqa: S603
    cpu, wall = map(float, told.stdout.split())
    return cpu, wall


async def _measure(run: Callable[[int], Awaitable[None]], count: int) -> None:
    """Print what `run` costs per exchange, once its connections are open."""
    await run(_IN_FLIGHT * 10)
    before, since = time.process_time(), time.perf_counter()
    await run(count)
    print((time.process_time() - before) / count * 1e6, (time.perf_counter() - since) / count * 1e6)


async def _gateway(port: int, count: int) -> None:
    client = Client(Limits(timeout=5.0, concurrency=512, keepalive=4.0), Trust().context)
    outbound = Outbound("POST", f"http://127.0.0.1:{port}/v2/collect/user/engagement", _HEADERS, _BODY, (0,))

    async def run(count: int) -> None:
        left, open_, over = count, count, asyncio.Event()

        def done(outcome: Outcome) -> None:
            nonlocal left, open_
            assert isinstance(outcome, Answer)
            assert outcome.status == 204
            open_ -= 1
            if left:
                left -= 1
                client.send(outbound, done)
            elif not open_:
                over.set()

        for _ in range(_IN_FLIGHT):
            left -= 1
            client.send(outbound, done)
        await over.wait()

    await _measure(run, count)
    await client.close()


async def _aiohttp(port: int, count: int) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{port}/v2/collect/user/engagement"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=512, keepalive_timeout=4.0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=5.0),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    ) as session:

        async def run(count: int) -> None:
            left = count

            async def one() -> None:
                nonlocal left
                while left:
                    left -= 1
                    async with session.post(url, data=_BODY, headers=_HEADERS, allow_redirects=False) as answer:
                        await answer.read()
                        assert answer.status == 204

            await asyncio.gather(*[one() for _ in range(_IN_FLIGHT)])

        await _measure(run, count)


if __name__ == "__main__":
    uvloop.run({"gateway": _gateway, "aiohttp": _aiohttp}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
