"""Bytes as an answer: what httptools finds, and what it leaves open: interim answers, cut bodies, sizes, encodings.

One reader lives as long as its connection, and reads one final answer after the other.
"""

import zlib
from functools import lru_cache
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from msgspec import Struct

from gateway.contract import Answer
from gateway.errors import Ambiguous

MAX_BODY: Final = 1 << 20
"""Bytes of a body that are kept; there an answer is cut."""
MAX_HEAD: Final = 1 << 16
"""Bytes of all headers, interim answers' included."""
MAX_WIRE: Final = 1 << 23
"""Bytes of everything: chunks may be framed by more than they hold."""
_MARGIN: Final = 1.0
"""Seconds by which an idle connection is retired before the other side would, at most half of its time."""
_SHORT: Final = 1 << 10
_MANY: Final = 256
"""How long answers are that are remembered, and how many of them."""
_KEPT: Final[tuple[str, ...]] = ("content-type", "retry-after")
_READ: Final = ("content-encoding", "content-length", "keep-alive", "transfer-encoding")
_KNOWN: Final = {name.encode(): name for name in (*_KEPT, *_READ)}
_UNREADABLE: Final = frozenset({b"br", b"zstd", b"compress", b"x-compress"})


class _Enough(Exception):
    """Stops the parser."""


class Read(Struct, frozen=True):
    """An answer that is complete, or Ambiguous where its encoding hides it.

    `keeps` says that another may follow on the connection, which may be idle before that for `lasts` seconds, where
    the answer says so.
    """

    outcome: Answer | Ambiguous
    keeps: bool
    lasts: float | None


_seen: dict[bytes, Read] = {}
"""What was read of the bytes of an answer that came whole and let its connection be: the same bytes are read alike.

A vendor says the same again and again, its Date for a second.
"""


class Reader:
    """Reads a connection's answers. One to HEAD is `bodiless`, whatever it says of a body, and the last of all."""

    __slots__ = (
        *("_body", "_feed", "_head", "_keeps", "_parser", "_received", "_size", "_status", "_told"),
        "bodiless",
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._body: list[bytes] = []
        self._told: dict[str, bytes] = {}
        self._received = self._head = self._size = self._status = 0
        self._keeps: bool | None = None  # known once the answer is complete
        self.bodiless = False

    def feed(self, data: bytes) -> Read | None:
        """Take bytes that came: what was read once they are an answer; raises Ambiguous when they are none."""
        if not self._received and data in _seen and not self.bodiless:
            return _seen[data]
        self._received += len(data)
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            if self._keeps is None:
                raise Ambiguous("the upstream gave no complete answer: what came is no HTTP") from None
            self._keeps = False
        if self._keeps is not None:
            return self._read(data, keeps=self._keeps)
        if self._received > (MAX_WIRE if self._status else MAX_HEAD):
            raise Ambiguous("the upstream gave no complete answer: more came than an answer may be long")
        return None

    def end(self) -> Answer | Ambiguous:
        """The other side has closed: that ends the answer where nothing else says its length."""
        coded = self._told.get("transfer-encoding", b"").lower().rstrip()
        if not self._status or "content-length" in self._told or coded.endswith(b"chunked"):
            return Ambiguous("the upstream gave no complete answer: it closed the connection")
        return self._answer()

    def forget(self) -> None:
        """Nothing will be read any more: lets go of the parser, which knows this reader too."""
        del self._feed, self._parser

    def _read(self, data: bytes, *, keeps: bool) -> Read:
        """The answer that ends with these bytes; the next one may begin."""
        told = self._told.get("keep-alive")
        read = Read(self._answer(), keeps, None if told is None else _lasts(told))
        if keeps and self._received == len(data) <= _SHORT:
            if len(_seen) >= _MANY:
                _seen.clear()
            _seen[data] = read
        self._body, self._keeps = [], None
        self._received = self._head = self._size = self._status = 0
        return read

    def _answer(self) -> Answer | Ambiguous:
        """The answer that is complete, or Ambiguous where its encoding hides it."""
        told, body = self._told, b"".join(self._body)
        if not told:
            return Answer(self._status, body)
        if body and "content-encoding" in told:
            decoded = _decoded(body, told["content-encoding"].strip().lower())
            if isinstance(decoded, Ambiguous):
                return decoded
            body = decoded
        return Answer(self._status, body, {name: text for name in _KEPT if (text := _text(told.get(name, b"")))})

    # What httptools calls.

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._keeps is not None:
            raise _Enough
        self._told = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is not kept."""
        if self._received > MAX_HEAD:  # nothing shorter can hold too much
            self._head += len(name) + len(value)
            if self._head > MAX_HEAD:
                raise _Enough
        known = _known(name)
        if known is None or self._status:
            return
        if known == "transfer-encoding":
            self._told[known] = value  # of several, only the last can say that there are chunks
        else:
            self._told.setdefault(known, value)

    def on_headers_complete(self) -> None:
        """The status is known: a final one, or an interim one that another answer follows."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._status = status
            if self.bodiless:
                self._keeps = False
                raise _Enough
        elif status == 101 or status < 100:
            raise _Enough

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._body.append(data)
        self._size += len(data)
        if self._size >= MAX_BODY:
            self._body[-1] = data[: len(data) - (self._size - MAX_BODY)]
            self._keeps = False
            raise _Enough

    def on_message_complete(self) -> None:
        """The answer is there, unless it was an interim one."""
        if self._status:
            self._keeps = self._parser.should_keep_alive()


@lru_cache(maxsize=128)
def _known(name: bytes) -> str | None:
    """The name of a header that is read, in lower case; None for any other. Vendors spell few names in few ways."""
    return _KNOWN.get(name.lower())


@lru_cache(maxsize=64)
def _text(value: bytes) -> str:
    """A header's value as it is kept: empty where it is no plain text."""
    text = value.decode("latin-1").strip()
    return text if text.isascii() and text.isprintable() else ""


@lru_cache(maxsize=64)
def _lasts(value: bytes) -> float | None:
    """The seconds for which a connection may be idle by the `timeout` parameter of a Keep-Alive header."""
    for part in value.decode("latin-1").split(","):
        name, _, number = part.strip().partition("=")
        if name.strip().lower() == "timeout" and number.strip().isdecimal():
            seconds = float(number[:9])
            return max(seconds - _MARGIN, seconds / 2)
    return None


def _decoded(body: bytes, encoding: bytes) -> bytes | Ambiguous:
    """A body without its encoding, cut where any body is; Ambiguous where a vendor's word cannot be read."""
    if encoding in _UNREADABLE:
        return Ambiguous("the upstream gave no complete answer: it is encoded in a way that was not asked for")
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        return body  # no encoding, whatever the vendor believes: `identity`, `utf-8`
    raw = encoding == b"deflate" and body[0] & 0x0F != 8
    inflating = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
    try:
        found = inflating.decompress(body, MAX_BODY)
    except zlib.error:
        found = b""
    if not inflating.eof and len(found) < MAX_BODY:
        return Ambiguous("the upstream gave no complete answer: its body is not encoded as it says")
    return found
