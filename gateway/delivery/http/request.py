"""The head of a request as bytes, and the origin that it goes to.

What a click says may stand in a header or a URL. Whatever would end the line that it stands in is refused here, before
a connection is asked for.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters, digits, punctuation
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from gateway.errors import Unsendable

_PORTS: Final = {"http": 80, "https": 443}
_VISIBLE: Final = re.compile(r"[!-~]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_AS_WRITTEN: Final = ascii_letters + digits + punctuation
_FRAMING: Final = frozenset({"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding"})
"""The headers that only the client may write: two voices on where a request ends would be one too many."""


class Origin(Struct, frozen=True):
    """Whom a connection leads to: scheme, host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def named(self) -> str:
        """As the Host header says it: without the scheme's own port."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")


def parse_origin(url: str) -> Origin:
    """The origin of a URL; raises Unsendable."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise Unsendable("the outbound's URL is none") from None
    if parts.scheme not in _PORTS or not _VISIBLE.fullmatch(host):
        raise Unsendable("the outbound's URL names no host by http or https")
    return Origin(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


def head_of(method: str, url: str, headers: Sequence[tuple[str, str]], proxy: str | None) -> tuple[Origin, bytes]:
    """The origin, and the head but for the body's length and the empty line behind it; raises Unsendable.

    `proxy` are the header lines for a proxy in between.
    """
    origin, opening = _opening(method, url, proxy)
    if any(not _TOKEN.fullmatch(name) or name.lower() in _FRAMING for name, _ in headers):
        raise Unsendable("a header's name is none, or one that the client itself must write")
    if any(mark in value for _, value in headers for mark in "\r\n\0"):
        raise Unsendable("a header holds a line break or a NUL")
    try:
        # As UTF-8: a caller's header that is passed on reaches the vendor in the bytes it came in.
        return origin, "".join([opening, *[f"{name}: {value}\r\n" for name, value in headers]]).encode()
    except UnicodeEncodeError:
        raise Unsendable("a header holds what is no text") from None


@lru_cache(maxsize=256)
def _opening(method: str, url: str, proxy: str | None) -> tuple[Origin, str]:
    """The origin, the request line and the Host header."""
    if not url.isprintable():
        raise Unsendable("the outbound's URL holds a control character")
    origin = parse_origin(url)
    rest = url.partition("#")[0].partition("://")[2]
    start = min((at for mark in "/?" if (at := rest.find(mark)) >= 0), default=len(rest))
    if "@" in rest[:start]:
        raise Unsendable("the outbound's URL holds credentials")
    target = rest[start:] if rest.startswith("/", start) else f"/{rest[start:]}"
    target = target if target.isascii() else quote(target, safe=_AS_WRITTEN)
    if not _VISIBLE.fullmatch(target) or not _TOKEN.fullmatch(method):
        raise Unsendable("the outbound's URL or method holds a character that no request line can carry")
    if proxy is None or origin.scheme == "https":
        return origin, f"{method} {target} HTTP/1.1\r\nhost: {origin.named}\r\n"
    return origin, f"{method} http://{origin.named}{target} HTTP/1.1\r\nhost: {origin.named}\r\n{proxy}"
