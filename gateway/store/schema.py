"""The SQLite file: its tables, its pragmas, its lock, and how an older one is taken up."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.errors import StoreUnusable

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


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits to disk (WAL, synchronous=FULL) and never runs a checkpoint by itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
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
