"""One connection: one exchange after another, each written at once and answered before the next."""

import asyncio
import select
from typing import Final, Protocol, cast

from gateway.delivery.http.exchange import Exchange
from gateway.delivery.http.reading import Reader
from gateway.errors import Ambiguous

LIFETIME: Final = 600.0
"""Seconds after which a connection is retired, so that a change of the host's addresses is followed."""


class Keeper(Protocol):
    """Whom a connection belongs to."""

    def free(self, connection: "Connection", lasts: float | None) -> None:
        """It can take another exchange, and may be idle for so many seconds where its answer said so."""

    def lost(self, connection: "Connection") -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """A connection of a pool; on the loop's clock it is not to be used after `retire_at`, which `retire_by` bounds."""

    __slots__ = (
        *("_exchange", "_keeper", "_loop", "_poll", "_reader", "_transport"),
        *("retire_at", "retire_by"),
    )

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._reader = Reader()
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None
        self.retire_by = self.retire_at = loop.time() + LIFETIME

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

    def begin(self, exchange: Exchange, now: float, *, new: bool = False) -> bool:
        """Write a request, which the vendor may have taken from here on; False where the connection is not good.

        It is where nothing came since the last answer, no end of the connection either. The system is asked each time,
        also in the moment in which an answer has come: a server that lets go of its connections closes them right
        behind its answers, where the loop has not looked yet. A `new` one has been looked at.
        """
        transport = self._transport
        if transport is None:
            return False
        if not new and (now >= self.retire_at or transport.is_closing() or self._poll(0)):
            return False
        self._exchange = exchange
        exchange.connection = self
        if exchange.bodiless:
            self._reader.bodiless = True
        transport.write(exchange.request)
        return True

    def close(self) -> None:
        """Close it; what is under way on it gets no answer."""
        transport, self._transport, self._exchange = self._transport, None, None
        if transport is not None:
            # Not at once: TLS may be in the midst of reading, and would write to what is closed.
            self._loop.call_soon(transport.abort)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, or such that nobody asked for."""
        exchange = self._exchange
        if exchange is None:
            self.close()
            return
        try:
            read = self._reader.feed(data)
        except Ambiguous as failure:
            self.close()
            exchange.end(failure)
            return
        if read is None:
            return
        self._exchange = None
        transport = self._transport
        # An answer may come before the whole request is written: what is left of it would stand before the next one.
        if read.keeps and transport is not None and not transport.get_write_buffer_size():
            self._keeper.free(self, read.lasts)
        else:
            self.close()
        exchange.end(read.outcome)

    def eof_received(self) -> None:
        """The other side has no more to say."""
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.end(self._reader.end())

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed, by whomever."""
        exchange, self._exchange, self._transport = self._exchange, None, None
        self._reader.forget()
        self._keeper.lost(self)
        if exchange is not None:
            how = "the connection was closed" if error is None else f"the connection broke, {type(error).__name__}"
            exchange.end(Ambiguous(f"the upstream gave no complete answer: {how}"))
