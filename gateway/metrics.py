"""What is counted, under the names that dashboards rely on (Prometheus). Labels come from closed lists.

A `properties.*` name counts as `properties`, an unmatched route as `-`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from gateway.model import Engagement
from gateway.refusals import Refusals

if TYPE_CHECKING:
    from gateway.delivery.sending import Sent
    from gateway.routing import Route
    from gateway.store.contract import Record
    from gateway.translate import Decoded, Translation

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_UNTOLD: Final = 4096
"""Sets of names counted in plain numbers before the counters are told."""
GAUGES: Final = {
    "gateway_store_pending": ("target", "Inbounds that a target has not finished"),
    "gateway_store_oldest_seconds": ("target", "Age of a target's oldest unfinished inbound"),
    "gateway_store_bytes": ("", "Bytes that the store uses"),
    "gateway_store_hours_left": ("", "Hours until the store is full at the present rate"),
    "gateway_breaker_open": ("upstream", "Whether an upstream's breaker is open"),
    "gateway_upstream_held": ("upstream", "Whether an upstream is held, its account or URL in doubt"),
    "gateway_deadletters": ("target", "Dead letters kept"),
}
"""The gauges read at each scrape: their one label (or none) and what they say."""

Reading = tuple[str, str, float]
"""A gauge's name, its label's value (empty for none) and its value."""


Sample = tuple[str, dict[str, str], float]
"""A counted sample's name, labels and value."""


