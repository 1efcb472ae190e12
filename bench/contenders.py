"""What the gateway is measured against over HTTP: bare aiohttp, answering by itself or proxying unread."""

import sys

import aiohttp
import uvloop
from aiohttp import web


async def answer(port: int) -> None:
    """Aiohttp's low-level server: read the body, answer 204."""

    async def handle(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(status=204)

    await _serve(handle, port)


async def proxy(port: int, upstream: int) -> None:
    """Aiohttp's low-level server and client: the body as it came to one upstream, its status back."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512))

    async def handle(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        url = f"http://127.0.0.1:{upstream}{request.path}"
        async with session.post(url, data=body, headers={"content-type": "application/json"}) as answered:
            return web.Response(status=answered.status, body=await answered.read())

    await _serve(handle, port)


async def _serve(handle: object, port: int) -> None:
    import asyncio

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports = [int(port) for port in sys.argv[2:]]
    uvloop.run(proxy(*ports) if sys.argv[1] == "proxy" else answer(*ports))
