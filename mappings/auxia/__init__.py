"""Auxia: `POST /v1/LogTreatmentInteraction` and `POST /v1/LogEvents`.

Source: the vendor's page "Log Treatment Interactions" (read 2026-11); LogEvents is partly seen on public pages. Both
take proto3's JSON: keys may be snake_case as well as camelCase, an int64 a number or a decimal string.

Limits: an interaction travels alone and names one treatment; events of one user travel together. LogEvents takes a key
of its own. A person, a tracking id, a treatment, a surface and a time belong to every interaction.

What it cannot say: sessions, devices and unnamed facts of an engagement; a slot beside a decision; placements and
items of an event; pages, channel, brand and consent of either.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

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
from gateway.errors import GatewayError, Malformed
from gateway.model import Engagement, Interaction
from gateway.wire import encode_json, read_json
from mappings.auxia import decode, encode, wire

(_INTERACTION_PATH,) = wire.INTERACTION_ENDPOINT.paths
(_EVENTS_PATH,) = wire.EVENTS_ENDPOINT.paths

# Google's canonical code for each HTTP status.
_CODES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Auxia(Struct, frozen=True, kw_only=True):
    """An Auxia project, reached with its API key; its events with a key of their own."""

    NAME: ClassVar[str] = wire.VENDOR
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (wire.INTERACTION_ENDPOINT, wire.EVENTS_ENDPOINT)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("x-api-key",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = False

    api_key: Secret
    project_id: str
    events_api_key: Secret | None = None
    base_url: str = "https://apis.auxia.io"

    @classmethod
    def example(cls) -> "Auxia":
        """An account that belongs to nobody."""
        return cls(api_key=Secret("example"), project_id="0", events_api_key=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The `x-api-key` header, or an `api-key` or `api_key` parameter."""
        return headers.get("x-api-key") or query.get("api-key") or query.get("api_key") or None

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The one interaction of a body, or its events in order."""
        if inbound.endpoint.name == "events":
            return decode.events(inbound)
        return (decode.interaction(inbound),)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement or an event as Auxia takes it; no event without its key."""
        own = interaction.origin.vendor == wire.VENDOR
        if type(interaction) is Engagement:
            return (encode.own_engagement if own else encode.engagement)(interaction, self.project_id)
        if self.events_api_key is None:
            return Refusal("unsupported", ("events_api_key",))
        return (encode.own_event if own else encode.event)(interaction, self.project_id)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all events of a user; one for each interaction."""
        first = parts[0]
        path, body = _INTERACTION_PATH, first.content
        if first.endpoint == "events":
            path, body = _EVENTS_PATH, {**(first.envelope or {}), "events": list(map(content_of, parts))}
        return Outbound("POST", f"{self.base_url}{path}", JSON, encode_json(body), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the API key that its path asks for."""
        of_events = self.events_api_key if outbound.url.endswith(_EVENTS_PATH) else None
        signature = {"x-api-key": (of_events or self.api_key).reveal()}
        return structs.replace(outbound, headers=outbound.headers | signature)

    @property
    def grant(self) -> ClientCredentials | None:
        """None: the API keys serve."""
        return None

    # Answers

    def success(self) -> Answer:
        """200 with an empty object, as an RPC without a result answers."""
        return Answer(200, b"{}", {"content-type": "application/json"})

    def failure(self, error: GatewayError) -> Answer:
        """Google's JSON error form; the vendor documents none."""
        told: dict[str, Any] = {
            "code": error.status,
            "message": str(error),
            "status": _CODES.get(error.status, "UNKNOWN"),
        }
        if isinstance(error, Malformed):
            faults = [{"field": fault.path, "description": fault.message} for fault in error.faults]
            told["details"] = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": faults}]
        return Answer(error.status, encode_json({"error": told}), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a success that holds an error is refused, or again where the error's own code says so."""
        found = hidden_failure(answer, "error")
        if found is None or found.verdict == "doubt":
            return found or verdict(answer.status)
        error = read_json(answer.body)["error"]
        code = error.get("code") if isinstance(error, dict) else None
        again = isinstance(code, int) and verdict(code).verdict == "again"
        return Receipt("again" if again else "refused", f"status {answer.status} with error {code}")
