"""How far one target is in the log: pure bookkeeping that every embedded engine shares.

A cursor (the lowest unfinished position), a window of at most 1,024 positions above it, and parked exceptions below it.
What is to be tried again waits inside the window; only when the window is full are its oldest parked, also those under
way, so that one slow inbound never holds up those behind it, and an outage, in which nothing new is leased, parks
nothing. After a crash at most the window is delivered twice, and what was parked and under way.
"""

import heapq
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from gateway.store.contract import Entry
from gateway.store.log import FOREVER, Place, Span, Stretch

SIZE: Final = 1024
_FREED: Final = SIZE // 4
"""How many positions a full window gives up at once."""
_position = attrgetter("position")
EXCEPTIONS: Final = 16384
"""How many exceptions a target may have before nothing new is leased for it."""


class Window:
    """One target's bookkeeping; times are on whatever clock the caller has.

    What is finished only leaves `_open`; how far the cursor came is worked out of that where it is asked for.
    """

    def __init__(self, place: Place) -> None:
        self.next = place.cursor
        """The first position that was never leased."""
        self._stretches = list(place.stretches)
        self._open: dict[int, Entry] = {}
        """What is leased and unfinished, exceptions aside, in order."""
        self._leased: list[int] = []
        """Every position leased from the cursor on, finished or not, and some before it."""
        self._waiting: dict[int, tuple[Entry, float]] = {}
        self._due: list[tuple[float, int]] = []
        self._parked: dict[int, float | None] = {}

    @property
    def cursor(self) -> int:
        """The lowest unfinished position, exceptions aside."""
        return next(iter(self._open), self.next)

    @property
    def room(self) -> int:
        """How many new positions may be leased."""
        return SIZE - len(self._leased) + self._behind()

    @property
    def leased(self) -> int:
        """How many positions were leased and are not finished, exceptions too."""
        return len(self._open) + len(self._parked)

    @property
    def route(self) -> str | None:
        """The route it reads in the end; None when it is orphaned."""
        return self._stretches[-1].route

    def turn(self, route: str | None, position: int) -> None:
        """Read another route, or none, from a position on; what came before is read to its end."""
        if self._stretches[-1].start == position and len(self._stretches) > 1:
            self._stretches.pop()
        if self._stretches[-1].route != route:
            self._stretches.append(Stretch(position, route))

    def reads(self, route: str, position: int) -> bool:
        """Whether a route's record at a position is its own."""
        return any(span.route == route and span.start <= position < span.end for span in self._spans(0))

    def reads_on(self, route: str, position: int) -> bool:
        """Whether all of a route's records from a position on are its own."""
        return self._stretches[-1].route == route and position >= self._stretches[-1].start

    def routes(self) -> set[str]:
        """Every route of which it may still need something."""
        return {span.route for span in self._spans(0)}

    def spans(self, end: int = FOREVER) -> list[Span]:
        """What it has not leased yet, up to a position."""
        found = [Span(span.route, span.start, min(span.end, end)) for span in self._spans(self.next)]
        return [span for span in found if span.start < span.end]

    def unfinished(self) -> list[Span]:
        """What it is not done with, exceptions aside."""
        return self._spans(self.cursor)

    def needs(self, route: str) -> int | None:
        """The first position of a route that it is not done with, exceptions aside; None: none, now or later."""
        return min((span.start for span in self.unfinished() if span.route == route), default=None)

    def place(self) -> Place:
        """What is to be kept of it; stretches that lie behind are forgotten."""
        while len(self._stretches) > 1 and self._stretches[1].start <= self.cursor:
            self._stretches.pop(0)
        return Place(self.cursor, tuple(self._stretches))

    def lease(self, entries: Sequence[Entry]) -> None:
        """Positions are leased for the first time, in their order."""
        positions = list(map(_position, entries))
        self._open.update(zip(positions, entries, strict=True))
        del self._leased[: self._behind()]
        self._leased += positions

    def pass_over(self, position: int) -> None:
        """Nothing below a position is to be leased any more."""
        self.next = max(self.next, position)

    def finish(self, position: int) -> bool:
        """A position is done; gives whether it was an exception."""
        if self._open.pop(position, None) is not None or position not in self._parked:
            return False
        del self._parked[position]
        return True

    def is_parked(self, position: int) -> bool:
        """Whether a position is an exception."""
        return position in self._parked

    def wait(self, entry: Entry, due: float) -> None:
        """A leased position is to be leased again at a time."""
        self._waiting[entry.position] = entry, due
        heapq.heappush(self._due, (due, entry.position))

    def restore(self, position: int, due: float) -> None:
        """An exception whose entry is not in memory is to be leased at a time."""
        self._parked.setdefault(position, None)
        heapq.heappush(self._due, (due, position))

    def saved(self, position: int) -> None:
        """An exception is safe on disk: while it waits its entry need not be in memory."""
        waiting = self._waiting.pop(position, None)
        if waiting is not None and position in self._parked:
            self._parked[position] = waiting[0].doubted_at

    def doubted_at(self, position: int) -> float | None:
        """When an exception's vendor first put the account in question, if that is known."""
        return self._parked.get(position)

    def due(self, now: float, count: int) -> tuple[list[Entry], list[int]]:
        """Up to so many whose time has come: entries, and positions of exceptions that are on disk only."""
        entries: list[Entry] = []
        positions: list[int] = []
        while self._due and self._due[0][0] <= now and len(entries) + len(positions) < count:
            position = heapq.heappop(self._due)[1]
            waiting = self._waiting.pop(position, None)
            if waiting is not None:
                entries.append(waiting[0])
            elif position in self._parked:
                positions.append(position)
        return entries, positions

    def next_due(self) -> float | None:
        """When the next waiting position's time comes."""
        return self._due[0][0] if self._due else None

    def is_done(self, position: int) -> bool:
        """Whether nothing is left to do at a position that it reads."""
        return position < self.next and position not in self._parked and position not in self._open

    def waits(self, position: int) -> tuple[Entry | None, float] | None:
        """The entry that waits at a position, where it is in memory, and until when; None where none does."""
        due = next((due for due, waiting in self._due if waiting == position), None)
        if due is None or self.is_done(position):
            return None
        return self._waiting.get(position, (None,))[0], due

    def make_room(self) -> list[tuple[Entry, float | None]]:
        """When the window is full, its oldest unfinished become exceptions: each with the time it waits for, if any."""
        if self.room > 0 or len(self._parked) >= EXCEPTIONS:
            return []
        return self._park(SIZE - _FREED)

    def park_all(self) -> list[tuple[Entry, float | None]]:
        """All that is unfinished becomes exceptions, so that the cursor stands past what is done."""
        return self._park(0)

    def _park(self, keep: int) -> list[tuple[Entry, float | None]]:
        found: list[tuple[Entry, float | None]] = []
        first, last = self._behind(), max(0, len(self._leased) - keep)
        for position in self._leased[first:last]:
            entry = self._open.pop(position, None)
            if entry is not None:
                self._parked[position] = entry.doubted_at
                waiting = self._waiting.get(position)
                found.append((entry, waiting[1] if waiting else None))
        return found

    def _behind(self) -> int:
        """How many of `_leased` lie before the cursor."""
        return bisect_left(self._leased, self.cursor)

    def _spans(self, start: int) -> list[Span]:
        """What it reads from a position on."""
        if len(self._stretches) == 1:
            (stretch,) = self._stretches
            return [] if stretch.route is None else [Span(stretch.route, max(start, stretch.start), FOREVER)]
        ends = [*(stretch.start for stretch in self._stretches[1:]), FOREVER]
        return [
            Span(stretch.route, max(start, stretch.start), end)
            for stretch, end in zip(self._stretches, ends, strict=True)
            if stretch.route is not None and end > start
        ]
