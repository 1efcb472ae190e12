"""What is to be sent for a leased inbound: read and translated at delivery, so that mended settings apply to it."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, TypeVar

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Outbound, VendorMapping
from gateway.delivery.keeping import inbound_of
from gateway.delivery.settle import buried, refusals, unreadable
from gateway.errors import GatewayError
from gateway.model import Interaction
from gateway.routing import RouteTarget
from gateway.store.contract import DeadLetter, Entry, Record
from gateway.translate import Decoded, Target, Translation, decode, stamped, translate

T = TypeVar("T")
_KEPT: Final = 1024
"""Inbounds whose reading is kept for the other targets of their route."""
_LARGEST: Final = 4096
"""Bytes of a body beyond which its reading is not kept."""
_HOUR: Final = 3_600_000_000


class Plan(Struct, frozen=True, gc=False):
    """The outbounds to send, and what ends as a dead letter without being sent."""

    requests: tuple[Outbound, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    translation: Translation | None = None


class Reader:
    """Reads what is leased, once for all targets of a route as far as they are abreast."""

    def __init__(self, sources: Mapping[str, VendorMapping]) -> None:
        self._sources = sources
        self._read: OrderedDict[int, Decoded] = OrderedDict()
        self._foreseen: OrderedDict[int, tuple[Record, Decoded]] = OrderedDict()
        """What was read as it was accepted, by its record's id."""

    def foresee(self, record: Record, decoded: Decoded) -> None:
        """What an inbound says was read as it was accepted: if it is delivered soon, it need not be read again.

        That is so where its record holds all that was read.
        """
        if len(record.body) <= _LARGEST and record.query == decoded.inbound.query:
            _keep(self._foreseen, id(record), (record, decoded))

    def read(self, entry: Entry) -> Decoded:
        """What an inbound says, each interaction with a time; raises what its mapping raises."""
        return self._read.get(entry.position) or self._decoded(entry)

    def _decoded(self, entry: Entry) -> Decoded:
        record = entry.record
        foreseen = self._foreseen.pop(id(record), None)
        decoded = stamped(foreseen[1] if foreseen else decode(*inbound_of(record, self._sources)))
        if len(record.body) <= _LARGEST:
            _keep(self._read, entry.position, decoded)
        return decoded


def _keep(table: OrderedDict[int, T], key: int, value: T) -> None:
    """Put a value into a table; the oldest goes where there are too many."""
    table[key] = value
    if len(table) > _KEPT:
        table.popitem(last=False)


def plan(entry: Entry, aim: RouteTarget, reader: Reader, now: float, max_age: float | None) -> Plan:
    """What to do with an inbound; whatever a mapping does, it ends in a plan. No `max_age`: nothing expires now."""
    record, target = entry.record, aim.target
    try:
        decoded = reader.read(entry)
        age = now - record.received_at / 1e6
        if record.replayed:
            target, max_age = target.unfiltered(), None
        elif max_age is not None and age > max_age:
            return Plan((), (buried(target.name, entry, "max_age", _left(entry, decoded), now),))
        translation = translate(decoded, target, without=entry.done, only=record.indices)
        letters: tuple[DeadLetter, ...] = ()
        if aim.late is not None and age > aim.late and (timeless := _timeless(decoded, target, translation)):
            if aim.late_action == "deliver" or max_age is None:
                translation = replace(translation, losses=translation.losses | {"occurred_at"})
            else:
                letters = (replace(buried(target.name, entry, "late", timeless, now), fields=("occurred_at",)),)
                translation = translate(decoded, target, without=entry.done | set(timeless), only=record.indices)
    except Exception as error:  # noqa: BLE001  # a mapping's mistake costs one inbound, never the queue
        if not isinstance(error, GatewayError):
            structlog.get_logger().exception("mapping failed", target=target.name, request_id=record.request_id)
        return Plan((), (unreadable(target.name, entry, error, now),))
    if translation.refused:
        letters = (*letters, *refusals(target.name, entry, translation, now))
    return Plan(translation.requests, letters, translation)


def _left(entry: Entry, decoded: Decoded) -> list[int]:
    """The interactions that the target does not have yet."""
    meant = range(len(decoded.interactions)) if entry.record.indices is None else entry.record.indices
    return [index for index in meant if index not in entry.done]


def _timeless(decoded: Decoded, target: Target, translation: Translation) -> list[int]:
    """The interactions of which the target is told nothing that depends on when they occurred."""
    sent = sorted({index for request in translation.requests for index in request.indices})
    shifted = replace(decoded, interactions=tuple(_earlier(one) for one in decoded.interactions))
    return [
        index
        for index in sent
        if _bodies(translate(decoded, target, only=(index,))) == _bodies(translate(shifted, target, only=(index,)))
    ]


def _earlier(one: Interaction) -> Interaction:
    return replace(one, occurred_at=(one.occurred_at or one.received_at) - _HOUR)


def _bodies(translation: Translation) -> list[tuple[str, bytes | None]]:
    return [(request.url, request.body) for request in translation.requests]
