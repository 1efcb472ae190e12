"""Where did this click go: each target that it was meant for, and what is still known of how it went there.

What is kept decides what is known. An inbound that every target is done with goes at once, unless `[store] keep` lets
it stay; its dead letters stay for as long as dead letters do.
"""

from typing import Any, Final

from msgspec import Struct

from gateway.admin import shown
from gateway.admin.call import Call, Count, Said
from gateway.admin.masking import Masker
from gateway.admin.problem import AdminError
from gateway.contract import VendorMapping
from gateway.delivery.keeping import inbound_of
from gateway.errors import GatewayError
from gateway.facts import get
from gateway.model import USER_IDS
from gateway.store.contract import DeadLetter, Filter, Record, Standing
from gateway.tail.watching import texts as told_as
from gateway.translate import decode

_NOTHING: Final = "nothing"


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose clicks, by a person's id, or which, by the request id that its caller was told."""

    user: Said | None = None
    request_id: Said | None = None
    limit: Count = 50


async def found(call: Call, asked: Asked) -> object:
    """Kept inbounds of a person or a request, newest first, and how far each target is with them."""
    if (asked.user is None) == (asked.request_id is None):
        raise AdminError(400, "say either user or request_id")
    store, limit = call.gateway.store, min(asked.limit, 500)
    texts = told_as(asked.user or asked.request_id or "")
    fits = _Fitting(asked, {name: mapping.example() for name, mapping in call.gateway.mappings.items()})
    trails = [one for one in await store.trails(texts, limit) if fits(one.record)]
    letters = [one for one in await store.deadletters(Filter(texts=texts, limit=limit)) if fits(one.record)]
    masker = Masker(call.gateway.config)
    stories = [_story(trail.record, trail.standings, letters, masker) for trail in trails]
    kept = {_which(trail.record) for trail in trails}
    gone = {_which(one.record): one.record for one in letters if _which(one.record) not in kept}
    stories += [_story(record, (), letters, masker) for record in gone.values()]
    return {
        "deliveries": stories,
        "keep_seconds": float(call.gateway.config.store.keep),
        "complete": len(trails) < limit,
    }


class _Fitting:
    """Whether a record is really of whom or what was asked, not only holds the text somewhere."""

    def __init__(self, asked: Asked, sources: dict[str, VendorMapping]) -> None:
        self._asked = asked
        self._sources = sources

    def __call__(self, record: Record) -> bool:
        """Whether it is."""
        if self._asked.request_id is not None:
            return self._asked.request_id == record.request_id
        try:
            source, inbound = inbound_of(record, self._sources)
            interactions = decode(source, inbound).interactions
        except GatewayError:
            return False
        return any(get(one, name) == self._asked.user for one in interactions for name in USER_IDS)


def _story(
    record: Record, standings: tuple[Standing, ...], letters: list[DeadLetter], masker: Masker
) -> dict[str, Any]:
    """One inbound and each target's part; of an inbound that is gone, only what dead letters tell."""
    dead = {one.target: one for one in letters if _which(one.record) == _which(record)}
    targets = {one.target: _part(one, dead.get(one.target), masker) for one in standings}
    targets |= {name: _dead(letter, masker) for name, letter in dead.items() if name not in targets}
    return {
        "request_id": record.request_id,
        "received_at": shown.time_text(record.received_at / 1e6),
        "route": record.route,
        "vendor": record.vendor,
        "endpoint": record.endpoint,
        "client": record.client,
        "replayed": record.replayed,
        "kept": bool(standings),
        "targets": targets,
    }


def _which(record: Record) -> tuple[str, int]:
    """What tells an inbound, and its replays, from all others."""
    return record.request_id, record.received_at


def _part(standing: Standing, letter: DeadLetter | None, masker: Masker) -> dict[str, Any]:
    """One target's part: `delivered`, `dead`, `waiting`, `nothing` to send, or `done` where how is not kept."""
    if letter is not None and standing.done:
        return _dead(letter, masker)
    attempts = [shown.attempt(one, masker) for one in standing.attempts]
    part: dict[str, Any] = {"state": _state(standing), "at": shown.time_text(standing.at), "attempts": attempts}
    if standing.until is not None:
        part["again_at"] = shown.time_text(standing.until)
    return part


def _state(standing: Standing) -> str:
    if not standing.done:
        return "waiting"
    outcomes = {one.outcome for one in standing.attempts}
    if "accepted" in outcomes:
        return "delivered"
    return _NOTHING if outcomes == {_NOTHING} else "done"


def _dead(letter: DeadLetter, masker: Masker) -> dict[str, Any]:
    return {
        "state": "dead",
        "at": shown.time_text(letter.at),
        "attempts": [shown.attempt(one, masker) for one in letter.attempts],
        "dead_letter": letter.id,
        "reason": letter.reason,
        "fields": list(letter.fields),
    }
