"""From the vendor's bodies to interactions."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Inbound
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
from gateway.wire import Outside, beside, names, places, rest, stating
from mappings import _catalogue as catalogue
from mappings.gravity_field_sdk import wire

_ENGAGEMENT_KEYS: Final = names(wire.Engagement)
_KNOWN: Final = {
    "user": frozenset({"uid", "custom", "ses"}),
    "ctx": frozenset({"type", "data", "lng", "location", "referrer"}),
    "device": frozenset({"ua", "ip", "id"}),
    "body": wire.EVENTS.keys,
}
"""The keys of each object that the model reads, by its path."""
_DATUM_KEYS: Final = names(wire.Datum) - wire.FLAT
_CART_KEYS: Final = names(wire.CartLine)


def engagement(inbound: Inbound) -> Engagement:
    """The one engagement of a query."""
    query = dict(inbound.query)
    body = wire.ENGAGEMENT.form(query)
    return Engagement(
        id=f"{inbound.id}-0",
        origin=Origin(wire.VENDOR, "engagement", body.type),
        received_at=inbound.received_at,
        action=wire.ACTIONS[body.type],
        decision_id=body.decisionId,
        properties=rest(query, _ENGAGEMENT_KEYS),
    )


def events(inbound: Inbound) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body, tree = wire.EVENTS.read(inbound.body)
    shared = _shared(body, tree)
    return tuple(
        [
            _event(inbound, f"{inbound.id}-{index}", one, None if tree is None else tree["data"][index], shared)
            for index, one in enumerate(body.data)
        ]
    )


class _Shared(Struct, frozen=True, gc=False):
    """What all events of a body share: the person, the visit, the page, the device, and what stood beside them."""

    user: User
    session: Session
    page: Page
    device: Device
    outside: Outside


def _shared(body: wire.Events, tree: Any) -> _Shared:
    user, page, device = body.user, body.ctx, body.device
    person, visit = NO_USER, NO_SESSION
    if user:
        person = User(user.custom, user.uid)
        visit = Session(user.ses, None) if user.custom else Session(None, user.ses)
    outside = _PLACES[user is not None, page is not None, device is not None]
    if tree is not None:
        outside = beside(outside, tree, _KNOWN)
    if body.options is not None:
        outside = outside | {"options": {"options": body.options}}
    return _Shared(
        person,
        visit,
        Page(page.type, page.data, page.location, page.referrer, page.lng) if page else NO_PAGE,
        Device(device.ip, device.ua, device.id) if device else NO_DEVICE,
        outside,
    )


_PLACES: Final = places(("body",), ("user", "ctx", "device"))


def _event(inbound: Inbound, id_: str, one: wire.Datum, raw: Mapping[str, Any] | None, shared: _Shared) -> Event:
    type_ = catalogue.TYPES.get(one.type, "custom")
    properties: dict[str, Any] = one.customProps or {}
    if None in properties.values():
        properties = stating(properties)
    beside: dict[str, Any] = {} if raw is None else stating(rest(raw, _DATUM_KEYS))
    clash: dict[str, Any] = {}
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
    event = Event(
        id=id_,
        origin=Origin(wire.VENDOR, "event", one.type, spelling),
        received_at=inbound.received_at,
        occurred_at=occurred_at,
        type=type_,
        name=name,
        user=shared.user,
        session=shared.session,
        page=shared.page,
        device=shared.device,
        properties=properties,
        outside=outside,
    )
    return replace(  # Python is slow to call with all of an event's fields at once
        event,
        value=one.value,
        currency=one.currency,
        quantity=one.quantity,
        product_id=one.productId,
        cart=None if one.cart is None else _cart(one.cart, None if raw is None else raw["cart"]),
        transaction_id=one.uniqueTransactionId,
    )


def _cart(lines: list[wire.CartLine], raws: list[Any] | None) -> tuple[CartItem, ...]:
    if raws is None:
        return tuple([CartItem(line.productId, line.quantity, line.itemPrice) for line in lines])
    return tuple(
        [
            CartItem(line.productId, line.quantity, line.itemPrice, rest(raw, _CART_KEYS) or None)
            for line, raw in zip(lines, raws, strict=True)
        ]
    )
