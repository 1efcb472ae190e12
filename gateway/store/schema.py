"""The SQLite file: its tables, its pragmas, its lock, and how an older or broken file is taken up."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.errors import StoreUnusable

FILE: Final = "gateway.db"
_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE log (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    route TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    recipients TEXT,
    record BLOB NOT NULL
);
CREATE INDEX log_by_route ON log (route, position, recipients, received_at);
CREATE TABLE targets (name TEXT PRIMARY KEY, route TEXT NOT NULL, cursor INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE parked (
    target TEXT NOT NULL,
    position INTEGER NOT NULL,
    until REAL NOT NULL,
    entry BLOB NOT NULL,
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
    letter BLOB NOT NULL
);
CREATE INDEX dead_by_target ON dead (target, id);
"""
"""`log` is the inbounds, once each (`recipients`: JSON names, NULL for all targets of the route); `targets` the
cursors; `parked` the exceptions below them; `ends` how targets came to be done, for as long as `keep` keeps the
inbound; `dead` the dead letters. AUTOINCREMENT keeps the high-water mark: a
position is never used again, even when the log ran empty."""


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
    """A connection that commits to disk (WAL, synchronous=FULL) and leaves checkpoints to `checkpoint`."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version's tables; raises StoreUnusable for a file of a later version."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StoreUnusable(f"{path} was written by a later version of the gateway")
    if version == 0:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
