"""What a configuration is once it is read: plain values, checked against each other."""

from pathlib import Path

from msgspec import Struct

from gateway.config.faults import Located
from gateway.config.source import Source
from gateway.config.structs import Admin, DeadLetters, Log, PrivacySettings, Retry, Server, Store, Traces
from gateway.contract import VendorMapping
from gateway.routing import Client, Route, RouteTarget
from gateway.translate import Target


class Upstream(Struct, frozen=True, kw_only=True):
    """A vendor account and how it is spoken to; durations are seconds, rates are per second.

    `target` is what `gateway translate` aims at: the account with the upstream's own fill, privacy and the like.
    """

    name: str
    mapping: VendorMapping
    target: Target
    timeout: float
    concurrency: int
    rate_limit: float | None
    retry: Retry
    ca_file: str | None
    client_cert: str | None
    proxy: str | None
    keepalive: float
    insecure: bool


class Config(Struct, frozen=True, kw_only=True):
    """A whole configuration; `warnings` are what `gateway check` says beside it, `files` hold secrets of it.

    `source` is the text that it was read from.
    """

    server: Server
    admin: Admin
    store: Store
    deadletters: DeadLetters
    log: Log
    privacy: PrivacySettings
    traces: Traces | None
    clients: dict[str, Client]
    upstreams: dict[str, Upstream]
    routes: tuple[Route, ...]
    warnings: tuple[Located, ...] = ()
    files: tuple[Path, ...] = ()
    source: Source | None = None

    def translate_target(self, name: str) -> Target | None:
        """The target behind an upstream's name or, failing that, a route target's."""
        if name in self.upstreams:
            return self.upstreams[name].target
        found = self.placed(name)
        return None if found is None else found[1].target

    def placed(self, name: str) -> tuple[Route, RouteTarget] | None:
        """A route's target by its name, with its route."""
        return next(((route, one) for route in self.routes for one in route.targets if one.target.name == name), None)
