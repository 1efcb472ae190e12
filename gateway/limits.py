"""How much of something is allowed per second: a token bucket; time comes in as an argument."""

from collections import OrderedDict
from typing import Final

_KEYS: Final = 10_000
"""How many callers are remembered; the one not seen for longest is forgotten first."""


class RateLimit:
    """At most `rate` per second for each key, with bursts of one second's worth."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(rate, 1.0)
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Take one at `now` (monotonic seconds): 0.0 when it is allowed, else the seconds until it would be."""
        level, since = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        allowed = level >= 1.0
        self._levels[key] = (level - 1.0 if allowed else level, now)
        if len(self._levels) > _KEYS:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1.0 - level) / self._rate
