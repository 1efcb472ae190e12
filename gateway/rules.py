"""What a configuration says of inbounds, made ready for them once: a reload replaces it whole.

What an inbound needs of its route (counters, the account that is asked while the caller waits) is found here at load,
so that nothing is looked up while it passes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.delivery.upstream import Upstream
from gateway.limits import RateLimit
from gateway.metrics import Metrics, RouteCounts, TargetCounts, UpstreamCounts
from gateway.routing import Match, Route, RouteTarget, Table
from gateway.shaping import Privacy

OPEN: Final = "*"
"""Whose limit holds, for each address, on a public route that asks no key."""


class Waited(Struct, frozen=True):
    """A target whose answer a caller waits for, with its account and its counters.

    It `spares` an account that is down where what that cannot take is kept for it.
    """

    settings: RouteTarget
    upstream: Upstream
    counts: TargetCounts
    answers: UpstreamCounts
    spares: bool


class Way(Struct, frozen=True):
    """A route with all that its inbounds need on their way.

    `primary` is asked in forward mode; `minting`, in store mode, for a visitor without any id: the caller's own vendor,
    which makes new users, so that its answer alone can tell who that is. `others` are the rest of the targets.
    `limits` are those of its clients, by name, and of the addresses that need no key (OPEN); None where there are none.
    """

    route: Route
    counts: RouteCounts
    primary: Waited | None
    minting: Waited | None
    others: tuple[RouteTarget, ...]
    limits: Mapping[str, RateLimit] | None


class Rules(Struct, frozen=True):
    """All of it; who began under the old rules ends under them."""

    table: Table
    ways: Mapping[str, Way]
    logs: Callable[[int], bool]
    at_rest: Privacy | None = None


class Found(Struct, frozen=True):
    """What `rules` make of a request's head: the route that takes it, its way, and the limit that its client has."""

    rules: Rules
    match: Match
    way: Way
    limit: RateLimit | None


def way_of(route: Route, upstreams: Mapping[str, Upstream], limits: Mapping[str, RateLimit], metrics: Metrics) -> Way:
    """A route's way; `limits` are those of all clients."""
    forwards = route.mode == "forward"
    chosen = next((one for one in route.targets if (one.primary if forwards else _mints(one, route))), None)
    told = chosen if chosen is None or forwards else replace(chosen, on_failure="store")
    waited = None if told is None else _waited(told, upstreams[told.upstream], metrics)
    return Way(
        route,
        metrics.route(route.name, route.accepts),
        waited if forwards else None,
        None if forwards else waited,
        tuple(one for one in route.targets if one is not chosen),
        {name: limit for name, limit in limits.items() if _may_call(name, route)} or None,
    )


def _may_call(name: str, route: Route) -> bool:
    """Whether a client may use a route; one that asks no key may be used by all, on a public one by anybody."""
    return route.public if name == OPEN else not route.clients or name in route.clients


def _mints(one: RouteTarget, route: Route) -> bool:
    return route.accepts == one.target.mapping.NAME and one.target.mapping.MINTS_USERS


def _waited(told: RouteTarget, upstream: Upstream, metrics: Metrics) -> Waited:
    counts = metrics.target(told.target.name, told.target.mapping.NAME)
    return Waited(told, upstream, counts, metrics.upstream(upstream.name), told.on_failure == "store")
