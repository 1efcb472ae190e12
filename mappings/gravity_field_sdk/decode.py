"""From the vendor's bodies to interactions."""

from collections.abc import Mapping
from typing import Any

from gateway.contract import (
    Inbound,
)
from gateway.model import (
    CartItem,
    Device,
    Engagement,
    Event,
    Interaction,
    Origin,
    Page,
    Session,
    User,
)
from gateway.times import from_iso
from gateway.wire import names, rest, without_nulls
from mappings import _catalogue as catalogue
from mappings.gravity_field_sdk import wire


def engagement(inbound: Inbound) -> Engagement:
    """The one engagement of a query."""
    query = dict(inbound.query)
    body = wire.ENGAGEMENT.read(query)
    return Engagement(
        id=f"{inbound.id}-0",
        origin=Origin("gravity_field_sdk", "engagement", body.type),
        received_at=inbound.received_at,
        action=wire.ACTIONS[body.type],
        decision_id=body.decisionId,
        properties=rest(query, names(wire.Engagement)),
    )


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body = wire.EVENTS.read(tree)
    common = _common(inbound, body, tree)
    return tuple(
        [
            _event(one, raw, common | {"id": f"{inbound.id}-{index}"})
            for index, (one, raw) in enumerate(zip(body.data, tree["data"], strict=True))
        ]
    )


def _event(one: wire.Datum, raw: Mapping[str, Any], common: dict[str, Any]) -> Event:
    type_ = catalogue.TYPES.get(one.type, "custom")
    properties = without_nulls(one.customProps or {})
    beside = {key: value for key, value in rest(raw, wire.DATUM).items() if value is not None}
    occurred_at = from_iso(one.eventTime) if one.eventTime else None
    if one.eventTime and occurred_at is None:
        beside["eventTime"] = one.eventTime
    name = one.name
    if type_ == "custom" and one.type != "custom":
        if name:
            common = common | {"outside": common["outside"] | {"": {"type": one.type}}}
        else:
            name = one.type
    spelling = {
        "beside": tuple(beside),
        "clash": {key: value for key, value in beside.items() if key in properties},
        "customProps": one.customProps is not None,
        "eventTime": one.eventTime,
        "named": one.name is not None,
    }
    return Event(
        origin=Origin("gravity_field_sdk", "event", one.type, spelling),
        type=type_,
        name=name,
        value=one.value,
        currency=one.currency,
        quantity=one.quantity,
        product_id=one.productId,
        cart=None if one.cart is None else _cart(one.cart, raw["cart"]),
        transaction_id=one.uniqueTransactionId,
        occurred_at=occurred_at,
        properties=beside | properties,
        **common,
    )


def _cart(lines: list[wire.CartLine], raws: list[Any]) -> tuple[CartItem, ...]:
    return tuple(
        [
            CartItem(line.productId, line.quantity, line.itemPrice, rest(raw, wire.CART_LINE) or None)
            for line, raw in zip(lines, raws, strict=True)
        ]
    )


def _common(inbound: Inbound, body: wire.Events, tree: Any) -> dict[str, Any]:
    """What all events of a body share: the person, the visit, the page, the device, and what stood beside them."""
    common: dict[str, Any] = {"received_at": inbound.received_at}
    outside = {
        path: rest(tree[path], modelled) for path, modelled in wire.MODELLED.items() if tree.get(path) is not None
    }
    outside["body"] = rest(tree, wire.BODY)
    if body.options is not None:
        outside["options"] = {"options": body.options}
    common["outside"] = outside
    user, page, device = body.user, body.ctx, body.device
    if user:
        common["user"] = User(user.custom, user.uid)
        common["session"] = Session(user.ses, None) if user.custom else Session(None, user.ses)
    if page:
        data = None if page.data is None else tuple(page.data)
        common["page"] = Page(page.type, data, page.location, page.referrer, page.lng)
    if device:
        common["device"] = Device(device.ip, device.ua, device.id)
    return common
