"""What is shown of the snapshots: a line about the gateway, one about its store, a table of routes, one of targets."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from gateway.top.snapshots import Snapshot, Snapshots, Target, Upstream

_INBOUND: Final = "gateway_inbound_total"
_DELIVERIES: Final = "gateway_deliveries_total"
_NO_ROUTE: Final = "-"
ROUTES: Final = ("route", "accepts", "mode", "in/s", "rejected/s", "failed/s")
TARGETS: Final = (
    *("target", "state", "delivered/s", "retried/s", "dead/s"),
    *("pending", "oldest", "dead letters", "shed/s", "lost/s", "concurrency", "vendor"),
)
WORDS: Final = ("route", "accepts", "mode", "target", "vendor", "state")
"""The columns of words; the others hold numbers."""
_GIVING_UP: Final = {"shed": "sheds", "lost": "loses copies"}
"""What a target is in while its deliveries end so."""


class Cell(Struct, frozen=True):
    """One cell: its text, what it is sorted by, and whether it asks for attention."""

    text: str
    key: float | str
    alarming: bool = False


Row = tuple[Cell, ...]


def gateway_line(one: Snapshot) -> str:
    """How the gateway is, in a line."""
    told = one.status.unready
    return f"gateway {one.status.version}: " + ("ready" if told is None else f"not ready, {told}")


def store_line(one: Snapshot) -> str:
    """How full the store is and how long it lasts, in a line."""
    store = one.status.store
    told = f"store {store.kind}: {_size(store.bytes)}"
    if store.max_bytes:
        told += f" of {_size(store.max_bytes)} ({100 * store.bytes / store.max_bytes:.0f} %)"
    hours = store.hours_left
    return told + (", not growing" if hours is None else f", full in {_duration(hours * 3600)} at this rate")


def routes(snapshots: Snapshots) -> list[Row]:
    """A row for each route, and one for what no route took."""
    one = snapshots.latest
    if one is None:
        return []
    rows = [_route(snapshots, told.name, told.accepts, told.mode) for told in one.status.routes]
    if _NO_ROUTE in snapshots.names(_INBOUND):
        rows.append(_route(snapshots, _NO_ROUTE, "no route", ""))
    return rows


def targets(snapshots: Snapshots) -> list[Row]:
    """A row for each target, also for orphaned ones."""
    one = snapshots.latest
    if one is None:
        return []
    upstreams = {told.name: told for told in one.status.upstreams}
    return [_target(snapshots, told, upstreams.get(told.upstream or "")) for told in one.status.targets]


def _route(snapshots: Snapshots, name: str, accepts: str, mode: str) -> Row:
    rates = [snapshots.rate(_INBOUND, name), snapshots.rate(_INBOUND, name, "4"), snapshots.rate(_INBOUND, name, "5")]
    return (
        *(Cell(word, word) for word in (name, accepts, mode)),
        _rate(rates[0]),
        _rate(rates[1], alarming=True),
        _rate(rates[2], alarming=True),
    )


def _target(snapshots: Snapshots, told: Target, upstream: Upstream | None) -> Row:
    name, oldest = told.name, told.oldest_seconds
    rates = {one: snapshots.rate(_DELIVERIES, name, one) for one in ("delivered", "retried", "dead", "shed", "lost")}
    states = [*_states(told, upstream), *(word for one, word in _GIVING_UP.items() if rates[one])]
    state = ", ".join(states) or "ok"
    return (
        Cell(name, name),
        Cell(state, state, alarming=bool(states)),
        _rate(rates["delivered"]),
        _rate(rates["retried"], alarming=True),
        _rate(rates["dead"], alarming=True),
        Cell(f"{told.pending:,}", told.pending),
        Cell("" if oldest is None else _duration(oldest), oldest or 0.0),
        Cell(f"{told.dead:,}", told.dead, alarming=told.dead > 0),
        _rate(rates["shed"], alarming=True),
        _rate(rates["lost"], alarming=True),
        _concurrency(upstream),
        Cell(told.vendor or "", told.vendor or ""),
    )


def _states(told: Target, upstream: Upstream | None) -> Iterator[str]:
    if told.orphaned:
        yield "orphaned"
    if told.paused:
        yield "paused"
    if upstream and upstream.held:
        yield "held"
    if upstream and upstream.breaker_open:
        yield "breaker open"
    if upstream and upstream.paused_seconds:
        yield f"waits {_duration(upstream.paused_seconds)}"


def _concurrency(upstream: Upstream | None) -> Cell:
    if upstream is None:
        return Cell("", 0)
    return Cell(f"{upstream.in_flight} of {upstream.concurrency}", upstream.in_flight)


def _rate(value: float, *, alarming: bool = False) -> Cell:
    text = "0" if value == 0 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return Cell(text, value, alarming=alarming and value > 0)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.1f} s"


def _size(count: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}"
    return f"{count} B"
