"""Stores to test, records to put in, and short names for what is done with them."""

import time

import structlog

from gateway.store.contract import DeadLetter, Lane, Record
from gateway.store.embedded import EmbeddedStore
from gateway.store.memory import MemoryLog
from gateway.store.sqlite import SqliteLog

A, B = Lane("shop/a", "shop"), Lane("shop/b", "shop")


def record(text="", *, route="shop", body=None, **more):
    """An inbound that `text` tells from others."""
    return Record(
        received_at=time.time_ns() // 1000,
        request_id=text,
        client="shop",
        route=route,
        vendor="vaix",
        endpoint="event",
        headers={},
        query={},
        body=text.encode() if body is None else body,
        **more,
    )


def letter(entry, target="shop/a", reason="refused", **more):
    """The dead letter of an entry."""
    values = {"fields": (), "indices": (), "at": time.time(), "attempts": ()} | more
    return DeadLetter(target, reason, record=entry.record, **values)


def texts(entries):
    """What tells leased entries, in their order."""
    return [entry.record.request_id for entry in entries]


class MemoryEngine:
    """The in-memory log: what was committed outlives the store over it."""

    durable = False

    def __init__(self, _folder):
        self._log = MemoryLog()

    def store(self, **clocks):
        """A store that begins with what was committed."""
        return EmbeddedStore(self._log, **clocks)

    async def crash(self, store):
        """End without a word."""
        await _abandon(store)


class SqliteEngine:
    """The SQLite log in a folder."""

    durable = True

    def __init__(self, folder):
        self.folder = folder
        self.log = None

    def store(self, max_size=None, keep=0.0, **clocks):
        """A store that begins with what was committed."""
        self.log = SqliteLog(self.folder, max_size, keep)
        return EmbeddedStore(self.log, **clocks)

    async def crash(self, store):
        """End without a word: nothing that waits is written, only the descriptors go."""
        await _abandon(store)
        await self.log.close()


async def _abandon(store):
    """Stop a store's work; what no commit has begun to write is gone."""
    store._closed = True
    if store._commits._timer is not None:
        store._commits._timer.cancel()
    for task in list(store._tasks.values()):
        task.cancel()
    commit = store._commits._commit
    if commit is not None:
        store._commits.flush = lambda: None
        store._commits.soon = lambda: None
        await commit


ENGINES = {"memory": MemoryEngine, "sqlite": SqliteEngine}


async def drained(store, target="shop/a", count=256):
    """Lease and acknowledge all there is; gives what it was, in order."""
    found = []
    while entries := await store.lease(target, count):
        found += texts(entries)
        for entry in entries:
            store.ack(target, entry)
    return found


def logged():
    """The log's lines of a block."""
    return structlog.testing.capture_logs()
