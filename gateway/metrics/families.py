"""The families as Prometheus knows them: their names, labels and samples, this process's and others' summed."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the histograms' buckets, in seconds; one more bucket has none."""
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


def no_counts() -> list[int]:
    """Zero for every bucket."""
    return [0] * (len(BUCKETS) + 1)


class Seconds:
    """A histogram of seconds by one label, or none."""

    _type: Final = "histogram"

    def __init__(self, name: str, told: str, label: str = "") -> None:
        self._name, self._told = name, told
        self._labelnames = (label,) if label else ()
        self._counts: dict[str, list[int]] = {} if label else {"": no_counts()}
        self._sums: dict[str, float] = dict.fromkeys(self._counts, 0.0)

    def add(self, label: str, counts: Iterable[Iterable[int]], seconds: float) -> None:
        """So many more by bucket, in several lists, which took so long altogether."""
        self._counts[label] = list(map(sum, zip(self._counts.get(label, no_counts()), *counts, strict=True)))
        self._sums[label] = self._sums.get(label, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The one family."""
        family = HistogramMetricFamily(self._name, self._told, labels=self._labelnames)
        bounds = [*map(str, BUCKETS), "+Inf"]
        for label, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([label] if self._labelnames else [], buckets, self._sums[label])
        yield family


class Families:
    """Every family that is counted."""

    def __init__(self) -> None:
        self.inbound = _counter("gateway_inbound", "Inbounds", "route", "vendor", "status")
        self.interactions = _counter("gateway_interactions", "Interactions accepted", "route", "action")
        self.deliveries = _counter("gateway_deliveries", "Deliveries ended", "target", "vendor", "outcome")
        self.responses = _counter("gateway_upstream_responses", "Upstreams' answers", "upstream", "status")
        self.losses = _counter("gateway_losses", "Named losses", "target", "field")
        self.refused = _counter(
            "gateway_refused",
            "Interactions that a target did not get, by reason: cannot carry, filtered out, dropped as configured",
            "target",
            "reason",
        )
        self.copied = _counter("gateway_copied_ids", "Ids copied that another vendor minted", "target", "field")
        self.reloads = _counter("gateway_config_reloads", "Reloads of the configuration", "outcome")
        self.inbound_seconds = Seconds("gateway_inbound_seconds", "Seconds from request to answer")
        self.delivery_seconds = Seconds("gateway_delivery_seconds", "Seconds of a delivery", "target")

    def __iter__(self) -> Iterator[Counter | Seconds]:
        """In the order in which they are shown."""
        return iter(vars(self).values())


def exposed(families: Families, absorbed: Mapping[str, list[Sample]], readings: Iterable[Reading]) -> bytes:
    """The families with what other processes counted, and what is read at this moment, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Sum(families, absorbed))
    registry.register(_Gauges(readings))
    return generate_latest(registry)


def _counter(name: str, told: str, *labels: str) -> Counter:
    return Counter(name, told, labels, registry=None)


class _Sum:
    """A collector of this process's families with what other processes counted added."""

    def __init__(self, families: Families, absorbed: Mapping[str, list[Sample]]) -> None:
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
