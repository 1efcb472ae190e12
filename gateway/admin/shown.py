"""Kept things as JSON for people: times in ISO 8601, bodies as the documents they are, credentials masked."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.admin.masking import Masker
from gateway.store.contract import Attempt, DeadLetter, Record
from gateway.times import moment

_DEEPEST: Final = 100
"""Levels of a document beyond which it is shown as the text that it is."""


def time_text(seconds: float | None) -> str | None:
    """A time in seconds since the epoch as ISO 8601, UTC; None for none."""
    found = None if seconds is None else moment(int(seconds * 1e6))
    return None if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def attempt(one: Attempt, masker: Masker) -> dict[str, Any]:
    """An attempt: when, how it ended, the vendor's status and the beginning of its answer."""
    return {
        "at": time_text(one.at),
        "outcome": one.outcome,
        "status": one.status,
        "answer": masker.text(one.answer),
    }


def inbound(kept: Record) -> dict[str, Any]:
    """An inbound as it is kept, not masked: its body a JSON document where it is one, else text."""
    return {
        "received_at": time_text(kept.received_at / 1e6),
        "request_id": kept.request_id,
        "client": kept.client,
        "client_ip": kept.client_ip,
        "route": kept.route,
        "vendor": kept.vendor,
        "endpoint": kept.endpoint,
        "headers": dict(kept.headers),
        "query": dict(kept.query),
        "body": document(kept.body),
    }


def letter(one: DeadLetter) -> dict[str, Any]:
    """A dead letter in short."""
    last = one.attempts[-1] if one.attempts else None
    return {
        "id": one.id,
        "target": one.target,
        "reason": one.reason,
        "fields": list(one.fields),
        "interactions": list(one.indices) or "all",
        "at": time_text(one.at),
        "request_id": one.record.request_id,
        "route": one.record.route,
        "vendor": one.record.vendor,
        "endpoint": one.record.endpoint,
        "attempts": len(one.attempts),
        "last": None if last is None else {"outcome": last.outcome, "status": last.status},
    }


def document(body: bytes) -> Any:
    """A body as the JSON document it is, else as text; None when it is empty."""
    if not body:
        return None
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")
    return body.decode("utf-8", "replace") if _is_deep(found) else found


def _is_deep(value: Any) -> bool:
    """Whether a document is nested more deeply than a page could show it."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        level = [member for one in level for member in _members(one)]
        depth += 1
    return bool(level)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
