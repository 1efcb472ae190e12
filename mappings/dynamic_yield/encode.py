"""From interactions to the vendor's bodies."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

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
    Origin,
)
from gateway.wire import restored, whole, without_nulls
from mappings import _catalogue as catalogue
from mappings.dynamic_yield import wire

# Out, another vendor's interactions


def engagement(interaction: Engagement) -> Encoded | Refusal:
    """Another vendor's engagement, or why it cannot be said."""
    words = _WORDS.get(interaction.action)
    if words is None:
        return Refusal("unsupported", ("action",))
    slot_id, decision_id = interaction.slot_id, interaction.decision_id
    if not ((slot_id or decision_id) and interaction.user.id):
        missing = () if slot_id or decision_id else ("decision_id",)
        return Refusal("missing", missing if interaction.user.id else (*missing, "user.id"))
    numbers: tuple[int, ...] = ()
    partly = _NOTHING
    if words[1] == "SLOT_IMP" and slot_id:
        content = wire.Engagement(words[1], slotIds=[slot_id])
    elif slot_id:
        content = wire.Engagement(words[1], slotId=slot_id)
    else:
        if interaction.variations:
            numbers = tuple(map(int, filter(_is_integer, interaction.variations)))
            if len(numbers) < len(interaction.variations):
                partly = _VARIATIONS
        content = wire.Engagement(words[0], decision_id, None, None, numbers or None)
    envelope, channel = _person(interaction), None
    if interaction.device.ip or interaction.channel:
        context = _context(interaction)
        channel = context.channel
        if context.device or channel:
            envelope["context"] = context
    told = (
        "slot_id" if slot_id else "decision_id",
        "variations" if numbers else "",
        "channel" if channel else "",
    )
    return Encoded((Part("engagement", content, envelope),), said_with(wire.ENGAGEMENT_SAID, told), partly)


_NOTHING: Final[frozenset[str]] = frozenset()
_VARIATIONS: Final = frozenset({"variations"})
_CHANNEL: Final = frozenset({"channel"})
_WORDS: Final[dict[str, tuple[wire.EngagementWord, wire.EngagementWord]]] = {
    "click": ("CLICK", "SLOT_CLICK"),
    "view": ("IMP", "SLOT_IMP"),
}
"""Dynamic Yield's types for an action, of a decision and of a slot."""


_is_integer: Final = re.compile("0|-?[1-9][0-9]{0,17}").fullmatch
"""Whether an id is the own text of an integer that fits 64 bits, so that as a number it is still the same id."""


def event(interaction: Event) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    context = _context(interaction)
    said = wire.CHANNEL_EVENT_SAID if context.channel else wire.EVENT_SAID
    conformed = catalogue.conform(interaction, "dyType", said)
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    if conformed.missing or not name or not interaction.user.id:
        needed = {"user.id": interaction.user.id, "name": name}
        missing = [*conformed.missing, *(needed_name for needed_name, value in needed.items() if not value)]
        return Refusal("missing", tuple(sorted(missing)))
    content: dict[str, Any] = {"name": name}
    if conformed.properties:
        content["properties"] = conformed.properties
    envelope = _person(interaction)
    envelope["context"] = context
    return Encoded((Part("event", content, envelope),), conformed.said, conformed.partly)


def page_view(interaction: Event) -> Encoded | Refusal:
    """Another vendor's page view, or why it cannot be said."""
    page = interaction.page
    needed = {"user.id": interaction.user.id, "page.type": page.type, "page.location": page.location}
    missing = sorted([name for name, value in needed.items() if not value])
    if missing:
        return Refusal("missing", tuple(missing))
    where = wire.Page(
        wire.PAGE_TYPES.get(page.type or "OTHER", "OTHER"),
        page.data or None,
        page.location,
        page.referrer or None,
        page.locale or None,
    )
    body, context = _person(interaction), _context(interaction, where)
    body["context"] = context
    said = wire.PAGE_VIEW_SAID.union(
        ("page.type",) if where.type == page.type else (), _CHANNEL if context.channel else ()
    )
    return Encoded((Part("pageview", body),), said)


def _person(interaction: Interaction) -> dict[str, Any]:
    """User and session of another vendor's person: never ids that the other vendor minted."""
    user = wire.User(interaction.user.id, None, None, interaction.consent)
    return {"user": user, "session": wire.Session(interaction.session.id or None)}


def _context(interaction: Interaction, page: wire.Page | None = None) -> wire.PageContext:
    """What is known of the device, and the channel if it can be said."""
    device = wire.Device(interaction.device.ip) if interaction.device.ip else None
    channel = wire.CHANNELS.get(interaction.channel.lower()) if interaction.channel else None
    return wire.PageContext(page, device, channel)


# Out, back to Dynamic Yield itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    word = interaction.origin.type
    content: dict[str, Any] = {"type": word}
    if interaction.decision_id is not None:
        content["decisionId"] = interaction.decision_id
    if word == "SLOT_IMP":
        content["slotIds"] = [interaction.slot_id]
    elif interaction.slot_id is not None:
        content["slotId"] = interaction.slot_id
    if interaction.variations is not None:
        content["variations"] = list(map(_as_it_came, interaction.variations))
    if interaction.properties:
        content.update(without_nulls(interaction.properties))
    if beside := interaction.outside.get(""):
        content.update(without_nulls(beside))
    return Encoded((Part("engagement", content, _own_envelope(interaction), interaction.origin),), None)


def _as_it_came(id_: str) -> Any:
    """A variation id as the number it was; text that never was one stays text."""
    try:
        return _NUMBER.decode(id_)
    except msgspec.DecodeError:
        return id_


_NUMBER: Final[msgspec.json.Decoder[int | float]] = msgspec.json.Decoder(int | float)


def regrouped(parts: Sequence[Part]) -> list[Any]:
    """The engagements of a body; the slots of what came as one SLOT_IMP leave as one again."""
    contents: list[Any] = []
    previous: Origin | None = None
    for part in parts:
        if part.origin is not None and part.origin is previous:
            slots = [*contents[-1]["slotIds"], *part.content["slotIds"]]
            contents[-1] = contents[-1] | {"slotIds": slots}
        else:
            contents.append(part.content)
        previous = part.origin
    return contents


def own_event(interaction: Event) -> Encoded:
    """An event as it came from this vendor."""
    content = catalogue.own_event(interaction, "dyType")
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def own_page_view(interaction: Event) -> Encoded:
    """A page view as it came from this vendor."""
    return Encoded((Part("pageview", _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page = interaction.user, interaction.session, interaction.page
    outside, where = interaction.outside, None
    if interaction.origin.endpoint == "pageview":
        type_: Any = page.type
        said = wire.Page(type_, page.data, page.location, page.referrer, page.locale)
        where = restored(outside, "context.page", said)
    context = wire.PageContext(
        where,
        restored(outside, "context.device", wire.Device(interaction.device.ip)),
        interaction.channel and interaction.channel.upper(),
    )
    ids = wire.User(user.id, user.vendor_id, user.vendor_server_id, interaction.consent)
    return whole(outside, user=ids, session=wire.Session(session.id, session.vendor_id), context=context)
