"""One request opened: what came in, what it says, what each target was sent for it, and what was answered.

What the tail showed lately is told with every request as it was sent. Of all else only what is kept is known: the
inbound and the attempts, beside what would be sent today.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from gateway import dryrun
from gateway.admin import shown
from gateway.admin.call import Call, Nothing
from gateway.admin.canonical import canonical
from gateway.admin.masking import Masker
from gateway.admin.operated import Operated
from gateway.admin.problem import AdminError
from gateway.admin.recent import Opened, Recent
from gateway.contract import MASK, Outbound, masked
from gateway.delivery.keeping import inbound_of
from gateway.errors import GatewayError
from gateway.store.contract import Attempt, DeadLetter, Filter, Record, Standing, Trail
from gateway.tail.seen import CUT, Asked, SeenDelivery
from gateway.tail.watching import texts
from gateway.translate import Decoded, decode, translate

_SEARCHED: Final = 20
"""Kept inbounds in which the id is looked for."""


class Opening:
    """The operation; it knows what the tail showed."""

    def __init__(self, recent: Recent) -> None:
        self._recent = recent

    async def one(self, call: Call, _: Nothing) -> object:
        """One request: as the tail showed it or, failing that, as far as the store keeps it."""
        gateway, request_id = call.gateway, call.names["request_id"]
        masker, opened = Masker(gateway.config), self._recent.get(request_id)
        if opened is not None:
            return masker.tree(_shown(gateway, opened))
        trails = await gateway.store.trails(texts(request_id), _SEARCHED)
        trails = [one for one in trails if _is(one.record, request_id)]
        letters = await gateway.store.deadletters(Filter(texts=texts(request_id), limit=_SEARCHED))
        letters = [one for one in letters if _is(one.record, request_id)]
        if not trails and not letters:
            raise AdminError(404, f"nothing is known of a request {request_id}: it was not shown, and is not kept")
        return masker.tree(_kept(gateway, trails, letters))


def _is(record: Record, request_id: str) -> bool:
    return record.request_id == request_id


def _shown(gateway: Operated, opened: Opened) -> dict[str, Any]:
    """What the tail showed."""
    seen = opened.inbound
    record = seen.record if seen else opened.deliveries[0].record
    inbound: dict[str, Any] = _inbound(record) if record else {}
    if seen:
        inbound |= {"request_id": seen.request_id, "route": seen.route, "vendor": seen.vendor, "client": seen.client}
        inbound |= {"status": seen.status, "error": seen.error, "ms": round(seen.seconds * 1000, 3)}
        inbound.setdefault("received_at", shown.time_text(seen.at))
    decoded = None if record is None else read(gateway, record)
    return {
        "source": "tail",
        "inbound": inbound,
        "canonical": [] if decoded is None else canonical(decoded),
        "deliveries": [_delivery(gateway, one) for one in opened.deliveries],
    }


def read(gateway: Operated, record: Record) -> Decoded | None:
    """What a kept inbound says; None where the mappings of today cannot read it."""
    sources = {name: mapping.example() for name, mapping in gateway.mappings.items() if name == record.vendor}
    try:
        return decode(*inbound_of(record, sources), stamp=True)
    except GatewayError:
        return None


def _inbound(record: Record) -> dict[str, Any]:
    return shown.inbound(record) | {"cut": len(record.body) == CUT}


def _delivery(gateway: Operated, seen: SeenDelivery) -> dict[str, Any]:
    return {
        "target": seen.target,
        "vendor": seen.vendor,
        "at": shown.time_text(seen.at),
        "outcome": seen.outcome,
        "ms": round(seen.seconds * 1000, 3),
        "requests": [_request(gateway, seen, one) for one in seen.asked],
        "answers": _answers(seen.asked),
        "losses": list(seen.losses),
        "copied": list(seen.copied),
        "refused": dryrun.refusals(seen.refused),
    }


def _answers(given: Sequence[Asked | Attempt]) -> list[dict[str, Any]]:
    """What was answered to each attempt, with its verdict."""
    return [
        {"status": one.status, "outcome": one.outcome, "body": shown.document(one.answer.encode())} for one in given
    ]


def _request(gateway: Operated, seen: SeenDelivery, asked: Asked) -> dict[str, Any]:
    """A request as it was sent, with masked credentials where its account is still configured."""
    outbound = Outbound(asked.method, asked.url, dict(asked.headers), asked.body, ())
    upstream = gateway.config.upstreams.get(seen.upstream)
    if upstream is not None and seen.vendor == upstream.mapping.NAME:
        outbound = masked(upstream.mapping).sign(outbound, MASK)
    body = shown.document(outbound.body or b"")
    return {"method": outbound.method, "url": outbound.url, "headers": outbound.headers, "body": body}


def _kept(gateway: Operated, trails: list[Trail], letters: list[DeadLetter]) -> dict[str, Any]:
    """What the store keeps; the requests are those of today."""
    record = trails[0].record if trails else letters[0].record
    decoded = read(gateway, record)
    return {
        "source": "store",
        "inbound": _inbound(record),
        "canonical": [] if decoded is None else canonical(decoded),
        "deliveries": [_as_today(gateway, decoded, part) for part in _parts(trails, letters)],
    }


def _parts(trails: list[Trail], letters: list[DeadLetter]) -> Iterator[tuple[str, str, float | None, Any]]:
    """Each target's part: its name, how far it is, since when, and its attempts."""
    dead = {one.target: one for one in letters}
    for standing in trails[0].standings if trails else ():
        if standing.target not in dead:
            yield standing.target, _outcome(standing), standing.at, standing.attempts
    for letter in dead.values():
        yield letter.target, "dead", letter.at, letter.attempts


def _outcome(standing: Standing) -> str:
    if not standing.done:
        return "retried" if standing.attempts else "waiting"
    return "delivered" if any(one.outcome == "accepted" for one in standing.attempts) else "done"


def _as_today(
    gateway: Operated, decoded: Decoded | None, part: tuple[str, str, float | None, tuple[Attempt, ...]]
) -> dict[str, Any]:
    """A target's part as it was, with what it would be sent today."""
    name, outcome, at, attempts = part
    target = gateway.config.translate_target(name)
    told: dict[str, Any] = {"requests": [], "losses": [], "copied": [], "refused": []}
    if target is not None and decoded is not None:
        told = dryrun.told(translate(decoded, target), target.mapping)
    told |= {"at": shown.time_text(at), "outcome": outcome, "answers": _answers(attempts)}
    return {"target": name, "vendor": None if target is None else target.mapping.NAME} | told
