"""What a vendor has no word for, as a custom event: `unsupported = "event"`."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import PROPERTIES, Encoded, Refusal
from gateway.facts import stated_properties
from gateway.model import USUAL_NAMES, Engagement, Event, Interaction, Item, is_empty
from gateway.shaping import text

_NOTHING: Final[frozenset[str]] = frozenset()
_ITEMS: Final = frozenset({"items"})


class Turned(Struct, frozen=True, gc=False):
    """An interaction as a custom event with flat properties.

    `flat` are the keys of the facts that these say, `partly` the names of which they say only a part, `shadowed` those
    of the interaction's own properties that had to give way.
    """

    event: Event
    flat: tuple[str, ...]
    partly: frozenset[str]
    shadowed: frozenset[str]


def as_event(interaction: Interaction) -> Turned:
    """An interaction as a custom event."""
    facts, own = _flat_facts(interaction), interaction.properties
    properties: dict[str, Any] = own | facts
    shadowed = _NOTHING
    if not own.keys().isdisjoint(facts):
        shadowed = frozenset([f"properties.{key}" for key in facts if key in own])
    partly = _ITEMS if len(interaction.items) > 1 else _NOTHING
    if type(interaction) is Engagement:
        return Turned(_event_of(interaction, properties), tuple(facts), partly, shadowed)
    usual = USUAL_NAMES.get(interaction.type)
    if interaction.name and interaction.name != usual:
        partly |= {"type"}
    event = replace(interaction, type="custom", name=interaction.name or usual, properties=properties)
    return Turned(event, tuple(facts), partly, shadowed)


def _flat_facts(interaction: Interaction) -> dict[str, str]:
    """What a custom event says in properties, by their keys."""
    facts: dict[str, str] = {}
    if type(interaction) is Engagement:
        _add_campaign(interaction, facts)
    elif interaction.placement:
        facts["placement"] = interaction.placement
    if interaction.items:
        _add_item(interaction.items[0], facts)
    return facts


def _add_campaign(engagement: Engagement, facts: dict[str, str]) -> None:
    if engagement.decision_id:
        facts["decision_id"] = engagement.decision_id
    if engagement.slot_id:
        facts["slot_id"] = engagement.slot_id
    if engagement.variations and (variations := text(engagement.variations)):
        facts["variations"] = variations
    if engagement.placement:
        facts["placement"] = engagement.placement
    if engagement.label:
        facts["label"] = engagement.label


def _add_item(item: Item, facts: dict[str, str]) -> None:
    if item.kind:
        facts["item_kind"] = item.kind
    if not is_empty(item.id):
        facts["item_id"] = text(item.id)
    if not is_empty(item.parent_id):
        facts["item_parent_id"] = text(item.parent_id)


def _event_of(engagement: Engagement, properties: dict[str, Any]) -> Event:
    """The custom event of the same person, place and time, called by the action."""
    return Event(
        type="custom",
        name=engagement.action,
        id=engagement.id,
        origin=engagement.origin,
        received_at=engagement.received_at,
        occurred_at=engagement.occurred_at,
        user=engagement.user,
        session=engagement.session,
        page=engagement.page,
        device=engagement.device,
        channel=engagement.channel,
        brand=engagement.brand,
        consent=engagement.consent,
        properties=properties,
        outside=engagement.outside,
    )


def told_as_event(
    turned: Turned, encode: Callable[[Interaction], Encoded | Refusal], refusal: Refusal
) -> Encoded | Refusal:
    """What was refused, as the vendor's custom event, or the custom event's refusal.

    An event covers no want of a person: where the vendor takes one from nobody, the refusal stands.
    """
    encoded = encode(turned.event)
    if not isinstance(encoded, Encoded) or encoded.said is None:
        return encoded
    if refusal.reason == "missing" and "user.id" in refusal.fields:
        return refusal
    said = encoded.said
    if PROPERTIES in said and not turned.shadowed:
        said = _remembered_with_flat(said, turned.flat)
    else:
        flat = tuple([key for key in turned.flat if encoded.says(f"properties.{key}", turned.event)])
        each = stated_properties(turned.event) if PROPERTIES in said else ()
        said = _with_flat(said.union(each).difference(turned.shadowed, (PROPERTIES,)), flat)
    return Encoded(encoded.parts, said, encoded.partly | turned.partly if turned.partly else encoded.partly)


def _with_flat(said: frozenset[str], flat: tuple[str, ...]) -> frozenset[str]:
    """Names that are said, with the action and those that flat properties say; the first item stands for the items."""
    return said.union(("action",), flat, _ITEMS if "item_id" in flat else ())


_remembered_with_flat: Final = lru_cache(maxsize=1024)(_with_flat)
