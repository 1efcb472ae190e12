"""How fast an upstream may be sent to: pure bookkeeping, time comes in as an argument (monotonic seconds).

Four things hold deliveries back. A concurrency that grows by one with each round of successes and halves on 429, 503
and timeouts. A rate limit. A pause that the vendor asked for by `Retry-After`. And two kinds of trouble, in which one
probe at a time is let through: a *breaker* that opens when several attempts in a row failed, and a *hold* when several
inbounds in a row were answered as if the account or the URL were wrong.
"""

from typing import Final, Literal

from gateway.limits import RateLimit

Outcome = Literal["accepted", "refused", "again", "doubt", "not_sent", "ambiguous", "no_token"]
_START: Final = 16.0
_BREAKER: Final = 5
"""Failures in a row that open the breaker."""
_DOUBTS: Final = 3
"""Doubtful answers in a row, to different inbounds, that hold the upstream."""
_PROBE: Final = 0.5
_PROBE_CAP: Final = 30.0


class Pace:
    """One upstream's pace. `ceiling` bounds its concurrency, `rate` is per second (None: unbounded)."""

    def __init__(self, ceiling: int, rate: float | None = None, pause_cap: float = 900.0) -> None:
        self._ceiling = float(ceiling)
        self._limit = min(_START, self._ceiling)
        self._rate = None if rate is None else RateLimit(rate)
        self._pause_cap = pause_cap
        self._in_flight = 0
        self._resume_at = 0.0
        self._failures = 0
        self._doubters: set[int] = set()
        self._probe_at = 0.0
        self._probes = 0
        self.answered_at: float | None = None
        """When the vendor last took or refused a request on its merits."""

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: several attempts in a row failed."""
        return self._failures >= _BREAKER

    @property
    def is_held(self) -> bool:
        """Whether the account or the URL is in doubt."""
        return len(self._doubters) >= _DOUBTS

    @property
    def concurrency(self) -> int:
        """How many deliveries may be under way at the moment."""
        return 1 if self.is_open or self.is_held else int(self._limit)

    def wait(self, now: float) -> float:
        """Seconds until the next delivery may be considered: 0.0 now; the answer to one under way may shorten it."""
        if now < self._resume_at:
            return self._resume_at - now
        if self.is_open or self.is_held:
            return max(0.0, self._probe_at - now)
        return 0.0

    def room(self) -> int:
        """How many deliveries may be started."""
        return max(0, self.concurrency - self._in_flight)

    def start(self, now: float) -> float:
        """Start one delivery; gives the seconds it must wait for the rate limit."""
        self._in_flight += 1
        return 0.0 if self._rate is None else self._rate.wait("", now)

    def end(self, outcome: Outcome, now: float, inbound: int, *, slow_down: bool = False) -> None:
        """Learn how one ended; `slow_down` for 429, 503 and timeouts."""
        self._in_flight -= 1
        if slow_down:
            self._limit = max(1.0, self._limit / 2)
        if outcome in ("accepted", "refused"):
            self._failures, self._probes = 0, 0
            self._doubters.clear()
            self.answered_at = now
            if outcome == "accepted" and not slow_down:
                self._limit = min(self._ceiling, self._limit + 1.0 / self._limit)
            return
        if outcome == "doubt":
            self._doubters.add(inbound)
        else:
            self._failures += 1
        if self.is_open or self.is_held:
            self._probes += 1
            self._probe_at = now + min(_PROBE_CAP, _PROBE * 2 ** min(self._probes, 10))

    def cancel(self) -> None:
        """A delivery that was started had nothing to send."""
        self._in_flight -= 1

    def pause(self, seconds: float, now: float) -> None:
        """Wait as long as the vendor asked, within the cap."""
        self._resume_at = max(self._resume_at, now + min(seconds, self._pause_cap))
