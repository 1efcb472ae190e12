"""One caller's connection: aiohttp's parser and transport, with one task for all that comes over it.

aiohttp's own loop makes a task, a request, a writer and a response for every message. Here the message's head and its
body go to `take`, and the answer is written as bytes: half the cost of a request. A request that comes whole, with a
head that was read before, needs no parser (`gateway.heads`). What is no request is answered in plain JSON, once, and
logged.
"""

import asyncio
import contextlib
import itertools
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from gateway.contract import Answer
from gateway.heads import BEGUN, UNTOLD, Head, Heads, Heard
from gateway.wire import encode_json

_PROCESS: Final = secrets.token_hex(6) + "r"
_REQUESTS: Final = itertools.count(1)
_PATIENCE: Final = 10.0
"""Seconds that a new connection has for the head of its first request."""
_IDLE: Final = 75.0
"""Seconds that a connection may be idle between two requests."""
_PIPELINED: Final = 100
"""Requests of one connection that may wait for their turn; what they carry is held in memory."""
_LINGER: Final = 1.0
"""Seconds in which a caller whose bytes are no request may read why, before the connection is closed."""
_REST: Final = 10.0
"""Seconds in which the rest of a body that nobody wants must have come, so that the connection can be used again."""
_TRUST: Final = 128
"""New heads on one connection until it is taken for one whose heads all differ, for good."""
_PAYS_FOR: Final = 3
"""New heads that cost as much, to be sought and learnt, as one that is known spares."""
_HELD: Final = 0.1
"""Seconds for which the beginning of a request is held at most, so that it may be taken whole."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNHEARD: Final = {
    400: ("not_http", "this is no HTTP request"),
    415: ("wrong_content_encoding", "the body must be sent as it is, or with Content-Encoding: gzip or deflate"),
    431: ("header_too_large", "a line of the request's head is too long, or it has too many"),
    500: ("internal", "the gateway failed"),
    503: ("overloaded", "the gateway has no room for more"),
}
_PHRASES: Final = {one.value: one.phrase for one in HTTPStatus}
_BODILESS: Final = (204, 304)

Take = Callable[["Connection", str, Heard], Awaitable[Answer]]
"""Who answers a request, under an id."""


def _new_request_id() -> str:
    """An id for a request without one: unlike any other process's, and never given twice."""
    return f"{_PROCESS}{next(_REQUESTS)}"


