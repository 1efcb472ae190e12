"""The HTTP client that deliveries go by, or aiohttp's doing the same, as a process.

`python -m bench.client gateway|aiohttp PORT COUNT` has so many exchanges with a vendor, 64 at a time, and prints the
CPU µs and the wall µs of one.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from bench.click import BODY, PATH
from gateway.contract import Answer, Outbound
from gateway.delivery.http.client import Client, Limits
from gateway.delivery.http.exchange import Outcome
from gateway.delivery.http.tls import Trust

_IN_FLIGHT: Final = 64
_HEADERS: Final = {"content-type": "application/json", "dy-api-key": "dy-key", "user-agent": "bench"}


async def _measure(run: Callable[[int], Awaitable[None]], count: int) -> None:
    """Print what `run` costs per exchange, once its connections are open."""
    await run(_IN_FLIGHT * 10)
    before, since = time.process_time(), time.perf_counter()
    await run(count)
    print((time.process_time() - before) / count * 1e6, (time.perf_counter() - since) / count * 1e6)


async def _gateway(port: int, count: int) -> None:
    client = Client(Limits(timeout=5.0, concurrency=512, keepalive=4.0), Trust().context)
    outbound = Outbound("POST", f"http://127.0.0.1:{port}{PATH}", _HEADERS, BODY, (0,))

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

    url = f"http://127.0.0.1:{port}{PATH}"
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
                    async with session.post(url, data=BODY, headers=_HEADERS, allow_redirects=False) as answer:
                        await answer.read()
                        assert answer.status == 204

            await asyncio.gather(*[one() for _ in range(_IN_FLIGHT)])

        await _measure(run, count)


if __name__ == "__main__":
    uvloop.run({"gateway": _gateway, "aiohttp": _aiohttp}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
