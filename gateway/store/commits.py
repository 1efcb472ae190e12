"""Group commit: at most one commit is under way; what arrives meanwhile waits in the next batch and shares its fsync.

An append's answer is released when its batch is safe. All else joins whatever commits next.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import structlog
from msgspec import msgpack

from gateway.errors import StoreFull
from gateway.store.contract import DeadLetter, Record
from gateway.store.log import Batch, Log, Row

_LAZY: Final = 0.02
"""Seconds that acknowledgements wait for an append to share a commit with."""
_CROWD: Final = 16
"""Inbounds in one commit from which on many callers are at it, and the next commit is worth a wait for more."""
_CROWDED: Final = 0.002
"""Seconds from the beginning of one such commit to that of the next: each costs as much as dozens of inbounds."""
_AGAIN: Final = 1.0
"""Seconds until what could not be written is tried again."""
_QUEUED: Final = 64 << 20
"""Bytes of inbounds that may wait for the disk; beyond them callers are asked to come back."""
_HELD: Final = 16 << 20
"""Bytes of dead letters that may wait for the disk; beyond them nothing more is leased."""
_encode: Final = msgpack.Encoder().encode


class Commits:
    """What is to be written, and when.

    `prepare` is asked to complete a batch before it is written, `committed` hears of it when it is safe.
    """

    def __init__(self, log: Log, prepare: Callable[[Batch], None], committed: Callable[[Batch], None]) -> None:
        self.batch = Batch()
        self.next = 1
        """The position that the next inbound gets."""
        self._log = log
        self._prepare = prepare
        self._committed = committed
        self._waiters: list[asyncio.Future[int]] = []
        self._barriers: list[asyncio.Future[None]] = []
        self._commit: asyncio.Task[None] | None = None
        self._first: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self._joining = False
        self._crowded, self._began_at = False, 0.0
        self._failed = False
        self._queued = 0
        self._held = 0

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to: asking for it each time would cost a system call."""
        return asyncio.get_running_loop()

    @property
    def settled_below(self) -> int:
        """The position below which everything is either written or refused."""
        if self._first is not None:
            return self._first
        return self.batch.rows[0].position if self.batch.rows else self.next

    @property
    def burdened(self) -> bool:
        """Whether as many dead letters wait for the disk as memory should hold."""
        return self._held > _HELD

    @property
    def overloaded(self) -> bool:
        """Whether as many bytes of inbounds wait for the disk as memory should hold."""
        return self._queued > _QUEUED

    def add(self, record: Record) -> "asyncio.Future[int]":
        """Put an inbound into the next batch; its position comes when it is safe."""
        blob = _encode(record)
        waiter: asyncio.Future[int] = self._loop.create_future()
        self.batch.rows.append(Row(self.next, record, blob))
        self._waiters.append(waiter)
        self._queued += len(blob)
        self.next += 1
        return waiter

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put dead letters into the next batch."""
        self.batch.letters.extend(letters)
        self._held += sum(_weight(letter) for letter in letters)
        self.soon()

    def soon(self) -> None:
        """Write before long, even if no inbound comes."""
        self._wanted = True
        if self._timer is None and self._commit is None:
            delay = _AGAIN if self._failed else _LAZY
            self._timer = self._loop.call_later(delay, self.flush)

    def flush_soon(self) -> None:
        """Write when all that arrives at this moment has joined, or as soon as the commit under way has ended."""
        if self._commit is None and not self._joining:
            self._joining = True
            if self._crowded:
                self._loop.call_at(self._began_at + _CROWDED, self.flush)
            else:
                self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write now, or as soon as the commit under way has ended."""
        self._joining = False
        if self._commit is not None:
            self._wanted = True
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wanted = False
        self._prepare(self.batch)
        if self.batch.is_empty():
            _release(self._barriers, None)
            return
        batch, waiters, barriers = self.batch, self._waiters, self._barriers
        self.batch, self._waiters, self._barriers = Batch(), [], []
        self._first = batch.rows[0].position if batch.rows else None
        self._crowded, self._began_at = len(batch.rows) >= _CROWD, self._loop.time()
        self._commit = asyncio.create_task(self._write(batch, waiters, barriers))

    async def settled(self) -> None:
        """Wait until what is decided by now is written; raises StoreFull when it could not be."""
        barrier: asyncio.Future[None] = self._loop.create_future()
        self._barriers.append(barrier)
        self.flush()
        await barrier

    async def close(self) -> None:
        """Write what is decided, if it can be written."""
        for _ in range(2):  # the commit under way, and what came meanwhile
            with contextlib.suppress(StoreFull):
                await self.settled()
        if self._timer is not None:
            self._timer.cancel()

    async def _write(
        self, batch: Batch, waiters: "list[asyncio.Future[int]]", barriers: "list[asyncio.Future[None]]"
    ) -> None:
        """Commit a batch and release its answers; when that fails, all but its inbounds joins the next."""
        error: StoreFull | None = None
        try:
            await self._log.commit(batch)
        except StoreFull as full:
            error = full
        except Exception as failure:  # noqa: BLE001  # nobody may wait for ever
            structlog.get_logger().exception("commit failed")
            error = StoreFull(f"the store cannot be written: {failure}")
        finally:
            self._commit = self._first = None
        self._queued -= batch.size()
        self._failed = error is not None
        if error is None:
            self._held -= sum(_weight(letter) for letter in batch.letters)
            self._committed(batch)
            for row, waiter in zip(batch.rows, waiters, strict=True):
                if not waiter.done():
                    waiter.set_result(row.position)
        else:
            self.batch = batch.before(self.batch)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(StoreFull(str(error)))
        _release(barriers, error)
        if self.batch.rows or self._barriers:
            self.flush_soon()
        elif self._wanted or not self.batch.is_empty():
            self.soon()


def _release(barriers: "list[asyncio.Future[None]]", error: StoreFull | None) -> None:
    """Let those pass who wait for a commit, or tell them that it failed."""
    for barrier in barriers:
        if not barrier.done():
            if error is None:
                barrier.set_result(None)
            else:
                barrier.set_exception(StoreFull(str(error)))
    barriers.clear()


def _weight(letter: DeadLetter) -> int:
    return len(letter.record.body) + 1024
