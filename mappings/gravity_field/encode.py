"""From interactions to the vendor's bodies."""

from typing import Any

from gateway.contract import (
    Encoded,
    Part,
    Refusal,
    said_with,
)
from gateway.model import (
    USUAL_NAMES,
    Engagement,
    Event,
    Interaction,
)
from gateway.times import to_iso
from gateway.wire import restored, whole, without_nulls
from mappings import _catalogue as catalogue
from mappings.gravity_field import wire

# Out, another vendor's interactions


def engagement(interaction: Engagement) -> Encoded | Refusal:
    """Another vendor's engagement, or why it cannot be said."""
    page, decision_id, slot_id = interaction.page, interaction.decision_id, interaction.slot_id
    word: wire.EngagementWord = "CLICK"
    if interaction.action == "view" and (decision_id or not slot_id):
        word, slot_id = "WRIMP", None
    elif interaction.action != "click":
        return Refusal("unsupported", ("action",))
    elif slot_id:
        word, decision_id = "SLOT_CLICK", None
    if not ((slot_id or decision_id) and interaction.user.id and page.location):
        missing = [*_missing(interaction), *(() if slot_id or decision_id else ("decision_id",))]
        return Refusal("missing", tuple(sorted(missing)))
    time = None if interaction.occurred_at is None else _event_time(interaction.occurred_at)
    content = wire.Engagement(word, decision_id, slot_id or None, interaction.variations or None, time)
    id_name, page_type = "slot_id" if slot_id else "decision_id", "page.type" if page.type in wire.PAGE_TYPES else ""
    said = said_with(wire.ENGAGEMENT_SAID, (id_name, "occurred_at" if time else "", page_type))
    return Encoded((Part("engagement", content, _envelope(interaction)),), said)


def event(interaction: Event) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    if interaction.type not in catalogue.WORDS and interaction.type != "custom":
        return Refusal("unsupported", ("type",))
    said = wire.TYPED_EVENT_SAID if interaction.page.type in wire.PAGE_TYPES else wire.EVENT_SAID
    conformed = catalogue.conform(interaction, "eventType", said)
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    if conformed.missing or not (name and interaction.user.id and interaction.page.location):
        missing = [*_missing(interaction), *conformed.missing, *(() if name else ("name",))]
        return Refusal("missing", tuple(sorted(missing)))
    content: dict[str, Any] = {"name": name}
    if conformed.properties:
        content["properties"] = conformed.properties
    return Encoded((Part("event", content, _envelope(interaction)),), conformed.said, conformed.partly)


def _missing(interaction: Interaction) -> list[str]:
    """What every request needs and the interaction does not know."""
    missing = [] if interaction.user.id else ["user.id"]
    if not interaction.page.location:
        missing.append("page.location")
    return missing


def _envelope(interaction: Interaction) -> dict[str, Any]:
    """User, session and context for another vendor's person: never with ids that the other vendor minted."""
    page, device = interaction.page, interaction.device
    where = wire.Page(
        wire.PAGE_TYPES.get(page.type, "OTHER"),
        page.data or (),
        page.locale or None,
        page.location,
        page.referrer or None,
    )
    thing = wire.Device(device.user_agent or None, device.ip or None) if device.user_agent or device.ip else None
    return {
        "user": wire.User(interaction.user.id),
        "session": wire.Session(interaction.session.id or None),
        "context": wire.Context(where, thing),
    }


def _event_time(micros: int) -> str | None:
    """`2026-11-21T10:00:00.000+00:00`, cut to milliseconds; None outside the years 1 to 9999."""
    time = to_iso(micros, "milliseconds")
    return time and time + "+00:00"


# Out, back to Gravity Field itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    content: dict[str, Any] = {"type": interaction.origin.type}
    if interaction.decision_id is not None:
        content["decisionId"] = interaction.decision_id
    if interaction.slot_id is not None:
        content["slotId"] = interaction.slot_id
    if interaction.variations is not None:
        content["variations"] = interaction.variations
    if interaction.occurred_at is not None:
        time = interaction.origin.spelling["event_time"] or _event_time(interaction.occurred_at)
        if time is not None:
            content["event_time"] = time
    if interaction.properties:
        content.update(without_nulls(interaction.properties))
    return Encoded((Part("engagement", content, _own_envelope(interaction)),), None)


def own_event(interaction: Event) -> Encoded:
    """An event as it came from this vendor."""
    content = catalogue.own_event(interaction, "eventType")
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    outside = interaction.outside
    ids = wire.User(user.id, user.vendor_id, user.vendor_server_id)
    type_: Any = page.type
    where = wire.Page(type_, page.data, page.locale, page.location, page.referrer)
    context = wire.Context(
        restored(outside, "context.page", where),
        restored(outside, "context.device", wire.Device(device.user_agent, device.ip)),
    )
    return whole(outside, user=ids, session=wire.Session(session.id, session.vendor_id), context=context)
