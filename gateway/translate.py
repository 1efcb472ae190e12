"""Pure translation: an inbound's interactions to a target's outbounds, losses and refusals.

The one code that the hot path, `gateway translate`, the fidelity matrix and `gateway check` share.
"""

from collections.abc import Collection, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final, Literal, cast

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from gateway.contract import Encoded, Inbound, Outbound, Part, Refusal, VendorMapping, is_printable
from gateway.facts import stated
from gateway.model import CAMPAIGN_IDS, USER_IDS, USUAL_NAMES, Engagement, Event, Interaction, identified, is_empty
from gateway.shaping import HEADER_FIELDS, Fill, Privacy, Share, When, from_headers, text

Unsupported = Literal["reject", "event", "drop"]
_NO_FILL: Final = Fill()
_NO_PRIVACY: Final = Privacy()
_NOTHING: Final[frozenset[str]] = frozenset()
_NO_FILLED: Final[Mapping[str, tuple[str, ...]]] = {}


class Target(Struct, frozen=True, dict=True):
    """One destination of a route: a vendor account and how its owner wants interactions shaped for it."""

    name: str
    mapping: VendorMapping
    when: When = When()
    share: Share | None = None
    fill: Fill = _NO_FILL
    privacy: Privacy = _NO_PRIVACY
    unsupported: Unsupported = "reject"
    strict_ids: bool = False

    def unfiltered(self) -> "Target":
        """The target as a replay sees it: `when` and `share` are not asked again."""
        return replace(self, when=When(), share=None)

    @cached_property
    def passes_on(self) -> tuple[str, ...]:
        """The caller's headers that the vendor reads by itself and the owner does not hide."""
        hidden = {*self.privacy.drop, *self.privacy.hash}
        return tuple([name for name in self.mapping.PASSES_ON if HEADER_FIELDS.get(name) not in hidden])


class _Kept(Struct):
    """What every target of a route needs alike, worked out when the first of them asks."""

    is_small: bool
    stated: tuple[frozenset[str], ...] | None = None
    for_others: tuple[Interaction, ...] | None = None
    turned: "tuple[Interaction, Turned] | None" = None


class Decoded(Struct, frozen=True, gc=False):
    """What an inbound says: its interactions, all of one vendor; `said` are the same without what a store has added.

    `kept` belongs to these very interactions: a copy with other ones starts anew.
    """

    inbound: Inbound
    interactions: tuple[Interaction, ...]
    said: tuple[Interaction, ...] | None = None
    kept: _Kept = cast("_Kept", None)  # each gets its own

    def __post_init__(self) -> None:
        """Takes nothing over from what this may be a copy of."""
        force_setattr(self, "kept", _Kept(len(self.inbound.body) <= _SMALL))

    @property
    def stated(self) -> tuple[frozenset[str], ...]:
        """For each interaction the canonical names that its caller states."""
        kept = self.kept
        if kept.stated is None:
            kept.stated = tuple(map(stated, self.interactions if self.said is None else self.said))
        return kept.stated

    def told(self, vendor: str) -> tuple[Interaction, ...]:
        """The interactions with what the caller's headers add to them for a vendor."""
        interactions, kept = self.interactions, self.kept
        if interactions and interactions[0].origin.vendor == vendor:
            return tuple([from_headers(one, self.inbound, own=True) for one in interactions])
        if kept.for_others is None:
            kept.for_others = tuple([from_headers(one, self.inbound, own=False) for one in interactions])
        return kept.for_others

    def turned(self, interaction: Interaction) -> "Turned":
        """One of the interactions as a custom event; that of the last one asked for is kept."""
        kept = self.kept
        if kept.turned is None or kept.turned[0] is not interaction:
            kept.turned = (interaction, as_event(interaction))
        return kept.turned[1]


Turned = tuple[Event, frozenset[str]]
"""A custom event and the names of which it says only a part."""


class Refused(Struct, frozen=True, gc=False, order=True):
    """An interaction, by its index, that a target cannot carry, with the reason and the names concerned."""

    interaction: int
    reason: str
    fields: tuple[str, ...]


class Translation(Struct, frozen=True, gc=False):
    """What one target is sent for an inbound, unsigned, and what it is not.

    `losses` and `copied` are canonical names; `filtered` counts interactions that `when` or `share` kept back,
    `dropped` those that `unsupported = "drop"` did.
    """

    requests: tuple[Outbound, ...]
    refused: tuple[Refused, ...]
    losses: frozenset[str]
    copied: frozenset[str]
    filtered: int = 0
    dropped: int = 0


