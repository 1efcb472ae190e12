"""The admin port: whether the gateway lives and whether it should be sent work.

A web page may make its reader's browser call a name that resolves to this machine (DNS rebinding). Such a call shows
in its Host, or its Origin, the name of the page's own site: on a loopback host only addresses, `localhost` and the
configured host are answered. Off loopback the token guards what is not health.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.config.addresses import is_loopback
from gateway.ports import listen

_NO_STORE: Final = {"Cache-Control": "no-store"}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AdminServer:
    """The listener on the admin port; `unready` gives the reason why no work should be sent here, None when it may."""

    def __init__(self, host: str, port: int, unready: Callable[[], str | None]) -> None:
        self._host = host
        self._port = port
        self._unready = unready
        guards = [_only(host)] if is_loopback(host) else []
        application = web.Application(middlewares=guards)
        application.add_routes([web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)])
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> int:
        """Listen; gives the port, of use where the settings say 0; raises CannotListen."""
        return await listen(self._runner, "admin", self._host, self._port)

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


def _only(host: str) -> Any:
    """Answer what was asked of an address, `localhost` or the configured host, and by no other site's page."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        names = [f"//{request.headers.get('host', '')}"]
        names += [origin for origin in (request.headers.get("origin"),) if origin is not None]
        if all(_is_own(name, host) for name in names):
            return await handler(request)
        text = "the admin port answers only to this machine's own names"
        return web.json_response({"error": text}, status=403, headers=_NO_STORE)

    return guard


def _is_own(url: str, host: str) -> bool:
    """Whether a URL's host is an address, which no foreign name can pass for, `localhost` or the configured one."""
    try:
        name = urlsplit(url).hostname or ""
        if name in ("localhost", host.lower()):
            return True
        ip_address(name)
    except ValueError:
        return False
    return True
