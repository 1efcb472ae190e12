"""The public port: aiohttp's low-level server in, plain values out.

What a request carries is read here and nowhere else: its body within `max_body` (also of what a gzip body inflates to)
and `body_timeout`, its id, its caller's address. Bytes that are no request end here too, answered and logged.
"""

import asyncio
import contextlib
import itertools
import re
import secrets
import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import DecompressSizeError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from multidict import CIMultiDict

from gateway.errors import BodyTimeout, CallerGone, NotJson, TooLarge
from gateway.ports import listen
from gateway.relay import Relay, Request
from gateway.wire import encode_json

if TYPE_CHECKING:
    from gateway.config import Server as Settings

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PROCESS: Final = secrets.token_hex(6)
_REQUESTS: Final = itertools.count(1)
"""What the ids of requests without one are made of: unlike any other process's, and never drawn twice."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PATIENCE: Final = 10.0
"""Seconds that a new connection has for the head of its first request."""
_PIPELINED: Final = 100
"""Requests of one connection that may wait for their turn; what they carry is held in memory."""
_LINGER: Final = 1.0
"""Seconds in which a caller whose bytes are no request may read why, before the connection is closed."""


class PublicServer:
    """The listener on the public port."""

    def __init__(self, relay: Relay, settings: "Settings") -> None:
        self._relay = relay
        self._settings = settings
        self._server = _Bounded(self._handle, settings.max_connections)
        self._runner = web.ServerRunner(self._server, access_log=None)
        self.draining = False

    async def start(self, listener: socket.socket | None = None) -> int:
        """Listen, on a socket given or where the settings say; gives the port; raises CannotListen."""
        if listener is None:
            return await listen(self._runner, "server", self._settings.host, self._settings.port)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        return int(listener.getsockname()[1])

    def apply(self, settings: "Settings") -> None:
        """Hold to other limits from now on; host and port stay as they are."""
        self._settings = settings
        self._server.bound = settings.max_connections

    async def stop(self, seconds: float) -> None:
        """Stop accepting, finish what is in flight within so many seconds, close."""
        self._runner._shutdown_timeout = seconds  # noqa: SLF001  # a reload may have changed it since the start
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._server.heard_from(request.protocol)
        answer = await self._relay.take(self._received(request))
        response = web.Response(status=answer.status, body=answer.body, headers=CIMultiDict(answer.headers))
        if self.draining or answer.status == 408 or request.content.exception() is not None:
            response.force_close()
        return response

    def _received(self, request: web.BaseRequest) -> Request:
        headers, query = request.headers, request.query
        given = headers.get("x-request-id", "")
        return Request(
            id=given if _SANE_ID.fullmatch(given) else f"{_PROCESS}{next(_REQUESTS):08x}",
            method=request.method,
            path=request.path,
            query=dict(query.items()) if query else {},
            headers=headers,
            client_ip=self._client_ip(request),
            body=lambda: self._body(request),
        )

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The request's body, inflated; raises TooLarge, BodyTimeout, NotJson or CallerGone."""
        content, limit = request.content, self._settings.max_body
        too_large = f"the body exceeds {limit} bytes"
        if (request.content_length or 0) > limit:
            raise TooLarge(too_large)
        try:
            body = content.read_nowait() if content.is_eof() else await self._arriving(request)
        except TimeoutError:
            content.feed_eof()
            raise BodyTimeout(f"the body did not arrive within {self._settings.body_timeout:g} seconds") from None
        except web.RequestPayloadError as error:
            content.feed_eof()
            if isinstance(error.__cause__, DecompressSizeError):
                raise TooLarge(too_large) from None
            raise NotJson("the body is not what its Content-Encoding or Transfer-Encoding says") from None
        except ConnectionError:
            raise CallerGone("the caller went away before its body was complete") from None
        if len(body) > limit:
            raise TooLarge(too_large)
        return body

    async def _arriving(self, request: web.BaseRequest) -> bytes:
        """A body that is still on its way, as far as just beyond the limit."""
        async with asyncio.timeout(self._settings.body_timeout):
            if request.headers.get("expect", "").lower() == "100-continue":
                await request.writer.write(_CONTINUE)
                request.writer.output_size = 0
            body = bytearray()
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > self._settings.max_body:
                    break
        return bytes(body)

    def _client_ip(self, request: web.BaseRequest) -> str | None:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        forwarded = request.headers.getall("x-forwarded-for", ())
        return client_ip(peer[0] if peer else None, forwarded, self._settings.trusted_proxies)


