"""Pure translation: an inbound's interactions to a target's outbounds, losses and refusals.

The one code that the hot path, `gateway translate`, the fidelity matrix and `gateway check` share.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.contract import Encoded, Inbound, Outbound, Part, Refusal, VendorMapping, is_printable
from gateway.facts import stated
from gateway.model import CAMPAIGN_IDS, USER_IDS, USUAL_NAMES, Engagement, Event, Interaction, identified, is_empty
from gateway.shaping import HEADER_FIELDS, Fill, Privacy, Share, When, from_headers, text

Unsupported = Literal["reject", "event", "drop"]
_NO_FILL: Final = Fill()
_NO_PRIVACY: Final = Privacy()
_NOTHING: Final[frozenset[str]] = frozenset()
_NO_FILLED: Final[Mapping[str, tuple[str, ...]]] = {}


class Target(Struct, frozen=True):
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


class Decoded(Struct, frozen=True):
    """What an inbound says: its interactions and, beside each, the canonical names it states.

    `kept` is what every target of a route needs alike, worked out once, each beside the fields that it follows from: a
    copy with other fields does not take it for its own.
    """

    inbound: Inbound
    interactions: tuple[Interaction, ...]
    stated: tuple[frozenset[str], ...]
    kept: dict[str, Any] = field(default_factory=dict)

    def for_own(self) -> tuple[Interaction, ...]:
        """The interactions with what the caller's headers add to them for their own vendor."""
        kept = self.kept.get("for_own")
        if kept is None or kept[0] is not self.interactions or kept[1] is not self.inbound:
            found = tuple([from_headers(one, self.inbound, own=True) for one in self.interactions])
            self.kept["for_own"] = (self.interactions, self.inbound, found)
            return found
        told: tuple[Interaction, ...] = kept[2]
        return told

    def for_others(self) -> tuple[Interaction, ...]:
        """The interactions with what the caller's headers add to them for any other vendor."""
        kept = self.kept.get("for_others")
        if kept is None or kept[0] is not self.interactions or kept[1] is not self.inbound:
            found = tuple([from_headers(one, self.inbound, own=False) for one in self.interactions])
            self.kept["for_others"] = (self.interactions, self.inbound, found)
            return found
        told: tuple[Interaction, ...] = kept[2]
        return told

    def turned(self, interaction: Interaction) -> "Turned":
        """One of the interactions as a custom event; that of the last one asked for is kept."""
        kept = self.kept.get("turned")
        if kept is None or kept[0] is not interaction:
            kept = self.kept["turned"] = (interaction, as_event(interaction))
        found: Turned = kept[1]
        return found


Turned = tuple[Event, dict[str, str], frozenset[str]]
"""A custom event; the property in which each canonical name now stands; the names that only part of them does."""


class Refused(Struct, frozen=True, order=True):
    """An interaction, by its index, that a target cannot carry, with the reason and the names concerned."""

    interaction: int
    reason: str
    fields: tuple[str, ...]


class Translation(Struct, frozen=True):
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
    interactions = source.decode(inbound)
    decoded = Decoded(inbound, interactions, tuple(map(stated, interactions)))
    return stamped(decoded) if stamp else decoded


def stamped(decoded: Decoded) -> Decoded:
    """The same with the time of receipt where an interaction has none; the names that it states are the caller's."""
    at = decoded.inbound.received_at
    interactions = [
        one if one.occurred_at is not None else replace(one, occurred_at=at) for one in decoded.interactions
    ]
    return Decoded(decoded.inbound, tuple(interactions), decoded.stated)


def translate(
    decoded: Decoded, target: Target, *, without: Collection[int] = (), only: Collection[int] | None = None
) -> Translation:
    """Everything that a target is sent for an inbound, and by name everything that it is not.

    `without` and `only` are indices of interactions that the target has already, or that alone are meant.
    """
    vendor = target.mapping.NAME
    parts: list[tuple[int, Part]] = []
    refused: list[Refused] = []
    losses = copied = _NOTHING
    filtered = dropped = 0
    for index, interaction in enumerate(decoded.interactions):
        if index in without or (only is not None and index not in only):
            continue
        own = interaction.origin.vendor == vendor
        candidate = (decoded.for_own() if own else decoded.for_others())[index]
        if (target.when.patterns or target.share) and not _chosen(candidate, target):
            filtered += 1
            continue
        outcome = _say(decoded, index, candidate, target)
        if not isinstance(outcome, Refusal):
            said, lost, kept = outcome
            for part in said:
                parts.append((index, part))  # noqa: PERF401  # one part is usual: faster without a comprehension's frame
            losses = losses | lost if losses else lost
            copied = copied | kept if copied else kept
        elif target.unsupported == "drop":
            dropped += 1
            losses = losses.union(outcome.fields)
        else:
            refused.append(Refused(index, outcome.reason, outcome.fields))
    requests = _requests(parts, target, decoded) if parts else ()
    return Translation(requests, tuple(refused), losses, copied, filtered, dropped)


def _chosen(interaction: Interaction, target: Target) -> bool:
    """Whether `when` and `share` let the interaction through to the target."""
    return target.when.holds(interaction) and (target.share is None or target.share.holds(interaction))


_Said = tuple[tuple[Part, ...], frozenset[str], frozenset[str]]
"""One interaction as the target says it, its losses and its copied ids."""


