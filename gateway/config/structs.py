"""The tables of config.toml as Structs: what may be written, of which type, and what is meant where nothing is.

They are the one description: `load` reads with them, `schema` describes them to editors. What a Struct cannot say (a
name that must exist elsewhere, one key that needs another) the modules beside this one check. Every key has a default
here, also the needed ones (`REQUIRED`), so that a table with a mistake can still be searched for more.
"""

from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from gateway.config.units import Bytes, PerSecond, PositiveSeconds, Seconds, Written
from gateway.contract import Secret

Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Part = Annotated[float, Meta(ge=0, le=1)]
LoggedRequests = Annotated[Literal["all", "errors"] | Part, Meta(title='"all", "errors" or a share such as 0.01')]
Prefix = Annotated[
    str, Meta(pattern=r"^(/[^/?#\s]+)*$", title='"" or a path such as "/brand-b", without a slash at its end')
]
CorsOrigin = Annotated[
    str, Meta(pattern=r"^(\*|https?://[^/\s]+)$", title='an origin such as "https://shop.example", or "*"')
]
Unsupported = Literal["reject", "event", "drop"]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; a key that it does not name is a fault."""


class Server(_Table, frozen=True, dict=True):
    """The public port."""

    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Count = 1
    max_body: Bytes = field(default_factory=Written(Bytes, "256KiB"))
    body_timeout: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "10s"))
    max_connections: Count = 10000
    drain_delay: Seconds = field(default_factory=Written(Seconds, "2s"))
    proxies: tuple[str, ...] = field(default=(), name="trusted_proxies")
    cors_origins: tuple[CorsOrigin, ...] = ()

    @cached_property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose X-Forwarded-For is believed."""
        return tuple(ip_network(proxy, strict=False) for proxy in self.proxies)


class Admin(_Table, frozen=True):
    """The port of the people on call: console, metrics, health."""

    host: str = "127.0.0.1"
    port: Port = 8081
    token: Secret | None = None


class Store(_Table, frozen=True):
    """Where store mode keeps what it accepted."""

    kind: Literal["sqlite"] = "sqlite"
    path: str = "data"
    max_size: Bytes | None = None
    max_age: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "3d"))
    keep: Seconds = field(default_factory=Written(Seconds, "0s"))


class DeadLetters(_Table, frozen=True):
    """How long and how many dead letters are kept."""

    max_age: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "30d"))
    max_size: Bytes = field(default_factory=Written(Bytes, "1GiB"))


class Log(_Table, frozen=True):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    requests: LoggedRequests = "all"


class Traces(_Table, frozen=True):
    """Spans for OpenTelemetry: where they are sent, and of how much of what passes."""

    endpoint: str = ""
    share: Part = 1.0
    service: Annotated[str, Meta(min_length=1)] = "interaction-gateway"
    headers: dict[str, Secret] = field(default_factory=dict)
    propagate: tuple[str, ...] = ()


class Hiding(_Table, frozen=True):
    """Canonical names to take away, or to replace by a keyed hash."""

    drop: tuple[str, ...] | None = None
    hash: tuple[str, ...] | None = None


class PrivacySettings(_Table, frozen=True):
    """The key of all hashes, and what is hidden before anything is kept."""

    key: Secret | None = None
    at_rest: Hiding = Hiding()


class ClientTable(_Table, frozen=True):
    """Who may call, with one key or, while they change, several."""

    key: Secret | None = None
    keys: Annotated[tuple[Secret, ...], Meta(min_length=1)] | None = None
    rate_limit: PerSecond | None = None


class Retry(_Table, frozen=True):
    """When an outbound is tried again: after `base`, doubling up to `cap`."""

    base: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "500ms"))
    cap: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "5m"))
    attempts: Count = 50
    ambiguous: bool = True
    retry_after_cap: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "15m"))


class UpstreamTable(Struct, frozen=True):
    """What every vendor account has; the vendor's mapping adds its own settings and takes the `base_url`."""

    vendor: str = ""
    base_url: str | None = None
    timeout: PositiveSeconds = field(default_factory=Written(PositiveSeconds, "5s"))
    concurrency: Count = 512
    rate_limit: PerSecond | None = None
    retry: Retry = field(default_factory=Retry)
    ca_file: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    keepalive: Seconds = field(default_factory=Written(Seconds, "4s"))
    insecure: bool = False
    fill: Mapping[str, Any] = field(default_factory=dict)
    unsupported: Unsupported = "reject"
    strict_ids: bool = False
    privacy: Hiding = Hiding()


class ShareRange(_Table, frozen=True):
    """The users from one point of the whole to another."""

    start: Part = field(default=0.0, name="from")
    end: Part = field(default=1.0, name="to")


class TargetTable(_Table, frozen=True):
    """Where a route's interactions go; what is not written here is as the upstream has it."""

    upstream: str = ""
    name: Annotated[str, Meta(min_length=1)] | None = None
    primary: bool = False
    on_failure: Literal["store", "relay"] = "store"
    share: Part | ShareRange | None = None
    from_: Literal["now", "start"] = field(default="now", name="from")
    late: PositiveSeconds | None = None
    late_action: Literal["deliver", "dead"] = "deliver"
    overflow: Literal["refuse", "shed"] = "refuse"
    max_backlog: Count | None = None
    when: Mapping[str, Any] = field(default_factory=dict)
    fill: Mapping[str, Any] = field(default_factory=dict)
    unsupported: Unsupported | None = None
    strict_ids: bool | None = None
    privacy: Hiding = Hiding()


class RouteTable(_Table, frozen=True):
    """What is accepted, from whom, and where it goes."""

    name: Annotated[str, Meta(min_length=1)] = ""
    accepts: str = ""
    prefix: Prefix = ""
    clients: tuple[str, ...] = ()
    public: bool = False
    explain: bool = False
    share_salt: str | None = None
    mode: Literal["store", "forward"] = "store"
    targets: tuple[TargetTable, ...] = ()


class Tables(_Table, frozen=True):
    """The configuration of the interaction gateway; every table may be left out."""

    server: Server = field(default_factory=Server)
    admin: Admin = field(default_factory=Admin)
    store: Store = field(default_factory=Store)
    deadletters: DeadLetters = field(default_factory=DeadLetters)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    log: Log = field(default_factory=Log)
    traces: Traces | None = None
    clients: dict[str, ClientTable] = field(default_factory=dict)
    upstreams: dict[str, UpstreamTable] = field(default_factory=dict)
    routes: tuple[RouteTable, ...] = ()


TABLES: Final[tuple[type[Struct], ...]] = (
    *(Server, Admin, Store, DeadLetters, Log, Traces, Hiding, PrivacySettings, ClientTable, Retry),
    *(UpstreamTable, ShareRange, TargetTable, RouteTable, Tables),
)
REQUIRED: Final[dict[type[Struct], tuple[str, ...]]] = {
    Traces: ("endpoint",),
    RouteTable: ("name", "accepts", "targets"),
    TargetTable: ("upstream",),
    UpstreamTable: ("vendor",),
}
LATER: Final = frozenset({"crosswalk", "passthrough", "rewrite_urls", "servers", "replicas"})
"""Keys that a later version brings: they are refused, but not as mistakes."""
LATER_VALUES: Final = frozenset({"jetstream"})
"""Values likewise."""
