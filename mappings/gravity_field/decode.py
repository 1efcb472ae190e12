"""From the vendor's bodies to interactions."""

from typing import Any, Final

from msgspec import Struct

from gateway.contract import (
    Inbound,
)
from gateway.errors import Malformed
from gateway.model import (
    NO_DEVICE,
    NO_PAGE,
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
from gateway.wire import Shape, names, rest
from mappings import _catalogue as catalogue
from mappings.gravity_field import wire

_USER_KEYS: Final = names(wire.User)
_SESSION_KEYS: Final = names(wire.Session)
_CONTEXT_KEYS: Final = names(wire.Context)
_PAGE_KEYS: Final = names(wire.Page)
_DEVICE_KEYS: Final = names(wire.Device)
_ENGAGEMENT_KEYS: Final = names(wire.Engagement)


def engagements(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The engagements of a body, in order."""
    body = wire.ENGAGEMENTS.read(tree)
    shared = _shared(body, tree, wire.ENGAGEMENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.engagements):
        if not (one.slotId if one.type == "SLOT_CLICK" else one.decisionId):
            raise Malformed(wire.ENGAGEMENTS.faults(tree))
        properties = rest(tree["engagements"][index], _ENGAGEMENT_KEYS)
        occurred_at = from_iso(one.event_time) if one.event_time else None
        if one.event_time and occurred_at is None:
            properties["event_time"] = one.event_time
        found.append(
            Engagement(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "engagement", one.type, {"event_time": one.event_time}),
                received_at=inbound.received_at,
                occurred_at=occurred_at,
                action=wire.ACTIONS[one.type],
                decision_id=one.decisionId,
                slot_id=one.slotId,
                variations=one.variations,
                user=shared.user,
                session=shared.session,
                page=shared.page,
                device=shared.device,
                properties=properties,
                outside=shared.outside,
            )
        )
    return tuple(found)


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body = wire.EVENTS.read(tree)
    shared = _shared(body, tree, wire.EVENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.events):
        word = one.properties.eventType if one.properties else None
        told = catalogue.read_event(tree["events"][index], "eventType")
        found.append(
            Event(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "event", word, told.spelling),
                received_at=inbound.received_at,
                type=catalogue.TYPES[word] if word else "custom",
                name=one.name,
                value=told.value,
                currency=told.currency,
                quantity=told.quantity,
                product_id=told.product_id,
                cart=told.cart,
                transaction_id=told.transaction_id,
                user=shared.user,
                session=shared.session,
                page=shared.page,
                device=shared.device,
                properties=told.properties,
                outside=shared.outside,
            )
        )
    return tuple(found)


class _Shared(Struct, frozen=True):
    """What all interactions of a body share: the person, the visit, the page, and what stood beside them."""

    user: User
    session: Session
    page: Page
    device: Device
    outside: dict[str, dict[str, Any]]


def _shared(body: wire.Engagements | wire.Events, tree: Any, shape: Shape[Any]) -> _Shared:
    user, session, page, device = body.user, body.session, body.context.page, body.context.device
    beside = rest(tree, shape.keys)
    outside = {
        "user": rest(tree["user"], _USER_KEYS),
        "session": rest(tree["session"], _SESSION_KEYS),
        "context": rest(tree["context"], _CONTEXT_KEYS),
        "body": beside,
    }
    where, thing = NO_PAGE, NO_DEVICE
    if page:
        where = Page(page.type, page.data, page.location, page.referrer, page.lng)
        outside["context.page"] = rest(tree["context"]["page"], _PAGE_KEYS)
    if device:
        thing = Device(device.ip, device.userAgent)
        outside["context.device"] = rest(tree["context"]["device"], _DEVICE_KEYS)
    if "options" in beside:
        outside["options"] = {"options": beside.pop("options")}
    return _Shared(
        User(user.id, user.slid, user.slid_server), Session(session.custom, session.sl), where, thing, outside
    )
