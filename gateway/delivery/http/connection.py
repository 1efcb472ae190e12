"""One connection: one exchange after another, each written at once and answered before the next."""

import asyncio
import select
from typing import Final, Protocol, cast

from gateway.contract import Answer
from gateway.delivery.http.exchange import Exchange
from gateway.delivery.http.reading import Reader
from gateway.errors import Ambiguous

LIFETIME: Final = 600.0
"""Seconds after which a connection is retired, so that a change of the host's addresses is followed."""
_MARGIN: Final = 1.0
"""Seconds by which an idle connection is retired before the other side would, at most half of its time."""


class Keeper(Protocol):
    """Whom a connection belongs to; `keepalive` is in seconds."""

    keepalive: float

    def free(self, connection: "Connection") -> None:
        """It can take another exchange."""

    def lost(self, connection: "Connection") -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """A connection of a pool; on the loop's clock it is not to be used after `retire_at`."""

    __slots__ = (
        *("_exchange", "_keeper", "_loop", "_poll", "_reader", "_retire_by", "_transport"),
        "retire_at",
    )

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._reader = Reader()
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None
        self._retire_by = self.retire_at = loop.time() + LIFETIME

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        poller = select.poll()
        poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._poll = poller.poll

    def is_new(self) -> bool:
        """Whether it may take its first exchange. A TLS peer may have sent something of its own, such as tickets."""
        if self._transport is None or self._transport.is_closing():
            return False
        return self._transport.get_extra_info("sslcontext") is not None or not self._poll(0)

    def is_fit(self, now: float) -> bool:
        """Whether it may take another exchange: nothing came since the last one, no end of the connection either.

        The system is asked each time, also in the moment in which an answer has come: a server that lets go of its
        connections closes them right behind its answers, where the loop has not looked yet.
        """
        transport = self._transport
        if transport is None or now >= self.retire_at or transport.is_closing():
            return False
        return not self._poll(0)

    def begin(self, exchange: Exchange) -> None:
        """Write a request: from here on the vendor may have taken it."""
        self._exchange, exchange.connection = exchange, self
        self._reader.start(bodiless=exchange.bodiless)
        cast("asyncio.Transport", self._transport).write(exchange.request)

    def rest(self) -> None:
        """It is idle from now on; says until when it may be."""
        lasts = self._reader.lasts
        lasts = self._keeper.keepalive if lasts is None else max(lasts - _MARGIN, lasts / 2)
        self.retire_at = min(self._loop.time() + lasts, self._retire_by)

    def close(self) -> None:
        """Close it; what is under way on it gets no answer."""
        transport, self._transport, self._exchange = self._transport, None, None
        if transport is not None:
            # Not at once: TLS may be in the midst of reading, and would write to what is closed.
            self._loop.call_soon(transport.abort)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, or such that nobody asked for."""
        if self._exchange is None:
            self.close()
            return
        try:
            self._reader.feed(data)
        except Ambiguous as failure:
            self._fail(failure)
            return
        if self._reader.complete:
            self._finish()

    def eof_received(self) -> None:
        """The other side has no more to say."""
        if self._exchange is None:
            self.close()
        elif self._reader.end():
            self._finish()
        else:
            self._fail(Ambiguous("the upstream gave no complete answer: it closed the connection"))

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed, by whomever."""
        exchange, self._exchange, self._transport = self._exchange, None, None
        self._reader.forget()
        self._keeper.lost(self)
        if exchange is not None:
            how = "the connection was closed" if error is None else f"the connection broke, {type(error).__name__}"
            exchange.end(Ambiguous(f"the upstream gave no complete answer: {how}"))

    def _fail(self, failure: Ambiguous) -> None:
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.end(failure)

    def _finish(self) -> None:
        """The answer is there: the connection is free, or not to be used again."""
        exchange, self._exchange = cast("Exchange", self._exchange), None
        outcome: Answer | Ambiguous
        try:
            outcome = self._reader.answer()
        except Ambiguous as failure:
            outcome = failure
        transport = self._transport
        # An answer may come before the whole request is written: what is left of it would stand before the next one.
        if self._reader.keeps and transport is not None and not transport.get_write_buffer_size():
            self.rest()
            self._keeper.free(self)
        else:
            self.close()
        exchange.end(outcome)
