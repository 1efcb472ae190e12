"""What one route, target or upstream is counted by: plain numbers, raised by one thread alone.

Every click raises them, so that each costs a few bytecodes; what Prometheus wants is worked out in `settle`. Where
nothing else is known of a number it is an `itertools.count`: `next` raises it in C, and the last `next` reads it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from prometheus_client import Counter

from gateway.metrics.families import BUCKETS, Families, no_counts
from gateway.model import Engagement
from gateway.refusals import Refusals

if TYPE_CHECKING:
    from gateway.delivery.sending import Sent
    from gateway.model import Interaction
    from gateway.store.contract import Record
    from gateway.translate import Translation

_UNTOLD: Final = 1024
"""Pairs of sets of names that a target counts one by one before they are summed by name."""
_Word = TypeVar("_Word", int, str)
_Key = TypeVar("_Key")


class Kept(Protocol):
    """What has a record."""

    @property
    def record(self) -> "Record":
        """How an inbound is kept."""
        ...


class RouteCounts:
    """What a route's inbounds are counted by."""

    __slots__ = ("_answers", "_interactions", "_name", "_seconds", "_vendor")

    def __init__(self, name: str, vendor: str) -> None:
        self._name, self._vendor = name, vendor
        self._answers: defaultdict[int, list[int]] = defaultdict(no_counts)
        """For each status, how many by bucket."""
        self._seconds = 0.0
        self._interactions: defaultdict[str, Iterator[int]] = defaultdict(count)

    def inbound(self, status: int, seconds: float, accepted: Iterable["Interaction"] = ()) -> None:
        """An inbound was answered, with so many interactions accepted."""
        self._answers[status][bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds
        for one in accepted:
            next(self._interactions[one.action if isinstance(one, Engagement) else one.type])

    def settle(self, families: Families) -> None:
        """Put what was counted into the families."""
        families.inbound_seconds.add("", self._answers.values(), self._seconds)
        _put(families.inbound, (self._name, self._vendor), _numbers(self._answers))
        self._answers.clear()
        self._seconds = 0.0
        _put(families.interactions, (self._name,), _read(self._interactions))


class TargetCounts:
    """What a target's deliveries are counted by."""

    __slots__ = ("_ended", "_left_out", "_name", "_named", "_refusals", "_seconds", "_unsent", "_vendor")

    def __init__(self, name: str, vendor: str, refusals: Refusals) -> None:
        self._name, self._vendor = name, vendor
        self._refusals = refusals
        self._ended: defaultdict[str, list[int]] = defaultdict(no_counts)
        """For each outcome, how many by bucket."""
        self._seconds = 0.0
        self._unsent: defaultdict[str, int] = defaultdict(int)
        self._named = _Names()
        self._left_out: defaultdict[str, int] = defaultdict(int)

    def expect(self, families: Families) -> None:
        """Show at zero what is sure to be counted some day."""
        for outcome in ("delivered", "retried", "dead", "shed", "lost"):
            families.deliveries.labels(self._name, self._vendor, outcome)
        for reason in ("unsupported", "missing", "unknown_id", "filtered", "dropped"):
            families.refused.labels(self._name, reason)

    def translated(self, translation: "Translation", kept: "Kept") -> None:
        """What a target loses, does not get and is told of another vendor's ids is known."""
        next(self._named[translation.losses, translation.copied])
        if translation.refused or translation.filtered or translation.dropped:
            for one in translation.refused:
                self._left_out[one.reason] += 1
            if translation.filtered:
                self._left_out["filtered"] += translation.filtered
            if translation.dropped:
                self._left_out["dropped"] += translation.dropped
            self._refusals.note(self._name, translation, kept.record)

    def delivered(self, outcome: str, seconds: float) -> None:
        """A delivery ended as delivered, retried or dead."""
        self._ended[outcome][bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def given_up(self, outcome: str, count: int = 1) -> None:
        """Deliveries ended without an attempt: `dead`, `shed` from a backlog, or `lost` for want of room."""
        self._unsent[outcome] += count

    def settle(self, families: Families) -> None:
        """Put what was counted into the families."""
        if self._ended:
            families.delivery_seconds.add(self._name, self._ended.values(), self._seconds)
        _put(families.deliveries, (self._name, self._vendor), _numbers(self._ended))
        self._ended.clear()
        self._seconds = 0.0
        _put(families.deliveries, (self._name, self._vendor), self._unsent)
        _put(families.refused, (self._name,), self._left_out)
        self._named.settle(self._name, families)


class UpstreamCounts:
    """What an upstream's answers are counted by."""

    __slots__ = ("_answers", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._answers: defaultdict[int | str, Iterator[int]] = defaultdict(count)

    def answered(self, sent: "Sent") -> None:
        """An attempt ended: with a status, or as not_sent, ambiguous, no_token or, never sent, refused."""
        next(self._answers[sent.answer.status if sent.answer else sent.outcome])

    def settle(self, families: Families) -> None:
        """Put what was counted into the families."""
        _put(families.responses, (self._name,), _read(self._answers))


class _Names(dict[tuple[frozenset[str], frozenset[str]], Iterator[int]]):
    """How often a target met each pair of sets of names, lost and copied; there may be any number of such pairs."""

    def __init__(self) -> None:
        super().__init__()
        self._lost: defaultdict[str, int] = defaultdict(int)
        self._copied: defaultdict[str, int] = defaultdict(int)

    def __missing__(self, pair: tuple[frozenset[str], frozenset[str]]) -> Iterator[int]:
        if len(self) >= _UNTOLD:
            self._sum()
        self[pair] = count()
        return self[pair]

    def settle(self, target: str, families: Families) -> None:
        """Put what was counted into the families."""
        self._sum()
        _put(families.losses, (target,), self._lost)
        _put(families.copied, (target,), self._copied)

    def _sum(self) -> None:
        """Keep the numbers by name alone; a `properties.*` name counts as `properties`, once for a set."""
        for (lost, copied), number in _read(self).items():
            for name in {_field(name) for name in lost}:
                self._lost[name] += number
            for name in {_field(name) for name in copied}:
                self._copied[name] += number


def _numbers(ended: Mapping[_Word, Iterable[int]]) -> dict[_Word, int]:
    """How many there are of each word, in all buckets."""
    return {word: sum(buckets) for word, buckets in ended.items()}


def _read(counts: MutableMapping[_Key, Iterator[int]]) -> dict[_Key, int]:
    """How many each has counted; they are forgotten."""
    found = {key: next(one) for key, one in counts.items()}
    counts.clear()
    return found


def _put(family: Counter, labels: tuple[str, ...], counted: MutableMapping[Any, int]) -> None:
    """Raise a family's counters by what was counted, its last label each key, and forget it."""
    for word, number in counted.items():
        family.labels(*labels, word).inc(number)
    counted.clear()


def _field(name: str) -> str:
    return "properties" if name.startswith("properties.") else name
