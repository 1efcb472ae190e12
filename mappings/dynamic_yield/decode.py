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
from gateway.wire import Shape, names, rest
from mappings import _catalogue as catalogue
from mappings.dynamic_yield import wire

_USER_KEYS: Final = names(wire.User)
_SESSION_KEYS: Final = names(wire.Session)
_CONTEXT_KEYS: Final = {context: names(context) for context in (wire.Context, wire.PageContext)}
_DEVICE_KEYS: Final = names(wire.Device)
_PAGE_KEYS: Final = names(wire.Page)

_CHANNELS: Final = ("web", "app")


def engagements(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The engagements of a body, in order; a SLOT_IMP is one view for each of its slots."""
    body = wire.ENGAGEMENTS.read(tree)
    shared = _shared(body, tree, wire.ENGAGEMENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.engagements):
        raw = tree["engagements"][index]
        if not _has_its_id(one):
            raise Malformed(wire.ENGAGEMENTS.faults(tree))
        word, keys, outside = one.type, wire.ENGAGEMENT_KEYS[one.type], shared.outside
        if word == "PN_CLICK":
            outside = outside | {"": {"trackingData": raw["trackingData"]}}
        variations = None if one.variations is None else tuple(map(_id_text, one.variations))
        if not variations and one.variationId is not None:
            legacy = one.variationId if isinstance(one.variationId, list) else [one.variationId]
            variations, keys = tuple(map(_id_text, legacy)), keys | {"variationId"}
        origin = Origin("dynamic_yield", "engagement", word)
        properties = rest(raw, keys)
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


def _has_its_id(one: wire.Engagement) -> bool:
    """Whether an engagement has what its type needs."""
    word = one.type
    if word in ("CLICK", "IMP"):
        return bool(one.decisionId)
    if word == "SLOT_CLICK":
        return bool(one.slotId)
    if word == "SLOT_IMP":
        return bool(one.slotIds) and all(one.slotIds or ())
    return one.trackingData is not None


def _id_text(number: float | str) -> str:
    """A variation id as text: `12` for 12 and 12.0 alike."""
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return str(number)


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body = wire.EVENTS.read(tree)
    shared = _shared(body, tree, wire.EVENTS)
    found: list[Interaction] = []
    for index, one in enumerate(body.events):
        word = one.properties.dyType if one.properties else None
        told = catalogue.read_event(tree["events"][index], "dyType")
        found.append(
            Event(
                id=f"{inbound.id}-{index}",
                origin=Origin("dynamic_yield", "event", word, told.spelling),
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
                device=shared.device,
                channel=shared.channel,
                consent=shared.consent,
                properties=told.properties,
                outside=shared.outside,
            )
        )
    return tuple(found)


def page_view(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The one page view of a body."""
    body = wire.PAGE_VIEW.read(tree)
    shared = _shared(body, tree, wire.PAGE_VIEW)
    page, where = body.context.page, NO_PAGE
    if page:
        where = Page(page.type, page.data, page.location, page.referrer, page.locale)
        shared.outside["context.page"] = rest(tree["context"]["page"], _PAGE_KEYS)
    return (
        Event(
            id=f"{inbound.id}-0",
            origin=Origin("dynamic_yield", "pageview"),
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


class _Shared(Struct, frozen=True):
    """What all interactions of a body share: the person, the visit, the device, and what stood beside them."""

    user: User
    session: Session
    device: Device
    channel: str | None
    consent: bool | None
    outside: dict[str, dict[str, Any]]


def _shared(body: wire.Engagements | wire.Events | wire.PageView, tree: Any, shape: Shape[Any]) -> _Shared:
    user, session, context = body.user, body.session, body.context
    if session is None and body.sessionId is None:
        raise Malformed(shape.faults(tree))
    beside = rest(tree, shape.keys)
    outside = {"user": rest(tree["user"], _USER_KEYS), "body": beside}
    custom, minted, channel, device = body.sessionId, None, None, NO_DEVICE
    if session:
        outside["session"] = rest(tree["session"], _SESSION_KEYS)
        custom, minted = session.custom if session.custom or custom is None else custom, session.dy
    if "options" in beside:
        outside["options"] = {"options": beside.pop("options")}
    if context:
        outside["context"] = rest(tree["context"], _CONTEXT_KEYS[type(context)])
        channel = context.channel and context.channel.lower()
        if channel is not None and channel not in _CHANNELS and (faults := shape.faults(tree)):
            raise Malformed(faults)
        if context.device:
            device = Device(context.device.ip)
            outside["context.device"] = rest(tree["context"]["device"], _DEVICE_KEYS)
    return _Shared(
        User(user.id, user.dyid, user.dyid_server),
        Session(custom, minted),
        device,
        channel,
        user.active_consent_accepted,
        outside,
    )
