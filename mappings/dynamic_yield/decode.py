"""From the vendor's bodies to interactions."""

from collections.abc import Callable
from functools import lru_cache
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
from gateway.wire import Outside, Shape, beside, names, places, read_json, rest
from mappings import _catalogue as catalogue
from mappings.dynamic_yield import wire

_OBJECTS: Final = {
    "user": names(wire.User),
    "session": names(wire.Session),
    "context": names(wire.Context),
    "context.device": names(wire.Device),
}
_KNOWN: Final[dict[Shape[Any], dict[str, frozenset[str]]]] = {
    wire.ENGAGEMENTS: _OBJECTS | {"body": wire.ENGAGEMENTS.keys},
    wire.EVENTS: _OBJECTS | {"body": wire.EVENTS.keys},
    wire.PAGE_VIEW: _OBJECTS
    | {"body": wire.PAGE_VIEW.keys, "context": names(wire.PageContext), "context.page": names(wire.Page)},
}
"""The documented keys of each body's objects, by their paths."""

_CHANNELS: Final = ("web", "app")


def engagements(inbound: Inbound) -> tuple[Interaction, ...]:
    """The engagements of a body, in order; a SLOT_IMP is one view for each of its slots."""
    body, tree = wire.ENGAGEMENTS.read(inbound.body)
    shared = _shared(body, tree, inbound, wire.ENGAGEMENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.engagements):
        word, outside = one.type, shared.outside
        if not wire.needed[word](one):
            raise wire.ENGAGEMENTS.refused(inbound.body)
        variations = None if one.variations is None else tuple(map(_number_text, one.variations))
        properties: dict[str, Any] = {}
        if tree is None and (one.slotId if word == "SLOT_IMP" else one.slotIds) is not None:
            tree = read_json(inbound.body)  # slots that this type has no use for stand beside it
        if tree is not None:
            raw, keys = tree["engagements"][index], wire.ENGAGEMENT_KEYS[word]
            if word == "PN_CLICK":
                outside = outside | {"": {"trackingData": raw["trackingData"]}}
            if not variations and one.variationId is not None:
                legacy = one.variationId if isinstance(one.variationId, list) else [one.variationId]
                variations, keys = tuple(map(_id_text, legacy)), keys | {"variationId"}
            properties = rest(raw, keys)
        origin = Origin(wire.VENDOR, "engagement", word)
        for slot in (one.slotIds or ()) if word == "SLOT_IMP" else (one.slotId,):
            found.append(  # a generator would hide that one engagement may be several views
                Engagement(
                    id=f"{inbound.id}-{len(found)}",
                    origin=origin,
                    received_at=inbound.received_at,
                    action=wire.ACTIONS[word],
                    decision_id=one.decisionId,
                    slot_id=slot,
                    variations=variations,
                    user=shared.user,
                    session=shared.session,
                    device=shared.device,
                    channel=shared.channel,
                    consent=shared.consent,
                    properties=properties,
                    outside=outside,
                )
            )
    return tuple(found)


def _id_text(number: float | str) -> str:
    """A variation id as text: `12` for 12 and 12.0 alike."""
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return str(number)


_number_text: Final[Callable[[float], str]] = lru_cache(maxsize=1024)(_id_text)
"""The text of the numbers that variation ids are: a campaign has few."""


def events(inbound: Inbound) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body, tree = wire.EVENTS.read(inbound.body)
    shared = _shared(body, tree, inbound, wire.EVENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.events):
        told = catalogue.read_event(one.properties, None if tree is None else tree["events"][index], "dyType")
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
            device=shared.device,
            channel=shared.channel,
            consent=shared.consent,
            properties=told.properties,
            outside=shared.outside,
        )
        found.append(told.on(event))
    return tuple(found)


def page_view(inbound: Inbound) -> tuple[Interaction, ...]:
    """The one page view of a body."""
    body, tree = wire.PAGE_VIEW.read(inbound.body)
    shared = _shared(body, tree, inbound, wire.PAGE_VIEW)
    page, where = body.context.page, NO_PAGE
    if page:
        where = Page(page.type, page.data, page.location, page.referrer, page.locale)
    return (
        Event(
            id=f"{inbound.id}-0",
            origin=Origin(wire.VENDOR, "pageview"),
            received_at=inbound.received_at,
            type="page_view",
            user=shared.user,
            session=shared.session,
            page=where,
            device=shared.device,
            channel=shared.channel,
            consent=shared.consent,
            outside=shared.outside,
        ),
    )


class _Shared(Struct, frozen=True, gc=False):
    """What all interactions of a body share: the person, the visit, the device, and what stood beside them."""

    user: User
    session: Session
    device: Device
    channel: str | None
    consent: bool | None
    outside: Outside


def _shared(
    body: wire.Engagements | wire.Events | wire.PageView, tree: Any, inbound: Inbound, shape: Shape[Any]
) -> _Shared:
    user, session, context, custom = body.user, body.session, body.context, body.sessionId
    minted = channel = thing = page = None
    if session:
        custom, minted = session.custom if session.custom or custom is None else custom, session.dy
    elif custom is None:
        raise shape.refused(inbound.body)
    if context:
        thing, page = context.device, getattr(context, "page", None)
        channel = context.channel and context.channel.lower()
        if channel is not None and channel not in _CHANNELS and (refused := shape.refused(inbound.body)).faults:
            raise refused
    outside = _PLACES[session is not None, context is not None, thing is not None, page is not None]
    return _Shared(
        User(user.id, user.dyid, user.dyid_server),
        Session(custom, minted),
        Device(thing.ip) if thing else NO_DEVICE,
        channel,
        user.active_consent_accepted,
        outside if tree is None else beside(outside, tree, _KNOWN[shape]),
    )


_PLACES: Final = places(("user", "body"), ("session", "context", "context.device", "context.page"))
