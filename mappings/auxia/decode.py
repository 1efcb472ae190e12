"""From the vendor's bodies to interactions."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.contract import Inbound
from gateway.model import NO_DEVICE, CartItem, Device, Engagement, Event, Interaction, Origin, Session, User
from gateway.times import from_iso
from gateway.wire import names, rest
from mappings.auxia import wire

_INTERACTION_KEYS: Final = names(wire.Interaction)
_EVENTS_KEYS: Final = names(wire.Events)
_EVENT_KEYS: Final = frozenset(
    {"eventName", "insertId", "eventProperties", "clientEventTimestamp", "sessionId", "deviceId"}
)
"""What the model holds of an event; its other keys, documented or not, stand beside the interaction."""
_SETTLED: Final = names(wire.Value) - {"longValue"}
"""The kinds of typed value whose JSON has one form only."""


def interaction(inbound: Inbound, tree: Any) -> Engagement:
    """The one engagement of a LogTreatmentInteraction body."""
    tree = wire.numbered(wire.camel(tree, wire.Interaction), "interactionTimeMicros")
    body = wire.INTERACTION.read(tree)
    treatment = body.treatmentId
    return Engagement(
        id=f"{inbound.id}-0",
        origin=Origin("auxia", "interaction", body.interactionType),
        received_at=inbound.received_at,
        occurred_at=int(body.interactionTimeMicros),
        action=wire.ACTIONS[body.interactionType],
        decision_id=body.treatmentTrackingId,
        variations=None if treatment is None else (treatment,) if treatment else (),
        label=body.actionName,
        placement=body.surface,
        user=User(body.userId),
        properties=rest(tree, _INTERACTION_KEYS),
    )


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a LogEvents body, in order."""
    tree = _camel_events(tree)
    body = wire.EVENTS.read(tree)
    return tuple([_event(inbound, index, body, tree) for index in range(len(body.events))])


def _camel_events(tree: Any) -> Any:
    """A LogEvents body with its documented keys in camelCase at every level."""
    tree = wire.camel(tree, wire.Events)
    given = tree.get("events") if isinstance(tree, dict) else None
    if not isinstance(given, list):
        return tree
    return {**tree, "events": [_camel_event(event) for event in given]}


def _camel_event(event: Any) -> Any:
    event = wire.camel(event, wire.Event)
    if not isinstance(event, dict):
        return event
    for key in ("eventProperties", "userProperties"):
        given = event.get(key)
        if isinstance(given, dict) and not all(map(_is_settled, given.values())):
            values = {
                name: value if _is_settled(value) else _camel_value(value)
                for name, value in given.items()
                if value is not None
            }
            event = {**event, key: values}
    return event


def _is_settled(value: Any) -> bool:
    """Whether a typed value has no other form."""
    return type(value) is dict and len(value) == 1 and not _SETTLED.isdisjoint(value)


def _camel_value(value: Any) -> Any:
    """A typed value in camelCase, without nulls."""
    value = wire.numbered(wire.camel(value, wire.Value), "longValue")
    if isinstance(value, dict) and None in value.values():
        return {kind: held for kind, held in value.items() if held is not None}
    return value


def _event(inbound: Inbound, index: int, body: wire.Events, tree: Mapping[str, Any]) -> Event:
    """One event of a body; `tree` is the body as it was read."""
    one, raw = body.events[index], tree["events"][index]
    type_ = wire.TYPES.get(one.eventName, "custom")
    given = raw.get("eventProperties")
    fields, properties = _fields_of(given or {}, _CUSTOM_READERS if type_ == "custom" else _READERS)
    beside = rest(raw, _EVENT_KEYS)
    if one.userProperties:
        beside["userProperties"] = {key: wire.documented(value) for key, value in raw["userProperties"].items()}
    occurred_at = None
    if one.clientEventTimestamp is not None:
        occurred_at = from_iso(one.clientEventTimestamp)
        if occurred_at is None:
            beside["clientEventTimestamp"] = one.clientEventTimestamp
    spelling = {
        "clientEventTimestamp": one.clientEventTimestamp,
        "eventProperties": given,
        "insertId": one.insertId,
        "occurred_at": occurred_at,
        "plain": fields | properties,
    }
    return Event(
        id=f"{inbound.id}-{index}",
        origin=Origin("auxia", "events", one.eventName, spelling),
        received_at=inbound.received_at,
        occurred_at=occurred_at,
        type=type_,
        name=one.eventName if type_ == "custom" else fields.get("name"),
        value=fields.get("value"),
        currency=fields.get("currency"),
        quantity=fields.get("quantity"),
        product_id=fields.get("product_id"),
        cart=fields.get("cart"),
        transaction_id=fields.get("transaction_id"),
        user=User(body.userId),
        session=Session(one.sessionId),
        device=NO_DEVICE if one.deviceId is None else Device(id=one.deviceId),
        properties=properties,
        outside={"": beside, "body": rest(tree, _EVENTS_KEYS)},
    )


_Readers = Mapping[str, Callable[[Any], Any]]


def _fields_of(given: Mapping[str, Any], readers: _Readers) -> tuple[dict[str, Any], dict[str, Any]]:
    """An event's typed values as canonical fields and what the model does not name.

    A value whose type does not fit its field stays a property.
    """
    fields: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for key, value in given.items():
        plain, read = wire.plain(value), readers.get(key)
        canonical = None if read is None else read(plain)
        if canonical is None:
            properties[key] = plain
        else:
            fields[key] = canonical
    return fields, properties


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _cart(value: Any) -> tuple[CartItem, ...] | None:
    """A cart from its JSON text with the canonical keys; None where it is no such text."""
    try:
        lines = msgspec.json.decode(value) if isinstance(value, str) else None
        return tuple([_cart_item(line) for line in lines]) if isinstance(lines, list) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _cart_item(raw: Any) -> CartItem:
    line = msgspec.convert(raw, wire.CartLine)
    return CartItem(line.product_id, line.quantity, line.item_price, rest(raw, _CART_KEYS) or None)


_CART_KEYS: Final = names(wire.CartLine)
_CUSTOM_READERS: Final[_Readers] = {
    "value": _number,
    "currency": _text,
    "quantity": _number,
    "product_id": _text,
    "cart": _cart,
    "transaction_id": _text,
}
_READERS: Final[_Readers] = {"name": _text, **_CUSTOM_READERS}
"""How the canonical fields are read from the event property of that name; a custom event has its name elsewhere."""
