"""What routes must agree on: with the clients, upstreams and vendors there are, and among themselves."""

from collections.abc import Collection, Iterator, Mapping

from gateway.config.addresses import is_loopback
from gateway.config.faults import Faults, not_among
from gateway.config.lines import Path
from gateway.config.names import check_fill, check_hiding, check_when
from gateway.config.structs import RouteTable, ShareRange, Tables, TargetTable
from gateway.wire import json_text


def check_routes(tables: Tables, known: Mapping[str, Collection[str]], faults: Faults) -> None:
    """Find what is wrong with the routes; `known` has the `vendors`, `clients` and `upstreams` that may be named."""
    route_names: dict[str, int] = {}
    target_names: dict[str, Path] = {}
    for index, route in enumerate(tables.routes):
        path: Path = ("routes", index)
        _check_route(route, path, known, faults)
        if not (route.clients or route.public or is_loopback(tables.server.host)):
            faults.add((*path, "clients"), "are required: without them no key is asked of anyone; or say public = true")
        if route.name and route_names.setdefault(route.name, index) != index:
            faults.add((*path, "name"), f"is taken by routes[{route_names[route.name]}]")
        for position, target in enumerate(route.targets):
            place = (*path, "targets", position)
            _check_target(target, place, known, faults)
            name = target_name(route, target)
            if route.name and target.upstream and target_names.setdefault(name, place) != place:
                faults.add((*place, "name"), f"{json_text(name)} is another target's already: give this one a name")


def shadowed(tables: Tables) -> Iterator[tuple[Path, str]]:
    """Routes that no request can reach, for an earlier one takes all of theirs."""
    for index, route in enumerate(tables.routes):
        for earlier in tables.routes[:index]:
            same = (earlier.accepts, earlier.prefix) == (route.accepts, route.prefix)
            if same and (not earlier.clients or (route.clients and set(route.clients) <= set(earlier.clients))):
                yield ("routes", index), f"is never reached: {json_text(earlier.name)} takes all that it would"
                break


def target_name(route: RouteTable, target: TargetTable) -> str:
    """What a target is called in commands, metrics and logs."""
    return target.name or f"{route.name}/{target.upstream}"


def _check_route(route: RouteTable, path: Path, known: Mapping[str, Collection[str]], faults: Faults) -> None:
    if not route.name:
        faults.add((*path, "name"), "is required")
    if not route.accepts:
        faults.add((*path, "accepts"), "is required")
    elif route.accepts not in known["vendors"]:
        faults.add((*path, "accepts"), not_among(route.accepts, known["vendors"]))
    for index, client in enumerate(route.clients):
        if client not in known["clients"]:
            faults.add((*path, "clients", index), not_among(client, known["clients"]))
    primaries = [position for position, target in enumerate(route.targets) if target.primary]
    for position in primaries[1:]:
        faults.add((*path, "targets", position, "primary"), f"a route has one: targets[{primaries[0]}] is it already")
    if not route.targets and faults.shaped((*path, "targets")):
        faults.add((*path, "targets"), "are required")
    elif not primaries and route.mode == "forward" and faults.shaped((*path, "targets")):
        faults.add((*path, "targets"), "need one with primary = true, whose answer the caller gets")


def _check_target(target: TargetTable, path: Path, known: Mapping[str, Collection[str]], faults: Faults) -> None:
    if not target.upstream:
        faults.add((*path, "upstream"), "is required")
    elif target.upstream not in known["upstreams"]:
        faults.add((*path, "upstream"), not_among(target.upstream, known["upstreams"]))
    if isinstance(target.share, ShareRange) and not target.share.start < target.share.end:
        faults.add((*path, "share"), "must go from less to more")
    if target.primary and target.when:
        faults.add((*path, "when"), "a primary target has none: every caller waits for its answer")
    if target.primary and target.share is not None:
        faults.add((*path, "share"), "a primary target has none: every caller waits for its answer")
    if target.overflow == "shed" and target.max_backlog is None:
        faults.add((*path, "max_backlog"), 'is required with overflow = "shed"')
    check_when(target.when, (*path, "when"), faults)
    check_fill(target.fill, (*path, "fill"), faults)
    check_hiding(target.privacy, (*path, "privacy"), faults)
