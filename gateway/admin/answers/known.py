"""Vendors, examples, translations, the configuration."""

from typing import Any, Literal

from msgspec import UNSET

from gateway.admin.answers import Answer, Time
from gateway.admin.answers.kept import Told


class Translated(Told, frozen=True, kw_only=True):
    """What a body says, by canonical names, and what a target would be told of it."""

    canonical: list[dict[str, Any]]


class Example(Answer, frozen=True):
    """What a vendor's client sends; a GET has a query for a body."""

    vendor: str
    endpoint: str
    method: str
    path: str
    title: str
    body: dict[str, Any] | None
    query: dict[str, str] | None


class Examples(Answer, frozen=True):
    """At least one for each endpoint."""

    examples: list[Example]


class EndpointShown(Answer, frozen=True):
    """One request a vendor takes."""

    name: str
    method: str
    paths: list[str]


class Vendor(Answer, frozen=True):
    """A vendor's language."""

    name: str
    endpoints: list[EndpointShown]


class Vendors(Answer, frozen=True):
    """Every vendor, and what `translate` takes for a target."""

    vendors: list[Vendor]
    targets: list[str]


class Mistaken(Answer, frozen=True):
    """A fault of the configuration, or what it is warned of."""

    line: int | None
    path: str
    message: str


class Changed(Answer, frozen=True):
    """One value of the file; without `before` it is new, without `after` gone."""

    path: str
    before: Any = UNSET
    after: Any = UNSET


class Reloaded(Answer, frozen=True):
    """A reload."""

    outcome: Literal["applied", "refused"]
    at: Time
    faults: list[Mistaken]
    changes: list[Changed]
    needs_restart: list[str]


class Configured(Answer, frozen=True):
    """The configuration in force and the last reload; no secret in either text."""

    path: str | None
    text: str | None
    applied_at: Time
    warnings: list[Mistaken]
    last: Reloaded
    refused_text: str | None


class ClickSent(Answer, frozen=True):
    """What a client was answered, and the id to ask `/api/deliveries` by."""

    request_id: str
    status: int
    body: Any
    losses: str | None
    targets: list[str]


class Copied(Answer, frozen=True):
    """Where the copy of the store is, and its size."""

    path: str
    bytes: int
