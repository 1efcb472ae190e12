"""What the tail showed last, kept for a while so that it can be opened."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from gateway.tail.seen import Seen, SeenDelivery, SeenInbound

KEPT: Final = 500
"""Requests that can be opened."""
_PARTS: Final = 20
"""Deliveries of one request that are kept: attempt follows attempt while a vendor is down."""


class Opened(Struct):
    """What was shown of one request: its inbound, and its deliveries so far."""

    inbound: SeenInbound | None
    deliveries: list[SeenDelivery]


class Recent:
    """The last requests that were shown, by id."""

    def __init__(self) -> None:
        self._opened: OrderedDict[str, Opened] = OrderedDict()

    def add(self, seen: Seen) -> None:
        """Remember what was shown, once for all that it was shown to; the oldest request is forgotten for it."""
        opened = self._opened.get(seen.request_id)
        if opened is None:
            opened = self._opened[seen.request_id] = Opened(None, [])
            if len(self._opened) > KEPT:
                self._opened.popitem(last=False)
        if isinstance(seen, SeenInbound):
            opened.inbound = seen
        elif not any(one is seen for one in opened.deliveries):
            opened.deliveries = [*opened.deliveries[1 - _PARTS :], seen]

    def get(self, request_id: str) -> Opened | None:
        """What was shown of a request, if anything."""
        return self._opened.get(request_id)

    def clear(self) -> None:
        """Forget all."""
        self._opened.clear()
