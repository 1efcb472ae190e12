"""How fast an upstream may be sent to: pure bookkeeping, time comes in as an argument (monotonic seconds).

Four things hold deliveries back. A concurrency that grows by one with each round of successes and halves on 429, 503
and timeouts. A rate limit. A pause that the vendor asked for by `Retry-After`. And two kinds of trouble, in which one
probe at a time is let through: a *breaker* that opens when several attempts in a row failed, and a *hold* when several
inbounds in a row were answered as if the account or the URL were wrong.
"""

from collections.abc import Callable, Hashable
from typing import Final, Literal

from msgspec import Struct

Outcome = Literal["accepted", "refused", "again", "doubt", "not_sent", "ambiguous", "no_token"]
Trouble = Literal["held", "breaker open"]
_START: Final = 16.0
_BREAKER: Final = 5
"""Failures in a row that open the breaker."""
_DOUBTS: Final = 3
"""Doubtful answers in a row, to different inbounds, that hold the upstream."""
_BREAKER_CAP: Final = 10.0
"""Seconds between two probes at most, while the breaker is open."""
_HOLD_CAP: Final = 60.0
"""Likewise while the upstream is held: a vendor counts wrong keys."""
_SLACK: Final = 0.01
"""Seconds by which a sender that woke late may catch up with the rate."""


class Ended(Struct, frozen=True):
    """How one attempt ended: of which inbound, since when it was under way, and what the vendor said."""

    outcome: Outcome
    inbound: Hashable
    began: float
    status: int | None = None
    timed_out: bool = False


class Pace:
    """One upstream's pace. `ceiling` bounds its concurrency, `rate` is per second (None: unbounded).

    The first probe comes after `base` seconds, each later one after twice as long, up to `cap`.
    """

    def __init__(
        self, ceiling: int, rate: float | None = None, pause_cap: float = 900.0, base: float = 0.5, cap: float = 300.0
    ) -> None:
        self._ceiling = float(ceiling)
        self._limit = min(_START, self._ceiling)
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._pause_cap = pause_cap
        self._base, self._cap = base, cap
        self._in_flight = 0
        self._next = float("-inf")
        self._resume_at = float("-inf")
        self._halved_at = float("-inf")
        self._failures = 0
        self._doubters: set[Hashable] = set()
        self.in_trouble = False
        """Whether only probes are let through: asked far more often than it changes."""
        self._troubled_at = 0.0
        self._probe_at = 0.0
        self._probes = 0
        self.told: Callable[[Trouble | None, Outcome, int | None], object] | None = None
        """Who is told when the trouble changes, and by the outcome and status of which attempt."""

    @property
    def trouble(self) -> Trouble | None:
        """Why only probes are let through, where they are."""
        if self.is_held:
            return "held"
        return "breaker open" if self.is_open else None

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: several attempts in a row failed."""
        return self._failures >= _BREAKER

    @property
    def is_held(self) -> bool:
        """Whether the account or the URL is in doubt."""
        return len(self._doubters) >= _DOUBTS

    def is_clear(self, now: float) -> bool:
        """Whether nothing keeps a caller who waits from being served: no breaker, no pause, no rate."""
        return self._failures < _BREAKER and now >= self._resume_at and not self._interval

    @property
    def concurrency(self) -> int:
        """How many attempts may be under way at the moment."""
        return 1 if self.in_trouble else int(self._limit)

    def paused_for(self, now: float) -> float:
        """Seconds for which the vendor still asks to be left alone."""
        return max(0.0, self._resume_at - now)

    def is_paused(self, now: float) -> bool:
        """Whether the vendor asked to be left alone."""
        return now < self._resume_at

    def free(self, now: float) -> int:
        """How many attempts may start."""
        room = self.concurrency - self._in_flight
        if room <= 0 or now < self._resume_at or (self.in_trouble and now < self._probe_at):
            return 0
        if not self._interval:
            return room
        behind = now - max(self._next, now - _SLACK)
        return 0 if behind < 0 else min(room, 1 + int(behind / self._interval))

    def opens_at(self) -> float | None:
        """When time alone may let another attempt start; None while only the end of one under way can."""
        if self._in_flight >= self.concurrency:
            return None
        return max(self._resume_at, self._next, self._probe_at if self.in_trouble else self._resume_at)

    def take(self, count: int, now: float) -> None:
        """So many attempts start."""
        self._in_flight += count
        if self._interval:
            self._next = max(self._next, now - _SLACK) + count * self._interval

    def give_back(self, count: int) -> None:
        """So many of those that were to start had nothing to send."""
        self._in_flight -= count
        self._next -= count * self._interval

    def turn(self, now: float, patience: float) -> float | None:
        """Take the rate's next turn for a caller who waits: the seconds until then, None where that is too long."""
        if not self._interval:
            return 0.0
        due = max(self._next, now - _SLACK)
        if due - now > patience:
            return None
        self._next = due + self._interval
        return max(0.0, due - now)

    def release(self) -> None:
        """An attempt is over of which nothing is to be learnt."""
        self._in_flight -= 1

    def learn(self, ended: Ended, now: float) -> None:
        """Learn how an attempt ended."""
        if ended.outcome == "accepted":
            self.accept()
            return
        before = self.trouble
        at_bottom = self._limit <= 1.0
        if ended.status in (429, 503) or ended.timed_out:
            self._halve(ended, now)
        match ended.outcome:
            case "refused":
                self._failures = 0
            case "doubt":
                self._failures = 0
                if len(self._doubters) < _DOUBTS:
                    self._doubters.add(ended.inbound)
            case _:
                # 429 means "slower", not "down": it is a failure only where there is no slower left.
                self._failures += 1 if ended.status != 429 or at_bottom else 0
        self.in_trouble = self.is_open or self.is_held
        self._probe(ended, now, was_in_trouble=before is not None)
        if self.told is not None and self.trouble != before:
            self.told(self.trouble, ended.outcome, ended.status)

    def accept(self) -> None:
        """The vendor took what was sent: no trouble is left, and there may be room for more."""
        if self._failures or self._doubters:
            was_in_trouble, self.in_trouble = self.in_trouble, False
            self._failures = 0
            self._doubters.clear()
            if self.told is not None and was_in_trouble:
                self.told(None, "accepted", None)
        # Add one for each round of successes; a concurrency that nobody uses tells nothing.
        if 2 * self._in_flight + 2 >= self._limit:
            self._limit = min(self._ceiling, self._limit + 1.0 / self._limit)

    def pause(self, seconds: float, now: float) -> None:
        """Wait as long as the vendor asked, within the cap."""
        self._resume_at = max(self._resume_at, now + min(seconds, self._pause_cap))

    def _halve(self, ended: Ended, now: float) -> None:
        """Halve the concurrency, once for all attempts that were under way at that moment."""
        if ended.began >= self._halved_at:
            self._limit = max(1.0, self._limit / 2)
            self._halved_at = now

    def _probe(self, ended: Ended, now: float, *, was_in_trouble: bool) -> None:
        """When the next probe may go, where the upstream is in trouble; what began before tells nothing of a probe."""
        if not self.in_trouble:
            return
        if not was_in_trouble:
            self._troubled_at, self._probes = now, 0
            self._limit = min(self._limit, _START)
        elif ended.began < self._troubled_at:
            return
        else:
            self._probes += 1
        cap = min(self._cap, _HOLD_CAP if self.is_held else _BREAKER_CAP)
        self._probe_at = now + min(cap, self._base * 2.0 ** min(self._probes, 60))
