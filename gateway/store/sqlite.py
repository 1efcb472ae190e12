"""The log in SQLite: WAL, synchronous=FULL, one thread that writes, one that reads.

Checkpoints never run inside a caller's commit: autocheckpoint is off, the reading thread checkpoints passively, and
only past 64 MB of WAL does the writer restart it, between two commits. A full disk refuses appends and nothing else:
the ballast file is given up so that acknowledgements, deletions and checkpoints can run, and taken again once there is
room.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import msgpack
from msgspec.structs import replace

from gateway.errors import StoreFull
from gateway.store import schema
from gateway.store.contract import Attempt, DeadLetter, End, Entry, Filter, Record
from gateway.store.log import Batch, Kept
from gateway.wire import json_text

T = TypeVar("T")

_BALLAST: Final = 16 << 20
_WAL_PASSIVE: Final = 4 << 20
_WAL_RESTART: Final = 64 << 20
_PROBE: Final = 1.0
"""Seconds between two looks whether a full disk has room again."""
_PAGES: Final = 5000
"""How many finished rows one commit deletes at most."""
_encode: Final = msgpack.Encoder().encode
_decode_record: Final = msgpack.Decoder(Record).decode
_SPAN: Final = 20_000
"""Positions that one step of a search looks at, so that other reads come in between."""
_decode_end: Final = msgpack.Decoder(End).decode
_decode_letter: Final = msgpack.Decoder(DeadLetter).decode
_decode_attempts: Final = msgpack.Decoder(tuple[list[int], list[Attempt], float | None]).decode


class SqliteLog:
    """A `Log` in a folder. `max_size` bounds it in bytes; `keep` is how many seconds delivered inbounds stay."""

    def __init__(self, folder: Path, max_size: int | None = None, keep: float = 0.0) -> None:
        self._folder = folder
        self._path = folder / schema.FILE
        self.max_size = max_size
        self._keep = keep
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._lock = -1
        self._full: str | None = None
        self._probed_at = 0.0
        self._size = 0
        self._checkpointing = False
        self._collected: dict[str, int] = {}

    async def open(self) -> Kept:
        """Take up what is kept; raises StoreUnusable."""
        return await self._in(self._writer, self._open)

    async def commit(self, batch: Batch) -> None:
        """Write a batch for good; raises StoreFull, then nothing of it is written."""
        await self._in(self._writer, lambda: self._write(batch))
        wal = self._wal_size()
        if wal > _WAL_PASSIVE and not self._checkpointing:
            self._checkpointing = True
            asyncio.get_running_loop().run_in_executor(self._reader, self._checkpoint)

    async def read(self, route: str, start: int, count: int) -> list[tuple[int, Record]]:
        """A route's records from a position on, in order."""
        sql = "SELECT position, record FROM log WHERE route = ? AND position >= ? ORDER BY position LIMIT ?"
        rows = await self._select(sql, (route, start, count))
        return [(position, _decode_record(record)) for position, record in rows]

    async def count(self, target: str, route: str, start: int) -> int:
        """How many records from a position on are for the target."""
        sql = (
            "SELECT count(*) FROM log WHERE route = ? AND position >= ?"
            " AND (recipients IS NULL OR instr(recipients, ?) > 0)"
        )
        return int((await self._select(sql, (route, start, json_text(target))))[0][0])

    async def oldest(self, target: str, route: str, start: int) -> int | None:
        """When the first record from a position on, or the first exception, was received."""
        sql = (
            "SELECT min(received_at) FROM (SELECT received_at FROM"
            " (SELECT received_at FROM log WHERE route = ? AND position >= ? ORDER BY position LIMIT 1)"
            " UNION ALL SELECT received_at FROM log WHERE position ="
            " (SELECT min(position) FROM parked WHERE target = ?))"
        )
        found: int | None = (await self._select(sql, (route, start, target)))[0][0]
        return found

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        conditions, values = _conditions(chosen)
        sql = f"SELECT id, letter FROM dead WHERE {conditions} ORDER BY id LIMIT ?"  # noqa: S608  # fixed conditions
        rows = await self._select(sql, (*values, chosen.limit))
        return [replace(_decode_letter(letter), id=number) for number, letter in rows]

    async def count_dead(self) -> dict[str, int]:
        """How many dead letters each target has."""
        return dict(await self._select("SELECT target, count(*) FROM dead GROUP BY target", ()))

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        conditions, values = _conditions(chosen)
        sql = f"SELECT count(*) FROM dead WHERE {conditions}"  # noqa: S608  # fixed conditions
        return int((await self._select(sql, values))[0][0])

    @property
    def keeps(self) -> bool:
        """Whether inbounds, and how they ended, stay for a while after every target is done with them."""
        return self._keep > 0

    async def search(self, texts: Sequence[str], limit: int) -> list[tuple[int, Record]]:
        """Records in which one of these texts stands, newest first."""
        lowest, top = (await self._select("SELECT min(position), max(position) FROM log", ()))[0]
        found: list[tuple[int, Record]] = []
        conditions, values = _holding("record", texts)
        sql = (
            f"SELECT position, record FROM log WHERE position > ? AND position <= ? AND ({conditions})"  # noqa: S608
            " ORDER BY position DESC LIMIT ?"
        )
        while lowest is not None and top >= lowest and len(found) < limit:
            rows = await self._select(sql, (top - _SPAN, top, *values, limit - len(found)))
            found += [(position, _decode_record(record)) for position, record in rows]
            top -= _SPAN
        return found

    async def ends(self, positions: Sequence[int]) -> list[End]:
        """How targets ended with these records, as far as that is kept."""
        marks = ",".join("?" * len(positions))
        sql = f'SELECT "end" FROM ends WHERE position IN ({marks})'  # noqa: S608  # question marks
        return [_decode_end(end) for (end,) in await self._select(sql, positions)]

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        if self._full is not None and time.monotonic() - self._probed_at > _PROBE:
            self._probed_at = time.monotonic()
            self._full = self._no_room()
        return self._full

    def size(self) -> int:
        """Bytes in use: the file and its WAL less its free pages."""
        return self._size

    async def backup(self, path: Path) -> None:
        """A consistent copy of the store in a new file, while it is in use."""
        await self._in(self._reader, lambda: _back_up(self._reading, path))

    async def close(self) -> None:
        """Checkpoint, close, let go of the folder."""
        await self._in(self._reader, self._reading.close)
        self._reader.shutdown()
        await self._in(self._writer, self._close)
        self._writer.shutdown()

    async def _in(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    async def _select(self, sql: str, values: Iterable[Any]) -> list[Any]:
        return await self._in(self._reader, lambda: self._reading.execute(sql, tuple(values)).fetchall())

    def _open(self) -> Kept:
        self._lock = schema.lock(self._folder)
        self._writing = schema.connect(self._path)
        schema.migrate(self._writing, self._path)
        self._reading = schema.connect(self._path)
        self._take_ballast()
        self._measure()
        sequence = self._writing.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        targets = self._writing.execute("SELECT name, route, cursor FROM targets").fetchall()
        parked = self._writing.execute(
            "SELECT target, parked.position, until, entry, record FROM parked JOIN log USING (position)"
        ).fetchall()
        return Kept(
            sequence[0] if sequence else 0,
            {name: (route, cursor) for name, route, cursor in targets},
            [(target, _entry(position, entry, record), until) for target, position, until, entry, record in parked],
        )

    def _write(self, batch: Batch) -> None:
        """One transaction; when there is no room, first the ballast is given up for all but the appends."""
        if batch.appended and self.max_size is not None and self._size >= self.max_size:
            self._full = "the store has reached its max_size"
            raise StoreFull(self._full)
        try:
            self._transact(batch)
        except sqlite3.OperationalError as error:
            self._full = f"the store cannot be written: {error}"
            self._probed_at = time.monotonic()
            self._drop_ballast()
            raise StoreFull(self._full) from None
        if self._wal_size() > _WAL_RESTART:
            self._writing.execute("PRAGMA wal_checkpoint(RESTART)")
        self._measure()

    def _transact(self, batch: Batch) -> None:
        connection = self._writing
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._apply(connection, batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _apply(self, connection: sqlite3.Connection, batch: Batch) -> None:
        connection.executemany(
            "INSERT INTO log (position, route, received_at, recipients, record) VALUES (?, ?, ?, ?, ?)",
            [_row(position, record) for position, record in batch.appended],
        )
        connection.executemany(
            "INSERT INTO targets (name, route, cursor) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET route = excluded.route, cursor = excluded.cursor",
            [(name, route, cursor) for name, (route, cursor) in batch.cursors.items()],
        )
        connection.executemany(
            "INSERT INTO parked (target, position, until, entry) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (target, position) DO UPDATE SET until = excluded.until, entry = excluded.entry",
            [(target, entry.position, until, _encode(_progress(entry))) for target, entry, until in batch.parked],
        )
        connection.executemany("DELETE FROM parked WHERE target = ? AND position = ?", batch.unparked)
        connection.executemany(
            "INSERT INTO dead (target, reason, at, letter) VALUES (?, ?, ?, ?)",
            [(letter.target, letter.reason, letter.at, _encode(letter)) for letter in batch.letters],
        )
        connection.executemany("DELETE FROM dead WHERE id = ?", [(number,) for number in batch.forgotten])
        connection.executemany(
            'INSERT INTO ends (position, target, "end") VALUES (?, ?, ?)',
            [(end.position, end.target, _encode(end)) for end in batch.ends],
        )
        self._collect(connection, batch)

    def _collect(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Delete what every target of a route is done with, once `keep` has passed; a bounded number at a time."""
        cutoff = int((time.time() - self._keep) * 1e6)
        for route, position in batch.finished.items():
            gone = connection.execute(
                "DELETE FROM log WHERE position IN (SELECT position FROM log WHERE route = ? AND position < ?"
                " AND received_at <= ? AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.position = log.position)"
                " ORDER BY position LIMIT ?) RETURNING position",
                (route, position, cutoff, _PAGES),
            ).fetchall()
            if self._keep:
                connection.executemany("DELETE FROM ends WHERE position = ?", gone)

    def _checkpoint(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):
            self._reading.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._checkpointing = False

    def _no_room(self) -> str | None:
        """Why there is still no room; None once the ballast could be taken again and the bound is kept."""
        if self.max_size is not None and self._size >= self.max_size:
            return self._full
        try:
            self._take_ballast()
        except OSError:
            return self._full
        return None

    def _take_ballast(self) -> None:
        path = self._folder / "ballast"
        if path.exists() and path.stat().st_size == _BALLAST:
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _BALLAST)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)

    def _drop_ballast(self) -> None:
        (self._folder / "ballast").unlink(missing_ok=True)

    def _measure(self) -> None:
        pages, free, page_size = (
            self._writing.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        self._size = (pages - free) * page_size + self._wal_size()

    def _wal_size(self) -> int:
        try:
            return (self._folder / f"{schema.FILE}-wal").stat().st_size
        except OSError:
            return 0

    def _close(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):
            self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writing.close()
        os.close(self._lock)


def _row(position: int, record: Record) -> tuple[int, str, int, str | None, bytes]:
    recipients = None if record.to is None else json_text(record.to)
    return position, record.route, record.received_at, recipients, _encode(record)


def _progress(entry: Entry) -> tuple[list[int], list[Attempt], float | None]:
    return sorted(entry.done), entry.attempts, entry.doubted_at


def _entry(position: int, progress: bytes, record: bytes) -> Entry:
    done, attempts, doubted_at = _decode_attempts(progress)
    return Entry(position, _decode_record(record), set(done), attempts, doubted_at)


def _conditions(chosen: Filter) -> tuple[str, list[Any]]:
    """The filter as SQL: fixed text, and the values for its question marks."""
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if chosen.ids is not None:
        conditions.append(f"id IN ({','.join('?' * len(chosen.ids))})")
        values += chosen.ids
    for column, operator, value in (
        ("target", "=", chosen.target),
        ("reason", "=", chosen.reason),
        ("at", "<", chosen.before),
        ("id", ">", chosen.after),
    ):
        if value is not None:
            conditions.append(f"{column} {operator} ?")
            values.append(value)
    if chosen.texts is not None:
        holding, texts = _holding("letter", chosen.texts)
        conditions.append(f"({holding})")
        values += texts
    return " AND ".join(conditions), values


def _holding(column: str, texts: Sequence[str]) -> tuple[str, list[bytes]]:
    """Whether one of some texts stands in a column, as SQL and the values for its question marks."""
    return " OR ".join([f"instr({column}, ?) > 0"] * len(texts)) or "0", [text.encode() for text in texts]


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    copy = sqlite3.connect(path)
    with copy:
        connection.backup(copy)
    copy.close()
