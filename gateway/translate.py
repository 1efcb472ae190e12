"""Pure translation: an inbound's interactions to a target's outbounds, losses and refusals.

The one code that the hot path, `gateway translate`, the fidelity matrix and `gateway check` share.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Encoded, Inbound, Outbound, Part, Refusal, VendorMapping
from gateway.facts import stated
from gateway.model import CAMPAIGN_IDS, USER_IDS, USUAL_NAMES, Engagement, Event, Interaction, identified, is_empty
from gateway.shaping import Fill, Privacy, Share, When, from_headers, text

Unsupported = Literal["reject", "event", "drop"]
_NO_FILL: Final = Fill()
_NO_PRIVACY: Final = Privacy()
_NOTHING: Final[frozenset[str]] = frozenset()


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


class Decoded(Struct, frozen=True):
    """What an inbound says: its interactions and, beside each, the canonical names it states."""

    inbound: Inbound
    interactions: tuple[Interaction, ...]
    stated: tuple[frozenset[str], ...]


class Refused(Struct, frozen=True, order=True):
    """An interaction, by its index, that a target cannot carry, with the reason and the names concerned."""

    interaction: int
    reason: str
    fields: tuple[str, ...]


class Translation(Struct, frozen=True):
    """What one target is sent for an inbound, unsigned, and what it is not.

    `losses` and `copied` are canonical names; `filtered` counts interactions that `when` or `share` kept back,
    `dropped` those that `unsupported = "drop"` did; `lost` has the losses of each interaction by its index.
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
    names = tuple(map(stated, interactions))
    if stamp:
        interactions = tuple(
            one if one.occurred_at is not None else replace(one, occurred_at=inbound.received_at)
            for one in interactions
        )
    return Decoded(inbound, interactions, names)


def translate(
    decoded: Decoded, target: Target, *, without: Collection[int] = (), only: Collection[int] | None = None
) -> Translation:
    """Everything that a target is sent for an inbound, and by name everything that it is not.

    `without` and `only` are indices of interactions that the target has already, or that alone are meant.
    """
    inbound, vendor = decoded.inbound, target.mapping.NAME
    parts: list[tuple[int, Part]] = []
    refused: list[Refused] = []
    losses = copied = _NOTHING
    filtered = dropped = 0
    for index, interaction in enumerate(decoded.interactions):
        if index in without or (only is not None and index not in only):
            continue
        own = interaction.origin.vendor == vendor
        candidate = from_headers(interaction, inbound, own=own)
        if (target.when.patterns or target.share) and not _chosen(candidate, target):
            filtered += 1
            continue
        outcome = _say(candidate, decoded.stated[index], target, own=own)
        if isinstance(outcome, _Said):
            for part in outcome.parts:
                parts.append((index, part))  # noqa: PERF401  # one part is usual: faster without a comprehension's frame
            losses = losses | outcome.losses if losses else outcome.losses
            copied = copied | outcome.copied if copied else outcome.copied
        elif target.unsupported == "drop":
            dropped += 1
            losses = losses.union(outcome.fields)
        else:
            refused.append(Refused(index, outcome.reason, outcome.fields))
    requests = _requests(parts, target, inbound.headers) if parts else ()
    return Translation(requests, tuple(refused), losses, copied, filtered, dropped)


def _chosen(interaction: Interaction, target: Target) -> bool:
    """Whether `when` and `share` let the interaction through to the target."""
    return target.when.holds(interaction) and (target.share is None or target.share.holds(interaction))


class _Said(Struct, frozen=True):
    """One interaction as the target says it, with its losses and copied ids."""

    parts: tuple[Part, ...]
    losses: frozenset[str]
    copied: frozenset[str]


def _say(interaction: Interaction, names: frozenset[str], target: Target, *, own: bool) -> _Said | Refusal:
    """One interaction shaped and encoded for a target."""
    filled: dict[str, tuple[str, ...]] = {}
    if target.privacy is not _NO_PRIVACY:
        interaction = target.privacy.hide(interaction)
    if target.fill.values:
        interaction, filled = target.fill.apply(interaction)
    if own and target.mapping.MINTS_USERS and not identified(interaction) and names & USER_IDS:
        return Refusal("missing", ("user.id",))
    encoded = target.mapping.encode(interaction)
    if not isinstance(encoded, Encoded) and target.unsupported == "event":
        encoded = _turned(interaction, target.mapping, encoded)
    if not isinstance(encoded, Encoded):
        return encoded
    if encoded.said is None:
        return _Said(encoded.parts, _NOTHING, _NOTHING)
    copied = _NOTHING
    if not own and not CAMPAIGN_IDS.isdisjoint(names):
        copied = (CAMPAIGN_IDS & names & encoded.said).difference(filled)
        if copied and target.strict_ids:
            return Refusal("unknown_id", tuple(sorted(copied)))
    if target.privacy is not _NO_PRIVACY:
        names = names.difference(target.privacy.hidden)
    return _Said(encoded.parts, _losses(names, encoded.said, encoded.partly, filled), copied)


