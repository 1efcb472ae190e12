"""The live tail: what passes, shown to whoever watches.

While nobody does, it costs one look at `is_watched`; while somebody does, who has something to show asks the
sieve first, and makes it only when it may be chosen.

seen        what is shown: an answered inbound, a delivery that came to an end
watching    who watches: what it wants, and how much of it it can take
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.tail.seen import Delivered, seen_delivery, seen_inbound
from gateway.tail.watching import Sieve, Watcher

if TYPE_CHECKING:
    from gateway.relay import Line


class Tail:
    """What passes in one process, and the watchers it is shown to."""

    def __init__(self) -> None:
        self.is_watched = False
        self.changed: Callable[[], None] = lambda: None
        """Called when watchers come or go."""
        self.watchers: dict[int, Watcher] = {}
        self.inbounds = Sieve()
        self.deliveries = Sieve()
        self._number = 0

    def watch(self, watcher: Watcher) -> int:
        """Show a watcher what passes from now on; gives the number to `leave` by."""
        self._number += 1
        self.put({**self.watchers, self._number: watcher})
        return self._number

    def leave(self, number: int) -> None:
        """A watcher goes."""
        self.put({key: one for key, one in self.watchers.items() if key != number})

    def put(self, watchers: dict[int, Watcher]) -> None:
        """Show what passes to these watchers and no others."""
        self.renew()
        self.watchers = watchers
        self.is_watched = bool(watchers)
        self._widen()
        self.changed()

    def renew(self) -> None:
        """Have the watchers choose by what passed lately; to be called about once a second."""
        self.inbounds.renew([one.inbounds for one in self.watchers.values()])
        self.deliveries.renew([one.deliveries for one in self.watchers.values()])
        self._widen()

    def _widen(self) -> None:
        self.inbounds.widen(one.bound(one.inbounds) for one in self.watchers.values())
        self.deliveries.widen(one.bound(one.deliveries) for one in self.watchers.values())

    def inbound(self, line: "Line", status: int, seconds: float) -> None:
        """An inbound was answered."""
        takers = [one for one in self.watchers.values() if one.takes_inbound(line, status)]
        if takers:
            seen = seen_inbound(line, status, seconds)
            for one in takers:
                one.hear(seen)
            self._widen()

    def delivery(self, told: Delivered) -> None:
        """A delivery came to an end, be it only for now."""
        takers = [one for one in self.watchers.values() if one.takes_delivery(told)]
        if takers:
            seen = seen_delivery(told)
            for one in takers:
                one.hear(seen)
            self._widen()