class Metrics:
    """The counters of one process, and the last word of those that it speaks for."""

    def __init__(self) -> None:
        self._families: list[Counter | _Seconds] = []
        self._absorbed: dict[str, list[Sample]] = {}
        count = self._counter
        self._inbound = count("gateway_inbound", "Inbounds", "route", "vendor", "status")
        self._interactions = count("gateway_interactions", "Interactions accepted", "route", "action")
        self._deliveries = count("gateway_deliveries", "Deliveries ended", "target", "vendor", "outcome")
        self._responses = count("gateway_upstream_responses", "Upstreams' answers", "upstream", "status")
        self._losses = count("gateway_losses", "Named losses", "target", "field")
        self._refused = count(
            "gateway_refused",
            "Interactions that a target did not get, by reason: cannot carry, filtered out, dropped as configured",
            "target",
            "reason",
        )
        self._copied = count("gateway_copied_ids", "Ids copied that another vendor minted", "target", "field")
        self._reloads = count("gateway_config_reloads", "Reloads of the configuration", "outcome")
        self._inbound_seconds = _Seconds("gateway_inbound_seconds", "Seconds from request to answer")
        self._delivery_seconds = _Seconds("gateway_delivery_seconds", "Seconds of a delivery", "target")
        self._families += [self._inbound_seconds, self._delivery_seconds]
        self._counted: defaultdict[tuple[Any, ...], int] = defaultdict(int)
        """What was counted since the last look: a plain number costs a tenth of a counter that any thread may raise."""
        self._named: defaultdict[tuple[Counter, str, frozenset[str]], int] = defaultdict(int)
        """Likewise, by target and all the canonical names at once."""
        self.refusals = Refusals()

    def expect(self, routes: "Sequence[Route]") -> None:
        """Show at zero what closed lists foretell, so that the first of each is seen as an increase."""
        for outcome in ("applied", "refused"):
            self._counted[self._reloads, outcome] += 0
        for target in (one.target for route in routes for one in route.targets):
            for outcome in ("delivered", "retried", "dead"):
                self._counted[self._deliveries, target.name, target.mapping.NAME, outcome] += 0
            for reason in ("unsupported", "missing", "unknown_id", "filtered", "dropped"):
                self._counted[self._refused, target.name, reason] += 0

    def inbound(self, route: str, vendor: str, status: int, seconds: float) -> None:
        """An inbound was answered."""
        self._counted[self._inbound, route, vendor, status] += 1
        self._inbound_seconds.observe("", seconds)

    def interactions(self, route: str, decoded: "Decoded") -> None:
        """Interactions were accepted."""
        for one in decoded.interactions:
            word = one.action if isinstance(one, Engagement) else one.type
            self._counted[self._interactions, route, word] += 1

    def translated(self, target: str, translation: "Translation", record: "Record") -> None:
        """What a target loses, does not get and is told of another vendor's ids is known."""
        if translation.losses:
            self._name(self._losses, target, translation.losses)
        if translation.copied:
            self._name(self._copied, target, translation.copied)
        if translation.refused or translation.filtered or translation.dropped:
            for one in translation.refused:
                self._counted[self._refused, target, one.reason] += 1
            if translation.filtered:
                self._counted[self._refused, target, "filtered"] += translation.filtered
            if translation.dropped:
                self._counted[self._refused, target, "dropped"] += translation.dropped
            self.refusals.note(target, translation, record)

    def answered(self, upstream: str, sent: "Sent") -> None:
        """An attempt ended: with a status, or as not_sent, ambiguous, no_token or, never sent, refused."""
        self._counted[self._responses, upstream, sent.answer.status if sent.answer else sent.outcome] += 1

    def delivered(self, target: str, vendor: str, outcome: str, seconds: float) -> None:
        """A delivery ended as delivered, retried or dead."""
        self._counted[self._deliveries, target, vendor, outcome] += 1
        self._delivery_seconds.observe(target, seconds)

    def given_up(self, target: str, vendor: str, outcome: str, count: int = 1) -> None:
        """Deliveries ended without an attempt: `dead`, `shed` from a backlog, or `lost` for want of room."""
        self._counted[self._deliveries, target, vendor, outcome] += count

    def reloaded(self, outcome: str) -> None:
        """A reload of the configuration was applied or refused."""
        self._counted[self._reloads, outcome] += 1

    def samples(self) -> Iterator[Sample]:
        """Everything counted so far, for the process that speaks for all."""
        self._settle()
        for family in self._families:
            for metric in family.collect():
                for sample in metric.samples:
                    if not sample.name.endswith("_created"):
                        yield sample.name, dict(sample.labels), sample.value

    def counters(self) -> Iterator[Sample]:
        """Every counter's samples, this process's and those of the processes that it speaks for."""
        self._settle()
        for family in self._families:
            if isinstance(family, Counter):
                for sample in next(iter(family.collect())).samples:
                    if sample.name.endswith("_total"):
                        yield sample.name, dict(sample.labels), sample.value
        for samples in self._absorbed.values():
            yield from (sample for sample in samples if sample[0].endswith("_total"))

    def absorb(self, source: str, samples: list[Sample]) -> None:
        """Take up what another process counted; its last word stays in the sum when it is gone."""
        self._absorbed[source] = samples

    def text(self, readings: Iterable[Reading]) -> bytes:
        """Everything counted, and what is read at this moment, in Prometheus' text format."""
        self._settle()
        registry = CollectorRegistry()
        registry.register(_Sum(self._families, self._absorbed))
        registry.register(_Gauges(readings))
        return generate_latest(registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        family = Counter(name, told, labels, registry=None)
        self._families.append(family)
        return family

    def _name(self, family: Counter, target: str, names: frozenset[str]) -> None:
        """Raise a family's counters for each of a target's canonical names; there may be any number of such sets."""
        self._named[family, target, names] += 1
        if len(self._named) > _UNTOLD:
            self._settle()

    def _settle(self) -> None:
        """Tell the counters what was counted."""
        named, self._named = self._named, defaultdict(int)
        for (family, target, names), number in named.items():
            for field in {_field(name) for name in names}:
                self._counted[family, target, field] += number
        counted, self._counted = self._counted, defaultdict(int)
        for (family, *labels), number in counted.items():
            family.labels(*labels).inc(number)


class _Seconds:
    """A histogram of seconds by one label, or none, that costs a few additions: one thread alone raises it."""

    _type: Final = "histogram"

    def __init__(self, name: str, told: str, label: str = "") -> None:
        self._name, self._told = name, told
        self._labelnames = (label,) if label else ()
        self._counts: dict[str, list[int]] = {} if label else {"": [0] * (len(_BUCKETS) + 1)}
        self._sums: dict[str, float] = dict.fromkeys(self._counts, 0.0)

    def observe(self, label: str, seconds: float) -> None:
        """Something took so long."""
        counts = self._counts.get(label)
        if counts is None:
            counts = self._counts[label] = [0] * (len(_BUCKETS) + 1)
            self._sums[label] = 0.0
        counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sums[label] += seconds

    def collect(self) -> Iterator[Metric]:
        """The one family."""
        family = HistogramMetricFamily(self._name, self._told, labels=self._labelnames)
        bounds = [*map(str, _BUCKETS), "+Inf"]
        for label, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([label] if self._labelnames else [], buckets, self._sums[label])
        yield family


class _Sum:
    """A collector of this process's families with what other processes counted added."""

    def __init__(self, families: list[Counter | _Seconds], absorbed: dict[str, list[Sample]]) -> None:
        self._families = families
        self._absorbed = absorbed

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the families are still to be made."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Each family, its samples summed over all processes."""
        others: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for samples in self._absorbed.values():
            for name, labels, value in samples:
                key = (name, frozenset(labels.items()))
                others[key] = others.get(key, 0.0) + value
        for family in self._families:
            for metric in family.collect():
                yield _summed(metric, others)


def _summed(metric: Metric, others: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> Metric:
    """One family's samples with the others' added; a sample that only others have joins it."""
    total = Metric(metric.name, metric.documentation, metric.type)
    for sample in metric.samples:
        if not sample.name.endswith("_created"):
            value = sample.value + others.pop((sample.name, frozenset(sample.labels.items())), 0.0)
            total.add_sample(sample.name, sample.labels, value)
    for key in [key for key in others if key[0] in _sample_names(metric)]:
        total.add_sample(key[0], dict(key[1]), others.pop(key))
    return total


def _sample_names(metric: Metric) -> tuple[str, ...]:
    suffixes = ("_total",) if metric.type == "counter" else ("_bucket", "_count", "_sum")
    return tuple(metric.name + suffix for suffix in suffixes)


class _Gauges:
    """A collector of readings."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each gauge, empty where nothing is to be read."""
        families = {
            name: GaugeMetricFamily(name, told, labels=[label] if label else None)
            for name, (label, told) in GAUGES.items()
        }
        for name, label, value in self._readings:
            families[name].add_metric([label] if label else [], value)
        yield from families.values()


def _field(name: str) -> str:
    return "properties" if name.startswith("properties.") else name
