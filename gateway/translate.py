"""Pure translation: an inbound's interactions to a target's outbounds, losses and refusals.

The one code that the hot path, `gateway translate`, the fidelity matrix and `gateway check` share.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property, lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import (
    KEPT_HEADERS,
    PROPERTIES,
    Encoded,
    Inbound,
    Outbound,
    Part,
    Refusal,
    VendorMapping,
    is_printable,
)
from gateway.facts import stated, stated_beside, stated_fields, stated_properties
from gateway.model import CAMPAIGN_IDS, FIELDS, USER_IDS, Interaction, identified
from gateway.shaping import HEADER_FIELDS, NOTHING_FILLED, Fill, Filled, Privacy, Share, When, from_caller, shaper
from gateway.turning import Turned, as_event, told_as_event

Unsupported = Literal["reject", "event", "drop"]
Caller = tuple[str | None, ...]
"""What a caller's KEPT_HEADERS say, in their order."""
_NOTHING: Final[frozenset[str]] = frozenset()


class Target(Struct, frozen=True, dict=True):
    """One destination of a route: a vendor account and how its owner wants interactions shaped for it."""

    name: str
    mapping: VendorMapping
    when: When = When()
    share: Share | None = None
    fill: Fill = Fill()
    privacy: Privacy = Privacy()
    unsupported: Unsupported = "reject"
    strict_ids: bool = False

    def unfiltered(self) -> "Target":
        """The target as a replay sees it: `when` and `share` are not asked again."""
        return replace(self, when=When(), share=None)

    @cached_property
    def manner(self) -> "Manner":
        """How its vendor is told, found when it is first asked for."""
        mapping, hidden = self.mapping, {*self.privacy.drop, *self.privacy.hash}
        return Manner(
            vendor=mapping.NAME,
            encode=mapping.encode,
            request=mapping.request,
            passes_on=tuple([name for name in mapping.PASSES_ON if HEADER_FIELDS.get(name) not in hidden]),
            mints_users=mapping.MINTS_USERS,
            chooses=bool(self.when.patterns) or self.share is not None,
            shape=shaper(self.privacy, self.fill),
            hidden=self.privacy.hidden,
            weighs=bool(hidden) or any(refers for _, _, refers in self.fill.values),
            turns=self.unsupported == "event",
            strict_ids=self.strict_ids,
        )


class Manner(Struct, frozen=True):
    """How a target is told, as far as its settings decide it for every click alike."""

    vendor: str
    encode: Callable[[Interaction], Encoded | Refusal]
    request: Callable[[Sequence[Part]], Outbound]
    passes_on: tuple[str, ...]
    """The caller's headers that the vendor reads by itself and the owner does not hide."""
    mints_users: bool
    chooses: bool
    """Whether `when` or `share` may keep something back."""
    shape: Callable[[Interaction], tuple[Interaction, Filled]] | None
    hidden: frozenset[str]
    weighs: bool
    """Whether `privacy` hides or `fill` refers to something: not all that is unsaid is a loss then."""
    turns: bool
    strict_ids: bool


class Heard(Struct, gc=False):
    """One interaction of an inbound as a vendor's targets hear it, with what they all need to know of it.

    `fields` are the model's own that its caller states, `beside` the properties that stood beside it. `turned` is the
    last one asked for as a custom event.
    """

    index: int
    interaction: Interaction
    fields: frozenset[str]
    beside: frozenset[str]
    is_own: bool
    turned: tuple[Interaction, Turned] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The canonical names of everything that its caller states."""
        return self.fields.union(self.beside, stated_properties(self.interaction))

    def as_event(self, interaction: Interaction) -> Turned:
        """The interaction, as a target's owner has it shaped, as a custom event."""
        if self.turned is None or self.turned[0] is not interaction:
            self.turned = (interaction, as_event(interaction))
        return self.turned[1]


