"""How much of something is allowed per second: a token bucket; time comes in as an argument."""

from collections import Counter, OrderedDict
from typing import Final

_KEYS: Final = 10_000
"""How many callers are remembered; the one not seen for longest is forgotten first."""


class RateLimit:
    """At most `rate` per second for each key, with bursts of one second's worth.

    Where it is `shared` other processes allow by the same limit: each asks what was `spent` now and then, and the
    others `charge` it. Until they hear of it they may allow too much, which is taken off what they allow later.
    """

    def __init__(self, rate: float, *, shared: bool = False) -> None:
        self._rate = rate
        self._burst = max(rate, 1.0)
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._spent: Counter[str] | None = Counter() if shared else None

    def wait(self, key: str, now: float) -> float:
        """Take one at `now` (monotonic seconds): 0.0 when it is allowed, else the seconds until it would be."""
        level = self._level(key, now)
        allowed = level >= 1.0
        self._put(key, level - 1.0 if allowed else level, now)
        if allowed and self._spent is not None:
            self._spent[key] += 1
        return 0.0 if allowed else (1.0 - level) / self._rate

    def spent(self) -> dict[str, int]:
        """What was allowed since this was last asked, by key."""
        if self._spent is None:
            return {}
        spent, self._spent = self._spent, Counter()
        return dict(spent)

    def charge(self, key: str, count: int, now: float) -> None:
        """Another process has allowed so many."""
        self._put(key, self._level(key, now) - count, now)

    def _level(self, key: str, now: float) -> float:
        level, since = self._levels.pop(key, (self._burst, now))
        return min(self._burst, level + (now - since) * self._rate)

    def _put(self, key: str, level: float, now: float) -> None:
        self._levels[key] = (level, now)
        if len(self._levels) > _KEYS:
            self._levels.popitem(last=False)