def client_ip(peer: str | None, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """The caller's address: `X-Forwarded-For` from the right, trusted networks skipped, the first untrusted one.

    None for a peer that is no real client's: a loopback, a proxy that names nobody, a name instead of an address.
    """
    address = _address(peer or "")
    if trusted and address is not None:
        hops = [hop for line in forwarded for hop in line.split(",")]
        while address is not None and any(address in network for network in trusted):
            address = _address(hops.pop()) if hops else None
    return None if address is None or address.is_loopback else str(address)


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it, also with a port or in brackets; an IPv4 one even where it came as IPv6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


class _Connection(RequestHandler):
    """One caller's connection: what it sends that is no request is answered in plain JSON, once, and logged."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.gone = asyncio.Event()
        self._over = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who lingers that the caller has gone."""
        self.gone.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that aiohttp's parser fails on are refused as those that it rejects are."""
        if self._over:
            return
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001  # yarl's, for one, on a target that is no URL
            self.refuse(400, error)
        if len(self._messages) > _PIPELINED:
            self._over = True
            self.refuse(503, ConnectionAbortedError())

    def refuse(self, status: int, error: Exception) -> None:
        """Answer a status in place of any request and close."""
        self._messages.append((_ErrInfo(status, error, ""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def log_exception(self, *_: Any, **kw: Any) -> None:
        """Say in one line what broke a connection: a traceback for each is what an attacker would want."""
        structlog.get_logger().warning("connection failed", error=type(kw.get("exc_info")).__name__)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Word what is no request (4xx), one connection too many (503) or an answer that cannot be sent (500)."""
        if request.writer.output_size > 0:
            raise ConnectionError("part of another answer is on its way already")
        self._over = True
        if isinstance(exc, LineTooLong) or "Too many headers" in (message or ""):
            status = 431
        code, text = _UNHEARD.get(status, _UNHEARD[500])
        request_id = f"{_PROCESS}{next(_REQUESTS):08x}"
        log = structlog.get_logger()
        if status == 500:
            log.error("answer failed", request_id=request_id, exc_info=exc)
        fields = {"route": "-", "vendor": "-", "method": "-", "status": status, "interactions": 0, "targets": {}}
        log.info("inbound", request_id=request_id, **fields, losses=[], ms=0.0, error=code)
        headers = {"content-type": "application/json", "x-request-id": request_id}
        if status == 503:
            headers["retry-after"] = "1"
        return _Last(self.gone, status=status, body=encode_json({"error": text}), headers=headers)


_UNHEARD: Final = {
    400: ("not_http", "this is no HTTP request"),
    431: ("header_too_large", "a line of the request's head is too long, or it has too many"),
    500: ("internal", "the gateway failed"),
    503: ("overloaded", "the gateway has no room for more"),
}


class _Last(web.Response):
    """The last answer on a connection: read to its end before the rest of what the caller sends resets it."""

    def __init__(self, gone: asyncio.Event, **options: Any) -> None:
        super().__init__(**options)
        self._gone = gone
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Finish the answer, then give the caller time to go."""
        transport = None if self._req is None else self._req.transport
        await super().write_eof(data)
        if transport is not None and transport.can_write_eof():
            transport.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                await self._gone.wait()


class _Bounded(web.Server):
    """aiohttp's server with a bound on its connections, and patience only for those that ask something."""

    def __init__(self, handler: Any, bound: int) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=75.0)
        self.bound = bound
        self._open = 0
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> RequestHandler:
        """A new connection's protocol."""
        return _Connection(self, loop=self._loop, **self._kwargs)

    def heard_from(self, connection: RequestHandler) -> None:
        """Note that a connection has asked something: it may be idle from now on."""
        timer = self._silent.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection; refuse one too many, and close one that asks nothing."""
        super().connection_made(handler, transport)
        self._open += 1
        if self._open > self.bound and isinstance(handler, _Connection):
            handler.refuse(503, ConnectionRefusedError())
        self._silent[handler] = self._loop.call_later(_PATIENCE, handler.force_close)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Count a connection off."""
        self._open -= 1
        self.heard_from(handler)
        super().connection_lost(handler, exc)
