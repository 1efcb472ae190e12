"""From interactions to the vendor's bodies."""

from typing import Any, Final

from gateway.contract import Encoded, Part, Refusal
from gateway.model import USUAL_NAMES, Engagement, Event, is_empty
from gateway.times import moment
from gateway.wire import known, without_nulls
from mappings.auxia import wire

# What each endpoint says of an interaction from elsewhere, where it is known.
_ENGAGEMENT_SAID: Final = frozenset({"action", "variations", "placement", "label", "user.id"})
_EVENT_SAID: Final = frozenset({"type", "name", *wire.FIELDS, "user.id", "session.id", "device.id"})

# Out, another vendor's interactions


def engagement(interaction: Engagement, project_id: str) -> Encoded | Refusal:
    """Another vendor's engagement, one call for each variation, or why it cannot be said."""
    tracking_id = interaction.slot_id or interaction.decision_id
    treatments = [variation for variation in interaction.variations or () if variation]
    needed = {
        "decision_id": tracking_id,
        "placement": interaction.placement,
        "user.id": interaction.user.id,
        "variations": treatments,
    }
    missing = tuple([name for name, value in needed.items() if not value])
    if missing:
        return Refusal("missing", missing)
    said = {"slot_id" if interaction.slot_id else "decision_id"}
    time = interaction.received_at
    if interaction.occurred_at is not None and 1 <= interaction.occurred_at <= wire.MOST:
        time = interaction.occurred_at
        said.add("occurred_at")
    content = {
        "projectId": project_id,
        "userId": interaction.user.id,
        "treatmentTrackingId": tracking_id,
        "surface": interaction.placement,
        "interactionType": wire.WORDS[interaction.action],
        "interactionTimeMicros": time,
    }
    if interaction.label:
        content["actionName"] = interaction.label
    parts = tuple([Part("interaction", content | {"treatmentId": treatment}) for treatment in treatments])
    return Encoded(parts, _ENGAGEMENT_SAID | said)


def event(interaction: Event, project_id: str) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    custom = interaction.type == "custom"
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    missing = [*(() if name else ("name",)), *(() if interaction.user.id else ("user.id",))]
    if missing:
        return Refusal("missing", tuple(missing))
    content: dict[str, Any] = {"eventName": name if custom else interaction.type, "insertId": interaction.id}
    values, said = _values(interaction, None if custom else name)
    if values:
        content["eventProperties"] = values
    time = None if interaction.occurred_at is None else _timestamp(interaction.occurred_at)
    if time:
        said.add("occurred_at")
    content["clientEventTimestamp"] = time or _timestamp(interaction.received_at)
    if interaction.session.id:
        content["sessionId"] = interaction.session.id
    if interaction.device.id:
        content["deviceId"] = interaction.device.id
    partly = {"cart"} if interaction.cart and any(item.extras for item in interaction.cart) else ()
    envelope = {"projectId": project_id, "userId": interaction.user.id}
    return Encoded((Part("events", content, envelope),), _EVENT_SAID | said, frozenset(partly))


def _values(interaction: Event, name: str | None) -> tuple[dict[str, Any], set[str]]:
    """An event's fields and properties as typed values, a field before a property; gives the properties' names."""
    values: dict[str, Any] = {"name": wire.typed(name)} if name else {}
    for key in wire.FIELDS:
        value = getattr(interaction, key)
        if not is_empty(value):
            values[key] = wire.typed_cart(value) if key == "cart" else wire.typed(value)
    said: set[str] = set()
    for key, value in interaction.properties.items():
        if key not in values and not is_empty(value):
            values[key] = wire.typed(value)
            said.add(f"properties.{key}")
    return values, said


def _timestamp(micros: int) -> str | None:
    """`2026-11-21T10:00:00.123456Z`; None outside the years 1 to 9999."""
    time = moment(micros)
    return None if time is None else time.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


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
    named = wire.FIELDS if interaction.type == "custom" else ("name", *wire.FIELDS)
    fields = {key: value for key in named if (value := getattr(interaction, key)) is not None}
    values = {}
    for key, value in (interaction.properties | fields).items():
        if value is not None:
            values[key] = wire.documented(given[key]) if came.get(key) is value else wire.typed(value)
    return values
