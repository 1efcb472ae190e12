"""Gravity Field, SDK API: `POST /event` and `GET /engagement`, each also under `/v2`.

Source: the vendor's page "Store event" (modified 2025-09-15, read 2026-11) and its public mobile SDKs; the engagement
call is seen in ready-made URLs of the vendor's campaigns (`type`, `decisionId`, `contentId`).

Limits: custom properties are strings. `ses` beside `custom` is the app's own session, otherwise the vendor's. An
engagement is a bare GET: whom it concerns stands in the token.

What it cannot say: slots, variations, dismissals and everything else about an engagement but its decision; page views;
labels, placements, items, channel, brand and consent.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote

from msgspec import Struct, structs

from gateway.contract import (
    JSON,
    Answer,
    ClientCredentials,
    Encoded,
    Endpoint,
    Inbound,
    Outbound,
    Part,
    Receipt,
    Refusal,
    Secret,
    content_of,
    hidden_failure,
    verdict,
)
from gateway.errors import GatewayError, NoKey
from gateway.model import Engagement, Interaction
from gateway.wire import encode_json
from mappings._credentials import bearer
from mappings.gravity_field_sdk import decode, encode, wire


class GravityFieldSdk(Struct, frozen=True, kw_only=True):
    """A Gravity Field section, reached as its mobile and web SDKs do."""

    NAME: ClassVar[str] = wire.VENDOR
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (wire.EVENT_ENDPOINT, wire.ENGAGEMENT_ENDPOINT)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("authorization",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = True

    api_key: Secret
    section: str
    base_url: str = "https://evs-01.gravityfield.ai/v2"

    @classmethod
    def example(cls) -> "GravityFieldSdk":
        """An account that belongs to nobody."""
        return cls(api_key=Secret("example"), section="000000000000000000000000")

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The events of a body, in order, or the one engagement of a query."""
        if inbound.endpoint.name == "engagement":
            return (decode.engagement(inbound),)
        return decode.events(inbound)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement or an event as the SDK API takes it."""
        own = interaction.origin.vendor == wire.VENDOR
        if type(interaction) is Engagement:
            return encode.own_engagement(interaction) if own else encode.engagement(interaction)
        return encode.own_event(interaction) if own else encode.event(interaction)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all events of a user, page and device; one GET for each engagement."""
        first = parts[0]
        if first.endpoint == "engagement":
            return Outbound("GET", f"{self.base_url}/engagement?{_query(first.content)}", {}, None, ())
        body = {"sec": self.section, **(first.envelope or {}), "data": list(map(content_of, parts))}
        return Outbound("POST", f"{self.base_url}/event", JSON, encode_json(body), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the API key as bearer token."""
        signature = {"authorization": f"Bearer {self.api_key.reveal()}"}
        return structs.replace(outbound, headers=outbound.headers | signature)

    @property
    def grant(self) -> ClientCredentials | None:
        """None: the API key serves."""
        return None

    # Answers

    def success(self) -> Answer:
        """204: no campaigns and no new ids to tell."""
        return Answer(204)

    def failure(self, error: GatewayError) -> Answer:
        """The vendor's `{code, message, type}`; it words a missing key as 403."""
        status = 403 if isinstance(error, NoKey) else error.status
        body = {"code": status, "message": str(error), "type": error.code}
        return Answer(status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a success whose body is the vendor's error form is that error."""
        return hidden_failure(answer, "code") or verdict(answer.status)


_PLAIN: Final = re.compile("[A-Za-z0-9_.~-]*")
"""Text that a query takes as it is."""


def _query(members: Mapping[str, str]) -> str:
    if _PLAIN.fullmatch("".join([*members, *members.values()])):
        return "&".join([f"{key}={value}" for key, value in members.items()])
    return "&".join([f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in members.items()])
