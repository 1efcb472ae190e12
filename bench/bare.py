"""Bare aiohttp as a process: `python -m bench.bare answer PORT`, `python -m bench.bare proxy PORT VENDOR…`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import uvloop
from aiohttp import web

from bench.click import TOLD_AUTHORIZATION, TOLD_PATH

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_HEADERS: Final = {"Content-Type": "application/json", "Authorization": TOLD_AUTHORIZATION}


async def answer(port: int) -> None:
    """Read the body, answer 204."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return web.Response(status=204)

    await _serve(handle, port)


async def proxy(port: int, *vendors: int) -> None:
    """The body as it came to every vendor, then 204."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512))

    async def tell(vendor: int, body: bytes) -> None:
        async with session.post(f"http://127.0.0.1:{vendor}{TOLD_PATH}", data=body, headers=_HEADERS) as answered:
            await answered.read()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if len(vendors) == 1:
            await tell(vendors[0], body)
        else:
            await asyncio.gather(*[tell(vendor, body) for vendor in vendors])
        return web.Response(status=204)

    await _serve(handle, port)


async def _serve(handle: _Handler, port: int) -> None:
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, *ports = sys.argv[1:]
    uvloop.run({"answer": answer, "proxy": proxy}[kind](*map(int, ports)))
