"""Who may send to an upstream now: its pace, and the line of those who wait for it.

All targets of an upstream stand in one line, first come, first served; further outbounds of an inbound that is under
way go before it. A slot is one attempt: taken, then ended or given back.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import cached_property

from gateway.delivery.pace import Ended, Pace

_Waiter = asyncio.Future[int]


class Gate:
    """The way to one upstream. `clock` is monotonic."""

    def __init__(self, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self.accepted_at = 0.0
        """When the vendor last took something, in seconds since the epoch."""
        self._clock = clock
        self._line: deque[tuple[_Waiter, int]] = deque()
        self._first: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to: asking for it each time would cost a system call."""
        return asyncio.get_running_loop()

    async def some(self, wanted: int) -> int:
        """At least one slot and at most so many; waits in line."""
        if not self._line and not self._first:
            found = min(wanted, self.pace.free(now := self._clock()))
            if found > 0:
                self.pace.take(found, now)
                return found
        waiter: _Waiter = self._loop.create_future()
        place = (waiter, wanted)
        self._line.append(place)
        self._look_soon()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give_back(waiter.result())
            elif place in self._line:
                self._line.remove(place)
            raise

    async def one(self) -> bool:
        """A slot for another outbound of an inbound under way; False where the upstream should be left alone."""
        if self._shut():
            return False
        waiter: _Waiter = self._loop.create_future()
        self._first.append(waiter)
        self._look_soon()
        try:
            return bool(await waiter)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give_back(waiter.result())
            elif waiter in self._first:
                self._first.remove(waiter)
            raise

    def give_back(self, count: int = 1) -> None:
        """So many slots were not needed."""
        self.pace.give_back(count)
        self._look_soon()

    def release(self) -> None:
        """A slot's attempt was broken off."""
        self.pace.release()
        self._look_soon()

    def learn(self, ended: Ended) -> None:
        """An attempt has ended that the vendor did not accept, with or without a slot."""
        self.pace.learn(ended, self._clock())
        self._look_soon()

    def accept(self) -> None:
        """The vendor took what was sent."""
        self.pace.accept()
        self.accepted_at = time.time()
        if self._line or self._first:
            self._look_soon()

    def pause(self, seconds: float) -> None:
        """The vendor asked to be left alone for so long."""
        self.pace.pause(seconds, self._clock())

    def close(self) -> None:
        """Nobody will come any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _shut(self) -> bool:
        return self.pace.in_trouble or self.pace.is_paused(self._clock())

    def _look_soon(self) -> None:
        """Serve the line once, after all that ends at this moment."""
        if not self._looking and (self._line or self._first):
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Serve the line as far as the pace allows, and come back when time allows more."""
        self._looking = False
        now = self._clock()
        if self._first and self._shut():
            for waiter in self._first:
                if not waiter.done():
                    waiter.set_result(0)
            self._first.clear()
        while self._first and self.pace.free(now):
            self._serve(self._first.popleft(), 1, now)
        while self._line and (free := self.pace.free(now)) > 0:
            waiter, wanted = self._line.popleft()
            self._serve(waiter, min(wanted, max(1, free // (1 + len(self._line)))), now)
        self._come_back(now)

    def _serve(self, waiter: _Waiter, count: int, now: float) -> None:
        if not waiter.done():
            self.pace.take(count, now)
            waiter.set_result(count)

    def _come_back(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        opens_at = self.pace.opens_at() if self._line or self._first else None
        if opens_at is not None:
            self._timer = self._loop.call_later(max(0.0, opens_at - now), self._look)
