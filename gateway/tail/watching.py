"""Who watches the tail: what it wants, and how much of it it can take.

A watcher hears about as much as a person can read, whole requests rather than parts of them: which ones is decided by
the hash of the request id, so that every process, and both halves of one, choose the same. A `Sieve` stands before all
watchers, so that where most is not shown a look at the hash is all that it costs.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final
from zlib import crc32

from msgspec import Struct

from gateway.store.contract import Record
from gateway.tail.seen import Delivered, Seen, SeenInbound
from gateway.wire import json_text

if TYPE_CHECKING:
    from gateway.relay import Line

BUDGET: Final = 100
"""Inbounds, and as many deliveries, that a watcher hears of per second."""
_HASHES: Final = 1 << 32


class Wanted(Struct, frozen=True, array_like=True):
    """What a watcher wants to hear of; `via` is the route of the target."""

    user: str | None = None
    route: str | None = None
    vendor: str | None = None
    target: str | None = None
    outcome: str | None = None
    via: str | None = None


class Sampler:
    """Admits about `budget` requests a second, always the same ones whoever asks; counts those it does not."""

    def __init__(self, budget: int = BUDGET, clock: Callable[[], float] = time.monotonic) -> None:
        self.skipped = 0
        self.bound = _HASHES
        """Hashes below it are chosen: a share of all that is learnt from the second before; none any more once it has
        admitted as much as it may."""
        self._budget = budget
        self._clock = clock
        self._since = clock()
        self._passed = 0
        self._admitted = 0

    def admits(self, request_id: str) -> bool:
        """Whether this one is shown."""
        self._passed += 1
        if crc32(request_id.encode()) < self.bound:
            self._admitted += 1
            if self._admitted >= self._budget:
                self.bound = 0
            return True
        self.skipped += 1
        return False

    def skip(self, count: int) -> None:
        """So many were not asked for: their hashes were not below the bound."""
        self._passed += count
        self.skipped += count

    def renew(self) -> None:
        """Choose from now on by what passed since the last time, if that is a second ago."""
        elapsed = self._clock() - self._since
        if elapsed >= 1.0:
            room = self._budget * elapsed
            self.bound = _HASHES if self._passed <= room else int(_HASHES * room / self._passed)
            self._since += elapsed
            self._passed = self._admitted = 0


class Sieve:
    """What everything comes to first: a request that no watcher would choose is counted, and nothing is made of it."""

    def __init__(self) -> None:
        self._bound = 0
        self._shut_out = 0

    def admits(self, request_id: str) -> bool:
        """Whether anybody may choose this one."""
        if crc32(request_id.encode()) < self._bound:
            return True
        self._shut_out += 1
        return False

    def renew(self, samplers: Sequence[Sampler]) -> None:
        """Tell those who chose what they were not asked for, and let them choose anew."""
        for one in samplers:
            one.skip(self._shut_out)
            one.renew()
        self._shut_out = 0

    def widen(self, bounds: Iterable[int]) -> None:
        """Let through from now on whatever is below one of these bounds."""
        self._bound = max(bounds, default=0)


class Watcher:
    """One who watches; `hear` must neither wait nor raise."""

    def __init__(self, wanted: Wanted, hear: Callable[[Seen], None]) -> None:
        self.wanted = wanted
        self.hear = hear
        self.inbounds = Sampler()
        self.deliveries = Sampler()
        self.elsewhere = 0
        """How many other processes did not show it."""
        self.takes_all = wanted == Wanted()
        """Whether it chooses among all that passes."""
        self._texts = [text.encode() for text in texts(wanted.user)] if wanted.user else []

    def taken_skipped(self) -> int:
        """How many it wanted and was not shown since it was last asked, by other processes too."""
        found = self.inbounds.skipped + self.deliveries.skipped + self.elsewhere
        self.inbounds.skipped = self.deliveries.skipped = self.elsewhere = 0
        return found

    def bound(self, sampler: Sampler) -> int:
        """Hashes below which it must be asked: what a filter leaves is known only once all are asked for."""
        return sampler.bound if self.takes_all else _HASHES

    def takes_inbound(self, line: "Line", status: int) -> bool:
        """Whether it wants to hear of this inbound, and can."""
        return (self.takes_all or self._wants_inbound(line, status)) and self.inbounds.admits(line.request_id)

    def takes_delivery(self, told: Delivered) -> bool:
        """Whether it wants to hear of this delivery, and can."""
        return (self.takes_all or self._wants_delivery(told)) and self.deliveries.admits(told.record.request_id)

    def takes_seen(self, seen: Seen) -> bool:
        """Whether it can take what another process chose for it."""
        return (self.inbounds if isinstance(seen, SeenInbound) else self.deliveries).admits(seen.request_id)

    def _wants_inbound(self, line: "Line", status: int) -> bool:
        wanted = self.wanted
        return (
            wanted.route in (None, line.route)
            and wanted.vendor in (None, line.vendor)
            and wanted.via in (None, line.route)
            and wanted.outcome in (None, ended(status))
            and self._concerns(line.record)
        )

    def _wants_delivery(self, told: Delivered) -> bool:
        wanted = self.wanted
        return (
            wanted.route in (None, told.record.route)
            and wanted.vendor in (None, told.vendor)
            and wanted.target in (None, told.target)
            and wanted.outcome in (None, told.outcome)
            and self._concerns(told.record)
        )

    def _concerns(self, record: Record | None) -> bool:
        """Whether the person may be meant: the id stands somewhere in what was said."""
        if not self._texts:
            return True
        if record is None:
            return False
        return self.wanted.user in record.query.values() or any(text in record.body for text in self._texts)


def ended(status: int) -> str:
    """How an inbound ended, in one word."""
    if status < 400:
        return "accepted"
    return "rejected" if status < 500 else "failed"


def texts(wanted: str) -> tuple[str, ...]:
    """How a text stands in what is kept: as it is, or as JSON writes it with few escapes or with many."""
    return tuple(dict.fromkeys([wanted, json_text(wanted)[1:-1], json.dumps(wanted)[1:-1]]))
