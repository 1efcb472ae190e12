"""Gravity Field, server API: `POST /ssapi/engagement` and `POST /ssapi/event`.

Source: the vendor's OpenAPI page on reporting engagement (read 2026-11); the events are partly seen on public pages:
Dynamic Yield's catalogue with `eventType` for `dyType`.

Limits: a page (type, data and location) belongs to every request. A `user` or `session` sent empty makes the vendor
mint new ids, which it returns as `user.slid` and `session.sl`.

What it cannot say: views of a slot; dismissals, snoozes, swipes and completions; labels, placements, items, channel,
brand and consent; when an event happened; page views.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

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
from gateway.errors import GatewayError
from gateway.model import Engagement, Interaction
from gateway.wire import encode_json
from mappings._credentials import bearer
from mappings.gravity_field import decode, encode, wire


class GravityField(Struct, frozen=True, kw_only=True):
    """A Gravity Field section, reached with its server API key."""

    NAME: ClassVar[str] = wire.VENDOR
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (wire.ENGAGEMENT_ENDPOINT, wire.EVENT_ENDPOINT)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("authorization",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = True

    api_key: Secret
    base_url: str = "https://evs.gravityfield.ai"

    @classmethod
    def example(cls) -> "GravityField":
        """An account that belongs to nobody."""
        return cls(api_key=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The engagements or events of a body, in order."""
        if inbound.endpoint.name == "event":
            return decode.events(inbound)
        return decode.engagements(inbound)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement or an event as Gravity Field takes it."""
        own = interaction.origin.vendor == wire.VENDOR
        if type(interaction) is Engagement:
            return encode.own_engagement(interaction) if own else encode.engagement(interaction)
        return encode.own_event(interaction) if own else encode.event(interaction)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all parts of a user, session and context."""
        endpoint, envelope = parts[0].endpoint, parts[0].envelope or {}
        body = envelope | {f"{endpoint}s": list(map(content_of, parts))}
        return Outbound("POST", f"{self.base_url}/ssapi/{endpoint}", JSON, encode_json(body), ())

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
        """204: no new ids to tell."""
        return Answer(204)

    def failure(self, error: GatewayError) -> Answer:
        """The vendor's `{code, message, type}`."""
        body = {"code": error.status, "message": str(error), "type": error.code}
        return Answer(error.status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a success whose body is the vendor's error form is that error."""
        return hidden_failure(answer, "code") or verdict(answer.status)
