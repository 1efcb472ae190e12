"""Who may ask the admin port.

A web page may make its reader's browser call a name that resolves to this machine (DNS rebinding). Such a call shows
in its Host, or its Origin, the name of the page's own site: on a loopback host only addresses, `localhost` and the
configured host are answered. What changes something comes from no other origin than the port's own, and as JSON, which
a page of another origin cannot send unasked. Where a token is set, all but health asks for it.
"""

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.config.addresses import is_loopback
from gateway.contract import Secret

NO_STORE: Final = {"Cache-Control": "no-store"}
OPEN: Final = ("/healthz", "/readyz")
"""What balancers and supervisors ask, who hold no token."""
_READS: Final = ("GET", "HEAD")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refused(status: int, text: str, **headers: str) -> web.Response:
    """A refusal as JSON."""
    return web.json_response({"error": text}, status=status, headers=NO_STORE | headers)


def only_own_names(host: str) -> Any:
    """Answer what was asked of an address, `localhost` or the configured host, and by no other site's page."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        shown, origin = request.headers.get("host", ""), request.headers.get("origin")
        names = [f"//{shown}", *([] if origin is None else [origin])] if is_loopback(host) else []
        if not all(_is_own(name, host) for name in names):
            return refused(403, "the admin port answers only to this machine's own names")
        if request.method not in _READS and origin is not None and urlsplit(origin).netloc != shown:
            return refused(403, "only the admin port's own pages may change something here")
        return await handler(request)

    return guard


def only_with(token: Secret | None) -> Any:
    """Answer who shows the token, where there is one."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if token is not None and request.path not in OPEN:
            scheme, _, shown = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not compare_digest(_digest(shown.strip()), _digest(token.reveal())):
                text = "the admin token is asked for: Authorization: Bearer …"
                return refused(401, text, **{"WWW-Authenticate": "Bearer"})
        return await handler(request)

    return guard


def only_json() -> Any:
    """Take nothing but JSON where something is to be changed."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method not in _READS and request.content_type != "application/json":
            return refused(415, "content-type must be application/json")
        return await handler(request)

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


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape")).digest()