def decode(source: VendorMapping, inbound: Inbound, *, stamp: bool = False) -> Decoded:
    """What an inbound says; `stamp` gives it the time of receipt where it has none, as a store does."""
    decoded = Decoded(inbound, source.decode(inbound))
    return stamped(decoded) if stamp else decoded


def stamped(decoded: Decoded) -> Decoded:
    """The same with the time of receipt where an interaction has none; the names that it states are the caller's."""
    at = decoded.inbound.received_at
    interactions = [
        one if one.occurred_at is not None else replace(one, occurred_at=at) for one in decoded.interactions
    ]
    return Decoded(decoded.inbound, tuple(interactions), decoded.interactions)


def translate(
    decoded: Decoded, target: Target, *, without: Collection[int] = (), only: Collection[int] | None = None
) -> Translation:
    """Everything that a target is sent for an inbound, and by name everything that it is not.

    `without` and `only` are indices of interactions that the target has already, or that alone are meant.
    """
    batches: list[Batch] = []
    refused: list[Refused] = []
    losses = copied = _NOTHING
    filtered = dropped = 0
    for index, interaction in enumerate(decoded.told(target.mapping.NAME)):
        if index in without or (only is not None and index not in only):
            continue
        if (target.when.patterns or target.share) and not _chosen(interaction, target):
            filtered += 1
            continue
        outcome = _say(decoded, index, interaction, target)
        if not isinstance(outcome, Refusal):
            said, lost, kept = outcome
            for part in said:
                if not (batches and _joins(batches, index, part)):
                    batches.append(([index], [part]))
            losses = losses | lost if losses else lost
            copied = copied | kept if copied else kept
        elif target.unsupported == "drop":
            dropped += 1
            losses = losses.union(outcome.fields)
        else:
            refused.append(Refused(index, outcome.reason, outcome.fields))
    requests = _requests(batches, target, decoded.inbound.headers) if batches else ()
    return Translation(requests, tuple(refused), losses, copied, filtered, dropped)


def _chosen(interaction: Interaction, target: Target) -> bool:
    """Whether `when` and `share` let the interaction through to the target."""
    return target.when.holds(interaction) and (target.share is None or target.share.holds(interaction))


_Said = tuple[tuple[Part, ...], frozenset[str], frozenset[str]]
"""One interaction as the target says it, its losses and its copied ids."""


def _say(decoded: Decoded, index: int, interaction: Interaction, target: Target) -> _Said | Refusal:
    """One interaction, with what the headers add, shaped and encoded for a target."""
    mapping, names, filled = target.mapping, decoded.stated[index], _NO_FILLED
    own = interaction.origin.vendor == mapping.NAME
    if target.privacy is not _NO_PRIVACY:
        interaction = target.privacy.hide(interaction)
    if target.fill.values:
        interaction, filled = target.fill.apply(interaction)
    if own and mapping.MINTS_USERS and not identified(interaction) and names & USER_IDS:
        return Refusal("missing", ("user.id",))
    encoded = mapping.encode(interaction)
    if isinstance(encoded, Refusal):
        if target.unsupported == "event":
            encoded = _turned(decoded.turned(interaction), interaction, mapping, encoded)
        if isinstance(encoded, Refusal):
            return encoded
    said, partly = encoded.said, encoded.partly
    if said is None:
        return encoded.parts, _NOTHING, _NOTHING
    account = _remembered_account if decoded.kept.is_small and not interaction.properties else _account
    losses, ids = account(names, said, partly)
    copied = ids.difference(filled) if ids and not own else _NOTHING
    if copied and target.strict_ids:
        return Refusal("unknown_id", tuple(sorted(copied)))
    if target.privacy is not _NO_PRIVACY or (filled and any(filled.values())):
        losses = _beyond_shaping(names.difference(target.privacy.hidden), said, partly, filled)
    return encoded.parts, losses, copied


