"""From the vendor's bodies to interactions."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from gateway.contract import (
    Inbound,
)
from gateway.model import (
    NO_DEVICE,
    NO_PAGE,
    NO_SESSION,
    NO_USER,
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
from gateway.wire import names, rest, stating
from mappings import _catalogue as catalogue
from mappings.gravity_field_sdk import wire

_ENGAGEMENT_KEYS: Final = names(wire.Engagement)
_USER_KEYS: Final = frozenset({"uid", "custom", "ses"})
_CONTEXT_KEYS: Final = frozenset({"type", "data", "lng", "location", "referrer"})
_DEVICE_KEYS: Final = frozenset({"ua", "ip", "id"})
_DATUM_KEYS: Final = names(wire.Datum) - wire.FLAT
_CART_KEYS: Final = names(wire.CartLine)


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
        properties=rest(query, _ENGAGEMENT_KEYS),
    )


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body = wire.EVENTS.read(tree)
    shared = _shared(body, tree)
    return tuple(
        [
            _event(inbound, f"{inbound.id}-{index}", one, tree["data"][index], shared)
            for index, one in enumerate(body.data)
        ]
    )


class _Shared(Struct, frozen=True):
    """What all events of a body share: the person, the visit, the page, the device, and what stood beside them."""

    user: User
    session: Session
    page: Page
    device: Device
    outside: dict[str, dict[str, Any]]


def _shared(body: wire.Events, tree: Any) -> _Shared:
    user, page, device = body.user, body.ctx, body.device
    person, visit, where, thing = NO_USER, NO_SESSION, NO_PAGE, NO_DEVICE
    outside: dict[str, dict[str, Any]] = {}
    if user:
        person = User(user.custom, user.uid)
        visit = Session(user.ses, None) if user.custom else Session(None, user.ses)
        outside["user"] = rest(tree["user"], _USER_KEYS)
    if page:
        where = Page(page.type, page.data, page.location, page.referrer, page.lng)
        outside["ctx"] = rest(tree["ctx"], _CONTEXT_KEYS)
    if device:
        thing = Device(device.ip, device.ua, device.id)
        outside["device"] = rest(tree["device"], _DEVICE_KEYS)
    outside["body"] = rest(tree, wire.EVENTS.keys)
    if body.options is not None:
        outside["options"] = {"options": body.options}
    return _Shared(person, visit, where, thing, outside)


def _event(inbound: Inbound, id_: str, one: wire.Datum, raw: Mapping[str, Any], shared: _Shared) -> Event:
    type_ = catalogue.TYPES.get(one.type, "custom")
    properties = stating(one.customProps) if one.customProps else {}
    beside, clash = rest(raw, _DATUM_KEYS), {}
    if beside:
        beside = stating(beside)
    occurred_at = from_iso(one.eventTime) if one.eventTime else None
    if one.eventTime and occurred_at is None:
        beside["eventTime"] = one.eventTime
    if beside:
        clash = {key: value for key, value in beside.items() if key in properties}
        properties = beside | properties
    name, outside = one.name, shared.outside
    if type_ == "custom" and one.type != "custom":
        if name:
            outside = outside | {"": {"type": one.type}}
        else:
            name = one.type
    spelling = {
        "beside": tuple(beside),
        "clash": clash,
        "customProps": one.customProps is not None,
        "eventTime": one.eventTime,
        "named": one.name is not None,
    }
    return Event(
        id=id_,
        origin=Origin("gravity_field_sdk", "event", one.type, spelling),
        received_at=inbound.received_at,
        occurred_at=occurred_at,
        type=type_,
        name=name,
        value=one.value,
        currency=one.currency,
        quantity=one.quantity,
        product_id=one.productId,
        cart=None if one.cart is None else _cart(one.cart, raw["cart"]),
        transaction_id=one.uniqueTransactionId,
        user=shared.user,
        session=shared.session,
        page=shared.page,
        device=shared.device,
        properties=properties,
        outside=outside,
    )


def _cart(lines: list[wire.CartLine], raws: list[Any]) -> tuple[CartItem, ...]:
    return tuple(
        [
            CartItem(line.productId, line.quantity, line.itemPrice, rest(raw, _CART_KEYS) or None)
            for line, raw in zip(lines, raws, strict=True)
        ]
    )
