"""What was read of the admin port, and the rates between an earlier snapshot and the latest."""

from collections import deque
from typing import Any, Final

import msgspec
from msgspec import Struct

Counts = dict[tuple[str, str, str], float]
"""What was counted since the gateway's start, by family, route or target, and status or outcome."""
_COUNTED: Final = {
    "gateway_inbound_total": ("route", "status"),
    "gateway_deliveries_total": ("target", "outcome"),
}
_KEPT: Final = 6


class Route(Struct, frozen=True):
    """A route, as the status tells it."""

    name: str
    accepts: str
    mode: str


class Target(Struct, frozen=True):
    """A target and its backlog; one that is orphaned has no upstream."""

    name: str
    vendor: str | None
    upstream: str | None
    pending: int
    oldest_seconds: float | None
    dead: int
    orphaned: bool
    paused: bool


class Upstream(Struct, frozen=True):
    """An upstream and what holds it back."""

    name: str
    breaker_open: bool
    held: bool
    concurrency: int
    in_flight: int
    paused_seconds: float


class Store(Struct, frozen=True):
    """The store and its room."""

    kind: str
    bytes: int
    max_bytes: int | None
    hours_left: float | None


class Status(Struct, frozen=True):
    """What is used of the status document."""

    version: str
    unready: str | None
    routes: tuple[Route, ...]
    targets: tuple[Target, ...]
    upstreams: tuple[Upstream, ...]
    store: Store


class Snapshot(Struct, frozen=True):
    """One snapshot: when, in monotonic seconds, the status, and the counters."""

    at: float
    status: Status
    counts: Counts


def snapshot(at: float, status: Any, metrics: str) -> Snapshot:
    """A snapshot from the answers of `/api/status` and `/metrics`; raises ValueError for what tells neither."""
    from prometheus_client.parser import text_string_to_metric_families

    counts: Counts = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in _COUNTED:
                of, by = _COUNTED[sample.name]
                key = (sample.name, sample.labels[of], sample.labels[by])
                counts[key] = counts.get(key, 0.0) + sample.value
    return Snapshot(at, msgspec.convert(status, Status), counts)


class Snapshots:
    """The latest snapshots, over which rates are told."""

    def __init__(self) -> None:
        self._kept: deque[Snapshot] = deque(maxlen=_KEPT)

    @property
    def latest(self) -> Snapshot | None:
        """The last snapshot, if there was one."""
        return self._kept[-1] if self._kept else None

    def add(self, one: Snapshot) -> None:
        """Take up a snapshot; where a counter fell the gateway was started again, and older ones tell nothing."""
        before = self.latest
        if before is not None and any(one.counts.get(key, 0.0) < value for key, value in before.counts.items()):
            self._kept.clear()
        self._kept.append(one)

    def names(self, family: str) -> set[str]:
        """The routes or targets that a family has counted for."""
        return {name for kept, name, _ in self._kept[-1].counts if kept == family} if self._kept else set()

    def rate(self, family: str, name: str, *beginnings: str) -> float:
        """How often a second, for a route or target, what begins so (any where nothing is said) was counted."""
        if len(self._kept) < 2:
            return 0.0
        first, last = self._kept[0], self._kept[-1]
        raised = sum(
            value - first.counts.get(key, 0.0)
            for key, value in last.counts.items()
            if key[:2] == (family, name) and key[2].startswith(beginnings or "")
        )
        return raised / (last.at - first.at)
