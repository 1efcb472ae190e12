"""From sound tables to the values that the gateway runs on."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from msgspec.structs import replace

from gateway.config.names import when_of
from gateway.config.routes import target_name
from gateway.config.settings import Config, Upstream
from gateway.config.structs import ClientTable, Hiding, RouteTable, ShareRange, Tables, TargetTable, UpstreamTable
from gateway.config.tables import Read
from gateway.contract import Secret
from gateway.routing import Client, Route, RouteTarget
from gateway.shaping import Fill, Privacy, Share
from gateway.translate import Target


def build(read: Read, folder: FilePath) -> Config:
    """The configuration that sound tables say."""
    tables = read.tables
    upstreams = {name: _upstream(name, read, folder) for name in tables.upstreams}
    return Config(
        server=tables.server,
        admin=tables.admin,
        store=replace(tables.store, path=str(folder / tables.store.path)),
        deadletters=tables.deadletters,
        log=tables.log,
        privacy=tables.privacy,
        traces=tables.traces,
        clients={name: _client(name, client) for name, client in tables.clients.items()},
        upstreams=upstreams,
        routes=tuple(_route(route, tables, upstreams) for route in tables.routes),
    )


def _client(name: str, table: ClientTable) -> Client:
    return Client(name, table.keys or ((table.key,) if table.key else ()), table.rate_limit)


def _upstream(name: str, read: Read, folder: FilePath) -> Upstream:
    table, mapping = read.tables.upstreams[name], read.accounts[name]
    shaping = _shaping(table, table.fill, table.privacy, read.tables.privacy.key)
    return Upstream(
        name=name,
        mapping=mapping,
        target=Target(name, mapping, **shaping),
        timeout=table.timeout,
        concurrency=table.concurrency,
        rate_limit=table.rate_limit,
        retry=table.retry,
        ca_file=None if table.ca_file is None else str(folder / table.ca_file),
        client_cert=None if table.client_cert is None else str(folder / table.client_cert),
        proxy=table.proxy,
        keepalive=table.keepalive,
        insecure=table.insecure,
    )


def _route(table: RouteTable, tables: Tables, upstreams: dict[str, Upstream]) -> Route:
    return Route(
        name=table.name,
        accepts=table.accepts,
        prefix=table.prefix,
        clients=frozenset(table.clients),
        explain=table.explain,
        public=table.public,
        mode=table.mode,
        targets=tuple(_route_target(table, target, tables, upstreams) for target in table.targets),
    )


def _route_target(route: RouteTable, table: TargetTable, tables: Tables, upstreams: dict[str, Upstream]) -> RouteTarget:
    """A route's target: what it does not say itself is as its upstream has it."""
    upstream = tables.upstreams[table.upstream]
    own, common = table.privacy, upstream.privacy
    hiding = Hiding(common.drop if own.drop is None else own.drop, common.hash if own.hash is None else own.hash)
    shaping = _shaping(upstream, {**upstream.fill, **table.fill}, hiding, tables.privacy.key)
    if table.unsupported is not None:
        shaping["unsupported"] = table.unsupported
    if table.strict_ids is not None:
        shaping["strict_ids"] = table.strict_ids
    target = Target(
        target_name(route, table),
        upstreams[table.upstream].mapping,
        when=when_of(table.when),
        share=_share(table.share, route.name if route.share_salt is None else route.share_salt),
        **shaping,
    )
    return RouteTarget(
        target=target,
        upstream=table.upstream,
        primary=table.primary,
        on_failure=table.on_failure,
        late=table.late,
        late_action=table.late_action,
        overflow=table.overflow,
        max_backlog=table.max_backlog,
        from_=table.from_,
    )


def _shaping(upstream: UpstreamTable, fill: Mapping[str, Any], hiding: Hiding, key: Secret | None) -> dict[str, Any]:
    """What a Target is told beside its name and mapping; what is empty is left to the Target's own defaults."""
    shaping: dict[str, Any] = {"unsupported": upstream.unsupported, "strict_ids": upstream.strict_ids}
    if fill:
        shaping["fill"] = Fill.of(fill)
    if hiding.drop or hiding.hash:
        secret = key.reveal().encode() if key and hiding.hash else b""
        shaping["privacy"] = Privacy(hiding.drop or (), hiding.hash or (), secret)
    return shaping


def _share(share: float | ShareRange | None, salt: str) -> Share | None:
    match share:
        case None:
            return None
        case ShareRange():
            return Share(share.start, share.end, salt)
        case _:
            return Share(0.0, share, salt)
