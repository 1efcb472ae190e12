"""Vaix, tracker: `POST /api/tracker/events`, one interaction each.

Source: the vendor's page "Tracker" with its OpenAPI 3.0.1 definition, prose and examples (read 2026-11).

Limits: the body's own keys are closed, `data` is open. A documented click or impression needs a user, a page and a
location; what has no type of its own goes as `custom`, which needs none of them. A static token stands alone; an OAuth
token asks for `x-vaix-authentication-method: iam` beside it.

What it cannot say: when anything happened; sessions, devices and consent; pages beyond their location.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct, field, structs

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
from gateway.errors import GatewayError
from gateway.model import Engagement, EventType, Interaction, Item
from gateway.wire import encode_json
from mappings._credentials import bearer
from mappings.vaix import decode, encode, wire

(_PATH,) = wire.ENDPOINT.paths


class OAuth(Struct, frozen=True, kw_only=True):
    """A client-credentials grant of the vendor's identity service."""

    client_id: str
    client_secret: Secret
    token_url: str = "https://auth.sportradar.com/oauth/token"  # noqa: S105  # an address
    audience: str = "api.vaix.ai"


class Vaix(Struct, frozen=True, kw_only=True):
    """A Vaix client group, reached with a static token or by OAuth."""

    NAME: ClassVar[str] = wire.VENDOR
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (wire.ENDPOINT,)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("authorization", "x-vaix-client-id", "x-vaix-authentication-method")
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent", "origin", "referer")
    MINTS_USERS: ClassVar[bool] = False

    client_id: str
    token: Secret | None = None
    oauth: OAuth | None = None
    event_types: dict[EventType, wire.EventWord] = field(default_factory=dict)
    items_from_products: wire.ItemKind | None = None
    base_url: str = "https://api.vaix.ai"

    def __post_init__(self) -> None:
        """One way in, not two."""
        if (self.token is None) == (self.oauth is None):
            raise ValueError("needs either token or oauth" + ("" if self.token is None else ", not both"))

    @classmethod
    def example(cls) -> "Vaix":
        """An account that belongs to nobody."""
        return cls(client_id="example", token=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The one interaction of a body."""
        return (decode.interaction(inbound),)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement or an event as Vaix takes it."""
        if interaction.origin.vendor == wire.VENDOR:
            return encode.own(interaction)
        if type(interaction) is Engagement:
            return encode.foreign(interaction, encode.engagement_word(interaction), interaction.items)
        items = interaction.items
        if self.items_from_products and interaction.product_id and not items:
            items = (Item(self.items_from_products, interaction.product_id),)
        word = self.event_types.get(interaction.type, "users:login" if interaction.type == "login" else "custom")
        return encode.foreign(interaction, word, items)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """The one part as a body."""
        return Outbound("POST", self.base_url + _PATH, JSON, encode_json(parts[0].content), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the client group, and its static token or the token that its grant obtained."""
        signature = {"x-vaix-client-id": self.client_id}
        if self.token:
            token = self.token.reveal()
        else:
            signature["x-vaix-authentication-method"] = "iam"
        if token:
            signature["authorization"] = f"Bearer {token}"
        return structs.replace(outbound, headers=outbound.headers | signature)

    @property
    def grant(self) -> ClientCredentials | None:
        """The OAuth grant; None with a static token."""
        oauth = self.oauth
        if oauth is None:
            return None
        return ClientCredentials(oauth.token_url, oauth.client_id, oauth.client_secret, oauth.audience)

    # Answers

    def success(self) -> Answer:
        """204: the vendor has nothing to tell."""
        return Answer(204)

    def failure(self, error: GatewayError) -> Answer:
        """`{errors: {path: [text]}}` where the vendor documents that form, else its `{error, status}`."""
        body: dict[str, Any] = {"error": str(error), "status": str(error.status)}
        if error.status in (406, 413, 422, 425):
            errors: dict[str, list[str]] = {}
            for fault in error.faults:
                errors.setdefault(fault.path or "body", []).append(fault.message)
            body = {"errors": errors}
        return Answer(error.status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a success whose body is one of the vendor's error forms is none."""
        return hidden_failure(answer, "error") or hidden_failure(answer, "errors") or verdict(answer.status)
