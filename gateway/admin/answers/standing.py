"""How the gateway is doing."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from gateway.admin.answers import Answer, Time


class Alive(Answer, frozen=True):
    """The process runs."""

    status: Literal["alive"]


class Ready(Answer, frozen=True):
    """Whether work should be sent here, and why not."""

    status: Literal["ready", "unready"]
    reason: str | UnsetType = UNSET


class ShareOfUsers(Answer, frozen=True):
    """A part of a route's users, from one point of the whole to another."""

    start: float = field(name="from")
    end: float = field(name="to")


class Funnel(Answer, frozen=True):
    """Counts since the start: of interactions, of named losses, of deliveries.

    `translated` is what is left of `received` after what was filtered, dropped and refused; it includes what waits.
    `shed` and `lost` are what was given up: passed over at `max_backlog`, or a copy that the store had no room for.
    """

    received: int
    filtered: int
    dropped: int
    refused: int
    translated: int
    losses: int
    delivered: int
    retried: int
    dead: int
    shed: int
    lost: int


class TargetStatus(Answer, frozen=True):
    """A target: what waits, what is dead, what passed."""

    name: str
    route: str | None
    upstream: str | None
    vendor: str | None
    pending: int
    oldest_seconds: float | None
    dead: int
    orphaned: bool
    paused: bool
    state: Literal["running", "paused", "orphaned"]
    primary: bool
    share: ShareOfUsers | None
    when: dict[str, list[str]] | None
    funnel: Funnel


class UpstreamStatus(Answer, frozen=True):
    """A vendor account: how it does, and what it answered, by status or by what stands for one."""

    name: str
    vendor: str
    base_url: str
    breaker_open: bool
    held: bool
    concurrency: int
    max_concurrency: int
    rate_limit: float | None
    in_flight: int
    paused_seconds: float
    responses: dict[str, int]


class RouteStatus(Answer, frozen=True):
    """A route: what it takes, from whom, for which targets; `rejected` were answered with 400 or above."""

    name: str
    accepts: str
    mode: Literal["store", "forward"]
    prefix: str
    clients: list[str]
    public: bool
    targets: list[str]
    received: int
    rejected: int


class StoreStatus(Answer, frozen=True):
    """The store: how full it is and how long it lasts at the present rate."""

    kind: str
    bytes: int
    max_bytes: int | None
    hours_left: float | None
    keep_seconds: float
    max_age_seconds: float


class StatusNow(Answer, frozen=True):
    """All that stands at this moment; `interactions` since the start, `unrouted` inbounds that no route took."""

    version: str
    started_at: Time
    now: Time
    running: bool
    unready: str | None
    interactions: int
    unrouted: int
    targets: list[TargetStatus]
    upstreams: list[UpstreamStatus]
    routes: list[RouteStatus]
    store: StoreStatus


class SampleOfKind(Answer, frozen=True):
    """One inbound that a target did not get whole."""

    received_at: Time
    request_id: str
    endpoint: str
    interaction: int | None
    body: Any


class KindOfRefusal(Answer, frozen=True):
    """One kind of refusal at one target, with its latest samples."""

    target: str
    reason: str
    fields: list[str]
    inbounds: int
    samples: list[SampleOfKind]


class Samples(Answer, frozen=True):
    """What targets could not carry."""

    kinds: list[KindOfRefusal]


class Paused(Answer, frozen=True):
    """Whether a target is held."""

    target: str
    paused: bool


class Skipped(Answer, frozen=True):
    """How many inbounds a target was moved past."""

    target: str
    skipped: int
