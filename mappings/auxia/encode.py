"""From interactions to the vendor's bodies."""

from operator import attrgetter
from typing import Any, Final

from gateway.contract import PROPERTIES, Encoded, Part, Refusal, said_with
from gateway.model import USUAL_NAMES, Engagement, Event, is_empty
from gateway.times import to_iso
from gateway.wire import are_plain, known, without_nulls
from mappings.auxia import wire

# What each endpoint says of an interaction from elsewhere, where it is known.
_ENGAGEMENT_SAID: Final = frozenset({"action", "variations", "placement", "label", "user.id"})
_EVENT_SAID: Final = frozenset({"type", "name", *wire.FIELDS, "user.id", "session.id", "device.id"})
_TIMED_EVENT_SAID: Final = _EVENT_SAID | {"occurred_at"}
_NOTHING: Final[frozenset[str]] = frozenset()
_CART: Final = frozenset({"cart"})
_fields: Final = attrgetter(*wire.FIELDS)
_extras: Final = attrgetter("extras")

# Out, another vendor's interactions


def engagement(interaction: Engagement, project_id: str) -> Encoded | Refusal:
    """Another vendor's engagement, one call for each variation, or why it cannot be said."""
    tracking_id = interaction.slot_id or interaction.decision_id
    treatments = tuple(filter(None, interaction.variations or ()))
    if not (tracking_id and interaction.placement and interaction.user.id and treatments):
        needed = {
            "decision_id": tracking_id,
            "placement": interaction.placement,
            "user.id": interaction.user.id,
            "variations": treatments,
        }
        return Refusal("missing", tuple([name for name, value in needed.items() if not value]))
    time, timed = interaction.received_at, ""
    if interaction.occurred_at is not None and 1 <= interaction.occurred_at <= wire.MOST:
        time, timed = interaction.occurred_at, "occurred_at"
    parts: list[Part] = []
    for treatment in treatments:
        content = wire.Interaction(
            projectId=project_id,
            userId=interaction.user.id,
            treatmentTrackingId=tracking_id,
            surface=interaction.placement,
            interactionType=wire.WORDS[interaction.action],
            interactionTimeMicros=time,
            actionName=interaction.label or None,
            treatmentId=treatment,
        )
        parts.append(Part("interaction", content))
    said = said_with(_ENGAGEMENT_SAID, ("slot_id" if interaction.slot_id else "decision_id", timed))
    return Encoded(tuple(parts), said)


def event(interaction: Event, project_id: str) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    custom = interaction.type == "custom"
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    if not (name and interaction.user.id):
        return Refusal("missing", (*(() if name else ("name",)), *(() if interaction.user.id else ("user.id",))))
    content: dict[str, Any] = {"eventName": name if custom else interaction.type, "insertId": interaction.id}
    values = _values(interaction, None if custom else name)
    time = None if interaction.occurred_at is None else _timestamp(interaction.occurred_at)
    said = _TIMED_EVENT_SAID if time else _EVENT_SAID
    if interaction.properties:
        each = _add_properties(values, interaction.properties)
        said = said_with(said, _ALL) if each is None else said.union(each)
    if values:
        content["eventProperties"] = values
    content["clientEventTimestamp"] = time or _timestamp(interaction.received_at)
    if interaction.session.id:
        content["sessionId"] = interaction.session.id
    if interaction.device.id:
        content["deviceId"] = interaction.device.id
    partly = _CART if interaction.cart and any(map(_extras, interaction.cart)) else _NOTHING
    envelope = {"projectId": project_id, "userId": interaction.user.id}
    return Encoded((Part("events", content, envelope),), said, partly)


def _values(interaction: Event, name: str | None) -> dict[str, Any]:
    """An event's fields as typed values."""
    values: dict[str, Any] = {"name": {"stringValue": name}} if name else {}
    if interaction.value is not None:
        values["value"] = wire.typed(interaction.value)
    if interaction.currency:
        values["currency"] = {"stringValue": interaction.currency}
    if interaction.quantity is not None:
        values["quantity"] = wire.typed(interaction.quantity)
    if interaction.product_id:
        values["product_id"] = {"stringValue": interaction.product_id}
    if interaction.cart:
        values["cart"] = wire.typed_cart(interaction.cart)
    if interaction.transaction_id:
        values["transaction_id"] = {"stringValue": interaction.transaction_id}
    return values


def _add_properties(values: dict[str, Any], properties: dict[str, Any]) -> list[str] | None:
    """Adds the properties whose names are free as typed values, and gives their names, None for all of them."""
    if are_plain(properties) and values.keys().isdisjoint(properties):
        for key, value in properties.items():
            values[key] = wire.typed(value)
        return None
    told: list[str] = []
    for key, value in properties.items():
        if key not in values and (value or not is_empty(value)):
            values[key] = {"stringValue": value} if isinstance(value, str) else wire.typed(value)
            told.append(f"properties.{key}")
    return told


_ALL: Final = (PROPERTIES,)


def _timestamp(micros: int) -> str | None:
    """`2026-11-21T10:00:00.123456Z`; None outside the years 1 to 9999."""
    time = to_iso(micros, "microseconds")
    return time and time + "Z"


# Out, back to Auxia itself: as it came


def own_engagement(interaction: Engagement, project_id: str) -> Encoded:
    """An engagement as it came."""
    occurred_at, decision_id = interaction.occurred_at, interaction.decision_id
    content = without_nulls(interaction.properties) | known(
        projectId=project_id,
        userId=interaction.user.id,
        treatmentTrackingId=interaction.slot_id if decision_id is None else decision_id,
        surface=interaction.placement,
        interactionType=wire.WORDS[interaction.action],
        interactionTimeMicros=interaction.received_at if occurred_at is None else occurred_at,
        actionName=interaction.label,
    )
    if interaction.variations is None:
        return Encoded((Part("interaction", content),), None)
    treatments = interaction.variations or ("",)
    return Encoded(tuple([Part("interaction", content | {"treatmentId": one}) for one in treatments]), None)


def own_event(interaction: Event, project_id: str) -> Encoded:
    """An event as it came."""
    spelling, outside = interaction.origin.spelling, interaction.outside
    time = None
    if interaction.occurred_at is not None:
        same = interaction.occurred_at == spelling["occurred_at"]
        time = spelling["clientEventTimestamp"] if same else _timestamp(interaction.occurred_at)
    values = _own_values(interaction)
    content = known(
        eventName=interaction.name if interaction.type == "custom" else interaction.type,
        insertId=spelling["insertId"],
        eventProperties=values if values or spelling["eventProperties"] is not None else None,
        clientEventTimestamp=time,
        sessionId=interaction.session.id,
        deviceId=interaction.device.id,
    )
    content |= without_nulls(outside.get("", {}))
    envelope = known(projectId=project_id, userId=interaction.user.id) | without_nulls(outside.get("body", {}))
    return Encoded((Part("events", content, envelope),), None)


def _own_values(interaction: Event) -> dict[str, Any]:
    """The event's values, each typed as it came unless it is no longer the very value that came."""
    spelling = interaction.origin.spelling
    given, came = spelling["eventProperties"], spelling["plain"]
    fields = {key: value for key, value in zip(wire.FIELDS, _fields(interaction), strict=True) if value is not None}
    if interaction.type != "custom" and interaction.name is not None:
        fields = {"name": interaction.name, **fields}
    values = {}
    for key, value in (interaction.properties | fields).items():
        if value is not None:
            values[key] = wire.documented(given[key]) if came.get(key) is value else wire.typed(value)
    return values
