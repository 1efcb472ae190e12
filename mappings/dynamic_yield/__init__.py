"""Dynamic Yield, server-side API: `POST /v2/collect/user/engagement`, `…/event` and `…/pageview`.

Source: the vendor's page "Engagement" and its public API definition 2.2 (read 2026-11).

Limits: variations are numbers. A user is the customer's own (`id`, `session.custom`) or Dynamic Yield's (`dyid`,
`dyid_server`, `session.dy`). Older clients write `sessionId` beside the session and `variationId` in an engagement.

What it cannot say: dismissals, snoozes, swipes and completions; labels, placements and items; pages, but in a page
view; when anything happened; browsers and device ids; brands.
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
    hidden_failure,
    verdict,
)
from gateway.errors import GatewayError, NoKey
from gateway.model import Engagement, Interaction
from gateway.wire import encode_json
from mappings.dynamic_yield import decode, encode, wire


class DynamicYield(Struct, frozen=True, kw_only=True):
    """A Dynamic Yield section, reached with its server-side API key."""

    NAME: ClassVar[str] = wire.VENDOR
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = wire.ENDPOINTS
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("dy-api-key",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = True

    api_key: Secret
    base_url: str = "https://dy-api.com"

    @classmethod
    def example(cls) -> "DynamicYield":
        """An account that belongs to nobody."""
        return cls(api_key=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The `DY-API-Key` header."""
        return headers.get("dy-api-key")

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The engagements, events or page view of a body, in order."""
        match inbound.endpoint.name:
            case "engagement":
                return decode.engagements(inbound)
            case "event":
                return decode.events(inbound)
            case _:
                return decode.page_view(inbound)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement, event or page view as Dynamic Yield takes it."""
        own = interaction.origin.vendor == wire.VENDOR
        if type(interaction) is Engagement:
            return encode.own_engagement(interaction) if own else encode.engagement(interaction)
        if interaction.type == "page_view":
            return encode.own_page_view(interaction) if own else encode.page_view(interaction)
        return encode.own_event(interaction) if own else encode.event(interaction)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all parts of a user and session."""
        first = parts[0]
        endpoint, body = first.endpoint, first.content
        if first.envelope is not None:
            contents = encode.regrouped(parts) if len(parts) > 1 else [body]
            body = first.envelope | {f"{endpoint}s": contents}
        return Outbound("POST", f"{self.base_url}{wire.PATH}{endpoint}", JSON, encode_json(body), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the API key."""
        return structs.replace(outbound, headers=outbound.headers | {"dy-api-key": self.api_key.reveal()})

    @property
    def grant(self) -> ClientCredentials | None:
        """None: the API key serves."""
        return None

    # Answers

    def success(self) -> Answer:
        """204: nothing to warn of."""
        return Answer(204)

    def failure(self, error: GatewayError) -> Answer:
        """`{"error":"401"}` for a key; else the vendor's `{message, type}`."""
        body = {"error": "401"} if isinstance(error, NoKey) else {"message": str(error), "type": error.code}
        return Answer(error.status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a success whose body is the vendor's error form is that error. Warnings are none."""
        return hidden_failure(answer, "error") or hidden_failure(answer, "message") or verdict(answer.status)
