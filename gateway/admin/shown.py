"""Kept things as JSON for people: times in ISO 8601, bodies as the documents they are, credentials masked."""

from typing import Any

import msgspec

from gateway.admin.masking import Masker
from gateway.store.contract import Attempt, DeadLetter, Record
from gateway.times import moment


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


def inbound(record: Record, masker: Masker) -> dict[str, Any]:
    """An inbound as it is kept: its body a JSON document where it is one, else text."""
    return {
        "received_at": time_text(record.received_at / 1e6),
        "request_id": record.request_id,
        "client": record.client,
        "client_ip": record.client_ip,
        "route": record.route,
        "vendor": record.vendor,
        "endpoint": record.endpoint,
        "headers": masker.tree(dict(record.headers)),
        "query": masker.tree(dict(record.query)),
        "body": masker.tree(document(record.body)),
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
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")
