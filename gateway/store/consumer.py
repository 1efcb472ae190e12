"""One target of an embedded store: what it leases from the log, in which order, and what is written of it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog
from msgspec import Struct, field

from gateway.store.commits import Commits
from gateway.store.contract import Entry, Lane, Record
from gateway.store.log import Log, Parked, Place, Row
from gateway.store.recent import Recent
from gateway.store.rereading import Rereading
from gateway.store.window import Window

_LONGEST: Final = 900.0
"""Seconds that a retry found in the store may lie ahead: its clock may have been wrong."""


class Shared(Struct):
    """What all targets of a store share; `moved` are those whose place is to be written."""

    log: Log
    commits: Commits
    rereading: Rereading
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    recent: Recent = field(default_factory=Recent)
    moved: set[str] = field(default_factory=set)


class Consumer:
    """A target. Waiting runs on the monotonic clock; what is written of it is on the wall clock.

    `ahead` counts the records that it has not leased, from `counted` on as they are committed; while `known` is False
    those before are still being counted. Too high a count costs a read, too low a one would lose inbounds.
    """

    def __init__(self, target: str, place: Place, shared: Shared) -> None:
        self.target = target
        self.window = Window(place)
        self.lane: Lane | None = None
        self.event = asyncio.Event()
        self.known = False
        self._ahead = 0
        self._counted = place.cursor
        self._cramped = False
        """Whether there was no room in its window when it last leased."""
        self._lock = asyncio.Lock()
        self._shared = shared

    @property
    def pending(self) -> int:
        """Inbounds not finished."""
        return max(0, self._ahead) + self.window.leased

    @property
    def _most(self) -> float:
        """How many inbounds may be unfinished."""
        most = None if self.lane is None else self.lane.max_backlog
        return float("inf") if most is None else most

    @property
    def is_full(self) -> bool:
        """Whether as many inbounds are not finished as `max_backlog` allows."""
        return self.pending >= self._most

    @property
    def excess(self) -> int:
        """How many inbounds more than `max_backlog` are not finished."""
        return int(max(0, self.pending - self._most))

    @property
    def sheds(self) -> bool:
        """Whether it passes over its oldest inbounds rather than refuse new ones."""
        return self.lane is not None and self.lane.sheds

    def is_meant(self, record: Record) -> bool:
        """Whether a record of its route is for it."""
        return record.to is None or self.target in record.to

    def start_counted(self) -> None:
        """It is new and begins with what comes next: nothing is to be counted."""
        self.known = True

    async def count(self) -> None:
        """Count what it has not leased; what is committed meanwhile counts itself."""
        async with self._lock:
            self.known, self._ahead = False, 0
            self._counted = self._shared.commits.settled_below
            counted = await self._shared.log.count(self.target, self.window.spans(self._counted))
            self._ahead += counted
            self.known = True
            self.event.set()

    def hear(self, rows: Sequence[Row]) -> None:
        """Rows of a route that it reads, or read, are committed; all of them are for the same targets."""
        route, start = rows[0].record.route, rows[0].position
        if start < self._counted or not self.window.reads_on(route, start):
            rows = [row for row in rows if row.position >= self._counted and self.window.reads(route, row.position)]
        if rows and self.is_meant(rows[0].record):
            self._ahead += len(rows)
            self.event.set()
        elif rows and not self._ahead:
            self.mark()

    def restore(self, position: int, until: float) -> None:
        """Take up an exception of an earlier run."""
        delay = min(max(0.0, until - self._shared.wall()), _LONGEST)
        self.window.restore(position, self._shared.monotonic() + delay)

    async def take(self, count: int, end: int, *, early: bool = False) -> list[Entry]:
        """What is due (or waits, when `early`) and then what is new, below a position.

        Whoever is cancelled meanwhile has taken nothing.
        """
        async with self._lock:
            now = float("inf") if early else self._shared.monotonic()
            found, stored = self.window.due(now, count)
            try:
                if stored:
                    found += await self._exceptions(stored)
                    stored = []
                if self._ahead > 0 or not self.known:
                    await self._fresh(found, count, end)
            except BaseException:
                now = self._shared.monotonic()
                for entry in found:
                    self.window.wait(entry, now)
                for position in stored:
                    self.window.restore(position, now)
                raise
            return found

    def ack(self, entry: Entry) -> None:
        """It is done with an inbound."""
        if self.window.finish(entry.position):
            self._unpark(entry.position)
        if self.target not in self._shared.moved:
            self.mark()
        if self._cramped:
            self._cramped = False
            self.event.set()

    def nak(self, entry: Entry, until: float) -> None:
        """It is to have an inbound again."""
        due = self._shared.monotonic() + max(0.0, until - self._shared.wall())
        self.window.wait(entry, due)
        if self.window.is_parked(entry.position):
            self._park([(entry, due)])
        self.event.set()

    def park_all(self) -> None:
        """Have all that is unfinished written, with its attempts."""
        self._park(self.window.park_all())

    def mark(self) -> None:
        """Have its place written."""
        self._shared.moved.add(self.target)
        self._shared.commits.soon()

    def catch_up(self) -> None:
        """When nothing is left for it, stand at the end of the log rather than before what is others'."""
        if self.known and not self._ahead:
            self.window.pass_over(self._shared.commits.settled_below)

    async def pass_excess(self) -> int:
        """Pass over the oldest inbounds that it has not begun, down to its `max_backlog`; gives how many these were."""
        passed = 0
        async with self._lock:
            for span in self.window.spans(self._shared.commits.settled_below):
                count, last = await self._shared.log.ahead(self.target, span, self.excess)
                if count:
                    self.window.pass_over(last + 1)
                    self._ahead -= count
                    passed += count
                    structlog.get_logger().warning("shed", target=self.target, inbounds=count)
            self.mark()
        return passed

    async def _exceptions(self, positions: Sequence[int]) -> list[Entry]:
        """Exceptions read back from the log; one that cannot be read any more is given up."""
        found = await self._shared.log.exceptions(self.target, positions)
        for entry in found:
            entry.doubted_at = self.window.doubted_at(entry.position)
        for position in set(positions).difference(entry.position for entry in found):
            self._lose(position)
            self.window.finish(position)
            self._unpark(position)
        return found

    async def _fresh(self, found: list[Entry], count: int, end: int) -> None:
        """Add positions leased for the first time, from memory where they still are, else from the log."""
        settled = self._shared.commits.settled_below
        for span in self.window.spans(end):
            while len(found) < count:
                self._park(self.window.make_room())
                wanted = min(count - len(found), self.window.room)
                if not wanted:
                    self._cramped = True
                    return
                records = await self._read(span.route, max(span.start, self.window.next), span.end, wanted)
                if not records:
                    break
                found += self._leased(records)
            if len(found) >= count or span.end > settled:
                break
        if len(found) < count and settled == self._shared.commits.settled_below <= end:
            self._ahead = 0  # all of it has been read, whatever was counted

    async def _read(self, route: str, start: int, end: int, count: int) -> Sequence[tuple[int, Record | None]]:
        """A route's records from memory, or from the log; one that cannot be read any more is given up."""
        records = self._shared.recent.read(route, start, end, count)
        if records is not None:
            self._shared.rereading.forget(self.target)
            return records
        found = await self._shared.rereading.read(self.target, route, range(start, end), count)
        for position in [position for position, record in found if record is None]:
            self._lose(position)
        return found

    def _leased(self, records: Sequence[tuple[int, Record | None]]) -> list[Entry]:
        """Those that are for it, now leased."""
        target = self.target
        entries = [
            Entry(position, record, set(record.done))
            for position, record in records
            if record is not None and (record.to is None or target in record.to)
        ]
        self._ahead -= len(entries)
        self.window.lease(entries)
        self.window.pass_over(records[-1][0] + 1)
        return entries

    def _unpark(self, position: int) -> None:
        """Have an exception that is done with forgotten."""
        key = self.target, position
        self._shared.commits.batch.parked.pop(key, None)
        self._shared.commits.batch.unparked.add(key)

    def _lose(self, position: int) -> None:
        structlog.get_logger().error("inbound cannot be read any more", target=self.target, position=position)
        self.mark()

    def _park(self, entries: Iterable[tuple[Entry, float | None]]) -> None:
        """Have exceptions written, as they are now."""
        wall, monotonic = self._shared.wall(), self._shared.monotonic()
        for entry, due in entries:
            until = wall if due is None else wall + due - monotonic
            one = Parked(self.target, entry.position, until, tuple(sorted(entry.done)), tuple(entry.attempts))
            self._shared.commits.batch.parked[one.key] = one
            self.mark()
