"""What was appended last, in memory, so that targets that are up to date need not read it back; bounded in bytes."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter
from typing import Final

from gateway.store.contract import Record
from gateway.store.log import Row

_BYTES: Final = 8 << 20
_OVERHEAD: Final = 1024
"""Bytes that a record takes beside its body."""
_LEFT: Final = 1024
"""Places of forgotten records that a route keeps before they are closed up."""
_TOGETHER: Final = 16
"""Records that are forgotten together, at most."""
_position, _record, _body = attrgetter("position"), attrgetter("record"), attrgetter("record.body")


class _Kept:
    """One route's records in the order of their positions; the first `gone` places are empty."""

    __slots__ = ("gone", "positions", "records")

    def __init__(self) -> None:
        self.gone = 0
        self.positions: list[int] = []
        self.records: list[Record | None] = []

    def forget(self, count: int) -> None:
        """Forget so many of the oldest."""
        start, self.gone = self.gone, self.gone + count
        self.records[start : self.gone] = repeat(None, count)
        if self.gone >= _LEFT and self.gone * 2 > len(self.records):
            del self.positions[: self.gone], self.records[: self.gone]
            self.gone = 0


class Recent:
    """Each route's last records without a gap, up to a number of bytes over all routes."""

    def __init__(self, bound: int = _BYTES) -> None:
        self._bound = bound
        self._routes: dict[str, _Kept] = {}
        self._order: deque[tuple[str, int, int]] = deque()
        """What is forgotten next: a route, how many of its records, their bytes."""
        self._bytes = 0

    def add(self, route: str, rows: Sequence[Row]) -> None:
        """Remember a route's rows; the oldest of all routes go where the bound is passed."""
        kept = self._routes.get(route) or self._routes.setdefault(route, _Kept())
        kept.positions += map(_position, rows)
        kept.records += map(_record, rows)
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            size = sum(map(len, map(_body, some))) + _OVERHEAD * len(some)
            self._order.append((route, len(some), size))
            self._bytes += size
        while self._bytes > self._bound:
            first, count, size = self._order.popleft()
            oldest = self._routes[first]
            oldest.forget(count)
            self._bytes -= size
            if oldest.gone == len(oldest.records):
                del self._routes[first]

    def read(self, route: str, start: int, end: int, count: int) -> list[tuple[int, Record | None]] | None:
        """A route's first records from `start` up to `end`; None where memory does not go back that far."""
        kept = self._routes.get(route)
        if kept is None or kept.positions[kept.gone] > start:
            return None
        first = bisect_left(kept.positions, start, kept.gone)
        last = min(first + count, bisect_left(kept.positions, end, first))
        return list(zip(kept.positions[first:last], kept.records[first:last], strict=True))
