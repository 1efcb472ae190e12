"""Each vendor as an upstream: its endpoints, who is let in, and what it answers to a call that is in order.

Where a vendor publishes no answer for a case, the nearest documented one serves: Auxia's are Google's JSON errors.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from gateway.sandbox import answers
from gateway.sandbox.exchange import Call, Flaw, Ledger, Refusal, Reply
from gateway.sandbox.validation import contract

GRAVITY_FIELD_KEY: Final = "sandbox-gf-key"
SDK_KEY: Final = "sandbox-sdk-key"
SDK_SECTION: Final = "5f2d8c1ab4e7f90012345678"
DYNAMIC_YIELD_KEY: Final = "sandbox-dy-key"
VAIX_STATIC: Final = "sandbox-vaix-token"
VAIX_AUDIENCE: Final = "api.vaix.ai"
OAUTH_ID: Final = "sandbox-client"
OAUTH_KEY: Final = "sandbox-secret"
AUXIA_KEYS: Final = {"interaction": "sandbox-auxia-key", "events": "sandbox-auxia-events-key"}
AUXIA_PROJECT: Final = "1250"


class Endpoint(Struct, frozen=True):
    """One request a vendor takes; a GET's contract is asked of its query parameters."""

    name: str
    method: str
    paths: tuple[str, ...]
    contract: str


class Vendor(Struct, frozen=True):
    """One upstream. `admit` looks at headers and query, `check` at what a contract cannot say, `accept` answers."""

    name: str
    endpoints: tuple[Endpoint, ...]
    credentials: str
    admit: Callable[[Call, Endpoint, Ledger], Refusal | None]
    check: Callable[[Any], Refusal | None]
    accept: Callable[[Any, Endpoint, Ledger], Reply]
    word: Callable[[Refusal], Any]
    contract_status: int = 422


def _bearer(call: Call) -> str:
    """The bearer token of a call, empty when it shows none."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _nothing_more(_document: Any) -> None:
    """The contract says it all."""


# Gravity Field, server side


def _admit_gravity_field(call: Call, _endpoint: Endpoint, _ledger: Ledger) -> Refusal | None:
    return None if _bearer(call) == GRAVITY_FIELD_KEY else Refusal(401, "Access token is missing or invalid")


def _accept_gravity_field(document: Any, _endpoint: Endpoint, ledger: Ledger) -> Reply:
    """200 with what was minted for a person or a visit that came without any id, else 204."""
    user, session = document["user"], document["session"]
    slid = None if _any(user, "id", "slid", "slid_server") else f"sandbox-slid-{ledger.number()}"
    visit = None if _any(session, "custom", "sl") else f"sandbox-sl-{ledger.number()}"
    if slid or visit:
        return Reply(200, {"user": {"slid": slid}, "session": {"sl": visit}})
    return Reply(204)


def _any(members: dict[str, Any], *names: str) -> bool:
    """Whether one of the named members holds something."""
    return any(members.get(name) for name in names)


# Gravity Field, SDK


def _admit_sdk(call: Call, _endpoint: Endpoint, _ledger: Ledger) -> Refusal | None:
    return None if _bearer(call) == SDK_KEY else Refusal(403, "Access token is missing or invalid")


def _check_sdk(document: Any) -> Refusal | None:
    if "sec" in document and document["sec"] != SDK_SECTION:
        flaw = Flaw("sec", "is no section of this token")
        return Refusal(403, "the section is not this token's", (flaw,))
    return None


def _accept_sdk(document: Any, endpoint: Endpoint, ledger: Ledger) -> Reply:
    """200 with a new person's ids, else 204; an engagement's person is in its token."""
    if endpoint.method == "GET" or _any(document["user"], "uid", "custom"):
        return Reply(204)
    number = ledger.number()
    user = {"uid": f"{number:024x}", "ses": str(UUID(int=number)), "segments": [], "details": {"isNew": True}}
    return Reply(200, {"user": user, "campaigns": []})


# Dynamic Yield


def _admit_dynamic_yield(call: Call, _endpoint: Endpoint, _ledger: Ledger) -> Refusal | None:
    shown = call.headers.get("dy-api-key")
    return None if shown == DYNAMIC_YIELD_KEY else Refusal(401, "Invalid or missing API key")


def _accept_dynamic_yield(document: Any, endpoint: Endpoint, _ledger: Ledger) -> Reply:
    """204, or 200 with a warning for each key of the body that is not documented."""
    extra = sorted(document.keys() - contract(endpoint.contract).known)
    if not extra:
        return Reply(204)
    warnings = [{"code": "UNKNOWN_KEY", "message": f"{name} is not known and was ignored"} for name in extra]
    return Reply(200, {"warnings": warnings})


# Vaix


def _admit_vaix(call: Call, _endpoint: Endpoint, ledger: Ledger) -> Refusal | None:
    """A static token goes without an authentication method, an issued one with `iam`."""
    if not _accepts_json(call):
        return Refusal(406, "the answer is application/json")
    method = call.headers.get("x-vaix-authentication-method")
    token = _bearer(call)
    if method is None and token != VAIX_STATIC:
        return Refusal(401, "unknown token; one that /oauth/token issued needs x-vaix-authentication-method: iam")
    if method is not None and not (method == "iam" and ledger.honours(token)):
        return Refusal(401, "x-vaix-authentication-method is iam with a token of /oauth/token, absent with any other")
    if not call.headers.get("x-vaix-client-id"):
        return Refusal(400, "x-vaix-client-id is required")
    return None


def _accepts_json(call: Call) -> bool:
    ranges = {part.partition(";")[0].strip().lower() for part in call.headers.get("accept", "*/*").split(",")}
    return not ranges.isdisjoint({"*/*", "application/*", "application/json"})


def _accept_quietly(_document: Any, _endpoint: Endpoint, _ledger: Ledger) -> Reply:
    return Reply(204)


def _admit_anyone(_call: Call, _endpoint: Endpoint, _ledger: Ledger) -> None:
    """The credentials are in the body."""


def _check_token_request(document: Any) -> Refusal | None:
    if (document["client_id"], document["client_secret"]) != (OAUTH_ID, OAUTH_KEY):
        return Refusal(401, "unknown client or wrong secret")
    if document["audience"] != VAIX_AUDIENCE:
        return Refusal(403, f"this client may ask for {VAIX_AUDIENCE} only")
    return None


def _issue_token(_document: Any, _endpoint: Endpoint, ledger: Ledger) -> Reply:
    body = {"access_token": ledger.issue(), "token_type": "Bearer", "expires_in": ledger.token_lifetime}
    return Reply(200, body, {"Cache-Control": "no-store"})


# Auxia


def _admit_auxia(call: Call, endpoint: Endpoint, _ledger: Ledger) -> Refusal | None:
    """Each endpoint has its own key, in a header or the query; the other's is known, but not for this."""
    shown = call.headers.get("x-api-key") or call.query.get("api-key") or call.query.get("api_key")
    if shown == AUXIA_KEYS[endpoint.name]:
        return None
    if shown in AUXIA_KEYS.values():
        return Refusal(403, "this API key has no permission to call this API")
    return Refusal(401, "the API key is missing or invalid")