def _losses(
    names: frozenset[str], said: frozenset[str], partly: frozenset[str], filled: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """What was stated and is not said in full, neither by itself nor by a fill that refers to it."""
    losses = names - said
    if partly:
        losses |= partly & names
    for name, refers in filled.items():
        if refers and name in said and name not in partly:
            losses = losses.difference(_carried_by(refers))
    return losses - {"items.position"} if "items" in losses else losses


def _carried_by(refers: tuple[str, ...]) -> tuple[str, ...]:
    """The names that an applied fill's references carry; `item.*` speaks for the items."""
    return tuple(
        ("items.position" if name == "item.position" else "items") if name.startswith("item") else name
        for name in refers
    )


def _turned(interaction: Interaction, mapping: VendorMapping, refusal: Refusal) -> Encoded | Refusal:
    """What was refused, as the vendor's custom event, or the custom event's refusal.

    An event covers no want of a person: where the vendor takes one from nobody, the refusal stands.
    """
    turned, moved, partly = as_event(interaction)
    encoded = mapping.encode(turned)
    if not isinstance(encoded, Encoded) or encoded.said is None:
        return encoded
    if refusal.reason == "missing" and "user.id" in refusal.fields:
        return refusal
    said, overwritten = ["action"], []
    for name, place in moved.items():
        if f"properties.{place}" in encoded.said:
            said.append(name)
        if place in interaction.properties:
            overwritten.append(f"properties.{place}")
    return Encoded(encoded.parts, encoded.said.union(said).difference(overwritten), encoded.partly | partly)


def as_event(interaction: Interaction) -> tuple[Event, dict[str, str], frozenset[str]]:
    """An interaction as a custom event with flat properties.

    Beside it, the property in which each canonical name now stands, and the names that only part of them does.
    """
    flat, moved = dict(interaction.properties), {}
    for name, value in _flat_facts(interaction):
        if value or not is_empty(value):
            moved[name] = place = name.replace(".", "_")
            flat[place] = text(value)
    if "item.id" in moved:
        moved["items"] = moved["item.id"]
    partly = _ITEMS if len(interaction.items) > 1 else _NOTHING
    if isinstance(interaction, Engagement):
        return _event_of(interaction, flat), moved, partly
    usual = USUAL_NAMES.get(interaction.type)
    if interaction.name and interaction.name != usual:
        partly |= {"type"}
    return replace(interaction, type="custom", name=interaction.name or usual, properties=flat), moved, partly


_ITEMS: Final = frozenset({"items"})


def _flat_facts(interaction: Interaction) -> list[tuple[str, Any]]:
    """What a custom event says in properties, by canonical name or reference: `item.id` as `item_id`."""
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


def _requests(parts: Sequence[tuple[int, Part]], target: Target, headers: Mapping[str, str]) -> tuple[Outbound, ...]:
    """The outbounds for all parts, in order, with the caller's own headers and the indices of what each carries."""
    passed = passed_on(target, headers)
    requests: list[Outbound] = []
    for indices, batch in _batches(parts):
        outbound = target.mapping.request(batch)
        told = {**outbound.headers, **passed} if passed else outbound.headers
        requests.append(Outbound(outbound.method, outbound.url, told, outbound.body, tuple(indices)))
    return tuple(requests)


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


def passed_on(target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers that the target's vendor reads by itself and its owner does not hide."""
    privacy = target.privacy
    passed: dict[str, str] = {}
    for name in target.mapping.PASSES_ON:
        value = headers.get(name)
        if value and value.isprintable():
            passed[name] = value
    if passed and privacy is not _NO_PRIVACY:
        for name, field in _HEADER_FIELDS.items():
            if field in privacy.drop or field in privacy.hash:
                passed.pop(name, None)
    return passed


_HEADER_FIELDS: Final = {"user-agent": "device.user_agent", "referer": "page.location"}
