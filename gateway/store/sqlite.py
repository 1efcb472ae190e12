"""The log in SQLite: WAL, synchronous=FULL, one thread that writes, one that reads, one that looks after the WAL.

Checkpoints never run inside a caller's commit: autocheckpoint is off, a thread of its own checkpoints passively, and
only past 64 MB of WAL does the writer restart it, between two commits. A full disk refuses inbounds and nothing else:
the ballast file is given up so that acknowledgements, deletions and checkpoints can run, and taken again once there is
room. A damaged file is salvaged, at the start or when it is met, and serving goes on.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from gateway.errors import StoreFull, StoreUnusable
from gateway.store import schema, statements
from gateway.store.collecting import Collector
from gateway.store.contract import DeadGroup, DeadLetter, End, Entry, Filter, Record
from gateway.store.log import Batch, Kept, Place, Span
from gateway.store.room import Room
from gateway.store.salvage import finish, is_damage, is_headless, salvage
from gateway.store.wal import Wal

T = TypeVar("T")

_WAL_PASSIVE: Final = 4 << 20
_WAL_RESTART: Final = 64 << 20
_CALM: Final = 0.5
"""Seconds between two passive checkpoints."""
_MEASURED: Final = 0.05
"""Seconds for which it is known how much is in use, but for what is written meanwhile."""
_SEARCHED: Final = 20_000
"""Positions that one step of a search looks at, so that other reads come in between."""


class SqliteLog:
    """A `Log` in a folder. `max_size` bounds it in bytes; `keep` is how many seconds delivered inbounds stay."""

    def __init__(self, folder: Path, max_size: int | None = None, keep: float = 0.0) -> None:
        self.salvages = 0
        self._folder = folder
        self._path = folder / schema.FILE
        self._keep = keep
        self._room = Room(folder, max_size)
        self._collector = Collector(keep)
        self._threads = {name: ThreadPoolExecutor(1, f"store-{name}") for name in ("writer", "reader", "keeper")}
        self._reads, self._wal = threading.Lock(), Wal(folder)
        self._lock = -1
        self._size = self._wal_size = 0
        self._measured_at = 0.0
        self._checkpointed_at = 0.0
        self._sweeping = self._probing = self._broken = False

    @property
    def keeps(self) -> bool:
        """Whether inbounds, and how they ended, stay for a while after every target is done with them."""
        return self._keep > 0

    @property
    def max_size(self) -> int | None:
        """The bound in bytes; where none was given, a part of the disk from the start on."""
        return self._room.max_size

    async def open(self) -> Kept:
        """Take up what is kept; raises StoreUnusable."""
        try:
            return await self._in("writer", self._open)
        except BaseException:
            self._shut()
            raise

    async def commit(self, batch: Batch) -> None:
        """Write a batch for good; raises StoreFull, then nothing of it is written."""
        await self._in("writer", lambda: self._mending(lambda: self._write(batch)))
        if self._wal_size > _WAL_PASSIVE and time.monotonic() - self._checkpointed_at > _CALM:
            self._checkpointed_at = time.monotonic()
            self._threads["keeper"].submit(self._wal.move)
        if self._collector.behind and not self._sweeping:
            self._sweeping = True
            self._threads["writer"].submit(self._sweep)

    async def read(self, route: str, start: int, end: int, count: int) -> list[tuple[int, Record | None]]:
        """A route's records from `start` up to `end`, in order: at most `count`, of no great many bytes, but one."""
        return await self._look(lambda db: statements.read(db, Span(route, start, end), count))

    async def exceptions(self, target: str, positions: Sequence[int]) -> list[Entry]:
        """Parked exceptions; those that cannot be read are missing."""
        return await self._look(lambda db: statements.exceptions(db, target, positions))

    async def count(self, target: str, spans: Sequence[Span]) -> int:
        """How many records are for the target."""
        return await self._look(lambda db: statements.count(db, target, spans))

    async def ahead(self, target: str, span: Span, count: int) -> tuple[int, int]:
        """Of the first so many records for the target: how many there are, and the position of the last."""
        return await self._look(lambda db: statements.ahead(db, target, span, count))

    async def oldest(self, target: str, spans: Sequence[Span]) -> int | None:
        """When the first record for the target, or its first exception, was received."""
        return await self._look(lambda db: statements.oldest(db, target, spans))

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        return await self._look(lambda db: statements.deadletters(db, chosen))

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        return await self._look(lambda db: statements.tally(db, chosen))

    async def dead_groups(self) -> list[DeadGroup]:
        """All dead letters, counted by target, reason and names."""
        return await self._look(statements.dead_groups)

    async def count_dead(self) -> dict[str, int]:
        """How many dead letters each target has."""
        return await self._look(statements.count_dead)

    async def search(self, texts: Sequence[str], limit: int) -> list[tuple[int, Record]]:
        """Records in which one of these texts stands, newest first."""
        bounds = await self._look(statements.bounds)
        found: list[tuple[int, Record]] = []
        lowest, top = bounds or (1, 0)
        while top >= lowest and len(found) < limit:
            span = (top - _SEARCHED, top)
            found += await self._look(partial(statements.search, texts=texts, span=span, limit=limit - len(found)))
            top -= _SEARCHED
        return found

    async def ends(self, positions: Sequence[int]) -> list[End]:
        """How targets ended with these records, as far as that is kept."""
        return await self._look(lambda db: statements.ends(db, positions))

    async def purge(self, before: float, max_size: int) -> dict[str, int]:
        """Forget some dead letters that died before a time or exceed a size, oldest first; how many of each target."""
        try:
            return await self._in(
                "writer",
                lambda: self._mending(lambda: self._transact(lambda db: statements.purge(db, before, max_size))),
            )
        except sqlite3.OperationalError:
            return {}

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        if self._room.reason is not None and self._room.is_stale() and not self._probing:
            self._probing = True
            self._threads["writer"].submit(self._probe)
        return self._room.reason

    def size(self) -> int:
        """Bytes in use: the file and its WAL less its free pages."""
        return self._size

    async def backup(self, path: Path) -> None:
        """A consistent copy of the store in a new file, while it is in use; raises StoreUnusable when that fails."""
        await self._in("keeper", lambda: self._back_up(path))

    async def close(self) -> None:
        """Checkpoint, close, let go of the folder."""
        await self._in("keeper", lambda: None)
        await self._in("reader", self._reading.close)
        await self._in("writer", self._close)
        self._shut()

    async def _in(self, thread: str, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[thread], work)

    async def _look(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Read; a damaged file is salvaged first."""
        seen = self.salvages
        try:
            return await self._in("reader", lambda: self._asked(ask))
        except sqlite3.DatabaseError as error:
            if not (self._broken or is_damage(error)):
                raise
        await self._in("writer", lambda: self._mend(seen))
        return await self._in("reader", lambda: self._asked(ask))

    def _asked(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        with self._reads:
            return ask(self._reading)

    def _mending(self, work: Callable[[], T]) -> T:
        """Write; a damaged file is salvaged first."""
        seen = self.salvages
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not (self._broken or is_damage(error)):
                raise
        self._mend(seen)
        return work()

    def _mend(self, seen: int) -> None:
        """Salvage, unless that was done since."""
        with self._reads, self._wal.alone:
            if self.salvages == seen:
                self._disconnect()
                self._broken = True
                salvage(self._folder)
                self._connect()
                self._broken = False
                self.salvages += 1

    def _open(self) -> Kept:
        self._lock = schema.lock(self._folder)
        try:
            finish(self._folder)
            salvaged = is_headless(self._folder)
            if salvaged:
                salvage(self._folder)
            try:
                return self._take_up(salvaged=salvaged)
            except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
                if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                    raise
            self._disconnect()
            salvage(self._folder)
            return self._take_up(salvaged=True)
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            os.close(self._lock)
            raise StoreUnusable(f"the store in {self._folder} cannot be opened: {error}") from None
        except BaseException:
            self._disconnect()
            os.close(self._lock)
            raise

    def _take_up(self, *, salvaged: bool) -> Kept:
        self._connect()
        connection = self._writing
        self._measure()
        self._room.measure(self._size)
        if not self._room.reserve():
            self._room.give_way("the disk is full")
        sequence = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        places = connection.execute("SELECT name, cursor, stretches FROM targets").fetchall()
        parked = "SELECT target, position, until FROM parked JOIN log USING (position)"
        return Kept(
            sequence[0] if sequence else 0,
            {name: Place(cursor, statements.decode_stretches(blob)) for name, cursor, blob in places},
            connection.execute(parked).fetchall(),
            statements.routes(connection),
            salvaged,
        )

    def _connect(self) -> None:
        """Open the file; on a full disk the ballast is given up for what opening takes."""
        try:
            self._writing = schema.connect(self._path)
        except sqlite3.OperationalError as error:
            if is_damage(error):
                raise
            self._room.give_way(f"the store cannot be written: {error}")
            self._writing = schema.connect(self._path)
        schema.migrate(self._writing, self._path)
        self._reading = schema.connect(self._path)

    def _disconnect(self) -> None:
        for name in ("_writing", "_reading"):
            with contextlib.suppress(AttributeError, sqlite3.Error):
                getattr(self, name).close()

    def _write(self, batch: Batch) -> None:
        """One transaction; when there is no room, the ballast is given up for all but inbounds."""
        size = batch.size()
        if size:
            self._ask_for_room(size)
        self._collector.note(batch.finished)
        try:
            low = self._transact(lambda db: self._applied(db, batch))
        except sqlite3.OperationalError as error:
            if is_damage(error):
                raise
            self._room.give_way(f"the store cannot be written: {error}")
            self._wal.truncate(self._writing)
            raise StoreFull(self._room.reason or "") from None
        self._collector.passed(low)
        self._size += size
        self._after_commit()

    def _applied(self, connection: sqlite3.Connection, batch: Batch) -> dict[str, int]:
        """Write a batch and let go of what is finished; of a little only where no caller waits."""
        statements.apply(connection, batch)
        is_awaited = batch.rows and not batch.unparked and self._room.reason is None
        return {} if is_awaited and not self._collector.is_due() else self._collect(connection, batch.unparked)

    def _collect(self, connection: sqlite3.Connection, unparked: set[tuple[str, int]]) -> dict[str, int]:
        return self._collector.collect(connection, time.time(), unparked, hurry=self._room.reason is not None)

    def _let_go(self) -> None:
        """Delete what is finished, in a transaction of its own."""
        self._collector.passed(self._transact(lambda db: self._collect(db, set())))

    def _sweep(self) -> None:
        """Go on deleting what one commit had no time for."""
        self._sweeping = False
        with contextlib.suppress(sqlite3.Error):
            self._let_go()
            self._after_commit()
            if self._collector.behind:
                self._sweeping = True
                self._threads["writer"].submit(self._sweep)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._writing
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _after_commit(self) -> None:
        """Keep the WAL in its bounds, and know what is in use; a look costs more than a small commit."""
        scarce = self._room.is_scarce()
        if self._room.reason is not None:
            self._wal.truncate(self._writing)
        elif not scarce and time.monotonic() - self._measured_at < _MEASURED:
            return
        elif self._wal.size() > (_WAL_PASSIVE if scarce else _WAL_RESTART):
            schema.checkpoint(self._writing, "RESTART")
        self._measure()

    def _ask_for_room(self, size: int) -> None:
        """Raise StoreFull where inbounds of so many bytes have no room, also when all has been given back that can."""
        if self._shortage(size):
            with contextlib.suppress(sqlite3.OperationalError):
                self._let_go()
            self._wal.truncate(self._writing)
            self._measure()
        reason = self._shortage(size)
        if reason:
            self._room.refuse(reason)
            raise StoreFull(reason)

    def _shortage(self, size: int) -> str | None:
        if self._room.is_over(self._size):
            return "the store has reached its max_size"
        return "the disk is full" if self._room.is_too_tight(size) else None

    def _probe(self) -> None:
        """Look whether there is room again: kept inbounds go first, then the ballast must fit."""
        self._probing = False
        with contextlib.suppress(sqlite3.Error):
            self._let_go()
            self._wal.truncate(self._writing)
            self._measure()
            if not self._room.is_over(self._size) and (self._room.is_back() or self._shrink()):
                self._room.reason = None

    def _shrink(self) -> bool:
        """Give the file's free pages back to the disk, some at a time, until the ballast fits."""
        while schema.shrink(self._writing):
            self._wal.truncate(self._writing)
            if self._room.is_back():
                return True
        return False

    def _measure(self) -> None:
        self._wal_size = self._wal.size()
        self._size = schema.in_use(self._writing) + self._wal_size
        self._measured_at = time.monotonic()

    def _back_up(self, path: Path) -> None:
        with self._wal.alone:
            schema.copy(self._path, path)

    def _close(self) -> None:
        self._wal.truncate(self._writing)
        self._writing.close()
        os.close(self._lock)

    def _shut(self) -> None:
        for thread in self._threads.values():
            thread.shutdown(wait=False)
