"""Who may ask the admin port.

A web page may make its reader's browser call a name that resolves to this machine (DNS rebinding). Such a call shows
in its Host, or its Origin, the name of the page's own site: on a loopback host only addresses, `localhost` and the
configured host are answered. Who shows no Host, as balancers that speak HTTP/1.0, is no browser. What changes something
comes from no other origin than the port's own. Where a token is set, all but health, the login and the page itself,
which holds no data, asks for it.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.admin.problem import refused
from gateway.admin.sessions import NotAdmitted, Sessions
from gateway.config.addresses import is_loopback

_READS: Final = ("GET", "HEAD")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def only_own_names(host: str) -> Any:
    """Answer what was asked of an address, `localhost` or the configured host, and by no other site's page."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        shown, origin = request.headers.get("host"), request.headers.get("origin")
        named = [None if shown is None else f"//{shown}", origin] if is_loopback(host) else []
        names = [one for one in named if one is not None]
        if not all(_is_own(name, host) for name in names):
            return refused(403, "the admin port answers only to this machine's own names")
        if request.method not in _READS and origin is not None and _place(origin) != shown:
            return refused(403, "only the admin port's own pages may change something here")
        return await handler(request)

    return guard


def only_with(sessions: Sessions, cookie: Callable[[], str], is_open: Callable[[str], bool]) -> Any:
    """Answer who shows the token, or a session that it opened; what `is_open` anybody may ask."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if sessions.required and not is_open(request.path) and not sessions.knows(request.cookies.get(cookie())):
            scheme, _, shown = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise NotAdmitted
            sessions.check(shown.strip(), request.remote or "")
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


def _place(origin: str) -> str | None:
    """An origin's host and port; None for one that is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
