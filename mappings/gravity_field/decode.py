"""From the vendor's bodies to interactions."""

from typing import Any, Final

from msgspec import Struct

from gateway.contract import Inbound
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
from gateway.wire import Outside, Shape, beside, names, places, rest
from mappings import _catalogue as catalogue
from mappings.gravity_field import wire

_OBJECTS: Final = {
    "user": names(wire.User),
    "session": names(wire.Session),
    "context": names(wire.Context),
    "context.page": names(wire.Page),
    "context.device": names(wire.Device),
}
_KNOWN: Final[dict[Shape[Any], dict[str, frozenset[str]]]] = {
    shape: _OBJECTS | {"body": shape.keys} for shape in (wire.ENGAGEMENTS, wire.EVENTS)
}
"""The documented keys of each body's objects, by their paths."""
_ENGAGEMENT_KEYS: Final = names(wire.Engagement)


def engagements(inbound: Inbound) -> tuple[Interaction, ...]:
    """The engagements of a body, in order."""
    body, tree = wire.ENGAGEMENTS.read(inbound.body)
    shared = _shared(body, tree, wire.ENGAGEMENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.engagements):
        if not (one.slotId if one.type == "SLOT_CLICK" else one.decisionId):
            raise wire.ENGAGEMENTS.refused(inbound.body)
        properties = {} if tree is None else rest(tree["engagements"][index], _ENGAGEMENT_KEYS)
        occurred_at = from_iso(one.event_time) if one.event_time else None
        if one.event_time and occurred_at is None:
            properties["event_time"] = one.event_time
        found.append(
            Engagement(
                id=f"{inbound.id}-{index}",
                origin=Origin(wire.VENDOR, "engagement", one.type, {"event_time": one.event_time}),
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


def events(inbound: Inbound) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body, tree = wire.EVENTS.read(inbound.body)
    shared = _shared(body, tree, wire.EVENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.events):
        told = catalogue.read_event(one.properties, None if tree is None else tree["events"][index], "eventType")
        if told is None:
            raise wire.EVENTS.refused(inbound.body)
        event = Event(
            id=f"{inbound.id}-{index}",
            origin=Origin(wire.VENDOR, "event", told.word, told.spelling),
            received_at=inbound.received_at,
            type=told.type,
            name=one.name,
            user=shared.user,
            session=shared.session,
            page=shared.page,
            device=shared.device,
            properties=told.properties,
            outside=shared.outside,
        )
        found.append(told.on(event))
    return tuple(found)


class _Shared(Struct, frozen=True, gc=False):
    """What all interactions of a body share: the person, the visit, the page, and what stood beside them."""

    user: User
    session: Session
    page: Page
    device: Device
    outside: Outside


def _shared(body: wire.Engagements | wire.Events, tree: Any, shape: Shape[Any]) -> _Shared:
    user, session, page, device = body.user, body.session, body.context.page, body.context.device
    outside = _PLACES[page is not None, device is not None]
    return _Shared(
        User(user.id, user.slid, user.slid_server),
        Session(session.custom, session.sl),
        Page(page.type, page.data, page.location, page.referrer, page.lng) if page else NO_PAGE,
        Device(device.ip, device.userAgent) if device else NO_DEVICE,
        outside if tree is None else beside(outside, tree, _KNOWN[shape]),
    )


_PLACES: Final = places(("user", "session", "context", "body"), ("context.page", "context.device"))
