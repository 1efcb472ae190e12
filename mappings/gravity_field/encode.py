"""From interactions to the vendor's bodies."""

from functools import cache
from typing import Any

from gateway.contract import (
    Encoded,
    Part,
    Refusal,
)
from gateway.model import (
    USUAL_NAMES,
    Engagement,
    Event,
    Interaction,
)
from gateway.times import moment
from gateway.wire import known, restored, without_nulls
from mappings import _catalogue as catalogue
from mappings.gravity_field import wire

# Out, another vendor's interactions


def engagement(interaction: Engagement) -> Encoded | Refusal:
    """Another vendor's engagement, or why it cannot be said."""
    word = _word(interaction)
    if word is None:
        return Refusal("unsupported", ("action",))
    key, name = ("slotId", "slot_id") if word == "SLOT_CLICK" else ("decisionId", "decision_id")
    id_ = getattr(interaction, name)
    if not (id_ and interaction.user.id and interaction.page.location):
        return Refusal("missing", tuple(sorted([*_missing(interaction), *(() if id_ else (name,))])))
    content: dict[str, Any] = {"type": word, key: id_}
    if interaction.variations:
        content["variations"] = interaction.variations
    time = None if interaction.occurred_at is None else _event_time(interaction.occurred_at)
    if time:
        content["event_time"] = time
    said = _engagement_said(name, typed=interaction.page.type in wire.PAGE_TYPES, timed=time is not None)
    return Encoded((Part("engagement", content, _envelope(interaction)),), said)


@cache
def _engagement_said(id_name: str, *, typed: bool, timed: bool) -> frozenset[str]:
    """What an engagement carries, by its id and whether its page type and its time could be said."""
    also = {id_name, *(("page.type",) if typed else ()), *(("occurred_at",) if timed else ())}
    return wire.ENGAGEMENT_SAID | also


def _word(interaction: Engagement) -> str | None:
    """Gravity Field's type for an engagement; None where it has none for that action with that id."""
    if interaction.action == "click":
        return "SLOT_CLICK" if interaction.slot_id else "CLICK"
    if interaction.action == "view" and (interaction.decision_id or not interaction.slot_id):
        return "WRIMP"
    return None


def event(interaction: Event) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    word = catalogue.WORDS.get(interaction.type)
    if word is None and interaction.type != "custom":
        return Refusal("unsupported", ("type",))
    conformed = catalogue.conform(interaction, "eventType")
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    missing = [*_missing(interaction), *conformed.missing, *(() if name else ("name",))]
    if missing:
        return Refusal("missing", tuple(sorted(missing)))
    properties = {"eventType": word, **conformed.properties} if word else conformed.properties
    content = {"name": name, "properties": properties} if properties else {"name": name}
    said = wire.EVENT_SAID | _said_page(interaction) | conformed.said
    return Encoded((Part("event", content, _envelope(interaction)),), said, conformed.partly)


def _missing(interaction: Interaction) -> list[str]:
    """What every request needs and the interaction does not know."""
    known_facts = {"user.id": interaction.user.id, "page.location": interaction.page.location}
    return [name for name, value in known_facts.items() if not value]


def _said_page(interaction: Interaction) -> set[str]:
    return {"page.type"} if interaction.page.type in wire.PAGE_TYPES else set()


def _envelope(interaction: Interaction) -> dict[str, Any]:
    """User, session and context for another vendor's person: never with ids that the other vendor minted."""
    page, device = interaction.page, interaction.device
    where: dict[str, Any] = {
        "type": page.type if page.type in wire.PAGE_TYPES else "OTHER",
        "data": page.data or (),
        "location": page.location,
    }
    if page.locale:
        where["lng"] = page.locale
    if page.referrer:
        where["referrer"] = page.referrer
    context = {"page": where}
    if device.ip or device.user_agent:
        context["device"] = {
            key: value for key, value in (("userAgent", device.user_agent), ("ip", device.ip)) if value
        }
    session = {"custom": interaction.session.id} if interaction.session.id else {}
    return {"user": {"id": interaction.user.id}, "session": session, "context": context}


def _event_time(micros: int) -> str | None:
    """`2026-11-21T10:00:00.000+00:00`, cut to milliseconds; None outside the years 1 to 9999."""
    time = moment(micros)
    return None if time is None else time.isoformat(timespec="milliseconds")


# Out, back to Gravity Field itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    time = None
    if interaction.occurred_at is not None:
        time = interaction.origin.spelling["event_time"] or _event_time(interaction.occurred_at)
    content = known(
        type=interaction.origin.type,
        decisionId=interaction.decision_id,
        slotId=interaction.slot_id,
        variations=interaction.variations,
        event_time=time,
    )
    content |= without_nulls(interaction.properties)
    return Encoded((Part("engagement", content, _own_envelope(interaction)),), None)


def own_event(interaction: Event) -> Encoded:
    """An event as it came from this vendor."""
    content = known(name=interaction.name) | catalogue.own_event(interaction, "eventType")
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    outside = interaction.outside
    where = known(type=page.type, data=page.data, lng=page.locale, location=page.location, referrer=page.referrer)
    thing = known(userAgent=device.user_agent, ip=device.ip)
    context = known(
        page=restored(outside, "context.page", where),
        device=restored(outside, "context.device", thing),
    )
    return known(
        user=restored(outside, "user", known(id=user.id, slid=user.vendor_id, slid_server=user.vendor_server_id)),
        session=restored(outside, "session", known(custom=session.id, sl=session.vendor_id)),
        context=restored(outside, "context", context),
        **(restored(outside, "body", {}) or {}),
        **outside.get("options", {}),
    )
