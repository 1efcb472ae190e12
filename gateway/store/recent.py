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
_position, _record, _body = attrgetter("position"), attrgetter("record"), attrgetter("record.body")


class _Kept:
    """One route's records in the order of their positions; the first `gone` places are empty."""

    __slots__ = ("gone", "positions", "records")

    def __init__(self) -> None:
        self.gone = 0
        self.positions: list[int] = []
        self.records: list[Record | None] = []

    def forget(self) -> int:
        """Forget the oldest; gives the bytes of its body."""
        record, self.records[self.gone] = self.records[self.gone], None
        self.gone += 1
        if self.gone >= _LEFT and self.gone * 2 > len(self.records):
            del self.positions[: self.gone], self.records[: self.gone]
            self.gone = 0
        return 0 if record is None else len(record.body)


class Recent:
    """Each route's last records without a gap, up to a number of bytes over all routes."""

    def __init__(self, bound: int = _BYTES) -> None:
        self._bound = bound
        self._routes: dict[str, _Kept] = {}
        self._order: deque[str] = deque()
        self._bytes = 0

    def add(self, route: str, rows: Sequence[Row]) -> None:
        """Remember a route's rows; the oldest of all routes go where the bound is passed."""
        kept = self._routes.get(route) or self._routes.setdefault(route, _Kept())
        kept.positions += map(_position, rows)
        kept.records += map(_record, rows)
        self._order.extend(repeat(route, len(rows)))
        self._bytes += sum(map(len, map(_body, rows))) + _OVERHEAD * len(rows)
        while self._bytes > self._bound:
            first = self._order.popleft()
            oldest = self._routes[first]
            self._bytes -= oldest.forget() + _OVERHEAD
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
