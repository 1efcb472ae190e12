"""The write-ahead log beside a store's file, and its pages moved into the file."""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Final

from gateway.store import schema

_PATIENCE: Final = 10.0
"""Seconds that who truncates it waits for another checkpoint, or for a copy."""


class Wal:
    """The WAL of the store in a folder; `alone` is held by who moves its pages in the background, or needs it still."""

    def __init__(self, folder: Path) -> None:
        self.alone = threading.Lock()
        self._folder = folder

    def size(self) -> int:
        """Its bytes; none where it is not there."""
        try:
            return (self._folder / schema.FILES[1]).stat().st_size
        except OSError:
            return 0

    def move(self) -> None:
        """Move as many of its pages into the file as nobody reads, over a connection of its own."""
        with self.alone, contextlib.closing(schema.connect(self._folder / schema.FILE)) as connection:
            schema.checkpoint(connection, "PASSIVE")

    def truncate(self, connection: sqlite3.Connection) -> None:
        """Move all its pages into the file and give its room back; who reads at the moment is waited for.

        So is who holds it alone: SQLite itself waits for no other checkpoint.
        """
        is_alone = self.alone.acquire(timeout=_PATIENCE)
        try:
            schema.checkpoint(connection, "TRUNCATE", wait=True)
        finally:
            if is_alone:
                self.alone.release()
