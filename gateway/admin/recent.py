"""What the tail showed last, kept for a while so that it can be opened."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from gateway.tail.seen import Seen, SeenDelivery, SeenInbound

KEPT: Final = 500
"""Requests that can be opened."""
_BYTES: Final = 32 << 20
"""Bytes of all that is kept for it."""
_OVERHEAD: Final = 2048
"""Bytes that one thing shown takes beside its bodies."""
_PARTS: Final = 20
"""Deliveries of one request that are kept: attempt follows attempt while a vendor is down."""


class Opened(Struct):
    """What was shown of one request: its inbound, its deliveries so far, and the bytes that they take."""

    inbound: SeenInbound | None
    deliveries: list[SeenDelivery]
    size: int = 0


class Recent:
    """The last requests that were shown, by id."""

    def __init__(self) -> None:
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._size = 0

    def add(self, seen: Seen) -> None:
        """Remember what was shown, once for all that it was shown to; the oldest requests are forgotten for it."""
        opened = self._opened.setdefault(seen.request_id, Opened(None, []))
        if isinstance(seen, SeenInbound):
            opened.inbound = seen
        elif not any(one is seen for one in opened.deliveries):
            opened.deliveries = [*opened.deliveries[1 - _PARTS :], seen]
        self._size -= opened.size
        opened.size = sum(map(_size, opened.deliveries)) + (_size(opened.inbound) if opened.inbound else 0)
        self._size += opened.size
        while len(self._opened) > KEPT or (self._size > _BYTES and len(self._opened) > 1):
            _, oldest = self._opened.popitem(last=False)
            self._size -= oldest.size

    def get(self, request_id: str) -> Opened | None:
        """What was shown of a request, if anything."""
        return self._opened.get(request_id)

    def clear(self) -> None:
        """Forget all."""
        self._opened.clear()
        self._size = 0


def _size(seen: Seen) -> int:
    """About how many bytes it takes."""
    bodies = len(seen.record.body) if seen.record else 0
    if isinstance(seen, SeenDelivery):
        bodies += sum(len(one.body or b"") + len(one.answer) for one in seen.asked)
    return bodies + _OVERHEAD
