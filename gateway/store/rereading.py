"""What targets read back from the log, each time some more than one asks for: who comes after it finds it in memory."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from msgspec import Struct

from gateway.store.contract import Record
from gateway.store.log import Log

_AT_ONCE: Final = 256
"""Records that are read at least, where there are so many: a read costs as much as some dozen of them."""
_position = itemgetter(0)

Found = Sequence[tuple[int, Record | None]]
"""Positions and their records; None for one that cannot be read any more."""


class _Chunk(Struct, frozen=True):
    """All of a route's records from `start` up to the last that was found."""

    route: str
    start: int
    found: Found


class Rereading:
    """The last that each target read; one reads at a time, so that those abreast read once."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._chunks: dict[str, _Chunk] = {}
        self._lock = asyncio.Lock()

    async def read(self, target: str, route: str, span: range, count: int) -> Found:
        """A route's records in a span of positions, in order: at most so many, and none only where there are none."""
        found = self._find(route, span, count)
        if not found:
            async with self._lock:
                found = self._find(route, span, count) or await self._read(target, route, span, count)
        return found

    def forget(self, target: str) -> None:
        """A target is up to date: it reads what was appended last."""
        self._chunks.pop(target, None)

    def clear(self) -> None:
        """Other targets are served: who is new must not find what has been let go."""
        self._chunks.clear()

    def _find(self, route: str, span: range, count: int) -> Found:
        for chunk in self._chunks.values():
            if chunk.route == route and chunk.start <= span.start <= chunk.found[-1][0]:
                first = bisect_left(chunk.found, span.start, key=_position)
                last = bisect_left(chunk.found, span.stop, first, key=_position)
                return chunk.found[first : min(first + count, last)]
        return []

    async def _read(self, target: str, route: str, span: range, count: int) -> Found:
        found = await self._log.read(route, span.start, span.stop, max(count, _AT_ONCE))
        if found:
            self._chunks[target] = _Chunk(route, span.start, found)
        return found[:count]
