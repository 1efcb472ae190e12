"""The heads of requests, each read once.

A caller that keeps its connection, as a shop's back end does, says the same head again and again; only the body
differs. What aiohttp's parser made of a head is remembered by the head's bytes, with all that depends on nothing else:
the same bytes are read alike. A request that comes whole, with a head that is known, needs no parser.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion10
from msgspec import Struct
from multidict import CIMultiDictProxy, istr

from gateway.contract import kept

_END: Final = b"\r\n\r\n"
_LONGEST: Final = 1 << 11
"""Bytes of a head that is remembered."""
_MANY: Final = 512
"""How many heads are remembered."""
_ONCE: Final = 4096
"""Of how many it is known that they have come."""
_WHOLE: Final = 1 << 16
"""Bytes of a request that is taken without the parser; a longer one may have to be read little by little."""
UNTOLD: Final = -1
"""Where nobody but the parser knows how much is to come."""

_PLAIN: Final = re.compile(r"/[^?#%]*").fullmatch
"""A request target that is its path as it stands."""
_REQUEST_ID: Final = istr("x-request-id")
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
_JSON: Final = ("application/json", "text/plain", None)
"""The content types a body may claim: JSON, what a browser's sendBeacon says of text, or none at all."""
_NO_QUERY: Final[Mapping[str, str]] = {}


class Head(Struct, eq=False):
    """What a request says before its body; nobody changes it but for `taken`.

    `query` is decoded, the last of a repeated name wins. `kept` are the headers that a mapping may read; `request_id`
    is the caller's own where it is sound; `claims_json` is false for a body that claims to be something else. `ends`
    says that the answer is the connection's last, `is_old` that the caller speaks HTTP/1.0. `taken` is for the relay:
    what the rules in force made of this head.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: CIMultiDictProxy[str]
    kept: Mapping[str, str]
    request_id: str | None
    claims_json: bool
    ends: bool
    is_old: bool
    taken: Any = None

    @classmethod
    def of(cls, message: RawRequestMessage) -> "Head":
        """The head that aiohttp's parser has read."""
        headers, target = message.headers, message.path
        plain, given, claimed = _PLAIN(target), headers.get(_REQUEST_ID), headers.get(hdrs.CONTENT_TYPE)
        return cls(
            message.method,
            target if plain else message.url.path,
            _NO_QUERY if plain else dict(message.url.query.items()),
            headers,
            kept(headers),
            given if given and _SANE_ID(given) else None,
            claimed in _JSON or claimed.partition(";")[0].strip().lower() in _JSON,
            message.should_close,
            message.version == HttpVersion10,
        )


class Heads:
    """The heads that have come more than once, at most so many; then all are forgotten, and learnt anew."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Head, int]] = {}
        self._once: set[int] = set()

    def forget(self) -> None:
        """Let go of them all, and of what was made of them."""
        self._known.clear()

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head and the body, where a message begins with these bytes, and they are the whole of one that is known.

        Known to be whole is only what the parser would not have to wait for: the head says how long the body is.
        """
        end = data.find(_END, 0, _LONGEST) + len(_END)
        known = self._known.get(data[:end])
        if known is None or end + known[1] != len(data) or len(data) > _WHOLE:
            return None
        return known[0], data[end:]

    def learn(self, data: bytes, message: RawRequestMessage, head: Head) -> int:
        """Remember a head that has come before; gives how many bytes of the body are to come, UNTOLD where it hides it.

        `data` are the bytes that `message` begins with, and in which its head ends. That the head is the whole of what
        stands before the first empty line is believed only where that has a line for each header: a parser that took
        other line ends, or folded lines, would have read another one.
        """
        end = data.find(_END) + len(_END)
        if data.count(b"\n", 0, end) != len(message.raw_headers) + 2:
            return UNTOLD
        if message.chunked or message.upgrade or message.compression:
            return UNTOLD
        length = int(message.headers.get(hdrs.CONTENT_LENGTH, 0))
        left = end + length - len(data)
        if left < 0:
            return UNTOLD
        if end <= _LONGEST and not head.ends:
            self._remember(data[:end], head, length)
        return left

    def _remember(self, read: bytes, head: Head, length: int) -> None:
        """Remember what comes for the second time: heads that are all different, as with a trace's id, come once."""
        seen = hash(read)
        if seen in self._once:
            if len(self._known) >= _MANY:
                self._known.clear()
            self._known[read] = head, length
            return
        if len(self._once) >= _ONCE:
            self._once.clear()
        self._once.add(seen)
