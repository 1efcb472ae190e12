"""How each vendor words a refusal; statuses and bodies as its documentation has them."""

from http import HTTPStatus
from typing import Any, Final

from gateway.sandbox.exchange import Refusal

_GOOGLE_STATUS: Final = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_GRAVITY_FIELD_TYPES: Final = {401: "UnauthorizedError", 403: "ForbiddenError", 422: "ValidationError"}
_OAUTH_CODES: Final = {400: "invalid_request", 401: "access_denied", 403: "access_denied"}


def gravity_field(refusal: Refusal) -> Any:
    """`{code, message, type}`."""
    kind = _GRAVITY_FIELD_TYPES.get(refusal.status, _phrase(refusal.status).replace(" ", ""))
    return {"code": refusal.status, "message": _text(refusal), "type": kind}


def dynamic_yield(refusal: Refusal) -> Any:
    """`{"error": "401"}` for a wrong key, else `{message, type}`."""
    if refusal.status == 401:
        return {"error": "401"}
    return {"message": _text(refusal), "type": _phrase(refusal.status)}


def vaix(refusal: Refusal) -> Any:
    """`{errors}` for 406, 413, 422 and 425, else `{error, status}`."""
    if refusal.status == 422:
        errors: dict[str, list[str]] = {}
        for flaw in refusal.flaws:
            errors.setdefault(flaw.path or "body", []).append(flaw.message)
        return {"errors": errors or {"body": [refusal.message]}}
    if refusal.status in {406, 413, 425}:
        return {"errors": {"detail": refusal.message}}
    return {"error": refusal.message, "status": str(refusal.status)}


def auxia(refusal: Refusal) -> Any:
    """Google's JSON error form; contract faults as `fieldViolations`."""
    fallback = "INVALID_ARGUMENT" if refusal.status < 500 else "UNAVAILABLE"
    status = _GOOGLE_STATUS.get(refusal.status, fallback)
    error: dict[str, Any] = {"code": refusal.status, "message": _text(refusal), "status": status}
    if refusal.flaws:
        violations = [{"field": flaw.path, "description": flaw.message} for flaw in refusal.flaws]
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations},
        ]
    return {"error": error}


def vaix_oauth(refusal: Refusal) -> Any:
    """`{error, error_description}` as RFC 6749 has it."""
    return {"error": _OAUTH_CODES.get(refusal.status, "server_error"), "error_description": _text(refusal)}


def _text(refusal: Refusal) -> str:
    """Every cause on one line."""
    return "; ".join(refusal.causes)


def _phrase(status: int) -> str:
    """HTTP's words for a status; `Error` for one that HTTP does not name."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
