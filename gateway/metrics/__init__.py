"""What is counted, under the names that dashboards rely on (Prometheus). Labels come from closed lists.

Whoever counts is bound once to a route, a target or an upstream (`counts`); what they counted in plain numbers is put
into the families (`families`) when somebody looks.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter

from gateway.metrics.counts import RouteCounts, TargetCounts, UpstreamCounts
from gateway.metrics.families import GAUGES, Families, Reading, Sample, exposed
from gateway.refusals import Refusals

if TYPE_CHECKING:
    from gateway.routing import Route

__all__ = ["GAUGES", "Metrics", "Reading", "RouteCounts", "Sample", "TargetCounts", "UpstreamCounts"]

_RELOADS: Final = ("applied", "refused")


class Metrics:
    """The counters of one process, and the last word of those that it speaks for."""

    def __init__(self) -> None:
        self.refusals = Refusals()
        self._families = Families()
        self._absorbed: dict[str, list[Sample]] = {}
        self._routes: dict[tuple[str, str], RouteCounts] = {}
        self._targets: dict[tuple[str, str], TargetCounts] = {}
        self._upstreams: dict[str, UpstreamCounts] = {}

    def expect(self, routes: "Sequence[Route]") -> None:
        """Show at zero what closed lists foretell, so that the first of each is seen as an increase."""
        for outcome in _RELOADS:
            self._families.reloads.labels(outcome)
        for target in (one.target for route in routes for one in route.targets):
            self.target(target.name, target.mapping.NAME).expect(self._families)

    def route(self, name: str, vendor: str) -> RouteCounts:
        """What the inbounds of a route, or of none (`-`), are counted by; the same at each call."""
        if (name, vendor) not in self._routes:
            self._routes[name, vendor] = RouteCounts(name, vendor)
        return self._routes[name, vendor]

    def target(self, name: str, vendor: str) -> TargetCounts:
        """What a target's deliveries are counted by; the same at each call."""
        if (name, vendor) not in self._targets:
            self._targets[name, vendor] = TargetCounts(name, vendor, self.refusals)
        return self._targets[name, vendor]

    def upstream(self, name: str) -> UpstreamCounts:
        """What an upstream's answers are counted by; the same at each call."""
        if name not in self._upstreams:
            self._upstreams[name] = UpstreamCounts(name)
        return self._upstreams[name]

    def reloaded(self, outcome: str) -> None:
        """A reload of the configuration was applied or refused."""
        self._families.reloads.labels(outcome).inc()

    def samples(self) -> Iterator[Sample]:
        """Everything counted so far, for the process that speaks for all."""
        for family in self._settled():
            for metric in family.collect():
                for sample in metric.samples:
                    if not sample.name.endswith("_created"):
                        yield sample.name, dict(sample.labels), sample.value

    def counters(self) -> Iterator[Sample]:
        """Every counter's samples, this process's and those of the processes that it speaks for."""
        for family in self._settled():
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
        return exposed(self._settled(), self._absorbed, readings)

    def _settled(self) -> Families:
        """The families, all that was counted put into them."""
        bound: list[RouteCounts | TargetCounts | UpstreamCounts] = [*self._routes.values(), *self._targets.values()]
        for one in (*bound, *self._upstreams.values()):
            one.settle(self._families)
        return self._families
