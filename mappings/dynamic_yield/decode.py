"""From the vendor's bodies to interactions."""

from typing import Any

from gateway.contract import (
    Inbound,
)
from gateway.errors import Malformed
from gateway.model import (
    Device,
    Engagement,
    Event,
    Interaction,
    Origin,
    Page,
    Session,
    User,
)
from gateway.wire import Shape, rest
from mappings import _catalogue as catalogue
from mappings.dynamic_yield import wire


def engagements(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The engagements of a body, in order; a SLOT_IMP is one view for each of its slots."""
    body = wire.ENGAGEMENTS.read(tree)
    common = _common(inbound, body, tree, wire.ENGAGEMENTS)
    found: list[Interaction] = []
    for one, raw in zip(body.engagements, tree["engagements"], strict=True):
        if not _has_its_id(one):
            raise Malformed(wire.ENGAGEMENTS.faults(tree))
        word, keys = one.type, wire.ENGAGEMENT_KEYS[one.type]
        shared = common
        if one.trackingData is not None and word == "PN_CLICK":
            shared = common | {"outside": common["outside"] | {"": {"trackingData": one.trackingData}}}
        variations = None if one.variations is None else tuple([_id_text(number) for number in one.variations])
        if variations is None and one.variationId is not None:
            legacy = one.variationId if isinstance(one.variationId, list) else [one.variationId]
            variations, keys = tuple([_id_text(number) for number in legacy]), keys | {"variationId"}
        origin = Origin("dynamic_yield", "engagement", word)
        properties = rest(raw, keys)
        for slot in (one.slotIds or ()) if word == "SLOT_IMP" else (one.slotId,):
            found.append(  # a generator would hide that one engagement may be several views
                Engagement(
                    id=f"{inbound.id}-{len(found)}",
                    origin=origin,
                    action=wire.ACTIONS[word],
                    decision_id=one.decisionId,
                    slot_id=slot,
                    variations=variations,
                    properties=properties,
                    **shared,
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
    common = _common(inbound, body, tree, wire.EVENTS)
    found: list[Interaction] = []
    for index, (one, raw) in enumerate(zip(body.events, tree["events"], strict=True)):
        word = one.properties.dyType if one.properties else None
        fields, properties, spelling = catalogue.read_event(raw, "dyType")
        found.append(
            Event(
                id=f"{inbound.id}-{index}",
                origin=Origin("dynamic_yield", "event", word, spelling),
                type=catalogue.TYPES[word] if word else "custom",
                name=one.name,
                properties=properties,
                **fields,
                **common,
            )
        )
    return tuple(found)


def page_view(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The one page view of a body."""
    body = wire.PAGE_VIEW.read(tree)
    common = _common(inbound, body, tree, wire.PAGE_VIEW)
    page = body.context.page
    if page:
        data = None if page.data is None else tuple(page.data)
        common["page"] = Page(page.type, data, page.location, page.referrer, page.locale)
        common["outside"]["context.page"] = rest(tree["context"]["page"], wire.KNOWN[wire.Page])
    origin = Origin("dynamic_yield", "pageview")
    return (Event(id=f"{inbound.id}-0", origin=origin, type="page_view", **common),)


def _common(
    inbound: Inbound, body: wire.Engagements | wire.Events | wire.PageView, tree: Any, shape: Shape[Any]
) -> dict[str, Any]:
    """What all interactions of a body share: the person, the visit, and what stood beside them."""
    user, session, context = body.user, body.session, body.context
    if session is None and body.sessionId is None:
        raise Malformed(shape.faults(tree))
    outside = {"user": rest(tree["user"], wire.KNOWN[wire.User]), "body": rest(tree, wire.KNOWN[type(body)])}
    custom, minted = body.sessionId, None
    if session:
        outside["session"] = rest(tree["session"], wire.KNOWN[wire.Session])
        custom, minted = session.custom or custom, session.dy
    if "options" in outside["body"]:
        outside["options"] = {"options": outside["body"].pop("options")}
    common: dict[str, Any] = {
        "received_at": inbound.received_at,
        "user": User(user.id, user.dyid, user.dyid_server),
        "consent": user.active_consent_accepted,
        "session": Session(custom, minted),
        "outside": outside,
    }
    if context:
        outside["context"] = rest(tree["context"], wire.KNOWN[type(context)])
        common["channel"] = context.channel and context.channel.lower()
        if context.device:
            common["device"] = Device(context.device.ip)
            outside["context.device"] = rest(tree["context"]["device"], wire.KNOWN[wire.Device])
    return common
