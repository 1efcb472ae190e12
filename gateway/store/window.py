"""How far one target is in the log: pure bookkeeping that every embedded engine shares.

A cursor (the lowest unfinished position), a window of at most 1,024 unfinished or waiting positions above it, and
parked exceptions below it. What is to be tried again waits inside the window; only when the window is full is it
parked, so that one slow inbound never holds up those behind it, and an outage, in which nothing new is leased, parks
nothing.
"""

import heapq
from collections import OrderedDict
from typing import Final

from gateway.store.contract import Entry

SIZE: Final = 1024


class Window:
    """One target's bookkeeping; times are seconds, passed in."""

    def __init__(self, cursor: int) -> None:
        self.next = cursor
        """The first position that was never leased."""
        self._open: OrderedDict[int, bool] = OrderedDict()
        self._waiting: dict[int, Entry] = {}
        self._due: list[tuple[float, int]] = []
        self.parked: set[int] = set()

    @property
    def cursor(self) -> int:
        """The lowest unfinished position, parked ones aside."""
        return next(iter(self._open), self.next)

    @property
    def room(self) -> int:
        """How many new positions may be leased."""
        return SIZE - len(self._open)

    def lease(self, entry: Entry) -> None:
        """A position leased for the first time."""
        self._open[entry.position] = False
        self.next = entry.position + 1

    def pass_over(self, position: int) -> None:
        """A position that is not this target's."""
        if self._open:
            self._open[position] = True
        self.next = position + 1

    def finish(self, position: int) -> None:
        """A position is done; the cursor follows."""
        if position in self._open:
            self._open[position] = True
            self._advance()
        self.parked.discard(position)

    def wait(self, entry: Entry, until: float) -> None:
        """A position is to be leased again at `until`."""
        self._waiting[entry.position] = entry
        heapq.heappush(self._due, (until, entry.position))

    def due(self, now: float, count: int) -> list[Entry]:
        """Up to so many waiting entries whose time has come."""
        found: list[Entry] = []
        while self._due and self._due[0][0] <= now and len(found) < count:
            entry = self._waiting.pop(heapq.heappop(self._due)[1], None)
            if entry is not None:
                found.append(entry)
        return found

    def next_due(self) -> float | None:
        """When the next waiting entry's time comes."""
        return self._due[0][0] if self._due else None

    def is_done(self, position: int) -> bool:
        """Whether nothing is left to do at a position."""
        if position in self.parked:
            return False
        return position < self.next and self._open.get(position, True)

    def waits(self, position: int) -> tuple[Entry, float] | None:
        """The entry that waits at a position and until when; None where none does."""
        entry = self._waiting.get(position)
        if entry is None:
            return None
        return entry, next(until for until, waiting in self._due if waiting == position)

    def park(self) -> list[tuple[Entry, float]]:
        """When the window is full, take what waits out of it, each entry with its time: they become exceptions."""
        if self.room > 0:
            return []
        found = [(self._waiting[position], until) for until, position in self._due if position in self._open]
        for entry, _ in found:
            self.parked.add(entry.position)
            self._open[entry.position] = True
        self._advance()
        return found

    def _advance(self) -> None:
        while self._open and next(iter(self._open.items()))[1]:
            self._open.popitem(last=False)
