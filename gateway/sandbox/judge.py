"""One call to a verdict: what the vendor answers, and every reason against the call."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.sandbox.exchange import MAX_BODY, Call, Ledger, Refusal, Reply
from gateway.sandbox.validation import contract
from gateway.sandbox.vendors import VENDORS, Endpoint, Vendor

_PLACES: Final = {
    path: (vendor, endpoint) for vendor in VENDORS for endpoint in vendor.endpoints for path in endpoint.paths
}
_NOWHERE: Final = Reply(404, {"error": "no vendor serves this path; GET / lists those that are"})
_DECODER: Final = msgspec.json.Decoder()


class Verdict(Struct, frozen=True):
    """What becomes of a call; `document` is its body as JSON, None where it is none."""

    vendor: Vendor | None
    endpoint: Endpoint | None
    document: Any
    reply: Reply
    faults: tuple[str, ...] = ()


def judge(call: Call, ledger: Ledger) -> Verdict:
    """The verdict on a call: the first of path, method, credentials, headers, form and content to fail decides."""
    document, unreadable = _read(call)
    place = _PLACES.get(call.path)
    if place is None:
        return Verdict(None, None, document, _NOWHERE, ("no vendor serves this path",))
    vendor, endpoint = place
    refusal = (
        _method(call, endpoint)
        or vendor.admit(call, endpoint, ledger)
        or _carriage(call, endpoint)
        or (None if endpoint.method == "GET" else unreadable)
        or _content(call, document, vendor, endpoint)
    )
    if refusal:
        return Verdict(vendor, endpoint, document, refused(vendor, refusal), refusal.causes)
    return Verdict(vendor, endpoint, document, vendor.accept(document, endpoint, ledger))


def refused(vendor: Vendor, refusal: Refusal) -> Reply:
    """A refusal in the vendor's words."""
    return Reply(refusal.status, vendor.word(refusal), refusal.headers)


def _read(call: Call) -> tuple[Any, Refusal | None]:
    """The body as a JSON document, or why it is none."""
    try:
        return _DECODER.decode(call.body), None
    except RecursionError:
        return None, Refusal(400, "the JSON document is nested too deeply")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return None, Refusal(400, f"the body is not JSON: {error}")


def _method(call: Call, endpoint: Endpoint) -> Refusal | None:
    if call.method == endpoint.method:
        return None
    return Refusal(405, f"this path takes {endpoint.method}", headers={"Allow": endpoint.method})


def _carriage(call: Call, endpoint: Endpoint) -> Refusal | None:
    """What is wrong with the way the body is carried."""
    if call.unread == 413:
        return Refusal(413, f"the body exceeds {MAX_BODY} bytes")
    if call.unread:
        return Refusal(call.unread, "the body does not arrive whole or does not inflate")
    if endpoint.method == "GET":
        return Refusal(400, "this path takes no body") if call.body else None
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == "application/json" else Refusal(415, "content-type must be application/json")


def _content(call: Call, document: Any, vendor: Vendor, endpoint: Endpoint) -> Refusal | None:
    """What is wrong with what the call says: everything that the contract finds, then the tenant."""
    said = call.query if endpoint.method == "GET" else document
    flaws = contract(endpoint.contract).flaws(said)
    if flaws:
        return Refusal(vendor.contract_status, "the request does not fit its contract", flaws)
    return vendor.check(said)