def _account(
    names: frozenset[str], said: frozenset[str], partly: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """What was stated and is not said in full, and the ids of campaigns that are said."""
    losses = names - said
    if partly:
        losses |= partly & names
    return _without_positions(losses), CAMPAIGN_IDS & names & said


def _without_positions(losses: frozenset[str]) -> frozenset[str]:
    """Losses in which the items speak for their positions."""
    return losses - _POSITIONS if "items" in losses else losses


_POSITIONS: Final = frozenset({"items.position"})
_SMALL: Final = 4096
"""Bytes of a body up to which its names are small enough to remember what was made of them."""
_remembered_account: Final = lru_cache(maxsize=1024)(_account)


def _beyond_shaping(
    names: frozenset[str], said: frozenset[str], partly: frozenset[str], filled: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """The losses of what privacy leaves, but for what fills that refer to it carry."""
    losses = names - said | (partly & names)
    for name, refers in filled.items():
        if refers and name in said and name not in partly:
            losses = losses.difference(_carried_by(refers))
    return _without_positions(losses)


def _carried_by(refers: tuple[str, ...]) -> tuple[str, ...]:
    """The names that an applied fill's references carry; `item.*` speaks for the items."""
    return tuple(
        ("items.position" if name == "item.position" else "items") if name.startswith("item") else name
        for name in refers
    )


def _turned(turned: Turned, interaction: Interaction, mapping: VendorMapping, refusal: Refusal) -> Encoded | Refusal:
    """What was refused, as the vendor's custom event, or the custom event's refusal.

    An event covers no want of a person: where the vendor takes one from nobody, the refusal stands.
    """
    event, partly = turned
    encoded = mapping.encode(event)
    if not isinstance(encoded, Encoded) or encoded.said is None:
        return encoded
    if refusal.reason == "missing" and "user.id" in refusal.fields:
        return refusal
    said = encoded.said.union(_ACTION, map(_SAID_BY.__getitem__, encoded.said.intersection(_SAID_BY)))
    if not _FLAT.isdisjoint(interaction.properties):
        said = said.difference(_shadowed(interaction))
    return Encoded(encoded.parts, said, encoded.partly | partly if partly else encoded.partly)


def as_event(interaction: Interaction) -> Turned:
    """An interaction as a custom event with flat properties, and the names of which these say only a part."""
    properties: dict[str, Any] = interaction.properties.copy()
    for key, value in _flat_facts(interaction).items():
        if value is not None and (value or not is_empty(value)):
            properties[key] = value if isinstance(value, str) else text(value)
    partly = _ITEMS if len(interaction.items) > 1 else _NOTHING
    if isinstance(interaction, Engagement):
        return _event_of(interaction, properties), partly
    usual = USUAL_NAMES.get(interaction.type)
    if interaction.name and interaction.name != usual:
        partly |= {"type"}
    return replace(interaction, type="custom", name=interaction.name or usual, properties=properties), partly


_ACTION: Final = frozenset({"action"})
_ITEMS: Final = frozenset({"items"})
_FLAT: Final = frozenset(
    {"decision_id", "slot_id", "variations", "placement", "label", "item_kind", "item_id", "item_parent_id"}
)
_SAID_BY: Final = {f"properties.{key}": key for key in _FLAT} | {"properties.item_id": "items"}
"""What is said by a flat property of a custom event; the first item's id stands for the items."""


def _flat_facts(interaction: Interaction) -> dict[str, Any]:
    """What a custom event says in properties, by their keys."""
    facts: dict[str, Any] = {"placement": interaction.placement}
    if isinstance(interaction, Engagement):
        facts = {
            "decision_id": interaction.decision_id,
            "slot_id": interaction.slot_id,
            "variations": interaction.variations,
            "placement": interaction.placement,
            "label": interaction.label,
        }
    if interaction.items:
        first = interaction.items[0]
        facts.update(item_kind=first.kind, item_id=first.id, item_parent_id=first.parent_id)
    return facts


def _shadowed(interaction: Interaction) -> list[str]:
    """The properties whose keys a custom event needs for what has a name of its own."""
    facts, own = _flat_facts(interaction), interaction.properties
    return [f"properties.{key}" for key, value in facts.items() if key in own and not is_empty(value)]


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


Batch = tuple[list[int], list[Part]]
"""Parts that travel together, with the indices of their interactions."""


def _joins(batches: list[Batch], index: int, part: Part) -> bool:
    """Whether a part travels with others, which it then joins."""
    if part.envelope is None:
        return False
    for indices, batch in batches:
        first = batch[0]
        if part.endpoint == first.endpoint and part.envelope == first.envelope:
            batch.append(part)
            if indices[-1] != index:
                indices.append(index)
            return True
    return False


def _requests(batches: list[Batch], target: Target, headers: Mapping[str, str]) -> tuple[Outbound, ...]:
    """The outbound for each batch, with the caller's own headers and the indices of what it carries."""
    compose, names = target.mapping.request, target.passes_on
    passed = _printable(names, tuple(map(headers.get, names)))
    requests: list[Outbound] = []
    for indices, batch in batches:
        outbound = compose(batch)
        requests.append(replace(outbound, headers=outbound.headers | passed, indices=tuple(indices)))
    return tuple(requests)


@lru_cache(maxsize=256)
def _printable(names: tuple[str, ...], values: tuple[str | None, ...]) -> dict[str, str]:
    """The headers that can break no other request; most callers show the same few browsers."""
    return {name: value for name, value in zip(names, values, strict=True) if value and is_printable(value)}
