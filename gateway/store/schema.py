"""The SQLite file: its tables, its pragmas, its lock, its copies, and how an older one is taken up."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.errors import StoreUnusable

_BUSY: Final = 10_000
"""Milliseconds that a statement waits for another connection."""
_SHRUNK: Final = 512
"""How many free pages are given back to the disk at a time."""
FILE: Final = "gateway.db"
FILES: Final = (FILE, f"{FILE}-wal", f"{FILE}-shm")
"""What belongs together: the file without its WAL shows less than there is, and says nothing of it."""
_MIGRATIONS: Final = (
    """
CREATE TABLE log (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    route TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    recipients TEXT,
    record BLOB NOT NULL
);
CREATE INDEX log_by_route ON log (route, position, recipients, received_at);
CREATE TABLE targets (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL, stretches BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE parked (
    target TEXT NOT NULL,
    position INTEGER NOT NULL,
    until REAL NOT NULL,
    progress BLOB NOT NULL,
    PRIMARY KEY (target, position)
) WITHOUT ROWID;
CREATE INDEX parked_by_position ON parked (position);
CREATE TABLE ends (position INTEGER NOT NULL, target TEXT NOT NULL, "end" BLOB NOT NULL);
CREATE INDEX ends_by_position ON ends (position);
CREATE TABLE dead (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    size INTEGER NOT NULL,
    letter BLOB NOT NULL
);
CREATE INDEX dead_by_target ON dead (target, id, size);
""",
)
"""What each version of the tables adds to the one before.

`log` is the inbounds, once each (`recipients`: JSON names, NULL for all targets of the route); `targets` the cursors
and the routes they read; `parked` the exceptions below them; `ends` how targets came to be done, for as long as `keep`
keeps the inbound; `dead` the dead letters. AUTOINCREMENT keeps the high-water mark: a position is never used again,
even when the log ran empty.
"""


def lock(folder: Path) -> int:
    """The folder's lock, held until the descriptor is closed; raises StoreUnusable when another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"the store in {folder} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreUnusable(f"the store in {folder} is in use by another gateway") from None
    return descriptor


def create(path: Path) -> sqlite3.Connection:
    """A connection to a file, new or not; a new one is its owner's alone and can give free pages back to the disk."""
    with contextlib.suppress(OSError):  # only where there is none: closing one that SQLite uses would drop its locks
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY / 1000)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits to disk (WAL, synchronous=FULL) and never runs a checkpoint by itself."""
    connection = create(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -8192")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version's tables; raises StoreUnusable for a file of a later version."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise StoreUnusable(f"{path} was written by a later version of the gateway")
    for number, script in enumerate(_MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")


def checkpoint(connection: sqlite3.Connection, kind: str, *, wait: bool = False) -> None:
    """Run a checkpoint (PASSIVE, RESTART, TRUNCATE) as far as it goes; without `wait` nobody is waited for."""
    connection.execute(f"PRAGMA busy_timeout = {_BUSY if wait else 0}")
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchall()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY}")


def copy(path: Path, to: Path) -> None:
    """Write a consistent copy of a file, also of one in use, to a new one; raises StoreUnusable when that fails."""
    if to.exists() and to.stat().st_size:
        raise StoreUnusable(f"{to} exists already")
    try:
        with contextlib.closing(connect(path)) as source, contextlib.closing(sqlite3.connect(to)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        to.unlink(missing_ok=True)
        raise StoreUnusable(f"the store could not be copied to {to}: {error}") from None


def in_use(connection: sqlite3.Connection) -> int:
    """Bytes of the file's pages that are not free."""
    return (_value(connection, "page_count") - _value(connection, "freelist_count")) * _value(connection, "page_size")


def shrink(connection: sqlite3.Connection) -> bool:
    """Give some free pages back to the disk, once the WAL is truncated; gives whether there were any."""
    if not _value(connection, "freelist_count"):
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_SHRUNK})").fetchall()
    return True


def _value(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
