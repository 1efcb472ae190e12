"""From interactions to the vendor's bodies."""

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
    is_empty,
)
from gateway.times import moment
from gateway.wire import json_text, known, restored, without_nulls
from mappings import _catalogue as catalogue
from mappings.gravity_field_sdk import wire

# Out, another vendor's interactions


def engagement(interaction: Engagement) -> Encoded | Refusal:
    """Another vendor's engagement, or why it cannot be said."""
    word = wire.WORDS.get(interaction.action)
    if word is None or (interaction.slot_id and not interaction.decision_id):
        return Refusal("unsupported", ("action",))
    if not interaction.decision_id:
        return Refusal("missing", ("decision_id",))
    query = {"type": word, "decisionId": interaction.decision_id}
    said = wire.ENGAGEMENT_SAID
    content_id = interaction.properties.get("contentId")
    if isinstance(content_id, str) and content_id:
        query["contentId"] = content_id
        said |= {"properties.contentId"}
    return Encoded((Part("engagement", query),), said)


def event(interaction: Event) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    word = catalogue.WORDS.get(interaction.type)
    if word is None and interaction.type != "custom":
        return Refusal("unsupported", ("type",))
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    missing = [*(() if name else ("name",)), *(() if interaction.user.id else ("user.id",))]
    if missing:
        return Refusal("missing", tuple(missing))
    content: dict[str, Any] = {"type": word or "custom", "name": name}
    told = _add_fields(interaction, content) | _add_properties(interaction, content)
    envelope = _envelope(interaction)
    if interaction.page.type in wire.PAGE_TYPES:
        told.add("page.type")
    partly = {"cart"} if interaction.cart and any(item.extras for item in interaction.cart) else ()
    return Encoded((Part("event", content, envelope),), wire.EVENT_SAID | told, frozenset(partly))


def _add_fields(interaction: Event, content: dict[str, Any]) -> set[str]:
    """Put an event's canonical fields into the vendor's flat keys; gives those of them that may be unsayable."""
    told: set[str] = set()
    for name, key in catalogue.KEYS.items():
        value = getattr(interaction, name)
        if name != "cart" and not is_empty(value):
            content[key] = value
    if interaction.cart and all(item.product_id for item in interaction.cart):
        content["cart"] = catalogue.cart_lines(interaction.cart, own=False)
        told.add("cart")
    if interaction.occurred_at is not None and (time := _event_time(interaction.occurred_at)):
        content["eventTime"] = time
        told.add("occurred_at")
    return told


def _add_properties(interaction: Event, content: dict[str, Any]) -> set[str]:
    """Put an event's properties where the SDK has them, as strings; gives their names."""
    told: set[str] = set()
    custom: dict[str, str] = {}
    for key, value in interaction.properties.items():
        if is_empty(value):
            continue
        string = value if isinstance(value, str) else json_text(without_nulls(value))
        if key in wire.FLAT:
            content[key] = string
        else:
            custom[key] = string
        told.add(f"properties.{key}")
    if custom:
        content["customProps"] = custom
    return told


def _envelope(interaction: Interaction) -> dict[str, Any]:
    """User, page and device of another vendor's person: never with ids that the other vendor minted."""
    page, device = interaction.page, interaction.device
    user = {"custom": interaction.user.id}
    if interaction.session.id:
        user["ses"] = interaction.session.id
    where: dict[str, Any] = {
        "type": page.type if page.type in wire.PAGE_TYPES else "OTHER",
        "data": page.data or (),
    }
    optional = (("location", page.location), ("lng", page.locale), ("referrer", page.referrer))
    where |= {key: value for key, value in optional if value}
    envelope = {"user": user, "ctx": where}
    thing = {key: value for key, value in (("ua", device.user_agent), ("ip", device.ip), ("id", device.id)) if value}
    if thing:
        envelope["device"] = thing
    return envelope


def _event_time(micros: int) -> str | None:
    """`2026-11-21T10:00:00Z`, with milliseconds only when they are not zero; None outside the years 1 to 9999."""
    time = moment(micros)
    if time is None:
        return None
    milliseconds = time.microsecond >= 1000
    return time.isoformat(timespec="milliseconds" if milliseconds else "seconds").removesuffix("+00:00") + "Z"


# Out, back to the SDK API itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    query = known(type=interaction.origin.type, decisionId=interaction.decision_id) | interaction.properties
    return Encoded((Part("engagement", query),), None)


def own_event(interaction: Event) -> Encoded:
    """An event as it came from this vendor."""
    spelling = interaction.origin.spelling
    time = None
    if interaction.occurred_at is not None:
        time = spelling["eventTime"] or _event_time(interaction.occurred_at)
    custom: dict[str, Any] = without_nulls(interaction.properties)
    clash = {key: value for key, value in without_nulls(spelling["clash"]).items() if key in custom}
    beside = {key: custom.pop(key) for key in spelling["beside"] if key in custom and key not in spelling["clash"]}
    custom = {key: value if isinstance(value, str) else json_text(value) for key, value in custom.items()}
    fields = {key: getattr(interaction, name) for name, key in catalogue.KEYS.items() if name != "cart"}
    content = known(
        type=interaction.origin.type,
        name=interaction.name if spelling["named"] or interaction.name != interaction.origin.type else None,
        eventTime=time,
        cart=None if interaction.cart is None else catalogue.cart_lines(interaction.cart, own=True),
        customProps=custom if custom or spelling["customProps"] else None,
        **fields,
    )
    content |= beside | clash
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    outside = interaction.outside
    person = known(uid=user.vendor_id, custom=user.id, ses=session.id if session.id is not None else session.vendor_id)
    where = known(type=page.type, data=page.data, lng=page.locale, location=page.location, referrer=page.referrer)
    return known(
        user=restored(outside, "user", person),
        ctx=restored(outside, "ctx", where),
        device=restored(outside, "device", known(ua=device.user_agent, ip=device.ip, id=device.id)),
        **(restored(outside, "body", {}) or {}),
        **without_nulls(outside.get("options", {})),
    )
