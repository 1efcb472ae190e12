"""The store inside the gateway's own process: bookkeeping in memory, and a log that commits batches."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.clocks import Clocks
from gateway.errors import StoreFull
from gateway.store.commits import Commits
from gateway.store.consumer import Consumer, Shared
from gateway.store.contract import Backlog, DeadGroup, DeadLetter, Entry, Filter, Lane, Record, Trail
from gateway.store.log import Batch, Kept, Log, Place, Stretch
from gateway.store.rereading import Rereading
from gateway.store.trails import Trails

_CHUNK: Final = 100
"""How many dead letters, or inbounds skipped, are moved at once."""
_audience = attrgetter("record.route", "record.to")
"""Whom a row is for."""
_UPKEEP: Final = 30.0
"""Seconds between two looks for what has passed its time."""


class DeadBounds(Struct, frozen=True):
    """How many seconds dead letters are kept, and how many bytes of them."""

    max_age: float = 30 * 86400.0
    max_size: int = 1 << 30


class EmbeddedStore:
    """A `Store` over a `Log`."""

    def __init__(
        self, log: Log, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.bounds = DeadBounds()
        """How long dead letters are kept; a reload may replace it."""
        self.shed: Callable[[str, int], None] = lambda _, __: None
        """Called with a target that passed over some of its backlog, and the number of these inbounds."""
        self.tracing = log.keeps
        """Whether anything at all is traced: see `traces`."""
        self._log = log
        self._commits = Commits(log, self._prepare, self._committed)
        self._shared = Shared(log, self._commits, Rereading(log), wall, monotonic)
        self._clocks = Clocks(wall, monotonic)
        self._consumers: dict[str, Consumer] = {}
        self._routes: dict[str, list[Consumer]] = {}
        self._bounded: list[Consumer] = []
        self._trails = Trails(log, self._consumers, lambda due: wall() + due - monotonic())
        self._dead: dict[str, int] = {}
        self._moving = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._salvages = 0
        self._closed = False

    async def open(self, lanes: Sequence[Lane] | None) -> None:
        """Take up what is kept, and serve these targets (None: all as they were); raises StoreUnusable."""
        kept = await self._log.open()
        try:
            await self._begin(kept, lanes)
        except BaseException:
            await self._log.close()
            raise

    async def close(self) -> None:
        """Write what is decided and let go; what waits is written too, so that nothing done goes twice."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for consumer in self._consumers.values():
            consumer.park_all()
        await self._commits.close()
        await self._log.close()

    def serve(self, lanes: Sequence[Lane]) -> None:
        """Serve these targets from now on; those that are gone keep their backlog, orphaned, and hear no more."""
        self._serve(lanes, everything=False)

    async def append(self, record: Record) -> int:
        """Keep an inbound for good and give its position; raises StoreFull, then it is not kept."""
        reason = self.unready()
        if reason is not None:
            raise StoreFull(reason)
        for one in self._bounded:
            if one.is_full and one.window.route == record.route and one.is_meant(record):
                raise StoreFull(f"{one.target} has reached its max_backlog")
        if self._commits.overloaded:
            raise StoreFull("the store is slower than its callers")
        waiter = self._commits.add(record)
        self._commits.flush_soon()
        return await waiter

    async def lease(self, target: str, count: int) -> list[Entry]:
        """Up to so many inbounds that are due, oldest first; none when there are none."""
        consumer = self._consumers[target]
        consumer.event.clear()
        if self._commits.burdened:
            return []
        found = await consumer.take(count, self._commits.next)
        self._look_for_salvage()
        return found

    async def wait(self, target: str, seconds: float) -> None:
        """Return when there may be something to lease, at the latest after so many seconds."""
        if self._commits.burdened:
            await asyncio.sleep(min(seconds, 0.1))
            return
        consumer = self._consumers[target]
        due = consumer.window.next_due()
        if due is not None:
            seconds = min(seconds, max(0.0, due - self._shared.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await consumer.event.wait()

    def ack(self, target: str, entry: Entry) -> None:
        """The target is done with it."""
        if self.tracing and self._trails.traces(entry.record):
            self._commits.batch.ends += self._trails.end(target, entry, self._shared.wall())
        self._consumers[target].ack(entry)

    def nak(self, target: str, entry: Entry, until: float) -> None:
        """Lease it again, no sooner than `until`, with what it now says of its attempts."""
        self._consumers[target].nak(entry, until)

    def dead(self, target: str, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters; their inbound is still to be acknowledged."""
        self._dead[target] = self._dead.get(target, 0) + len(letters)
        self._commits.bury(letters)

    async def backlog(self, target: str) -> Backlog:
        """How far a target is."""
        consumer = self._consumers[target]
        oldest = await self._log.oldest(target, consumer.window.unfinished()) if consumer.pending else None
        return Backlog(consumer.pending, oldest, self._dead.get(target, 0), consumer.lane is None)

    def targets(self) -> Sequence[str]:
        """Every target with a cursor, orphaned ones too."""
        return tuple(self._consumers)

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        with contextlib.suppress(StoreFull):
            await self._commits.settled()
        return await self._log.deadletters(chosen)

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        with contextlib.suppress(StoreFull):
            await self._commits.settled()
        return await self._log.tally(chosen)

    async def dead_groups(self) -> list[DeadGroup]:
        """All dead letters, counted by target, reason and names."""
        with contextlib.suppress(StoreFull):
            await self._commits.settled()
        return await self._log.dead_groups()

    def watch(self, request_id: str) -> None:
        """Remember how the targets end with the inbounds of this request id, also when nothing is kept of them."""
        self.tracing = True
        self._trails.watch(request_id)

    def traces(self, record: Record) -> bool:
        """Whether all attempts are to be told when a target is done with it: they are kept, or watched."""
        return self._trails.traces(record)

    async def trails(self, texts: Sequence[str], limit: int) -> list[Trail]:
        """Inbounds in which one of these texts stands, as far as they are kept, newest first."""
        with contextlib.suppress(StoreFull):
            await self._commits.settled()
        return await self._trails.find(texts, limit)

    async def replay(self, chosen: Filter) -> int:
        """Send dead letters again, to their own target; gives their number. Each is moved for good or untouched.

        Those of an orphaned target stay.
        """
        return await self._move(chosen, self._send_again)

    async def discard(self, chosen: Filter) -> int:
        """Forget dead letters; gives their number."""
        return await self._move(chosen, self._forget)

    async def skip(self, target: str) -> int:
        """Move a target past its backlog of this moment, into dead letters; gives the number of inbounds.

        What is being delivered at the moment is left to its delivery.
        """
        consumer, end, count = self._consumers[target], self._commits.next, 0
        while entries := await consumer.take(_CHUNK, end, early=True):
            self.dead(target, [_skipped(target, entry, self._shared.wall()) for entry in entries])
            for entry in entries:
                consumer.ack(entry)
            count += len(entries)
            await self._commits.settled()
        return count

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        return "the store is closed" if self._closed else self._log.unready()

    def size(self) -> int:
        """Bytes in use."""
        return self._log.size()

    async def _begin(self, kept: Kept, lanes: Sequence[Lane] | None) -> None:
        self._salvages = self._log.salvages
        self._take_up(kept)
        self._dead = await self._log.count_dead()
        for consumer in self._consumers.values():
            await consumer.count()
        if lanes is not None:
            self._serve(lanes, everything=kept.salvaged)
        for route in set(kept.routes).difference(self._routes):
            self._commits.batch.finished[route] = self._commits.next
        self._spawn("upkeep", self._upkeep())

    def _take_up(self, kept: Kept) -> None:
        """What the log says of each target; a position is never given again, whatever knows of it."""
        high_water = kept.high_water
        for target, place in kept.places.items():
            self._consumers[target] = Consumer(target, place, self._shared)
            high_water = max(high_water, place.cursor - 1, place.stretches[-1].start - 1)
        for target, position, until in kept.parked:
            if target in self._consumers:
                self._consumers[target].restore(position, until)
        self._commits.next = high_water + 1
        self._index()

    def _serve(self, lanes: Sequence[Lane], *, everything: bool) -> None:
        """`everything`: cursors may have been lost, so a target that is not known starts with all that is kept."""
        position = self._commits.next
        self._shared.rereading.clear()
        gone = dict(self._consumers)
        for lane in lanes:
            consumer = gone.pop(lane.target, None)
            if consumer is None:
                start = 1 if lane.from_start or everything else position
                consumer = Consumer(lane.target, Place(start, (Stretch(start, lane.route),)), self._shared)
                self._consumers[lane.target] = consumer
                if start < position:
                    self._spawn(f"count {lane.target}", consumer.count())
                else:
                    consumer.start_counted()
            consumer.lane = lane
            consumer.window.turn(lane.route, position)
        for consumer in gone.values():
            consumer.lane = None
            consumer.window.turn(None, position)
        self._index()
        self._shared.moved.update(self._consumers)
        self._commits.flush()

    def _index(self) -> None:
        """Who reads which route, and who bounds it."""
        self._routes = {}
        for consumer in self._consumers.values():
            for route in consumer.window.routes():
                self._routes.setdefault(route, []).append(consumer)
        self._bounded = [
            one for one in self._consumers.values() if one.lane and one.lane.max_backlog and not one.lane.sheds
        ]

    def _prepare(self, batch: Batch) -> None:
        """Complete a batch: the places of the targets that moved, and what their routes no longer need."""
        moved = [self._consumers[target] for target in self._shared.moved]
        self._shared.moved.clear()
        for consumer in moved:
            consumer.catch_up()
        for route in {route for consumer in moved for route in consumer.window.routes()}:
            needs = [need for one in self._routes[route] if (need := one.window.needs(route)) is not None]
            batch.finished[route] = min(needs, default=self._commits.settled_below)
        batch.places.update({consumer.target: consumer.window.place() for consumer in moved})

    def _committed(self, batch: Batch) -> None:
        """Tell the targets what is there for them, and forget what need no longer be in memory."""
        for (route, _), alike in groupby(batch.rows, _audience):
            rows = list(alike)
            self._shared.recent.add(route, rows)
            for consumer in self._routes.get(route, ()):
                consumer.hear(rows)
                if consumer.sheds and consumer.excess:
                    self._spawn(f"shed {consumer.target}", self._shed(consumer))
        for target, position in batch.parked:
            if (target, position) not in self._commits.batch.parked:
                self._consumers[target].window.saved(position)

    async def _shed(self, consumer: Consumer) -> None:
        passed = await consumer.pass_excess()
        if passed:
            self.shed(consumer.target, passed)

    async def _move(self, chosen: Filter, move: Callable[[Sequence[DeadLetter]], Awaitable[int]]) -> int:
        """Move dead letters out, some at a time, so that few are in memory."""
        count, left = 0, chosen.limit
        async with self._moving:
            while left > 0:
                letters = await self.deadletters(replace(chosen, limit=min(left, _CHUNK)))
                if not letters:
                    break
                chosen = replace(chosen, after=letters[-1].id)
                moved = await move(letters)
                left, count = left - moved, count + moved
        return count

    async def _send_again(self, letters: Sequence[DeadLetter]) -> int:
        """Each becomes an inbound again in the same commit in which it is forgotten."""
        waiters: list[asyncio.Future[int]] = []
        moved: list[DeadLetter] = []
        for letter in letters:
            consumer = self._consumers.get(letter.target)
            if consumer is not None and consumer.window.route is not None:
                waiters.append(self._commits.add(_again(letter, consumer.window.route)))
                moved.append(letter)
        self._commits.batch.replayed += [letter.id for letter in moved]
        self._commits.flush()
        await asyncio.gather(*waiters)
        self._discount(moved)
        return len(moved)

    async def _forget(self, letters: Sequence[DeadLetter]) -> int:
        self._commits.batch.forgotten += [letter.id for letter in letters]
        await self._commits.settled()
        self._discount(letters)
        return len(letters)

    def _discount(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self._dead[letter.target] -= 1

    async def _upkeep(self) -> None:
        """From time to time let go of what has passed its time: dead letters, and inbounds that were kept a while."""
        while True:
            if self._clocks.agree():
                await self._purge()
            for consumer in self._consumers.values():
                consumer.mark()
            await asyncio.sleep(_UPKEEP)

    async def _purge(self) -> None:
        before = self._shared.wall() - self.bounds.max_age
        while purged := await self._log.purge(before, self.bounds.max_size):
            for target, count in purged.items():
                self._dead[target] -= count
            structlog.get_logger().warning("dead letters passed their bounds", targets=purged)

    def _look_for_salvage(self) -> None:
        """After a salvage while running, count anew."""
        if self._salvages != self._log.salvages:
            self._salvages = self._log.salvages
            self._spawn("count", self._count())

    async def _count(self) -> None:
        self._dead = await self._log.count_dead()
        for consumer in self._consumers.values():
            await consumer.count()

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Have something done; once at a time by its name."""
        if name in self._tasks:
            work.close()
            return
        self._tasks[name] = asyncio.create_task(work)
        self._tasks[name].add_done_callback(lambda task: self._done(name, task))

    def _done(self, name: str, task: "asyncio.Task[None]") -> None:
        del self._tasks[name]
        if not task.cancelled() and task.exception() is not None:
            structlog.get_logger().error("store upkeep failed", work=name, error=repr(task.exception()))


def _again(letter: DeadLetter, route: str) -> Record:
    """A dead letter's inbound for its own target and its own interactions alone."""
    indices = letter.indices or letter.record.indices
    return replace(letter.record, route=route, to=(letter.target,), indices=indices, replayed=True, done=letter.done)


def _skipped(target: str, entry: Entry, at: float) -> DeadLetter:
    """The dead letter of an inbound that an operator passed over, less what its target has."""
    done = tuple(sorted(entry.done))
    return DeadLetter(target, "skipped", (), (), at, tuple(entry.attempts), entry.record, done=done)
