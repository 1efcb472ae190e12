"""Inbounds, attempts and dead letters."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from gateway.admin.answers import Answer, Time


class AttemptShown(Answer, frozen=True):
    """An attempt: when, how it ended, and the beginning of the answer."""

    at: Time
    outcome: str
    status: int | None
    answer: str


class Last(Answer, frozen=True):
    """How the last attempt ended."""

    outcome: str
    status: int | None


class InboundShown(Answer, frozen=True):
    """An inbound; `body` is a JSON document where it is one, else text. What was rejected has no body."""

    request_id: str
    received_at: Time
    route: str
    vendor: str
    client: str | None
    endpoint: str | UnsetType = UNSET
    client_ip: str | UnsetType | None = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    query: dict[str, str] | UnsetType = UNSET
    body: Any = UNSET
    cut: bool | UnsetType = UNSET
    status: int | UnsetType = UNSET
    error: str | UnsetType | None = UNSET
    ms: float | UnsetType = UNSET


class RequestShown(Answer, frozen=True):
    """A request to a vendor, credentials masked."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any


class RefusedShown(Answer, frozen=True):
    """An interaction, by its index, that the target cannot carry."""

    interaction: int
    reason: str
    fields: list[str]


class Told(Answer, frozen=True):
    """What a target is sent, and by name what it is not."""

    requests: list[RequestShown]
    losses: list[str]
    copied: list[str]
    refused: list[RefusedShown]


class Letter(Answer, frozen=True, kw_only=True):
    """A dead letter; `attempts` is their number in a list, themselves where it is shown whole."""

    id: int
    target: str
    reason: str
    fields: list[str]
    interactions: list[int] | Literal["all"]
    at: Time
    request_id: str
    route: str
    vendor: str
    endpoint: str
    attempts: int | list[AttemptShown]
    last: Last | None
    inbound: InboundShown | UnsetType = UNSET
    today: dict[str, Any] | UnsetType = UNSET


class Letters(Answer, frozen=True):
    """A page of dead letters, how many fit in all, and the `after` of the next page."""

    total: int
    deadletters: list[Letter]
    next: int | None


class Group(Answer, frozen=True):
    """Dead letters that died of the same at the same target."""

    target: str
    reason: str
    fields: list[str]
    count: int
    oldest: Time
    newest: Time


class Groups(Answer, frozen=True):
    """All dead letters, counted."""

    groups: list[Group]


class Moved(Answer, frozen=True):
    """How many dead letters were moved, or would be; `more` where the limit left some."""

    replayed: int | UnsetType = UNSET
    discarded: int | UnsetType = UNSET
    more: bool | UnsetType = UNSET
    would: int | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET


class TargetPart(Answer, frozen=True):
    """A target's part in one inbound."""

    state: Literal["delivered", "dead", "waiting", "nothing", "done"]
    at: Time | None
    attempts: list[AttemptShown]
    again_at: Time | UnsetType = UNSET
    dead_letter: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    fields: list[str] | UnsetType = UNSET


class Story(Answer, frozen=True):
    """One inbound and each target's part."""

    request_id: str
    received_at: Time
    route: str
    vendor: str
    endpoint: str
    client: str | None
    replayed: bool
    kept: bool
    targets: dict[str, TargetPart]


class Stories(Answer, frozen=True):
    """Where clicks went, newest first."""

    deliveries: list[Story]
    keep_seconds: float
    complete: bool


class AnswerShown(Answer, frozen=True):
    """A vendor's answer, or what stands for one."""

    status: int | None
    outcome: str
    body: Any


class DeliveryShown(Told, frozen=True, kw_only=True):
    """What one target was sent and answered."""

    target: str
    vendor: str | None
    at: Time | None
    outcome: Literal["delivered", "retried", "dead", "nothing", "waiting", "done"]
    ms: float | UnsetType = UNSET
    answers: list[AnswerShown]


class Opened(Answer, frozen=True):
    """One request; from the `store` its requests are those of today."""

    source: Literal["tail", "store"]
    inbound: InboundShown
    canonical: list[dict[str, Any]]
    deliveries: list[DeliveryShown]
