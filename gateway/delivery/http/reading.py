"""Bytes as an answer: what httptools finds, and what it leaves open: interim answers, cut bodies, sizes, encodings.

One reader lives as long as its connection, and reads one final answer after each `start`.
"""

import zlib
from functools import lru_cache
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.contract import Answer
from gateway.errors import Ambiguous

MAX_BODY: Final = 1 << 20
"""Bytes of a body that are kept; there an answer is cut."""
MAX_HEAD: Final = 1 << 16
"""Bytes of all headers, interim answers' included."""
MAX_WIRE: Final = 1 << 23
"""Bytes of everything: chunks may be framed by more than they hold."""
_KEPT: Final[tuple[str, ...]] = ("content-type", "retry-after")
_READ: Final = ("content-encoding", "content-length", "keep-alive", "transfer-encoding")
_KNOWN: Final = {name.encode(): name for name in (*_KEPT, *_READ)}
_UNREADABLE: Final = frozenset({b"br", b"zstd", b"compress", b"x-compress"})


class _Enough(Exception):
    """Stops the parser."""


class Reader:
    """Reads a connection's answers: `complete` says that one is there, `keeps` that another may follow."""

    __slots__ = (
        *("_body", "_bodiless", "_feed", "_head", "_parser", "_received", "_size", "_told"),
        *("complete", "keeps", "status"),
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._body: list[bytes] = []
        self._told: dict[str, bytes] = {}
        self._received = self._head = self._size = 0
        self._bodiless = False
        self.complete = self.keeps = False
        self.status = 0

    def start(self, *, bodiless: bool) -> None:
        """Another answer is awaited; one to HEAD is `bodiless`, whatever it says of a body."""
        self.complete = self.keeps = False
        self._bodiless = bodiless
        self._received = self._head = self.status = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that came; raises Ambiguous when they are no answer."""
        self._received += len(data)
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self.keeps = False
            if not self.complete:
                raise Ambiguous("the upstream gave no complete answer: what came is no HTTP") from None
        if not self.complete and self._received > (MAX_WIRE if self.status else MAX_HEAD):
            raise Ambiguous("the upstream gave no complete answer: more came than an answer may be long")

    def end(self) -> bool:
        """The other side has closed: whether that ends the answer, as it does where nothing else says its length."""
        if self.status and not self.complete:
            coded = self._told.get("transfer-encoding", b"").lower().rstrip()
            self.complete = "content-length" not in self._told and not coded.endswith(b"chunked")
        return self.complete

    @property
    def lasts(self) -> float | None:
        """The seconds for which the other side will keep the idle connection, where it says so."""
        told = self._told.get("keep-alive")
        return None if told is None else _timeout(told)

    def forget(self) -> None:
        """Nothing will be read any more: lets go of the parser, which knows this reader too."""
        del self._feed, self._parser

    def answer(self) -> Answer:
        """The answer that is complete; raises Ambiguous where its encoding hides it."""
        told, body = self._told, b"".join(self._body)
        self._body = []
        if body and (encoding := told.get("content-encoding")):
            body = _decoded(body, encoding.strip().lower())
        headers = {name: text for name in _KEPT if name in told and (text := _text(told[name]))} if told else {}
        return Answer(self.status, body, headers)

    # What httptools calls.

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self.complete:
            raise _Enough
        self._body, self._told = [], {}
        self._size = self.status = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is not kept."""
        if self._received > MAX_HEAD:  # nothing shorter can hold too much
            self._head += len(name) + len(value)
            if self._head > MAX_HEAD:
                raise _Enough
        known = _KNOWN.get(name.lower())
        if known is None or self.status:
            return
        if known == "transfer-encoding":
            self._told[known] = value  # of several, only the last can say that there are chunks
        else:
            self._told.setdefault(known, value)

    def on_headers_complete(self) -> None:
        """The status is known: a final one, or an interim one that another answer follows."""
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            if self._bodiless:
                self.complete = True
                raise _Enough
        elif status == 101 or status < 100:
            raise _Enough

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._body.append(data)
        self._size += len(data)
        if self._size >= MAX_BODY:
            self._body[-1] = data[: len(data) - (self._size - MAX_BODY)]
            self.complete = True
            raise _Enough

    def on_message_complete(self) -> None:
        """The answer is there, unless it was an interim one."""
        if self.status:
            self.complete = True
            self.keeps = self._parser.should_keep_alive()


@lru_cache(maxsize=64)
def _text(value: bytes) -> str:
    """A header's value as it is kept: empty where it is no plain text."""
    text = value.decode("latin-1").strip()
    return text if text.isascii() and text.isprintable() else ""


@lru_cache(maxsize=64)
def _timeout(value: bytes) -> float | None:
    """The `timeout` parameter of a Keep-Alive header."""
    for part in value.decode("latin-1").split(","):
        name, _, number = part.strip().partition("=")
        if name.strip().lower() == "timeout" and number.strip().isdecimal():
            return float(number[:9])
    return None


def _decoded(body: bytes, encoding: bytes) -> bytes:
    """A body without its encoding, cut where any body is; raises Ambiguous where a vendor's word cannot be read."""
    if encoding in _UNREADABLE:
        raise Ambiguous("the upstream gave no complete answer: it is encoded in a way that was not asked for")
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        return body  # no encoding, whatever the vendor believes: `identity`, `utf-8`
    raw = encoding == b"deflate" and body[0] & 0x0F != 8
    inflating = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
    try:
        found = inflating.decompress(body, MAX_BODY)
    except zlib.error:
        found = b""
    if not inflating.eof and len(found) < MAX_BODY:
        raise Ambiguous("the upstream gave no complete answer: its body is not encoded as it says")
    return found
