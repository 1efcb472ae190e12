"""A collector of the house's own: `POST /events` with a list of records. An imaginary vendor, to show a mapping.

Limits: every record has a person and a subject: the campaign that was engaged with, the order, or a note's name.

What it cannot say: slots, variations; snoozes, swipes, completions; events but purchases and notes; sessions, devices.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct, structs

from gateway import contract
from gateway.contract import Answer, Encoded, Endpoint, Inbound, Outbound, Part, Receipt, Refusal, Secret
from gateway.errors import GatewayError
from gateway.facts import get
from gateway.model import Engagement, Event, Interaction, Origin, Page, User, is_empty
from gateway.wire import Shape, encode_json, known, names, rest, without_nulls

# Wire

_Text = Annotated[str, Meta(min_length=1)]


class _Record(Struct, frozen=True):
    """One thing that a person did, `at` in milliseconds; an explicit null says no more than absence."""

    kind: Literal["clicked", "seen", "closed", "bought", "noted"]
    person: _Text
    subject: _Text
    url: str | None = None
    at: int | None = None
    facts: dict[str, Any] | None = None


class _Batch(Struct, frozen=True):
    events: list[_Record]


_BATCH: Final = Shape(_Batch)
_ACTIONS: Final[dict[str, Any]] = {"clicked": "click", "seen": "view", "closed": "dismiss"}
_TYPES: Final[dict[str, Any]] = {"bought": "purchase", "noted": "custom"}
_KINDS: Final = {word: kind for kind, word in (_ACTIONS | _TYPES).items()}
_SUBJECTS: Final = {"bought": "transaction_id", "noted": "name"} | dict.fromkeys(_ACTIONS, "decision_id")


class HouseCollector(Struct, frozen=True, kw_only=True):
    """A collector, reached with its token."""

    NAME: ClassVar[str] = "house_collector"
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (Endpoint("events", "POST", ("/events",)),)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("x-house-token",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = False

    token: Secret
    base_url: str = "https://collector.example"

    @classmethod
    def example(cls) -> "HouseCollector":
        """An account that belongs to nobody."""
        return cls(token=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The token's header."""
        return headers.get("x-house-token")

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The records of a body, in order."""
        batch, tree = _BATCH.read(inbound.body)
        return tuple([_interaction(inbound, index, one, tree) for index, one in enumerate(batch.events)])

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """One record; what came from the collector itself goes back as it came."""
        decisive = "action" if isinstance(interaction, Engagement) else "type"
        kind = _KINDS.get(get(interaction, decisive))
        if kind is None or (get(interaction, "slot_id") and not get(interaction, "decision_id")):
            return Refusal("unsupported", (decisive,))
        carried = {"person": "user.id", "subject": _SUBJECTS[kind], "url": "page.location"}
        record = {"kind": kind} | known(**{key: get(interaction, name) for key, name in carried.items()})
        if missing := {carried[key] for key in ("person", "subject") if key not in record}:
            return Refusal("missing", tuple(sorted(missing)))
        if interaction.occurred_at is not None:
            record["at"] = interaction.occurred_at // 1000
        own = interaction.origin.vendor == self.NAME
        if facts := {key: value for key, value in interaction.properties.items() if own or not is_empty(value)}:
            record["facts"] = without_nulls(facts)
        if own:
            record = interaction.origin.spelling | record | without_nulls(interaction.outside[""])
            return Encoded((Part("events", record, without_nulls(interaction.outside["body"])),), None)
        said = {decisive, "occurred_at", *carried.values(), contract.PROPERTIES}
        return Encoded((Part("events", record, {}),), frozenset(said))

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all records."""
        body = {**(parts[0].envelope or {}), "events": [part.content for part in parts]}
        return Outbound("POST", f"{self.base_url}/events", {"content-type": "application/json"}, encode_json(body), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the token's header."""
        return structs.replace(outbound, headers=outbound.headers | {"x-house-token": self.token.reveal()})

    @property
    def grant(self) -> contract.ClientCredentials | None:
        """None: the token serves."""
        return None

    # Answers

    def success(self) -> Answer:
        """202: taken."""
        return Answer(202)

    def failure(self, error: GatewayError) -> Answer:
        """The collector's `{problem, faults}`."""
        body = {"problem": error.code, "faults": [str(fault) for fault in error.faults]}
        return Answer(error.status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status alone."""
        return contract.verdict(answer.status)


def _interaction(inbound: Inbound, index: int, one: _Record, tree: Any) -> Interaction:
    empty = {key: value for key, value in structs.asdict(one).items() if value in ("", {})}
    beside = {} if tree is None else rest(tree["events"][index], names(_Record))
    common: dict[str, Any] = {
        "id": f"{inbound.id}-{index}",
        "origin": Origin("house_collector", "events", one.kind, empty),
        "received_at": inbound.received_at,
        "occurred_at": None if one.at is None else one.at * 1000,
        "user": User(one.person),
        "page": Page(location=one.url),
        "properties": one.facts or {},
        "outside": {"": beside, "body": {} if tree is None else rest(tree, names(_Batch))},
        _SUBJECTS[one.kind]: one.subject,
    }
    if one.kind in _ACTIONS:
        return Engagement(action=_ACTIONS[one.kind], **common)
    return Event(type=_TYPES[one.kind], **common)