class Decoded(Struct, gc=False):
    """What an inbound says: its interactions, all of one vendor; `said` are the same without what a store has added.

    `vendor` is theirs, "" without any. `own` and `others` are the interactions as their own vendor and as all others
    hear them, `caller` what the headers of their caller say: worked out when the first target asks. A copy with other
    interactions or another inbound starts anew.
    """

    inbound: Inbound
    interactions: tuple[Interaction, ...]
    said: tuple[Interaction, ...] | None = None
    vendor: str = ""
    own: tuple[Heard, ...] | None = None
    others: tuple[Heard, ...] | None = None
    caller: Caller = ()

    def __post_init__(self) -> None:
        """Takes nothing over from what this may be a copy of."""
        self.own = self.others = None
        self.vendor = self.interactions[0].origin.vendor if self.interactions else ""

    def hear(self, *, own: bool) -> tuple[Heard, ...]:
        """Work out the interactions with what their caller's address and headers say, for their own vendor or others.

        Their own vendor is told the person's address and browser, which it would else take from the gateway, and no
        more: no `referer`.
        """
        inbound, known = self.inbound, self.own or self.others
        headers = inbound.headers
        agent, referer = headers.get("user-agent"), headers.get("referer")
        self.caller = (agent, referer, headers.get("origin"))
        heard: list[Heard] = []
        for index, one in enumerate(self.interactions):
            if known:
                fields, beside = known[index].fields, known[index].beside
            else:
                fields = stated_fields(one if self.said is None else self.said[index])
                beside = frozenset(stated_beside(one)) if any(one.outside.values()) else _NOTHING
            interaction = from_caller(one, inbound.client_ip, agent, None if own else referer)
            heard.append(Heard(index, interaction, fields, beside, own))
        found = tuple(heard)
        if own:
            self.own = found
        else:
            self.others = found
        return found

    @property
    def stated(self) -> tuple[frozenset[str], ...]:
        """For each interaction the canonical names that its caller states."""
        return tuple(map(stated, self.interactions if self.said is None else self.said))


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
    manner, filtered = target.manner, 0
    own = decoded.vendor == manner.vendor
    heard = decoded.own if own else decoded.others
    if heard is None:
        heard = decoded.hear(own=own)
    if manner.chooses or without or only is not None:
        heard, filtered = _meant(heard, target, without, only)
    if len(heard) == 1:
        one = heard[0]
        outcome = _say(one, manner)
        if isinstance(outcome, tuple):
            parts, losses, copied = outcome
            if len(parts) == 1:  # as most are: nothing to gather
                request = _request(manner, parts, (one.index,), decoded.caller)
                return Translation((request,), (), losses, copied, filtered)
        return _gathered([(one.index, outcome)], target, decoded.caller, filtered)
    return _gathered([(one.index, _say(one, manner)) for one in heard], target, decoded.caller, filtered)


def _meant(
    heard: tuple[Heard, ...], target: Target, without: Collection[int], only: Collection[int] | None
) -> tuple[tuple[Heard, ...], int]:
    """What of an inbound is meant for the target, and how many more `when` and `share` keep back."""
    meant = [one for one in heard if one.index not in without and (only is None or one.index in only)]
    chosen = tuple([one for one in meant if _chosen(one.interaction, target)])
    return chosen, len(meant) - len(chosen)


def _chosen(interaction: Interaction, target: Target) -> bool:
    """Whether `when` and `share` let the interaction through to the target."""
    return target.when.holds(interaction) and (target.share is None or target.share.holds(interaction))


_Said = tuple[tuple[Part, ...], frozenset[str], frozenset[str]]
"""One interaction as the target says it, its losses and its copied ids."""


