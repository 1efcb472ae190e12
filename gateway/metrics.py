"""What is counted, under the names that dashboards rely on (Prometheus). Labels come from closed lists.

A `properties.*` name counts as `properties`, an unmatched route as `-`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from gateway.model import Engagement

if TYPE_CHECKING:
    from gateway.delivery.forward import Sent
    from gateway.translate import Decoded, Translation

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
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


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        count = self._counter
        self._inbound = count("gateway_inbound", "Inbounds", "route", "vendor", "status")
        self._interactions = count("gateway_interactions", "Interactions accepted", "route", "action")
        self._deliveries = count("gateway_deliveries", "Deliveries ended", "target", "vendor", "outcome")
        self._responses = count("gateway_upstream_responses", "Upstreams' answers", "upstream", "status")
        self._losses = count("gateway_losses", "Named losses", "target", "field")
        self._refused = count("gateway_refused", "Interactions a target cannot carry", "target", "reason")
        self._copied = count("gateway_copied_ids", "Ids copied that another vendor minted", "target", "field")
        self._reloads = count("gateway_config_reloads", "Reloads of the configuration", "outcome")
        self._inbound_seconds = self._histogram("gateway_inbound_seconds", "Seconds from request to answer")
        self._delivery_seconds = self._histogram("gateway_delivery_seconds", "Seconds of a delivery", "target")
        self._children: dict[tuple[Any, ...], Any] = {}

    def watch(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Read these gauges at each scrape."""
        self._registry.register(_Gauges(readings))

    def inbound(self, route: str, vendor: str, status: int, seconds: float) -> None:
        """An inbound was answered."""
        self._child(self._inbound, route, vendor, str(status)).inc()
        self._inbound_seconds.observe(seconds)

    def interactions(self, route: str, decoded: "Decoded") -> None:
        """Interactions were accepted."""
        for one in decoded.interactions:
            word = one.action if isinstance(one, Engagement) else one.type
            self._child(self._interactions, route, word).inc()

    def translated(self, target: str, translation: "Translation") -> None:
        """A target's losses, refusals and copied ids are known."""
        for field in {_field(name) for name in translation.losses}:
            self._child(self._losses, target, field).inc()
        for one in translation.refused:
            self._child(self._refused, target, one.reason).inc()
        for field in translation.copied:
            self._child(self._copied, target, field).inc()

    def answered(self, upstream: str, sent: "Sent") -> None:
        """An attempt ended: with a status, or as not_sent, ambiguous or no_token."""
        status = str(sent.answer.status) if sent.answer else sent.outcome
        self._child(self._responses, upstream, status).inc()

    def delivered(self, target: str, vendor: str, outcome: str, seconds: float) -> None:
        """A delivery ended as delivered, retried or dead."""
        self._child(self._deliveries, target, vendor, outcome).inc()
        self._child(self._delivery_seconds, target).observe(seconds)

    def reloaded(self, outcome: str) -> None:
        """The configuration was reloaded, refused or found unchanged."""
        self._child(self._reloads, outcome).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, labels, registry=self._registry)

    def _histogram(self, name: str, told: str, *labels: str) -> Histogram:
        return Histogram(name, told, labels, registry=self._registry, buckets=_BUCKETS)

    def _child(self, family: Any, *labels: str) -> Any:
        """A family's child, looked up once for each set of labels."""
        key = (family, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = family.labels(*labels)
        return child


class _Gauges:
    """A collector of readings."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each gauge, empty where nothing is to be read."""
        families = {
            name: GaugeMetricFamily(name, told, labels=[label] if label else None)
            for name, (label, told) in GAUGES.items()
        }
        for name, label, value in self._readings():
            families[name].add_metric([label] if label else [], value)
        yield from families.values()


def _field(name: str) -> str:
    return "properties" if name.startswith("properties.") else name
