"""The admin port: whether the gateway lives and whether it should be sent work."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

_NO_STORE: Final = {"Cache-Control": "no-store"}


class AdminServer:
    """The listener on the admin port; `unready` gives the reason why no work should be sent here, None when it may."""

    def __init__(self, host: str, port: int, unready: Callable[[], str | None]) -> None:
        self._host = host
        self._port = port
        self._unready = unready
        application = web.Application()
        application.add_routes([web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)])
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> int:
        """Listen; gives the port, of use where the settings say 0."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"}, headers=_NO_STORE)

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._unready()
        if reason is None:
            return web.json_response({"status": "ready"}, headers=_NO_STORE)
        return web.json_response({"status": "unready", "reason": reason}, status=503, headers=_NO_STORE)
