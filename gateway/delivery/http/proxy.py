"""A proxy in between: what it is told, and the tunnel that it opens for TLS."""

import asyncio
import base64
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from gateway.delivery.http.request import Origin, parse_origin
from gateway.errors import NotSent

_MAX_HEAD: Final = 1 << 14
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class Proxy(Struct, frozen=True):
    """Where a proxy is, and the header lines that every request to it has."""

    origin: Origin
    lines: str

    @classmethod
    def of(cls, url: str) -> "Proxy":
        """The proxy at a URL; a user and a password in it are shown to the proxy alone."""
        parts = urlsplit(url)
        if parts.username is None:
            return cls(parse_origin(url), "")
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(parse_origin(url), f"proxy-authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n")

    def connect(self, origin: Origin) -> bytes:
        """The request for a tunnel."""
        there = origin.authority
        return f"CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n{self.lines}\r\n".encode()


class Tunnel(asyncio.Protocol):
    """Waits for a proxy's answer to CONNECT: `opened` raises NotSent where it is no."""

    def __init__(self, opened: asyncio.Future[None]) -> None:
        self.opened = opened
        self._head = b""

    def data_received(self, data: bytes) -> None:
        """A piece of the answer's head."""
        self._head += data
        head, end, more = self._head.partition(b"\r\n\r\n")
        if not end and len(head) < _MAX_HEAD:
            return
        status = _STATUS.match(head + end)
        if status is None:
            self._close("does not speak HTTP")
        elif not status[1].startswith(b"2"):
            self._close(f"answers {int(status[1])}")
        elif more:
            self._close("says more than it was asked")
        elif not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The proxy is gone."""
        self._close("closed the connection" if error is None else f"broke the connection, {type(error).__name__}")

    def _close(self, how: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(NotSent(f"the upstream cannot be reached: its proxy {how}"))
