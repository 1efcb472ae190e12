"""What was appended last, in memory, so that targets that are up to date need not read it back; bounded in bytes."""

from bisect import bisect_left
from collections import deque
from itertools import islice
from typing import Final

from gateway.store.contract import Record

_BYTES: Final = 8 << 20
_OVERHEAD: Final = 1024
"""Bytes that a record takes beside its body."""


class Recent:
    """Each route's last records without a gap, up to a number of bytes over all routes."""

    def __init__(self, bound: int = _BYTES) -> None:
        self._bound = bound
        self._routes: dict[str, deque[tuple[int, Record]]] = {}
        self._order: deque[str] = deque()
        self._bytes = 0

    def add(self, position: int, record: Record) -> None:
        """Remember a record; the oldest of all routes go where the bound is passed."""
        self._routes.setdefault(record.route, deque()).append((position, record))
        self._order.append(record.route)
        self._bytes += len(record.body) + _OVERHEAD
        while self._bytes > self._bound:
            route = self._order.popleft()
            _, oldest = self._routes[route].popleft()
            self._bytes -= len(oldest.body) + _OVERHEAD
            if not self._routes[route]:
                del self._routes[route]

    def read(self, route: str, start: int, count: int) -> list[tuple[int, Record]] | None:
        """A route's records from a position on; None where memory does not go back that far."""
        records = self._routes.get(route)
        if not records or records[0][0] > start:
            return None
        first = bisect_left(records, start, key=lambda one: one[0])
        return list(islice(records, first, first + count))
