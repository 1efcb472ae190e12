"""What can still be read of a damaged store, put into a new one; the damaged files are moved aside together.

The new file is made beside the old ones and takes their place when it is whole, so that a salvage that is cut short is
begun again. What a damaged cursor stood for may be delivered again; nothing is delivered less.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from gateway.store import schema, statements
from gateway.store.contract import DeadLetter, Record
from gateway.store.log import Place
from gateway.store.pages import Cell, Pages
from gateway.store.window import Window

_BEGUN: Final = "salvage.db"
_WHOLE: Final = "salvaged.db"
_DAMAGE: Final = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB; extended codes keep them in the low byte


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is broken, not that the disk is full or the like."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def is_headless(folder: Path) -> bool:
    """Whether there is a WAL whose file is gone or empty: SQLite would begin anew and drop it."""
    file, wal = folder / schema.FILES[0], folder / schema.FILES[1]
    return wal.exists() and wal.stat().st_size > 32 and not (file.exists() and file.stat().st_size)


def salvage(folder: Path) -> None:
    """Put whatever can be read into a new file in the place of the damaged one, and say how much that is."""
    begun = folder / _BEGUN
    _remove(begun)
    pages = Pages(folder / schema.FILES[0], folder / schema.FILES[1])
    connection = schema.create(begun)
    try:
        schema.migrate(connection, begun)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        saved = _Saving(connection, pages).save()
        connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = DELETE")
    except BaseException:
        connection.close()
        _remove(begun)  # where there is no room it must not take more
        raise
    finally:
        connection.close()
        pages.close()
    _sync(begun)
    begun.rename(folder / _WHOLE)
    aside = finish(folder)
    structlog.get_logger().error(
        "the store was damaged and has been salvaged",
        inbounds=saved.inbounds,
        deadletters=saved.letters,
        targets=saved.targets,
        lost_at_least=saved.lost,
        aside=str(aside),
    )


def finish(folder: Path) -> Path | None:
    """When a salvaged file is whole, move the damaged ones aside and put it in their place; gives where they are."""
    whole = folder / _WHOLE
    if not whole.exists():
        return None
    aside = folder / time.strftime("damaged-%Y%m%dT%H%M%S")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}+")
    aside.mkdir()
    for name in schema.FILES:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).rename(aside / name)
    whole.rename(folder / schema.FILE)
    _sync(folder)
    return aside


class Saved(Struct, frozen=True):
    """How much was saved; `lost` are inbounds that are known to be missing, and rows that could not be read."""

    inbounds: int
    letters: int
    targets: int
    lost: int


class _Saving:
    """One salvage: cells told apart by their columns, each taken only if it is whole."""

    def __init__(self, connection: sqlite3.Connection, pages: Pages) -> None:
        self._connection = connection
        self._pages = pages
        self._places: dict[str, Place] = {}
        self._parked: dict[tuple[str, int], tuple[float, bytes]] = {}
        self._high_water = 0
        self._unreadable = 0

    def save(self) -> Saved:
        """Take what is whole, drop what every target is done with, and count."""
        self._connection.execute("CREATE TEMP TABLE known (position INTEGER PRIMARY KEY, route TEXT)")
        for cell in self._pages.cells():
            try:
                self._take(cell)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._unreadable += 1
        statements.put_places(self._connection, self._places)
        statements.put_parked(
            self._connection, [(*key, until, progress) for key, (until, progress) in self._parked.items()]
        )
        self._drop_finished()
        lost = self._one("SELECT count(*) FROM known WHERE position NOT IN (SELECT position FROM log)")
        self._connection.execute("DELETE FROM parked WHERE position NOT IN (SELECT position FROM log)")
        self._connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'log'", (self._high_water,))
        if not self._one("SELECT count(*) FROM sqlite_sequence WHERE name = 'log'"):
            self._connection.execute("INSERT INTO sqlite_sequence VALUES ('log', ?)", (self._high_water,))
        return Saved(
            self._one("SELECT count(*) FROM log"),
            self._one("SELECT count(*) FROM dead"),
            len(self._places),
            max(lost, self._unreadable + self._pages.damaged),
        )

    def _take(self, cell: Cell) -> None:
        """One cell, by the number and the types of its columns."""
        match cell:
            case Cell(int(position), (None, str(), int(), (str() | None), bytes(blob))):
                self._inbound(position, blob)
            case Cell(int(number), (None, str(), str(), int() | float(), int(), bytes(blob))):
                self._letter(number, blob)
            case Cell(int(), ("log", int(position))):
                self._high_water = max(self._high_water, position)
            case Cell(None, (str(target), int(cursor), bytes(blob))):
                place = Place(cursor, statements.decode_stretches(blob))
                if target not in self._places or self._places[target].cursor < cursor:
                    self._places[target] = place
                self._high_water = max(self._high_water, cursor - 1)
            case Cell(None, (str(target), int(position), (int() | float()) as until, bytes(blob))):
                statements.decode_progress(blob)
                if (target, position) not in self._parked or self._parked[target, position][0] < until:
                    self._parked[target, position] = until, blob
            case Cell(None, (str(route), int(position), (str() | None), int(), int())):
                self._connection.execute("INSERT OR IGNORE INTO known VALUES (?, ?)", (position, route))
                self._high_water = max(self._high_water, position)
            case _:
                pass

    def _inbound(self, position: int, blob: bytes) -> None:
        record: Record = statements.decode_record(blob)
        self._connection.execute(
            "INSERT OR IGNORE INTO log (position, route, received_at, recipients, record) VALUES (?, ?, ?, ?, ?)",
            (position, record.route, record.received_at, statements.recipients_of(record), blob),
        )

    def _letter(self, number: int, blob: bytes) -> None:
        letter: DeadLetter = statements.decode_letter(blob)
        self._connection.execute(
            "INSERT OR IGNORE INTO dead (id, target, reason, at, size, letter) VALUES (?, ?, ?, ?, ?, ?)",
            (number, letter.target, letter.reason, letter.at, len(blob), blob),
        )

    def _drop_finished(self) -> None:
        """Drop inbounds, and what is known of inbounds, that every target of their route is done with."""
        for route, floor in self._floors():
            for table in ("log", "known"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE route = ? AND position < ?"  # noqa: S608  # one of two names
                    " AND position NOT IN (SELECT position FROM parked)",
                    (route, floor),
                )

    def _floors(self) -> Iterator[tuple[str, int]]:
        """Routes' positions below which all targets are done."""
        windows = [Window(place) for place in self._places.values()]
        for route in {route for window in windows for route in window.routes()}:
            needs = [need for window in windows if (need := window.needs(route)) is not None]
            if needs:
                yield route, min(needs)

    def _one(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0])


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
