"""The public port: aiohttp's low-level server in, plain values out.

What a request carries is read here and nowhere else: its body within `max_body` (also of what a gzip body inflates to)
and `body_timeout`, its caller's address. `gateway.connection` is the wire.
"""

import asyncio
import socket
from collections.abc import Awaitable, Sequence
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import DecompressSizeError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.connection import Connection, Server
from gateway.contract import Answer
from gateway.errors import BodyTimeout, CallerGone, NotJson, TooLarge
from gateway.heads import Head, Heard
from gateway.ports import listen
from gateway.relay import Relay, Request

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from gateway.config import Server as Settings


class PublicServer:
    """The listener on the public port."""

    def __init__(self, relay: Relay, settings: "Settings") -> None:
        self._relay = relay
        self._settings = settings
        self._server = Server(self._take, settings.max_connections)
        self._runner = web.ServerRunner(self._server, access_log=None)

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
        self._server.heads.forget()
        self._server.bound = settings.max_connections

    async def stop(self, seconds: float) -> None:
        """Stop accepting, finish what is in flight within so many seconds, close."""
        self._runner._shutdown_timeout = seconds  # noqa: SLF001  # a reload may have changed it since the start
        await self._runner.cleanup()

    def drain(self) -> None:
        """Ask every caller to come back over another connection, which a balancer leads elsewhere."""
        self._server.closing = True

    def _take(self, connection: Connection, request_id: str, heard: Heard) -> Awaitable[Answer]:
        """What a request carries, given to the relay."""
        head = heard.head
        body = b"" if head.method == "GET" else self._come(heard.body)
        request = Request(
            request_id,
            head,
            heard.trace,
            self._client_ip(connection.peername, head.headers),
            partial(self._body, connection, heard) if body is None else body,
        )
        return self._relay.take(request)

    def _come(self, body: StreamReader | bytes) -> bytes | None:
        """A body that has come whole, sound and within the limit, as it mostly has."""
        if isinstance(body, bytes):
            return body if len(body) <= self._settings.max_body else None
        if body is EMPTY_PAYLOAD:
            return b""
        if not body.is_eof() or body.exception() is not None or body.total_bytes > self._settings.max_body:
            return None
        return b"".join(body._buffer)  # noqa: SLF001  # what aiohttp's own way does for streams costs a µs and more

    async def _body(self, connection: Connection, heard: Heard) -> bytes:
        """The request's body, inflated; raises TooLarge, BodyTimeout, NotJson or CallerGone."""
        limit, body = self._settings.max_body, heard.body
        whole = body if isinstance(body, bytes) else await self._streamed(connection, heard.head, body)
        if len(whole) > limit:
            raise TooLarge(f"the body exceeds {limit} bytes")
        return whole

    async def _streamed(self, connection: Connection, head: Head, payload: StreamReader) -> bytes:
        """A body of which the parser has to make something."""
        try:
            return payload.read_nowait() if payload.is_eof() else await self._arriving(connection, head, payload)
        except TimeoutError:
            payload.feed_eof()
            raise BodyTimeout(f"the body did not arrive within {self._settings.body_timeout:g} seconds") from None
        except web.RequestPayloadError as error:
            payload.feed_eof()
            if isinstance(error.__cause__, DecompressSizeError):
                raise TooLarge(f"the body exceeds {self._settings.max_body} bytes") from None
            raise NotJson("the body is not what its Content-Encoding or Transfer-Encoding says") from None
        except ConnectionError:
            raise CallerGone("the caller went away before its body was complete") from None

    async def _arriving(self, connection: Connection, head: Head, payload: StreamReader) -> bytes:
        """A body that is still on its way, as far as just beyond the limit."""
        limit = self._settings.max_body
        if int(head.headers.get("content-length", 0)) > limit:
            raise TooLarge(f"the body exceeds {limit} bytes")
        async with asyncio.timeout(self._settings.body_timeout):
            connection.expect_body(head.headers)
            body = bytearray()
            async for chunk in payload.iter_any():
                body += chunk
                if len(body) > limit:
                    break
        return bytes(body)

    def _client_ip(self, peer: tuple[Any, ...] | str | None, headers: "CIMultiDictProxy[str]") -> str | None:
        trusted, address = self._settings.trusted_proxies, peer[0] if peer else None
        return client_ip(address, headers.getall("x-forwarded-for", ()) if trusted else (), trusted)


def client_ip(peer: str | None, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """The caller's address: `X-Forwarded-For` from the right, trusted networks skipped, the first untrusted one.

    None for a peer that is no real client's: a loopback, a proxy that names nobody, a name instead of an address.
    """
    if trusted:
        hops = [hop for line in forwarded for hop in line.split(",")]
        while peer and (address := _address(peer)) is not None and any(address in network for network in trusted):
            peer = hops.pop() if hops else None
    return _shown(peer) if peer else None


@lru_cache(maxsize=4096)
def _shown(text: str) -> str | None:
    """An address as vendors are told it; none of this machine's own."""
    address = _address(text)
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
