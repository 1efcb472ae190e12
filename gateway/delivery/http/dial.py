"""How a connection is opened: addresses looked up and tried in turn, a proxy passed, TLS verified.

Nothing of a request is written here, so whatever goes wrong is NotSent; its text says what, and no secret.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

import aiohappyeyeballs

from gateway.delivery.http.connection import Connection
from gateway.delivery.http.proxy import Proxy, Tunnel
from gateway.delivery.http.request import Origin
from gateway.errors import NotSent

_STAGGER: Final = 0.25
"""Seconds that one address has before the next is tried beside it (RFC 8305)."""
_FRESH: Final = 10.0
"""Seconds for which a host's addresses are not looked up again."""

_Addresses = Sequence[aiohappyeyeballs.AddrInfoType]
_P = TypeVar("_P", bound=asyncio.Protocol)


class Dialer:
    """Opens connections within `timeout` seconds each, through a proxy where one is given.

    `secured` makes the TLS context; it is asked once, when it is first needed.
    """

    def __init__(self, secured: Callable[[], ssl.SSLContext], timeout: float, proxy: Proxy | None) -> None:
        self._secured = secured
        self._timeout = timeout
        self._proxy = proxy
        self._context: ssl.SSLContext | None = None
        self._addresses: dict[Origin, tuple[float, _Addresses]] = {}
        self._turn = 0
        self._looking_up = asyncio.Lock()

    async def connect(self, origin: Origin, make: Callable[[], Connection]) -> Connection:
        """An open connection to an origin; raises NotSent."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connect(origin, make)
        except (OSError, RuntimeError, ValueError) as error:  # uvloop has RuntimeErrors where asyncio has OSErrors
            raise NotSent(f"the upstream cannot be reached: {_reason(error)}") from None

    async def _connect(self, origin: Origin, make: Callable[[], Connection]) -> Connection:
        way = origin if self._proxy is None else self._proxy.origin
        if "https" in (origin.scheme, way.scheme) and self._context is None:
            try:
                self._context = self._secured()
            except OSError as error:
                raise NotSent(f"the upstream's TLS files cannot be used: {error.strerror}") from None
        sock = await aiohappyeyeballs.start_connection(await self._look_up(way), happy_eyeballs_delay=_STAGGER)
        if self._proxy is None or origin.scheme == "http":
            return (await self._open(sock, way, make))[1]
        return await self._tunnel(sock, self._proxy, origin, make)

    async def _look_up(self, way: Origin) -> _Addresses:
        """A host's addresses, another one first each time; many who ask at once make one look-up."""
        loop = asyncio.get_running_loop()
        async with self._looking_up:
            until, found = self._addresses.get(way, (0.0, ()))
            if loop.time() >= until:
                found = await loop.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM)
                self._addresses[way] = loop.time() + _FRESH, found
        self._turn += 1
        return in_turn(found, self._turn)

    async def _open(self, sock: socket.socket, way: Origin, make: Callable[[], _P]) -> tuple[asyncio.Transport, _P]:
        secure = way.scheme == "https"
        return await asyncio.get_running_loop().create_connection(
            make, sock=sock, ssl=self._context if secure else None, server_hostname=way.host if secure else None
        )

    async def _tunnel(
        self, sock: socket.socket, proxy: Proxy, origin: Origin, make: Callable[[], Connection]
    ) -> Connection:
        """A connection through a proxy that only sees bytes of TLS."""
        loop = asyncio.get_running_loop()
        transport, tunnel = await self._open(sock, proxy.origin, lambda: Tunnel(loop.create_future()))
        connection = make()
        try:
            transport.write(proxy.connect(origin))
            await tunnel.opened
            context = cast("ssl.SSLContext", self._context)
            inner = await loop.start_tls(transport, connection, context, server_hostname=origin.host)
        except BaseException:
            transport.abort()
            raise
        connection.connection_made(cast("asyncio.Transport", inner))
        return connection


def in_turn(addresses: _Addresses, turn: int) -> _Addresses:
    """The addresses with another one first each time, of the family that the system prefers."""
    preferred = [one for one in addresses if one[0] == addresses[0][0]]
    start = turn % len(preferred) if preferred else 0
    return [*preferred[start:], *preferred[:start], *[one for one in addresses if one[0] != addresses[0][0]]]


def _reason(error: Exception) -> str:
    """What went wrong, in a few words."""
    match error:
        case TimeoutError():
            return "no connection in time"
        case socket.gaierror() | UnicodeError():
            return "its host has no address"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted, {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed, {(error.reason or type(error).__name__).replace('_', ' ').lower()}"
        case OSError(errno=int() as number):
            return os.strerror(number).lower()
    return type(error).__name__
