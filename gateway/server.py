"""The public port: aiohttp's low-level server in, plain values out.

What a request carries is read here and nowhere else: its body within `max_body` (also of what a gzip body inflates to)
and `body_timeout`, its id, its caller's address.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from gateway.errors import BodyTimeout, NotJson, TooLarge
from gateway.relay import Relay, Request

if TYPE_CHECKING:
    from gateway.config import Server as Settings

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class PublicServer:
    """The listener on the public port."""

    def __init__(self, relay: Relay, settings: "Settings") -> None:
        self._relay = relay
        self._settings = settings
        self._server = _Bounded(self._handle, settings.max_connections)
        self._runner = web.ServerRunner(self._server, access_log=None)
        self.draining = False

    async def start(self) -> int:
        """Listen; gives the port, of use where the settings say 0."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port, backlog=1024)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self, seconds: float) -> None:
        """Stop accepting, finish what is in flight within so many seconds, close."""
        self._runner._shutdown_timeout = seconds  # noqa: SLF001  # a reload may have changed it since the start
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._relay.take(self._received(request))
        response = web.Response(status=answer.status, body=answer.body, headers=CIMultiDict(answer.headers))
        if self.draining or request.content.exception() is not None:
            response.force_close()
        return response

    def _received(self, request: web.BaseRequest) -> Request:
        headers = request.headers
        given = headers.get("x-request-id", "")
        return Request(
            id=given if _SANE_ID.fullmatch(given) else secrets.token_hex(8),
            method=request.method,
            path=request.path,
            query=request.query,
            headers=headers,
            client_ip=self._client_ip(request),
            body=lambda: self._body(request),
        )

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The request's body, inflated; raises TooLarge, BodyTimeout or NotJson."""
        content, limit = request.content, self._settings.max_body
        if (request.content_length or 0) > limit:
            raise TooLarge(f"the body exceeds {limit} bytes")
        try:
            if content.is_eof():
                body = content.read_nowait()
            else:
                async with asyncio.timeout(self._settings.body_timeout):
                    body = await _read(content, limit)
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._settings.body_timeout:g} seconds") from None
        except web.RequestPayloadError:
            content.feed_eof()
            raise NotJson("the body is not what its Content-Encoding or Transfer-Encoding says") from None
        if len(body) > limit:
            raise TooLarge(f"the body exceeds {limit} bytes")
        return body

    def _client_ip(self, request: web.BaseRequest) -> str | None:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        forwarded = request.headers.getall("x-forwarded-for", ())
        return client_ip(peer[0] if peer else None, forwarded, self._settings.trusted_proxies)


def client_ip(peer: str | None, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """The caller's address: `X-Forwarded-For` from the right, trusted networks skipped, the first untrusted one.

    None for a peer that is no real client's: a loopback or a proxy that names nobody.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    address = peer
    while address is not None and _within(address, trusted):
        address = hops.pop() if hops else None
    return None if address is None or _is_loopback(address) else address


def _within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True


async def _read(content: Any, limit: int) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body)


_QUIET: Final = logging.getLogger("gateway.http")
"""aiohttp's own log of broken HTTP: one traceback for each bad request is what an attacker would want."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Bounded(web.Server):
    """aiohttp's server with a bound on its connections: one too many is told 503 and closed."""

    def __init__(self, handler: Any, bound: int) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=75.0, logger=_QUIET)
        self._bound = bound
        self._open = 0

    def connection_made(self, handler: "RequestHandler[Any]", transport: asyncio.Transport) -> None:
        self._open += 1
        if self._open > self._bound:
            transport.write(_FULL)
            transport.close()
        super().connection_made(handler, transport)

    def connection_lost(self, handler: "RequestHandler[Any]", exc: BaseException | None = None) -> None:
        self._open -= 1
        super().connection_lost(handler, exc)