def _say(heard: Heard, manner: Manner) -> _Said | Refusal:
    """One interaction shaped and encoded for a target."""
    interaction, filled = heard.interaction, NOTHING_FILLED
    if manner.shape is not None:
        interaction, filled = manner.shape(interaction)
    if heard.is_own and manner.mints_users and not identified(interaction) and heard.fields & USER_IDS:
        return Refusal("missing", ("user.id",))
    encoded = manner.encode(interaction)
    if not isinstance(encoded, Encoded):
        if manner.turns:
            encoded = told_as_event(heard.as_event(interaction), manner.encode, encoded)
        if not isinstance(encoded, Encoded):
            return encoded
    said = encoded.said
    if said is None:
        return encoded.parts, _NOTHING, _NOTHING
    if manner.weighs or (interaction.properties and PROPERTIES not in said):
        losses, copied = _account_of_each(heard, said, encoded.partly, filled, manner)
    else:
        losses, copied = _account(heard.fields, said, encoded.partly)
        losses = losses | heard.beside if heard.beside else losses
    if copied:
        copied = _NOTHING if heard.is_own else (copied.difference(filled) if filled else copied)
        if copied and manner.strict_ids:
            return Refusal("unknown_id", tuple(sorted(copied)))
    return encoded.parts, losses, copied


@lru_cache(maxsize=4096)
def _account(
    fields: frozenset[str], said: frozenset[str], partly: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """What was stated and is not said in full, and the ids of campaigns that are said."""
    return _without_positions(fields - said | (partly & fields)), CAMPAIGN_IDS & fields & said


def _account_of_each(
    heard: Heard,
    said: frozenset[str],
    partly: frozenset[str],
    filled: Filled,
    manner: Manner,
) -> tuple[frozenset[str], frozenset[str]]:
    """The same with each property by its name, but for what privacy hides and what fills that refer to it carry."""
    names = heard.names
    if PROPERTIES in said:
        said = said.union(stated_properties(heard.interaction), [name for name in filled if name not in FIELDS])
    losses = heard.beside.union(names - said, partly & names)
    for name, refers in filled.items():
        if refers and name in said and name not in partly:
            losses = losses.difference(_carried_by(refers))
    return _without_positions(losses - manner.hidden), CAMPAIGN_IDS & names & said


def _without_positions(losses: frozenset[str]) -> frozenset[str]:
    """Losses in which the items speak for their positions."""
    return losses - _POSITIONS if "items" in losses else losses


_POSITIONS: Final = frozenset({"items.position"})


def _carried_by(refers: tuple[str, ...]) -> tuple[str, ...]:
    """The names that an applied fill's references carry; `item.*` speaks for the items."""
    return tuple(
        ("items.position" if name == "item.position" else "items") if name.startswith("item") else name
        for name in refers
    )


_Batch = tuple[list[int], list[Part]]
"""Parts that travel together, with the indices of their interactions."""


def _gathered(
    outcomes: list[tuple[int, _Said | Refusal]], target: Target, caller: Caller, filtered: int
) -> Translation:
    """What becomes of several interactions, by their indices: what travels together, what is not said."""
    batches: list[_Batch] = []
    refused: list[Refused] = []
    losses = copied = _NOTHING
    dropped = 0
    for index, outcome in outcomes:
        if isinstance(outcome, tuple):
            said, lost, kept = outcome
            for part in said:
                if not _joins(batches, index, part):
                    batches.append(([index], [part]))
            losses |= lost
            copied |= kept
        elif target.unsupported == "drop":
            dropped += 1
            losses = losses.union(outcome.fields)
        else:
            refused.append(Refused(index, outcome.reason, outcome.fields))
    requests = [_request(target.manner, parts, tuple(indices), caller) for indices, parts in batches]
    return Translation(tuple(requests), tuple(refused), losses, copied, filtered, dropped)


def _joins(batches: list[_Batch], index: int, part: Part) -> bool:
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


def _request(manner: Manner, parts: Sequence[Part], indices: tuple[int, ...], caller: Caller) -> Outbound:
    """The outbound for parts that travel together, with the caller's own headers."""
    one = manner.request(parts)
    one.indices = indices
    passed = _passed(manner.passes_on, caller)
    if passed:
        one.headers = one.headers | passed
    return one


@lru_cache(maxsize=256)
def _passed(names: tuple[str, ...], caller: Caller) -> dict[str, str]:
    """The headers that can break no other request; most callers show the same few browsers."""
    found = dict(zip(KEPT_HEADERS, caller, strict=True))
    return {name: value for name in names if (value := found.get(name)) and is_printable(value)}
