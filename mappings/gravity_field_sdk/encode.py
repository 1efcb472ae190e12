"""From interactions to the vendor's bodies."""

from typing import Any, Final

from gateway.contract import (
    PROPERTIES,
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
    is_empty,
)
from gateway.times import to_iso
from gateway.wire import are_plain, json_text, known, whole, without_nulls
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
    if not (name and interaction.user.id):
        return Refusal("missing", (*(() if name else ("name",)), *(() if interaction.user.id else ("user.id",))))
    content: dict[str, Any] = {"type": word or "custom", "name": name}
    told = _add_fields(interaction, content)
    if interaction.page.type in wire.PAGE_TYPES:
        told.append("page.type")
    each = _add_properties(interaction.properties, content) if interaction.properties else ()
    if each is None:
        told.append(PROPERTIES)
    said = said_with(wire.EVENT_SAID, tuple(told))
    if each:
        said = said.union(each)
    partly = _CART if interaction.cart and any(map(catalogue.extras_of, interaction.cart)) else _NOTHING
    return Encoded((Part("event", content, _envelope(interaction)),), said, partly)


_NOTHING: Final[frozenset[str]] = frozenset()
_CART: Final = frozenset({"cart"})


def _add_fields(interaction: Event, content: dict[str, Any]) -> list[str]:
    """Put an event's canonical fields into the vendor's flat keys; gives those of them that may be unsayable."""
    told: list[str] = []
    if interaction.value is not None:
        content["value"] = interaction.value
    if interaction.currency:
        content["currency"] = interaction.currency
    if interaction.quantity is not None:
        content["quantity"] = interaction.quantity
    if interaction.product_id:
        content["productId"] = interaction.product_id
    if interaction.transaction_id:
        content["uniqueTransactionId"] = interaction.transaction_id
    if interaction.cart and all(item.product_id for item in interaction.cart):
        content["cart"] = catalogue.cart_lines(interaction.cart)
        told.append("cart")
    if interaction.occurred_at is not None and (time := _event_time(interaction.occurred_at)):
        content["eventTime"] = time
        told.append("occurred_at")
    return told


def _add_properties(properties: dict[str, Any], content: dict[str, Any]) -> list[str] | None:
    """Put an event's properties where the SDK has them, as strings; gives their names, None for all of them."""
    if are_plain(properties) and wire.FLAT.isdisjoint(properties):
        content["customProps"] = {
            key: value if isinstance(value, str) else json_text(value) for key, value in properties.items()
        }
        return None
    custom: dict[str, str] = {}
    told: list[str] = []
    for key, value in properties.items():
        if not value and is_empty(value):
            continue
        string = value if isinstance(value, str) else json_text(without_nulls(value))
        if key in wire.FLAT:
            content[key] = string
        else:
            custom[key] = string
        told.append(f"properties.{key}")
    if custom:
        content["customProps"] = custom
    return told


def _envelope(interaction: Interaction) -> dict[str, Any]:
    """User, page and device of another vendor's person: never with ids that the other vendor minted."""
    page, device = interaction.page, interaction.device
    where = wire.Context(
        wire.PAGE_TYPES.get(page.type, "OTHER"),
        page.data or (),
        page.location or None,
        page.locale or None,
        page.referrer or None,
    )
    envelope: dict[str, Any] = {
        "user": wire.User(custom=interaction.user.id, ses=interaction.session.id or None),
        "ctx": where,
    }
    if device.user_agent or device.ip or device.id:
        envelope["device"] = wire.Device(device.user_agent or None, device.ip or None, device.id or None)
    return envelope


def _event_time(micros: int) -> str | None:
    """`2026-11-21T10:00:00Z`, with milliseconds only when they are not zero; None outside the years 1 to 9999."""
    time = to_iso(micros, "milliseconds" if micros % 1_000_000 >= 1000 else "seconds")
    return time and time + "Z"


# Out, back to the SDK API itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    query = known(type=interaction.origin.type, decisionId=interaction.decision_id)
    for key, value in interaction.properties.items():
        query[key] = value if isinstance(value, str) else json_text(value)
    return Encoded((Part("engagement", query),), None)


def own_event(interaction: Event) -> Encoded:
    """An event as it came from this vendor."""
    spelling = interaction.origin.spelling
    time = None
    if interaction.occurred_at is not None:
        time = spelling["eventTime"] or _event_time(interaction.occurred_at)
    custom: dict[str, Any] = without_nulls(interaction.properties)
    clash: dict[str, Any] = spelling["clash"]
    beside: dict[str, Any] = {}
    for key in spelling["beside"]:
        if key in custom and key not in clash:
            beside[key] = custom.pop(key)
    if clash:
        clash = {key: value for key, value in without_nulls(clash).items() if key in custom}
    for key, value in custom.items():
        if not isinstance(value, str):
            custom[key] = json_text(value)
    content = {
        "type": interaction.origin.type,
        "name": interaction.name if spelling["named"] or interaction.name != interaction.origin.type else None,
        "eventTime": time,
        "cart": None if interaction.cart is None else catalogue.own_cart_lines(interaction.cart),
        "customProps": custom if custom or spelling["customProps"] else None,
        "value": interaction.value,
        "currency": interaction.currency,
        "quantity": interaction.quantity,
        "productId": interaction.product_id,
        "uniqueTransactionId": interaction.transaction_id,
    }
    content = {key: value for key, value in content.items() if value is not None}
    content.update(beside)
    content.update(clash)
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    person = wire.User(user.vendor_id, user.id, session.vendor_id if session.id is None else session.id)
    type_: Any = page.type
    where = wire.Context(type_, page.data, page.location, page.locale, page.referrer)
    thing = wire.Device(device.user_agent, device.ip, device.id)
    return whole(interaction.outside, user=person, ctx=where, device=thing)
