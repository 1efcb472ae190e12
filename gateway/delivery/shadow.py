"""The targets that nobody waits for, until a store keeps them: a bounded queue in memory, one for each target.

What does not fit is dropped by count and loudly; what fails is not tried again. `gateway check` says so of every route
that has such a target.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.contract import Outbound
from gateway.delivery.forward import Sent, send
from gateway.delivery.upstream import Upstream

_BOUND: Final = 10_000
_SENDERS: Final = 64


class Shadow:
    """One target's queue and those who empty it; `report` hears what became of each outbound."""

    def __init__(self, target: str, upstream: Upstream, report: Callable[[str, str, Sent], None]) -> None:
        self._target = target
        self._upstream = upstream
        self._report = report
        self._waiting: asyncio.Queue[tuple[str, Outbound]] = asyncio.Queue(_BOUND)
        self._senders: list[asyncio.Task[None]] = []

    def put(self, request_id: str, outbound: Outbound) -> bool:
        """Take an outbound to be sent; False when the queue is full."""
        if self._waiting.full():
            return False
        self._waiting.put_nowait((request_id, outbound))
        if len(self._senders) < _SENDERS and self._waiting.qsize() > len(self._senders):
            self._senders.append(asyncio.create_task(self._run()))
        return True

    async def drain(self, seconds: float) -> int:
        """Send what waits, for at most so many seconds; gives the number of outbounds left."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            pass
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        return self._waiting.qsize()

    async def _run(self) -> None:
        while True:
            request_id, outbound = await self._waiting.get()
            try:
                self._report(self._target, request_id, await send(outbound, self._upstream))
            finally:
                self._waiting.task_done()
