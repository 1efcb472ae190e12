"""One origin's connections, the last used first, and the line of exchanges that wait for one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.delivery.http.connection import Connection
from gateway.delivery.http.exchange import Exchange
from gateway.errors import DeliveryFailed, NotSent

Connect = Callable[[Callable[[], Connection]], Awaitable[Connection]]
"""Opens a connection, which its argument makes; raises NotSent."""


class Pool:
    """At most `limit` connections, each opened for one that waits; idle ones last for `keepalive` seconds."""

    def __init__(self, connect: Connect, limit: int, keepalive: float) -> None:
        self._connect = connect
        self._limit = limit
        self.keepalive = keepalive
        self.line: deque[Exchange] = deque()
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._dialing: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()

    def take(self, exchange: Exchange) -> None:
        """Write an exchange's request at once where a connection is free, else let it wait."""
        while self._idle:
            connection = self._idle.pop()
            if connection.begin(exchange, exchange.began):
                return
            connection.close()
        exchange.line = self.line
        self.line.append(exchange)
        self._dial()

    def free(self, connection: Connection, lasts: float | None) -> None:
        """A connection's answer is complete, and said for how many seconds it may be idle, or did not."""
        now = self.time()
        connection.retire_at = min(now + (self.keepalive if lasts is None else lasts), connection.retire_by)
        if not self.line:
            self._idle.append(connection)
        elif connection.begin(self.line[0], now):
            self.line.popleft()
        else:
            connection.close()

    def lost(self, connection: Connection) -> None:
        """A connection is closed: there is room for another."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open:
            self._gone.set()
        self._dial()

    def retire(self, now: float) -> bool:
        """Close what has been idle for too long; tells whether anything is idle still."""
        old = [one for one in self._idle if one.retire_at <= now]
        for connection in old:
            self._idle.remove(connection)
            connection.close()
        return bool(self._idle)

    def drop(self) -> None:
        """Close every connection, also those that are being opened."""
        for task in self._dialing:
            task.cancel()
        for connection in self._open:
            connection.close()

    async def close(self) -> None:
        """Close every connection, and wait until they are."""
        self.drop()
        if self._dialing:
            await asyncio.wait(self._dialing)
        while self._open:
            self._gone.clear()
            await self._gone.wait()

    def _dial(self) -> None:
        """Open a connection for each that waits and for whom none is being opened, as far as the limit goes."""
        while len(self._dialing) < len(self.line) and len(self._dialing) + len(self._open) < self._limit:
            task = self._loop.create_task(self._open_one(self.time()))
            self._dialing.add(task)
            task.add_done_callback(self._dialed)

    def _dialed(self, task: asyncio.Task[None]) -> None:
        self._dialing.discard(task)
        self._dial()

    async def _open_one(self, since: float) -> None:
        """A connection for the first in line; where none can be had, that one hears why."""
        try:
            connection = await self._connect(lambda: Connection(self, self._loop))
        except DeliveryFailed as failure:
            self._fail_first(failure, since)
            return
        if not connection.is_new():
            connection.close()
            self._fail_first(
                NotSent("the upstream cannot be reached: it ended a connection, or spoke on it, before it was asked"),
                since,
            )
            return
        self._open.add(connection)
        if self.line:
            connection.begin(self.line.popleft(), self.time(), new=True)
        else:
            self.free(connection, None)

    def _fail_first(self, failure: DeliveryFailed, since: float) -> None:
        """Fail who was there when the attempt began; one that came later has another made for it."""
        if self.line and self.line[0].began <= since:
            self.line.popleft().end(failure)
