"""From the vendor's bodies to interactions."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import ValidationError
from msgspec.structs import replace

from gateway.contract import Inbound
from gateway.model import NO_DEVICE, CartItem, Device, Engagement, Event, Interaction, Origin, Session, User
from gateway.times import from_iso
from gateway.wire import names, rest
from mappings.auxia import wire

_INTERACTION_KEYS: Final = names(wire.Interaction)
_EVENT_KEYS: Final = frozenset(
    {"eventName", "insertId", "eventProperties", "clientEventTimestamp", "sessionId", "deviceId"}
)
"""What the model holds of an event; its other keys, documented or not, stand beside the interaction."""
_BESIDE: Final = ("country", "region", "city", "appVersionId")
_beside: Final = attrgetter(*_BESIDE)


def interaction(inbound: Inbound) -> Engagement:
    """The one engagement of a LogTreatmentInteraction body."""
    body, tree = wire.INTERACTION.read(inbound.body)
    if not wire.is_int64(body.interactionTimeMicros):
        body = wire.INTERACTION.form(wire.INTERACTION.document(inbound.body))
        if not wire.is_int64(body.interactionTimeMicros):
            raise wire.INTERACTION.refused(inbound.body)
    treatment = body.treatmentId
    return Engagement(
        id=f"{inbound.id}-0",
        origin=Origin(wire.VENDOR, "interaction", body.interactionType),
        received_at=inbound.received_at,
        occurred_at=int(body.interactionTimeMicros),
        action=wire.ACTIONS[body.interactionType],
        decision_id=body.treatmentTrackingId,
        variations=None if treatment is None else (treatment,) if treatment else (),
        label=body.actionName,
        placement=body.surface,
        user=User(body.userId),
        properties={} if tree is None else rest(tree, _INTERACTION_KEYS),
    )


def events(inbound: Inbound) -> tuple[Interaction, ...]:
    """The events of a LogEvents body, in order."""
    body, tree = wire.EVENTS.read(inbound.body)
    held = [values for one in body.events if (values := wire.held(one.eventProperties or {})) is not None]
    if len(held) < len(body.events):
        tree = wire.EVENTS.document(inbound.body) if tree is None else tree
        body = wire.EVENTS.form(tree)
        try:
            held = [wire.held_loosely(one.eventProperties or {}) for one in body.events]
        except ValidationError:
            raise wire.EVENTS.refused(inbound.body) from None
    return tuple([_event(inbound, index, body, tree, values) for index, values in enumerate(held)])


def _event(inbound: Inbound, index: int, body: wire.Events, tree: Any, values: dict[str, Any]) -> Event:
    """One event of a body; `values` are what its typed values hold."""
    one = body.events[index]
    type_ = wire.TYPES.get(one.eventName, "custom")
    properties = values.copy()
    name: str | None = one.eventName
    if type_ != "custom":
        name = properties.pop("name") if type(properties.get("name")) is str else None
    facts = _take_facts(properties)
    occurred_at = None if one.clientEventTimestamp is None else from_iso(one.clientEventTimestamp)
    spelling = {
        "clientEventTimestamp": one.clientEventTimestamp,
        "eventProperties": one.eventProperties,
        "insertId": one.insertId,
        "occurred_at": occurred_at,
        "plain": values | {"cart": facts["cart"]} if "cart" in facts else values,
    }
    event = Event(
        id=f"{inbound.id}-{index}",
        origin=Origin(wire.VENDOR, "events", one.eventName, spelling),
        received_at=inbound.received_at,
        occurred_at=occurred_at,
        type=type_,
        name=name,
        user=User(body.userId),
        session=Session(one.sessionId),
        device=NO_DEVICE if one.deviceId is None else Device(id=one.deviceId),
        properties=properties,
        outside={
            "": _beside_event(one, None if tree is None else tree["events"][index], occurred_at),
            "body": {} if tree is None else rest(tree, wire.EVENTS.keys),
        },
    )
    return replace(event, **facts) if facts else event


def _beside_event(one: wire.Event, raw: Mapping[str, Any] | None, occurred_at: int | None) -> dict[str, Any]:
    """What an event says that the model does not hold, an unreadable time too."""
    if raw is None:
        beside = {key: value for key, value in zip(_BESIDE, _beside(one), strict=True) if value is not None}
    else:
        beside = rest(raw, _EVENT_KEYS)
    if one.userProperties and raw:
        beside["userProperties"] = {key: wire.documented(value) for key, value in raw["userProperties"].items()}
    if one.clientEventTimestamp is not None and occurred_at is None:
        beside["clientEventTimestamp"] = one.clientEventTimestamp
    return beside


_NUMBER: Final = frozenset({int, float})


def _take_facts(properties: dict[str, Any]) -> dict[str, Any]:
    """The canonical fields of an event by their names, those of documented types taken out of its properties."""
    facts: dict[str, Any] = {}
    take, get = properties.pop, properties.get
    if type(get("value")) in _NUMBER:
        facts["value"] = take("value")
    if type(get("currency")) is str:
        facts["currency"] = take("currency")
    if type(get("quantity")) in _NUMBER:
        facts["quantity"] = take("quantity")
    if type(get("product_id")) is str:
        facts["product_id"] = take("product_id")
    if type(get("transaction_id")) is str:
        facts["transaction_id"] = take("transaction_id")
    if "cart" in properties and (cart := _cart(properties["cart"])) is not None:
        facts["cart"] = cart
        del properties["cart"]
    return facts


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
