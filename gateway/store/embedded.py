"""The store inside the gateway's own process: bookkeeping in memory, and a log that commits batches.

At most one commit is under way. What arrives meanwhile waits in the next batch and shares its fsync; an append's answer
is released when its batch is safe. Acknowledgements join whatever commits next.
"""

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from gateway.errors import StoreFull
from gateway.store.contract import Backlog, DeadLetter, End, Entry, Filter, Lane, Record, Standing, Trail
from gateway.store.log import Batch, Log
from gateway.store.window import Window

_RECENT: Final = 4096
"""Records of each route kept in memory after their commit, so that who is up to date need not read them back."""
_WATCHED: Final = 100
"""Request ids that are watched at most; the first is forgotten first."""
_LAZY: Final = 0.02
"""Seconds that acknowledgements wait for an append to share a commit with."""


class EmbeddedStore:
    """A `Store` over a `Log`."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.time) -> None:
        self._log = log
        self._clock = clock
        self._batch = Batch()
        self._waiters: list[asyncio.Future[int]] = []
        self._commit: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 1
        self._routes: dict[str, str] = {}
        self._windows: dict[str, Window] = {}
        self._pending: dict[str, int] = {}
        self._events: dict[str, asyncio.Event] = {}
        self._served: frozenset[str] = frozenset()
        self._recent: dict[str, deque[tuple[int, Record]]] = {}
        self._dead: dict[str, int] = {}
        self._watched: dict[str, list[tuple[Record, End]]] = {}

    async def open(self, lanes: Sequence[Lane]) -> None:
        """Take up what is kept; raises StoreUnusable when another process holds it or it cannot be read."""
        kept = await self._log.open()
        self._next = kept.high_water + 1
        self._dead = await self._log.count_dead()
        for target, (route, cursor) in kept.cursors.items():
            await self._take_up(target, route, cursor)
        for target, entry, until in kept.parked:
            self._windows[target].parked.add(entry.position)
            self._windows[target].wait(entry, until)
            self._pending[target] += 1
        self.serve(lanes)

    async def close(self) -> None:
        """Write what is decided and let go."""
        while self._commit is not None or not self._batch.is_empty():
            self._flush()
            if self._commit is not None:
                await asyncio.wait([self._commit])
            if self._log.unready():
                break
        if self._timer is not None:
            self._timer.cancel()
        await self._log.close()

    def serve(self, lanes: Sequence[Lane]) -> None:
        """Serve these targets from now on; those that are gone keep their backlog, orphaned."""
        for lane in lanes:
            if lane.target not in self._windows:
                cursor = 1 if lane.from_start else self._next
                self._begin(lane.target, lane.route, cursor)
                self._batch.cursors[lane.target] = (lane.route, cursor)
            self._routes[lane.target] = lane.route
        self._served = frozenset(lane.target for lane in lanes)
        self._flush()

    async def append(self, record: Record) -> int:
        """Keep an inbound for good and give its position; raises StoreFull when there is no room."""
        reason = self._log.unready()
        if reason is not None:
            raise StoreFull(reason)
        waiter = asyncio.get_running_loop().create_future()
        self._enqueue(record, waiter)
        self._flush()
        position: int = await waiter
        return position

    async def lease(self, target: str, count: int) -> list[Entry]:
        """Up to so many inbounds that are due, oldest first; none when there are none."""
        self._events[target].clear()
        window = self._windows[target]
        found = window.due(self._clock(), count)
        if len(found) < count and window.next < self._next:
            self._park(target, window)
            found += await self._fresh(target, window, min(count - len(found), window.room))
        return found

    async def wait(self, target: str, seconds: float) -> None:
        """Return when there may be something to lease, at the latest after so many seconds."""
        due = self._windows[target].next_due()
        if due is not None:
            seconds = min(seconds, max(0.0, due - self._clock()))
        try:
            async with asyncio.timeout(seconds):
                await self._events[target].wait()
        except TimeoutError:
            pass

    def ack(self, target: str, entry: Entry) -> None:
        """The target is done with it."""
        window = self._windows[target]
        if entry.position in window.parked:
            self._batch.unparked.append((target, entry.position))
        if self.traces(entry.record):
            self._note_end(target, entry)
        window.finish(entry.position)
        self._pending[target] -= 1
        self._moved(target, window)

    def nak(self, target: str, entry: Entry, until: float) -> None:
        """Lease it again, no sooner than `until`, with what it now says of its attempts."""
        window = self._windows[target]
        window.wait(entry, until)
        if entry.position in window.parked:
            self._batch.parked.append((target, entry, until))
        else:
            self._park(target, window)
        self._events[target].set()
        self._flush_soon()

    def dead(self, target: str, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters; their inbound is still to be acknowledged."""
        self._batch.letters.extend(letters)
        self._dead[target] = self._dead.get(target, 0) + len(letters)
        self._flush_soon()

    async def backlog(self, target: str) -> Backlog:
        """How far a target is."""
        pending = self._pending[target]
        oldest = None
        if pending:
            oldest = await self._log.oldest(target, self._routes[target], self._windows[target].cursor)
        return Backlog(pending, oldest, self._dead.get(target, 0), target not in self._served)

    def targets(self) -> Sequence[str]:
        """Every target with a cursor, orphaned ones too."""
        return tuple(self._windows)

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        await self._settled()
        return await self._log.deadletters(chosen)

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        await self._settled()
        return await self._log.tally(chosen)

    def watch(self, request_id: str) -> None:
        """Remember how the targets end with the inbounds of this request id, also when nothing is kept of them."""
        self._watched[request_id] = []
        if len(self._watched) > _WATCHED:
            del self._watched[next(iter(self._watched))]

    def traces(self, record: Record) -> bool:
        """Whether all attempts are to be told when a target is done with it: they are kept, or watched."""
        return self._log.keeps or (bool(self._watched) and record.request_id in self._watched)

    async def trails(self, texts: Sequence[str], limit: int) -> list[Trail]:
        """Inbounds in which one of these texts stands, as far as they are kept, newest first."""
        await self._settled()
        records = dict(await self._log.search(texts, limit))
        ends = {(end.position, end.target): end for end in await self._log.ends(list(records))}
        for text in texts:
            for record, end in self._watched.get(text, ()):
                records.setdefault(end.position, record)
                ends[end.position, end.target] = end
        return [self._trail(position, records[position], ends) for position in sorted(records, reverse=True)]

    async def replay(self, chosen: Filter) -> int:
        """Send dead letters again, to their own target; gives their number. Either moved for good or untouched."""
        letters = await self.deadletters(chosen)
        waiters = [asyncio.get_running_loop().create_future() for _ in letters]
        for letter, waiter in zip(letters, waiters, strict=True):
            self._enqueue(_again(letter), waiter)
        self._forget(letters)
        await asyncio.gather(*waiters)
        return len(letters)

    async def discard(self, chosen: Filter) -> int:
        """Forget dead letters; gives their number."""
        letters = await self.deadletters(chosen)
        self._forget(letters)
        await self._settled()
        return len(letters)

    async def skip(self, target: str) -> int:
        """Move a target past its backlog, into dead letters; gives the number of inbounds."""
        count = 0
        window = self._windows[target]
        while self._pending[target]:
            entries = window.due(float("inf"), 256) or await self._fresh(target, window, 256)
            if not entries:
                break
            for entry in entries:
                letter = DeadLetter(target, "skipped", (), (), self._clock(), tuple(entry.attempts), entry.record)
                self.dead(target, [letter])
                self.ack(target, entry)
            count += len(entries)
            await self._settled()
        return count

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        return self._log.unready()

    def size(self) -> int:
        """Bytes in use."""
        return self._log.size()

    async def _take_up(self, target: str, route: str, cursor: int) -> None:
        self._begin(target, route, cursor)
        self._pending[target] = await self._log.count(target, route, cursor)

    def _begin(self, target: str, route: str, cursor: int) -> None:
        self._windows[target] = Window(cursor)
        self._routes[target] = route
        self._pending[target] = 0
        self._events[target] = asyncio.Event()

    def _enqueue(self, record: Record, waiter: "asyncio.Future[int]") -> None:
        self._batch.appended.append((self._next, record))
        self._waiters.append(waiter)
        self._next += 1

    def _forget(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self._batch.forgotten.append(letter.id)
            self._dead[letter.target] -= 1
        self._flush()

    async def _fresh(self, target: str, window: Window, count: int) -> list[Entry]:
        """Positions leased for the first time, from memory where they still are, else from the log."""
        route = self._routes[target]
        found: list[Entry] = []
        while len(found) < count:
            records = self._remembered(route, window.next, count - len(found))
            if records is None:
                records = await self._log.read(route, window.next, count - len(found))
            if not records:
                break
            for position, record in records:
                if record.to is not None and target not in record.to:
                    window.pass_over(position)
                else:
                    entry = Entry(position, record)
                    window.lease(entry)
                    found.append(entry)
        return found

    def _remembered(self, route: str, start: int, count: int) -> list[tuple[int, Record]] | None:
        """Records from a position on, if memory goes back that far."""
        recent = self._recent.get(route)
        if not recent or recent[0][0] > start:
            return None
        first = bisect_left(recent, start, key=lambda kept: kept[0])
        return [recent[index] for index in range(first, min(first + count, len(recent)))]

    def _note_end(self, target: str, entry: Entry) -> None:
        end = End(entry.position, target, self._clock(), tuple(entry.attempts))
        watched = self._watched.get(entry.record.request_id)
        if watched is not None:
            watched.append((entry.record, end))
        if self._log.keeps:
            self._batch.ends.append(end)

    def _trail(self, position: int, record: Record, ends: dict[tuple[int, str], End]) -> Trail:
        targets = [target for target, route in self._routes.items() if route == record.route]
        meant = [target for target in targets if record.to is None or target in record.to]
        return Trail(position, record, tuple(self._standing(target, position, ends) for target in meant))

    def _standing(self, target: str, position: int, ends: dict[tuple[int, str], End]) -> Standing:
        end, window = ends.get((position, target)), self._windows[target]
        if end is not None:
            return Standing(target, done=True, attempts=end.attempts, at=end.at)
        waiting = window.waits(position)
        if waiting is not None:
            entry, until = waiting
            return Standing(target, done=False, attempts=tuple(entry.attempts), until=until)
        return Standing(target, done=window.is_done(position))

    def _park(self, target: str, window: Window) -> None:
        parked = window.park()
        if parked:
            self._batch.parked += [(target, entry, until) for entry, until in parked]
            self._moved(target, window)

    def _moved(self, target: str, window: Window) -> None:
        """Note a target's new cursor, and what its route no longer needs."""
        route = self._routes[target]
        self._batch.cursors[target] = (route, window.cursor)
        cursors = [self._windows[other].cursor for other, its_route in self._routes.items() if its_route == route]
        self._batch.finished[route] = min(cursors)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None and self._commit is None:
            self._timer = asyncio.get_running_loop().call_later(_LAZY, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._commit is None and not self._batch.is_empty():
            batch, waiters = self._batch, self._waiters
            self._batch, self._waiters = Batch(), []
            self._commit = asyncio.create_task(self._write(batch, waiters))

    async def _write(self, batch: Batch, waiters: "list[asyncio.Future[int]]") -> None:
        """Commit a batch and release its answers; when there is no room, keep what makes room for the next commit."""
        try:
            await self._log.commit(batch)
        except StoreFull as error:
            self._restore(batch.without_appends())
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
        else:
            self._committed(batch, waiters)
        finally:
            self._commit = None
        if self._batch.appended:
            self._flush()
        elif not self._batch.is_empty():
            self._flush_soon()

    def _committed(self, batch: Batch, waiters: "list[asyncio.Future[int]]") -> None:
        for (position, record), waiter in zip(batch.appended, waiters, strict=True):
            self._remember(position, record)
            for target, route in self._routes.items():
                if route == record.route and (record.to is None or target in record.to):
                    self._pending[target] += 1
                    self._events[target].set()
            if not waiter.done():
                waiter.set_result(position)

    def _remember(self, position: int, record: Record) -> None:
        recent = self._recent.setdefault(record.route, deque(maxlen=_RECENT))
        recent.append((position, record))

    def _restore(self, batch: Batch) -> None:
        """Put a batch that was not written before the one that is being filled."""
        newer = self._batch
        self._batch = Batch(
            newer.appended,
            batch.cursors | newer.cursors,
            batch.parked + newer.parked,
            batch.unparked + newer.unparked,
            batch.letters + newer.letters,
            batch.forgotten + newer.forgotten,
            batch.finished | newer.finished,
            batch.ends + newer.ends,
        )

    async def _settled(self) -> None:
        """Wait until what is decided by now is written."""
        self._flush()
        while self._commit is not None:
            await asyncio.wait([self._commit])
            self._flush()


def _again(letter: DeadLetter) -> Record:
    """A dead letter's inbound for its own target and its own interactions alone."""
    return replace(letter.record, to=(letter.target,), indices=letter.indices or None, replayed=True)
