"""From interactions to the vendor's bodies."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

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
    Origin,
)
from gateway.wire import known, restored, without_nulls
from mappings import _catalogue as catalogue
from mappings.dynamic_yield import wire

# Out, another vendor's interactions


def engagement(interaction: Engagement) -> Encoded | Refusal:
    """Another vendor's engagement, or why it cannot be said."""
    word = _word(interaction)
    if word is None:
        return Refusal("unsupported", ("action",))
    by_slot = interaction.slot_id is not None and word.startswith("SLOT")
    missing = [] if interaction.user.id else ["user.id"]
    if not (by_slot or interaction.decision_id):
        missing.append("decision_id")
    if missing:
        return Refusal("missing", tuple(sorted(missing)))
    said = {"slot_id" if by_slot else "decision_id"}
    partly: frozenset[str] = frozenset()
    content: dict[str, Any] = {"type": word}
    if word == "SLOT_IMP":
        content["slotIds"] = [interaction.slot_id]
    elif by_slot:
        content["slotId"] = interaction.slot_id
    else:
        content["decisionId"] = interaction.decision_id
        if interaction.variations:
            numbers = [int(id_) for id_ in interaction.variations if _is_integer(id_)]
            if numbers:
                content["variations"] = numbers
                said.add("variations")
            if len(numbers) < len(interaction.variations):
                partly = frozenset({"variations"})
    envelope, told = _envelope(interaction)
    if not envelope["context"]:
        del envelope["context"]
    return Encoded((Part("engagement", content, envelope),), wire.ENGAGEMENT_SAID | said | told, partly)


def _word(interaction: Engagement) -> str | None:
    """Dynamic Yield's type for an engagement; None where it has none for that action."""
    words = {"click": ("CLICK", "SLOT_CLICK"), "view": ("IMP", "SLOT_IMP")}.get(interaction.action)
    return words and words[1 if interaction.slot_id else 0]


def _is_integer(id_: str) -> bool:
    """Whether an id is the own text of an integer that fits 64 bits, so that as a number it is still the same id."""
    digits = id_.removeprefix("-")
    if len(digits) > 18 or not (digits.isascii() and digits.isdigit()):
        return False
    return (digits == "0" or digits[0] != "0") and id_ != "-0"


def event(interaction: Event) -> Encoded | Refusal:
    """Another vendor's event, or why it cannot be said."""
    word = catalogue.WORDS.get(interaction.type)
    conformed = catalogue.conform(interaction, "dyType")
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    missing = [*conformed.missing]
    if not interaction.user.id:
        missing.append("user.id")
    if not name:
        missing.append("name")
    if missing:
        return Refusal("missing", tuple(sorted(missing)))
    properties = {"dyType": word, **conformed.properties} if word else conformed.properties
    content = {"name": name, "properties": properties} if properties else {"name": name}
    envelope, told = _envelope(interaction)
    said = wire.EVENT_SAID | conformed.said | told
    return Encoded((Part("event", content, envelope),), said, conformed.partly)


def page_view(interaction: Event) -> Encoded | Refusal:
    """Another vendor's page view, or why it cannot be said."""
    page = interaction.page
    needed = {"user.id": interaction.user.id, "page.type": page.type, "page.location": page.location}
    missing = sorted(name for name, value in needed.items() if not value)
    if missing:
        return Refusal("missing", tuple(missing))
    body, told = _envelope(interaction)
    documented = page.type in wire.PAGE_TYPES
    where = {
        "type": page.type if documented else "OTHER",
        "data": page.data,
        "location": page.location,
        "referrer": page.referrer,
        "locale": page.locale,
    }
    body["context"]["page"] = {key: value for key, value in where.items() if value}
    said = wire.PAGE_VIEW_SAID | told | ({"page.type"} if documented else set())
    return Encoded((Part("pageview", body),), said)


def _envelope(interaction: Interaction) -> tuple[dict[str, Any], set[str]]:
    """User, session and context (perhaps empty) of another vendor's person, and `channel` if it could be said."""
    user: dict[str, Any] = {"id": interaction.user.id}
    if interaction.consent is not None:
        user["active_consent_accepted"] = interaction.consent
    context: dict[str, Any] = {}
    if interaction.device.ip:
        context["device"] = {"ip": interaction.device.ip}
    channel = wire.CHANNELS.get(interaction.channel.lower()) if interaction.channel else None
    if channel:
        context["channel"] = channel
    session = {"custom": interaction.session.id} if interaction.session.id else {}
    return {"user": user, "session": session, "context": context}, {"channel"} if channel else set()


# Out, back to Dynamic Yield itself: as it came


def own_engagement(interaction: Engagement) -> Encoded:
    """An engagement as it came from this vendor."""
    word = interaction.origin.type
    slots = {"slotIds": [interaction.slot_id]} if word == "SLOT_IMP" else known(slotId=interaction.slot_id)
    content = known(type=word, decisionId=interaction.decision_id) | slots
    if interaction.variations is not None:
        content["variations"] = [_as_it_came(id_) for id_ in interaction.variations]
    content |= without_nulls(interaction.properties) | without_nulls(interaction.outside.get("", {}))
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
    content = known(name=interaction.name) | catalogue.own_event(interaction, "dyType")
    envelope = _own_envelope(interaction)
    return Encoded((Part("event", content, envelope),), None)


def own_page_view(interaction: Event) -> Encoded:
    """A page view as it came from this vendor."""
    return Encoded((Part("pageview", _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page = interaction.user, interaction.session, interaction.page
    outside = interaction.outside
    ids = known(
        id=user.id,
        dyid=user.vendor_id,
        dyid_server=user.vendor_server_id,
        active_consent_accepted=interaction.consent,
    )
    where = known(type=page.type, data=page.data, location=page.location, referrer=page.referrer, locale=page.locale)
    context = known(
        page=restored(outside, "context.page", where) if interaction.origin.endpoint == "pageview" else None,
        device=restored(outside, "context.device", known(ip=interaction.device.ip)),
        channel=interaction.channel and interaction.channel.upper(),
    )
    return known(
        user=restored(outside, "user", ids),
        session=restored(outside, "session", known(custom=session.id, dy=session.vendor_id)),
        context=restored(outside, "context", context),
        **(restored(outside, "body", {}) or {}),
        **outside.get("options", {}),
    )
