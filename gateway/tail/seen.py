"""What the tail shows, as it passes between processes: bodies cut, no credential in it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from gateway.store.contract import Record
from gateway.translate import Refused, Translation

if TYPE_CHECKING:
    from gateway.delivery.sending import Sent
    from gateway.relay import Line

CUT: Final = 16_384
"""Bytes that are kept of a body."""
_ANSWER: Final = 2_000
"""Characters that are kept of a vendor's answer."""
_REQUESTS: Final = 20
"""Requests that are kept of one delivery."""
_BODIES: Final = 4 * CUT
"""Bytes that are kept of all their bodies."""


class SeenInbound(Struct, frozen=True, array_like=True, tag="inbound"):
    """An inbound that was answered; one that was rejected has no record."""

    request_id: str
    at: float
    route: str
    vendor: str
    client: str | None
    status: int
    seconds: float
    error: str | None
    targets: Mapping[str, str]
    losses: tuple[str, ...]
    record: Record | None


class Asked(Struct, frozen=True, array_like=True):
    """One request to a vendor, unsigned, and what became of it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    outcome: str
    status: int | None
    answer: str


class SeenDelivery(Struct, frozen=True, array_like=True, tag="delivery"):
    """A delivery that came to an end, be it only for now; `vendor` is the target's."""

    request_id: str
    at: float
    target: str
    upstream: str
    vendor: str
    outcome: str
    seconds: float
    asked: tuple[Asked, ...]
    losses: tuple[str, ...]
    copied: tuple[str, ...]
    refused: tuple[Refused, ...]
    record: Record


Seen = SeenInbound | SeenDelivery


class Account(Protocol):
    """The upstream that was asked."""

    name: str

    def masked(self, text: str) -> str:
        """A text without the account's credentials."""
        ...


class Delivered(Struct, frozen=True):
    """What a worker, or the relay for a caller that waits, knows of a delivery."""

    record: Record
    target: str
    vendor: str
    account: Account
    translation: Translation | None
    sent: "Sequence[Sent]"
    outcome: str
    seconds: float


def seen_inbound(line: "Line", status: int, seconds: float) -> SeenInbound:
    """An inbound as it is shown."""
    return SeenInbound(
        line.request_id,
        time.time(),
        line.route,
        line.vendor,
        line.client,
        status,
        seconds,
        line.error,
        dict(line.targets),
        tuple(sorted(line.losses)),
        None if line.record is None else _cut(line.record),
    )


def seen_delivery(told: Delivered) -> SeenDelivery:
    """A delivery as it is shown."""
    found = told.translation
    return SeenDelivery(
        told.record.request_id,
        time.time(),
        told.target,
        told.account.name,
        told.vendor,
        told.outcome,
        told.seconds,
        tuple(_asked(told.sent[:_REQUESTS], told.account)),
        tuple(sorted(found.losses)) if found else (),
        tuple(sorted(found.copied)) if found else (),
        found.refused if found else (),
        _cut(told.record),
    )


def _asked(sent: "Sequence[Sent]", account: Account) -> Iterator[Asked]:
    """Each request with its answer; of many large bodies the last are cut most."""
    left = _BODIES
    for one in sent:
        outbound, answer = one.outbound, one.answer
        body = None if outbound.body is None else outbound.body[: min(CUT, left)]
        left -= len(body or b"")
        told = answer.body[:CUT].decode("utf-8", "replace") if answer else str(one.failure or "")
        status = answer.status if answer else None
        yield Asked(
            *(outbound.method, outbound.url, dict(outbound.headers), body),
            *(one.outcome, status, account.masked(told)[:_ANSWER]),
        )


def _cut(record: Record) -> Record:
    """The record with at most so much of its body."""
    return record if len(record.body) <= CUT else replace(record, body=record.body[:CUT])
