"""What the gateway is measured against over HTTP: bare aiohttp: it answers, proxies, or tells four."""

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


async def fan_out(port: int, upstream: int) -> None:
    """Aiohttp's low-level server and client: the body as it came to four upstreams, then 204."""
    import asyncio

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512))

    async def tell(url: str, body: bytes) -> None:
        async with session.post(url, data=body, headers={"content-type": "application/json"}) as answered:
            await answered.read()

    async def handle(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        url = f"http://127.0.0.1:{upstream}{request.path}"
        await asyncio.gather(*[tell(url, body) for _ in range(4)])
        return web.Response(status=204)

    await _serve(handle, port)


async def _serve(handle: object, port: int) -> None:
    import asyncio

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports = [int(port) for port in sys.argv[2:]]
    uvloop.run({"answer": answer, "proxy": proxy, "fan-out": fan_out}[sys.argv[1]](*ports))