def _say(decoded: Decoded, index: int, interaction: Interaction, target: Target) -> _Said | Refusal:
    """One interaction, with what the headers add, shaped and encoded for a target."""
    mapping, names = target.mapping, decoded.stated[index]
    filled: Mapping[str, tuple[str, ...]] = _NO_FILLED
    own = interaction.origin.vendor == mapping.NAME
    if target.privacy is not _NO_PRIVACY:
        interaction = target.privacy.hide(interaction)
    if target.fill.values:
        interaction, filled = target.fill.apply(interaction)
    if own and mapping.MINTS_USERS and not identified(interaction) and names & USER_IDS:
        return Refusal("missing", ("user.id",))
    encoded = mapping.encode(interaction)
    if not isinstance(encoded, Encoded) and target.unsupported == "event":
        encoded = _turned(decoded.turned(interaction), interaction, mapping, encoded)
    if not isinstance(encoded, Encoded):
        return encoded
    said = encoded.said
    if said is None:
        return encoded.parts, _NOTHING, _NOTHING
    account = _account if interaction.properties or len(decoded.inbound.body) > _SMALL else _remembered_account
    losses, ids = account(names, said, encoded.partly)
    copied = _NOTHING if own or not ids else ids.difference(filled)
    if copied and target.strict_ids:
        return Refusal("unknown_id", tuple(sorted(copied)))
    if target.privacy is not _NO_PRIVACY or (filled and any(filled.values())):
        losses = _beyond_shaping(names.difference(target.privacy.hidden), said, encoded.partly, filled)
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
    event, moved, partly = turned
    encoded = mapping.encode(event)
    if not isinstance(encoded, Encoded) or encoded.said is None:
        return encoded
    if refusal.reason == "missing" and "user.id" in refusal.fields:
        return refusal
    told = [name for name, place in moved.items() if _PROPERTIES[place] in encoded.said]
    said = encoded.said.union(_ACTION, told)
    if not interaction.properties.keys().isdisjoint(moved.values()):
        said = said.difference([_PROPERTIES[place] for place in moved.values() if place in interaction.properties])
    return Encoded(encoded.parts, said, encoded.partly | partly if partly else encoded.partly)


def as_event(interaction: Interaction) -> Turned:
    """An interaction as a custom event with flat properties.

    Beside it, the property in which each canonical name now stands, and the names that only part of them does.
    """
    flat: dict[str, Any] = interaction.properties.copy()
    moved: dict[str, str] = {}
    for name, value in _flat_facts(interaction):
        if value or not is_empty(value):
            moved[name] = place = _PLACES[name]
            flat[place] = value if isinstance(value, str) else text(value)
    if "item.id" in moved:
        moved["items"] = moved["item.id"]
    partly = _ITEMS if len(interaction.items) > 1 else _NOTHING
    if isinstance(interaction, Engagement):
        return _event_of(interaction, flat), moved, partly
    usual = USUAL_NAMES.get(interaction.type)
    if interaction.name and interaction.name != usual:
        partly |= {"type"}
    return replace(interaction, type="custom", name=interaction.name or usual, properties=flat), moved, partly


_ACTION: Final = frozenset({"action"})
_ITEMS: Final = frozenset({"items"})


_PLACES: Final = {
    name: name.replace(".", "_")
    for name in ("decision_id", "slot_id", "variations", "placement", "label", "item.kind", "item.id", "item.parent_id")
}
"""The property of a custom event for each canonical name or reference that has no other place there."""
_PROPERTIES: Final = {place: f"properties.{place}" for place in _PLACES.values()}


def _flat_facts(interaction: Interaction) -> list[tuple[str, Any]]:
    """What a custom event says in properties, by canonical name or reference."""
    facts: list[tuple[str, Any]] = [("placement", interaction.placement)]
    if isinstance(interaction, Engagement):
        facts = [
            ("decision_id", interaction.decision_id),
            ("slot_id", interaction.slot_id),
            ("variations", interaction.variations),
            ("placement", interaction.placement),
            ("label", interaction.label),
        ]
    if interaction.items:
        first = interaction.items[0]
        facts += [("item.kind", first.kind), ("item.id", first.id), ("item.parent_id", first.parent_id)]
    return facts


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


def _requests(parts: Sequence[tuple[int, Part]], target: Target, decoded: Decoded) -> tuple[Outbound, ...]:
    """The outbounds for all parts, in order, with the caller's own headers and the indices of what each carries."""
    passed, compose = _passed_on(target, decoded.inbound.headers), target.mapping.request
    if len(parts) == 1:
        index, part = parts[0]
        return (_addressed(compose((part,)), passed, (index,)),)
    return tuple([_addressed(compose(batch), passed, tuple(indices)) for indices, batch in _batches(parts)])


def _addressed(outbound: Outbound, passed: dict[str, str], indices: tuple[int, ...]) -> Outbound:
    told = {**outbound.headers, **passed} if passed else outbound.headers
    return Outbound(outbound.method, outbound.url, told, outbound.body, indices)


def _batches(parts: Sequence[tuple[int, Part]]) -> list[tuple[list[int], list[Part]]]:
    """Parts that travel together, each batch with the indices of its interactions."""
    index, part = parts[0]
    batches: list[tuple[list[int], list[Part]]] = [([index], [part])]
    for index, part in parts[1:]:
        for indices, batch in batches:
            first = batch[0]
            if part.envelope is not None and part.endpoint == first.endpoint and part.envelope == first.envelope:
                batch.append(part)
                if indices[-1] != index:
                    indices.append(index)
                break
        else:
            batches.append(([index], [part]))
    return batches


def _passed_on(target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers that the target's vendor reads by itself and its owner does not hide."""
    privacy = target.privacy
    passed: dict[str, str] = {}
    for name in target.mapping.PASSES_ON:
        value = headers.get(name)
        if value and is_printable(value):
            passed[name] = value
    if not passed or privacy is _NO_PRIVACY:
        return passed
    hidden = {name for name, field in HEADER_FIELDS.items() if field in privacy.drop or field in privacy.hash}
    return {name: value for name, value in passed.items() if name not in hidden}