class Server(web.Server):
    """aiohttp's server with a bound on its connections."""

    def __init__(self, take: Take, bound: int) -> None:
        super().__init__(cast("Any", take), access_log=None, keepalive_timeout=_IDLE)
        self.take = take
        self.bound = bound
        self.heads = Heads()
        self.open = 0
        self.closing = False
        """Whether every answer asks its caller to come back over another connection."""

    def __call__(self) -> "Connection":
        """A new connection's protocol."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One caller's connection."""

    __slots__ = ("_begun", "_gone", "_holding", "_left", "_over", "_server", "_silent", "_taken", "_trust")

    _messages: deque[Any]

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._gone: asyncio.Event | None = None
        self._left = 0
        """Bytes of a body that the parser waits for: at none, the next byte begins a message."""
        self._trust = _TRUST
        """How many more heads may be new before no other is sought."""
        self._begun = b""
        """A known head, and what has come of its body: many callers send the two in a piece each."""
        self._holding: asyncio.TimerHandle | None = None
        self._over = False
        self._silent: asyncio.TimerHandle | None = None
        self._taken: StreamReader | None = None
        """The body of the request that is being answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; refuse one too many, and close it when it asks nothing."""
        super().connection_made(transport)
        self._server.open += 1
        if self._server.open > self._server.bound:
            self.refuse(503, ConnectionRefusedError())
        self._silent = self._loop.call_later(_PATIENCE, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it off; tell who reads its body, and who lingers, that the caller has gone."""
        self._server.open -= 1
        self._heard_from()
        if self._holding is not None:
            self._holding.cancel()
        if self._gone is not None:
            self._gone.set()
        if self._taken is not None and not self._taken.is_eof():
            self._taken.set_exception(ConnectionResetError("the caller went away"))
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that aiohttp's parser fails on are refused as those that it rejects are."""
        if self._over or self._force_close or self._close or self._request_parser is None:
            return
        if self._upgrade:
            self._message_tail += data
            return
        begun, self._begun = self._begun, b""
        heard = None if self._left else self._server.heads.find(begun + data if begun else data)
        if heard is BEGUN and not begun:
            self._hold(data)
            return
        if heard is None or heard is BEGUN:
            for piece in (begun, data) if begun else (data,):
                self._parse(self._request_parser, piece)
        else:
            self._messages.append(heard)
            if self._trust < _TRUST:
                self._trust += _PAYS_FOR
        if self._messages:
            self._wake()
            if len(self._messages) > _PIPELINED:
                self._over = True
                self.refuse(503, ConnectionAbortedError())

    def _hold(self, data: bytes) -> None:
        """Wait a moment for the rest of a request; the timer is left running, so that few are made."""
        self._begun = data
        if self._holding is None:
            self._holding = self._loop.call_later(_HELD, self._let_go)

    def _let_go(self) -> None:
        """What is held may be read little by little."""
        self._holding = None
        begun, self._begun = self._begun, b""
        if begun and self._request_parser is not None:
            self._parse(self._request_parser, begun)
            if self._messages:
                self._wake()

    def _parse(self, parser: HttpRequestParser, data: bytes) -> None:
        """Give bytes to aiohttp's parser."""
        try:
            messages, self._upgrade, self._message_tail = parser.feed_data(data)
            for message, payload in messages:
                self._messages.append(Heard.parsed(message, payload))
            if self._left != UNTOLD:
                self._left = self._still_to_come(data, messages)
        except HttpProcessingError as error:
            self.refuse(400, error, error.message)
        except Exception as error:  # noqa: BLE001  # yarl's, for one, on a target that is no URL
            self.refuse(400, error)

    def _still_to_come(self, data: bytes, messages: Sequence[Any]) -> int:
        """How much of a body is to come after these bytes, where that is known; a head in them is learnt."""
        if self._left > 0 and not messages:
            return self._left - len(data) if len(data) <= self._left else UNTOLD
        if self._left or len(messages) != 1 or self._upgrade or not self._trust:
            return UNTOLD
        self._trust -= 1
        return self._server.heads.learn(data, messages[0][0], self._messages[-1].head)

    def refuse(self, status: int, error: Exception, message: str = "") -> None:
        """Answer a status in place of any request and close."""
        self._messages.append(_ErrInfo(status, error, message))
        self._wake()

    async def start(self) -> None:
        """Answer one request after the other until the connection is over."""
        try:
            while not self._force_close:
                if not self._messages:
                    self._waiter = self._loop.create_future()
                    await self._waiter
                heard = self._messages.popleft()
                if isinstance(heard, _ErrInfo):
                    await self._part(heard)
                    break
                if self._silent is not None:
                    self._heard_from()
                if not await self._serve(heard):
                    break
        except Exception as error:  # noqa: BLE001  # what fails here is this caller's connection alone
            structlog.get_logger().warning("connection failed", error=type(error).__name__)
            self.force_close()
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def _wake(self) -> None:
        """There is something to answer."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def expect_body(self, headers: Mapping[str, str]) -> None:
        """Tell a caller that waits for a sign to send its body."""
        if headers.get(hdrs.EXPECT, "").lower() == "100-continue" and self.transport is not None:
            self.transport.write(_CONTINUE)

    async def _serve(self, heard: Heard) -> bool:
        """Answer one request; gives whether there may be another."""
        head, body = heard.head, heard.body
        payload = None if isinstance(body, bytes) else body
        self._request_in_progress, self._taken = True, payload
        request_id = heard.request_id or _new_request_id()
        try:
            answer = await self._server.take(self, request_id, heard)
            close = head.ends or self._server.closing or answer.status == 408
            close = close or (payload is not None and payload.exception() is not None)
            if self.transport is None:
                return False
            self.transport.write(_rendered(answer, request_id, head, close=close))
            if self._paused:
                await self._drain_helper()
        except ConnectionError:
            return False
        finally:
            self._request_in_progress, self._taken = False, None
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        if self._upgrade:
            self._stay()
        if close or self._close or not (payload is None or payload.is_eof() or await self._is_read(payload)):
            return False
        self._wait_for_more()
        return True

    def _heard_from(self) -> None:
        """It has asked something: it may be idle from now on."""
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None

    def _stay(self) -> None:
        """Go on with HTTP/1.1 after a request that offered another protocol."""
        tail, self._message_tail, self._upgrade = self._message_tail, b"", False
        if self._request_parser is not None:
            self._request_parser.set_upgraded(False)
            if tail:
                self.data_received(tail)

    async def _is_read(self, payload: StreamReader) -> bool:
        """Whether the rest of a body that nobody wanted comes to its end."""
        with contextlib.suppress(TimeoutError, web.RequestPayloadError, ConnectionError):
            async with asyncio.timeout(_REST):
                while not payload.is_eof():
                    await payload.readany()
                return True
        return False

    def _wait_for_more(self) -> None:
        """Close it when nothing comes for a while."""
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + _IDLE
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    async def _part(self, message: _ErrInfo) -> None:
        """Word what is no request (4xx) or one connection too many (503), and give the caller time to read it."""
        self._over = True
        status = message.status
        if isinstance(message.exc, LineTooLong) or "Too many headers" in (message.message or ""):
            status = 431
        elif isinstance(message.exc, ContentEncodingError):  # one that aiohttp knows and this installation cannot read
            status = 415
        request_id = _new_request_id()
        answer = _unheard(status, request_id)
        if self.transport is None:
            return
        self.transport.write(_rendered(answer, request_id, None, close=True))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._gone = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                await self._gone.wait()


def _unheard(status: int, request_id: str) -> Answer:
    """The answer to what is no request, logged."""
    code, text = _UNHEARD.get(status, _UNHEARD[500])
    fields = {"route": "-", "vendor": "-", "method": "-", "status": status, "interactions": 0, "targets": {}}
    structlog.get_logger().info("inbound", request_id=request_id, **fields, losses=[], ms=0.0, error=code)
    headers = {"content-type": "application/json"}
    if status == 503:
        headers["retry-after"] = "1"
    return Answer(status, encode_json({"error": text}), headers)


def _rendered(answer: Answer, request_id: str, head: Head | None, *, close: bool) -> bytes:
    """An answer as bytes; header values hold no line breaks, for they come from closed lists or were checked."""
    stays = "Connection: close\r\n" if close else ""
    if not close and head is not None and head.is_old:
        stays = "Connection: keep-alive\r\n"
    opening = _opening(answer.status, tuple(answer.headers.items()), len(answer.body), stays)
    lines = f"{opening}x-request-id: {request_id}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
    if not answer.body or answer.status in _BODILESS or (head is not None and head.method == hdrs.METH_HEAD):
        return lines.encode("utf-8", "surrogateescape")
    return lines.encode("utf-8", "surrogateescape") + answer.body


@lru_cache(maxsize=256)
def _opening(status: int, headers: tuple[tuple[str, str], ...], length: int, stays: str) -> str:
    """What many answers' heads have alike; `stays` says whether the connection does, where that must be said."""
    told = "".join([f"{name}: {value}\r\n" for name, value in headers])
    size = "" if status in _BODILESS else f"Content-Length: {length}\r\n"
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n{told}{size}{stays}"