def _check_auxia(document: Any) -> Refusal | None:
    if document["projectId"] == AUXIA_PROJECT:
        return None
    flaw = Flaw("projectId", "is not the project of this API key")
    return Refusal(403, "the project is not this key's", (flaw,))


def _accept_auxia(_document: Any, _endpoint: Endpoint, _ledger: Ledger) -> Reply:
    return Reply(200, {})


VENDORS: Final = (
    Vendor(
        "gravity_field",
        (
            Endpoint("engagement", "POST", ("/ssapi/engagement",), "gravity_field.engagement"),
            Endpoint("event", "POST", ("/ssapi/event",), "gravity_field.event"),
        ),
        f"Authorization: Bearer {GRAVITY_FIELD_KEY}",
        _admit_gravity_field,
        _nothing_more,
        _accept_gravity_field,
        answers.gravity_field,
    ),
    Vendor(
        "gravity_field_sdk",
        (
            Endpoint("event", "POST", ("/event", "/v2/event"), "gravity_field_sdk.event"),
            Endpoint("engagement", "GET", ("/engagement", "/v2/engagement"), "gravity_field_sdk.engagement"),
        ),
        f"Authorization: Bearer {SDK_KEY}; an event's sec is {SDK_SECTION}",
        _admit_sdk,
        _check_sdk,
        _accept_sdk,
        answers.gravity_field,
    ),
    Vendor(
        "dynamic_yield",
        (
            Endpoint("engagement", "POST", ("/v2/collect/user/engagement",), "dynamic_yield.engagement"),
            Endpoint("event", "POST", ("/v2/collect/user/event",), "dynamic_yield.event"),
            Endpoint("pageview", "POST", ("/v2/collect/user/pageview",), "dynamic_yield.pageview"),
        ),
        f"DY-API-Key: {DYNAMIC_YIELD_KEY}",
        _admit_dynamic_yield,
        _nothing_more,
        _accept_dynamic_yield,
        answers.dynamic_yield,
    ),
    Vendor(
        "vaix",
        (Endpoint("tracker", "POST", ("/api/tracker/events",), "vaix.tracker"),),
        f"Authorization: Bearer {VAIX_STATIC}, or a token of /oauth/token and x-vaix-authentication-method: iam; "
        "any x-vaix-client-id",
        _admit_vaix,
        _nothing_more,
        _accept_quietly,
        answers.vaix,
    ),
    Vendor(
        "vaix_oauth",
        (Endpoint("token", "POST", ("/oauth/token",), "vaix_oauth.token"),),
        f"client_id {OAUTH_ID}, client_secret {OAUTH_KEY}, audience {VAIX_AUDIENCE}, grant_type client_credentials",
        _admit_anyone,
        _check_token_request,
        _issue_token,
        answers.vaix_oauth,
        400,
    ),
    Vendor(
        "auxia",
        (
            Endpoint("interaction", "POST", ("/v1/LogTreatmentInteraction",), "auxia.interaction"),
            Endpoint("events", "POST", ("/v1/LogEvents",), "auxia.events"),
        ),
        f"x-api-key (or ?api-key=): {AUXIA_KEYS['interaction']}, for LogEvents {AUXIA_KEYS['events']}; "
        f"projectId is {AUXIA_PROJECT}",
        _admit_auxia,
        _check_auxia,
        _accept_auxia,
        answers.auxia,
        400,
    ),
)
"""The five vendors, and the identity provider that Vaix's tokens come from."""
