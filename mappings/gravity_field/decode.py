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
from gateway.times import from_iso
from gateway.wire import rest
from mappings import _catalogue as catalogue
from mappings.gravity_field import wire


def engagements(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The engagements of a body, in order."""
    body = wire.ENGAGEMENTS.read(tree)
    common = _common(inbound, body, tree, wire.KNOWN[wire.Engagements])
    found: list[Interaction] = []
    for index, (one, raw) in enumerate(zip(body.engagements, tree["engagements"], strict=True)):
        if not (one.slotId if one.type == "SLOT_CLICK" else one.decisionId):
            raise Malformed(wire.ENGAGEMENTS.faults(tree))
        properties = rest(raw, wire.KNOWN[wire.Engagement])
        occurred_at = from_iso(one.event_time) if one.event_time else None
        if one.event_time and occurred_at is None:
            properties["event_time"] = one.event_time
        found.append(
            Engagement(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "engagement", one.type, {"event_time": one.event_time}),
                action=wire.ACTIONS[one.type],
                decision_id=one.decisionId,
                slot_id=one.slotId,
                variations=None if one.variations is None else tuple(one.variations),
                occurred_at=occurred_at,
                properties=properties,
                **common,
            )
        )
    return tuple(found)


def events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    """The events of a body, in order."""
    body = wire.EVENTS.read(tree)
    common = _common(inbound, body, tree, wire.KNOWN[wire.Events])
    found: list[Interaction] = []
    for index, (one, raw) in enumerate(zip(body.events, tree["events"], strict=True)):
        word = one.properties.eventType if one.properties else None
        fields, properties, spelling = catalogue.read_event(raw, "eventType")
        found.append(
            Event(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "event", word, spelling),
                type=catalogue.TYPES[word] if word else "custom",
                name=one.name,
                properties=properties,
                **fields,
                **common,
            )
        )
    return tuple(found)


def _common(inbound: Inbound, body: wire.Engagements | wire.Events, tree: Any, keys: frozenset[str]) -> dict[str, Any]:
    """What all interactions of a body share: the person, the visit, the page, and what stood beside them."""
    user, session, context = body.user, body.session, body.context
    page, device = context.page, context.device
    outside = {
        "user": rest(tree["user"], wire.KNOWN[wire.User]),
        "session": rest(tree["session"], wire.KNOWN[wire.Session]),
        "context": rest(tree["context"], wire.KNOWN[wire.Context]),
        "body": rest(tree, keys),
    }
    common: dict[str, Any] = {
        "received_at": inbound.received_at,
        "user": User(user.id, user.slid, user.slid_server),
        "session": Session(session.custom, session.sl),
        "outside": outside,
    }
    if page:
        data = None if page.data is None else tuple(page.data)
        common["page"] = Page(page.type, data, page.location, page.referrer, page.lng)
        outside["context.page"] = rest(tree["context"]["page"], wire.KNOWN[wire.Page])
    if device:
        common["device"] = Device(device.ip, device.userAgent)
        outside["context.device"] = rest(tree["context"]["device"], wire.KNOWN[wire.Device])
    if "options" in outside["body"]:
        outside["options"] = {"options": outside["body"].pop("options")}
    return common
