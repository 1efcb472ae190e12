"""The heads of requests, each read once.

A caller that keeps its connection, as a shop's back end does, says the same head again and again. What differs is what
each request has of its own: a body and its length, an id, a trace, a cookie. What aiohttp's parser made of a head is
remembered by the head's bytes without these, with all that depends on nothing else: the same bytes are read alike. A
request whose head is known, and that comes whole or in two pieces, needs no parser.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion10
from aiohttp.streams import StreamReader
from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict, CIMultiDictProxy, istr

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

_LENGTH, _ID, *_TRACE = _READ = ("content-length", "x-request-id", "traceparent", "tracestate")
_UNREAD: Final = ("cookie", "x-amzn-trace-id", "x-cloud-trace-context", "cf-ray", "b3", "x-b3-traceid", "x-b3-spanid")
"""What browsers and balancers put into each request, and nobody here reads."""
_NAMES: Final = (*_READ, *_UNREAD)
_VALUE: Final = "[!-~](?:[ -~]*[!-~])?"
_OWN: Final = re.compile(rf"\r\n({'|'.join(_NAMES)}): ?({_VALUE})(?=\r\n[^ \t])".encode(), re.IGNORECASE).split
"""Cuts a head at what each request has of its own: what stands before, its name, its value, and so on."""
_PLAIN: Final = re.compile(r"/[^?#%]*").fullmatch
"""A request target that is its path as it stands."""
_REQUEST_ID: Final = istr(_ID)
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
_JSON: Final = ("application/json", "text/plain", None)
"""The content types a body may claim: JSON, what a browser's sendBeacon says of text, or none at all."""
_NOTHING: Final[Mapping[str, str]] = {}


class Head(Struct, eq=False):
    """What requests say before their bodies that is none's own; nobody changes it but for `taken`.

    `query` is decoded, the last of a repeated name wins. `kept` are the headers that a mapping may read; `claims_json`
    is false for a body that claims to be something else, `is_pages` true for what a page in a browser asks. `ends` says
    that the answer is the connection's last, `is_old` that the caller speaks HTTP/1.0, `expects` that it waits for a
    sign to send its body. `taken` is for the relay: what the rules in force made of this head.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: CIMultiDictProxy[str]
    kept: Mapping[str, str]
    claims_json: bool
    is_pages: bool
    ends: bool
    is_old: bool
    expects: bool
    taken: Any = None

    @classmethod
    def of(cls, message: RawRequestMessage) -> "Head":
        """The head that aiohttp's parser has read."""
        headers, target = message.headers, message.path
        plain, claimed = _PLAIN(target), headers.get(hdrs.CONTENT_TYPE)
        return cls(
            message.method,
            target if plain else message.url.path,
            _NOTHING if plain else dict(message.url.query.items()),
            headers,
            kept(headers),
            claimed in _JSON or claimed.partition(";")[0].strip().lower() in _JSON,
            hdrs.ORIGIN in headers,
            message.should_close,
            message.version == HttpVersion10,
            hdrs.EXPECT in headers,
        )


class Heard(Struct, frozen=True, gc=False):
    """One request: its head, its caller's id for it where that is sound, where its trace stands, and its body.

    The body is whole, or as far as it has come.
    """

    head: Head
    request_id: str | None
    trace: Mapping[str, str]
    body: StreamReader | bytes

    @classmethod
    def parsed(cls, message: RawRequestMessage, payload: StreamReader) -> "Heard":
        """What aiohttp's parser has read."""
        headers = message.headers
        return cls(Head.of(message), _sane(headers.get(_REQUEST_ID)), headers, payload)


class _Form(Struct, frozen=True):
    """A head that is known, with the places of what each request has of its own: None for what it does not say."""

    head: Head
    length: int | None
    request_id: int | None
    trace: tuple[tuple[str, int], ...]


_NOBODY: Final = Head("", "", _NOTHING, CIMultiDictProxy(CIMultiDict()), _NOTHING, True, False, False, False, False)
BEGUN: Final = Heard(_NOBODY, None, _NOTHING, b"")
"""Stands for a request of which there is more to come."""


class Heads:
    """The heads that have come more than once, at most so many; then all are forgotten, and learnt anew."""

    def __init__(self) -> None:
        self._forms: dict[tuple[bytes, ...], _Form] = {}
        self._alike: dict[bytes, tuple[Head, int]] = {}
        """Whole heads, with the length of the body, that have nothing else of their own."""
        self._once: set[int] = set()

    def forget(self) -> None:
        """Let go of them all, and of what was made of them."""
        self._forms.clear()
        self._alike.clear()

    def find(self, data: bytes) -> Heard | None:
        """The request that these bytes are the whole of, where its head is known; a message begins with them.

        BEGUN where they are all but the rest of its body.
        """
        end = data.find(_END, 0, _LONGEST) + len(_END)
        read, size = data[:end], len(data)
        alike = self._alike.get(read)
        if alike is not None and size <= _WHOLE:
            head, length = alike
            return Heard(head, None, _NOTHING, data[end:]) if end + length == size else _begun(head, end + length, size)
        cut = _OWN(read)
        own = cut[2::3]
        del cut[2::3]
        form = self._forms.get(tuple(cut))
        if form is None or size > _WHOLE:
            return None
        whole = end + _length(form, own)
        if whole != size:
            return _begun(form.head, whole, size)
        if form.request_id is None and not form.trace:
            if len(self._alike) >= _MANY:
                self._alike.clear()
            self._alike[read] = form.head, size - end
            return Heard(form.head, None, _NOTHING, data[end:])
        request_id = None if form.request_id is None else _sane(own[form.request_id].decode())
        trace = {name: own[place].decode() for name, place in form.trace} if form.trace else _NOTHING
        return Heard(form.head, request_id, trace, data[end:])

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
        left = end + int(message.headers.get(hdrs.CONTENT_LENGTH, 0)) - len(data)
        if left < 0:
            return UNTOLD
        if end <= _LONGEST and not head.ends:
            self._remember(data[:end], head)
        return left

    def _remember(self, read: bytes, head: Head) -> None:
        """Remember what comes for the second time: heads that all differ, as those of many browsers do, come once."""
        cut = _OWN(read)
        del cut[2::3]
        key = tuple(cut)
        seen = hash(key)
        if seen not in self._once:
            if len(self._once) >= _ONCE:
                self._once.clear()
            self._once.add(seen)
            return
        names, headers = [name.lower().decode() for name in key[1::2]], CIMultiDict(head.headers)
        if names != [name.lower() for name in headers if name.lower() in _NAMES] or len(names) > len(set(names)):
            return  # one of them is said twice, or in a way of its own
        if len(self._forms) >= _MANY:
            self.forget()
        for name in names:
            del headers[name]
        places = {name: place for place, name in enumerate(names)}
        self._forms[key] = _Form(
            replace(head, headers=CIMultiDictProxy(headers), taken=None),
            places.get(_LENGTH),
            places.get(_ID),
            tuple([(name, places[name]) for name in _TRACE if name in places]),
        )


def _begun(head: Head, whole: int, size: int) -> Heard | None:
    """What so many bytes of a request are, of which there should be as many as the `whole` of it has."""
    return BEGUN if size < whole <= _WHOLE and not head.expects else None


def _length(form: _Form, own: list[bytes]) -> int:
    """How long the body is; -1 where that is no number."""
    if form.length is None:
        return 0
    said = own[form.length]
    return int(said) if said.isdigit() else -1


def _sane(given: str | None) -> str | None:
    """A caller's id, where it is sound."""
    return given if given and _SANE_ID(given) else None
