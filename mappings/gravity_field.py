"""Gravity Field, server API: `POST /ssapi/engagement` and `POST /ssapi/event`.

Source: the vendor's OpenAPI page "Передача взаимодействия пользователя с кампаниями" for engagements (read 2026-11); the
events are partly seen on public pages: Dynamic Yield's catalogue with `eventType` for `dyType`.

Limits: a page (type, data and location) belongs to every request. A `user` or `session` sent empty makes the vendor mint
new ids, which it returns as `user.slid` and `session.sl`.

What it cannot say: views of a slot; dismissals, snoozes, swipes and completions; labels, placements, items, channel,
brand and consent; when an event happened; page views.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct, structs

from gateway.contract import (
    Answer,
    ClientCredentials,
    Encoded,
    Endpoint,
    Inbound,
    Outbound,
    Part,
    Receipt,
    Refusal,
    Secret,
    verdict,
)
from gateway.errors import GatewayError, Malformed
from gateway.model import (
    USUAL_NAMES,
    Device,
    Engagement,
    Event,
    Interaction,
    Origin,
    Page,
    Session,
    User,
)
from gateway.wire import Shape, encode_json, known, names, read_json, rest, restored, without_nulls
from mappings import _catalogue as catalogue
from mappings._credentials import bearer
from mappings._time import from_iso, moment

# Wire


class _Wire(Struct, frozen=True):
    """The vendor's conventions: camelCase but for `event_time`; an explicit null says no more than absence."""


class _User(_Wire, frozen=True):
    id: str | None = None
    slid: str | None = None
    slid_server: str | None = None


class _Session(_Wire, frozen=True):
    custom: str | None = None
    sl: str | None = None


_PageType = Literal["HOMEPAGE", "PRODUCT", "CART", "CATEGORY", "SEARCH", "OTHER"]
_PAGE_TYPES: Final = frozenset(_PageType.__args__)


class _Page(_Wire, frozen=True):
    type: _PageType | None = None
    data: list[str] | None = None
    lng: str | None = None
    location: str | None = None
    referrer: str | None = None


class _Device(_Wire, frozen=True):
    userAgent: str | None = None
    ip: str | None = None


class _Context(_Wire, frozen=True):
    page: _Page | None = None
    device: _Device | None = None


class _Engagement(_Wire, frozen=True):
    type: Literal["CLICK", "SLOT_CLICK", "WRIMP"]
    decisionId: str | None = None
    slotId: str | None = None
    variations: list[str] | None = None
    event_time: str | None = None


def _needs(types: list[str], key: str) -> dict[str, Any]:
    """JSON Schema: these types need that id."""
    return {
        "if": {"properties": {"type": {"enum": types}}, "required": ["type"]},
        "then": {"required": [key], "properties": {key: {"type": "string", "minLength": 1}}},
    }


_NEEDED_IDS: Final = {"allOf": [_needs(["CLICK", "WRIMP"], "decisionId"), _needs(["SLOT_CLICK"], "slotId")]}


class _Engagements(_Wire, frozen=True):
    user: _User
    session: _Session
    context: _Context
    engagements: list[Annotated[_Engagement, Meta(extra_json_schema=_NEEDED_IDS)]]


_EventWord = Literal[tuple(catalogue.TYPES)]  # type: ignore[valid-type]  # mypy cannot read a computed Literal


class _EventProperties(_Wire, frozen=True):
    eventType: _EventWord | None = None


class _Event(_Wire, frozen=True):
    name: str | None = None
    properties: _EventProperties | None = None


class _Events(_Wire, frozen=True):
    user: _User
    session: _Session
    context: _Context
    events: list[_Event]


_ENGAGEMENTS: Final = Shape(_Engagements)
_EVENTS: Final = Shape(_Events)
_KNOWN: Final = {
    wire: names(wire) for wire in (_User, _Session, _Context, _Page, _Device, _Engagement, _Event, _Engagements, _Events)
}
_ENGAGEMENT_ENDPOINT: Final = Endpoint("engagement", "POST", ("/ssapi/engagement",))
_EVENT_ENDPOINT: Final = Endpoint("event", "POST", ("/ssapi/event",))
_ACTIONS: Final = {"CLICK": "click", "SLOT_CLICK": "click", "WRIMP": "view"}

# What each endpoint says of an interaction from elsewhere, where it is known.
_SAID: Final = frozenset(
    {"user.id", "session.id", "page.data", "page.location", "page.referrer", "page.locale", "device.ip"}
    | {"device.user_agent"}
)
_ENGAGEMENT_SAID: Final = _SAID | {"action", "variations"}
_EVENT_SAID: Final = _SAID | {"type", "name"}


class GravityField(Struct, frozen=True, kw_only=True):
    """A Gravity Field section, reached with its server API key."""

    NAME: ClassVar[str] = "gravity_field"
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]] = (_ENGAGEMENT_ENDPOINT, _EVENT_ENDPOINT)
    KEY_HEADERS: ClassVar[tuple[str, ...]] = ("authorization",)
    PASSES_ON: ClassVar[tuple[str, ...]] = ("user-agent",)
    MINTS_USERS: ClassVar[bool] = True

    api_key: Secret
    base_url: str = "https://evs.gravityfield.ai"

    @classmethod
    def example(cls) -> "GravityField":
        """An account that belongs to nobody."""
        return cls(api_key=Secret("example"))

    # In

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """The engagements or events of a body, in order."""
        tree = read_json(inbound.body)
        if inbound.endpoint is _EVENT_ENDPOINT or inbound.endpoint.name == "event":
            return _decode_events(inbound, tree)
        return _decode_engagements(inbound, tree)

    # Out

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """An engagement or an event as Gravity Field takes it."""
        own = interaction.origin.vendor == self.NAME
        if isinstance(interaction, Engagement):
            return _encode_own_engagement(interaction) if own else _encode_engagement(interaction)
        return _encode_own_event(interaction) if own else _encode_event(interaction)

    def request(self, parts: Sequence[Part]) -> Outbound:
        """One body for all parts of a user, session and context."""
        endpoint = parts[0].endpoint
        body = {**(parts[0].envelope or {}), f"{endpoint}s": [part.content for part in parts]}
        headers = {"content-type": "application/json"}
        return Outbound("POST", f"{self.base_url}/ssapi/{endpoint}", headers, encode_json(body), ())

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the API key as bearer token."""
        signature = {"authorization": f"Bearer {self.api_key.reveal()}"}
        return structs.replace(outbound, headers=outbound.headers | signature)

    @property
    def grant(self) -> ClientCredentials | None:
        """None: the API key serves."""
        return None

    # Answers

    def success(self) -> Answer:
        """204: no new ids to tell."""
        return Answer(204)

    def failure(self, error: GatewayError) -> Answer:
        """The vendor's `{code, message, type}`."""
        body = {"code": error.status, "message": str(error), "type": error.code}
        return Answer(error.status, encode_json(body), {"content-type": "application/json"})

    def judge(self, answer: Answer) -> Receipt:
        """By the status; a 200 whose body is the vendor's error form is that error."""
        return verdict(answer.status)


# In


def _decode_engagements(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    wire = _ENGAGEMENTS.read(tree)
    common = _common(inbound, wire, tree, _KNOWN[_Engagements])
    found: list[Interaction] = []
    for index, (one, raw) in enumerate(zip(wire.engagements, tree["engagements"], strict=True)):
        if not (one.slotId if one.type == "SLOT_CLICK" else one.decisionId):
            raise Malformed(_ENGAGEMENTS.faults(tree))
        properties = rest(raw, _KNOWN[_Engagement])
        occurred_at = from_iso(one.event_time) if one.event_time else None
        if one.event_time and occurred_at is None:
            properties["event_time"] = one.event_time
        found.append(
            Engagement(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "engagement", one.type, {"event_time": one.event_time}),
                action=_ACTIONS[one.type],
                decision_id=one.decisionId,
                slot_id=one.slotId,
                variations=None if one.variations is None else tuple(one.variations),
                occurred_at=occurred_at,
                properties=properties,
                **common,
            )
        )
    return tuple(found)


def _decode_events(inbound: Inbound, tree: Any) -> tuple[Interaction, ...]:
    wire = _EVENTS.read(tree)
    common = _common(inbound, wire, tree, _KNOWN[_Events])
    found: list[Interaction] = []
    for index, (one, raw) in enumerate(zip(wire.events, tree["events"], strict=True)):
        word = one.properties.eventType if one.properties else None
        given = raw.get("properties")
        fields, others = catalogue.fields_of(given or {})
        others.pop("eventType", None)
        beside = rest(raw, _KNOWN[_Event])
        spelling = {"beside": tuple(beside), "properties": given is not None}
        found.append(
            Event(
                id=f"{inbound.id}-{index}",
                origin=Origin("gravity_field", "event", word, spelling),
                type=catalogue.TYPES[word] if word else "custom",
                name=one.name,
                properties=others | beside,
                **fields,
                **common,
            )
        )
    return tuple(found)


def _common(inbound: Inbound, wire: _Engagements | _Events, tree: Any, body: frozenset[str]) -> dict[str, Any]:
    """What all interactions of a body share: the person, the visit, the page, and what stood beside them."""
    user, session, context = wire.user, wire.session, wire.context
    page, device = context.page, context.device
    outside = {
        "user": rest(tree["user"], _KNOWN[_User]),
        "session": rest(tree["session"], _KNOWN[_Session]),
        "context": rest(tree["context"], _KNOWN[_Context]),
        "body": rest(tree, body),
    }
    common: dict[str, Any] = {
        "received_at": inbound.received_at,
        "user": User(user.id, user.slid, user.slid_server),
        "session": Session(session.custom, session.sl),
        "outside": outside,
    }
    if page:
        data = None if page.data is None else tuple(page.data)
        common["page"] = Page(page.type, data, page.location, page.referrer, page.lng)
        outside["context.page"] = rest(tree["context"]["page"], _KNOWN[_Page])
    if device:
        common["device"] = Device(device.ip, device.userAgent)
        outside["context.device"] = rest(tree["context"]["device"], _KNOWN[_Device])
    if "options" in outside["body"]:
        outside["options"] = {"options": outside["body"].pop("options")}
    return common


# Out, to another vendor's interactions


def _encode_engagement(interaction: Engagement) -> Encoded | Refusal:
    word = _word(interaction)
    if word is None:
        return Refusal("unsupported", ("action",))
    missing = _missing(interaction)
    ids = {"slotId": interaction.slot_id} if word == "SLOT_CLICK" else {"decisionId": interaction.decision_id}
    if not any(ids.values()):
        missing.append("decision_id")
    if missing:
        return Refusal("missing", tuple(sorted(missing)))
    content = {"type": word, **ids}
    said = {"slot_id" if word == "SLOT_CLICK" else "decision_id"} | _said_page(interaction)
    if interaction.variations:
        content["variations"] = interaction.variations
    if interaction.occurred_at is not None and (time := _event_time(interaction.occurred_at)):
        content["event_time"] = time
        said.add("occurred_at")
    return Encoded((Part("engagement", content, _envelope(interaction)),), _ENGAGEMENT_SAID | said)


def _word(interaction: Engagement) -> str | None:
    """Gravity Field's type for an engagement; None where it has none for that action with that id."""
    if interaction.action == "click":
        return "SLOT_CLICK" if interaction.slot_id else "CLICK"
    if interaction.action == "view" and (interaction.decision_id or not interaction.slot_id):
        return "WRIMP"
    return None


def _encode_event(interaction: Event) -> Encoded | Refusal:
    word = catalogue.WORDS.get(interaction.type)
    if word is None and interaction.type != "custom":
        return Refusal("unsupported", ("type",))
    conformed = catalogue.conform(interaction, "eventType")
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    missing = [*_missing(interaction), *conformed.missing, *(() if name else ("name",))]
    if missing:
        return Refusal("missing", tuple(sorted(missing)))
    properties = {"eventType": word, **conformed.properties} if word else conformed.properties
    content = {"name": name, "properties": properties} if properties else {"name": name}
    said = _EVENT_SAID | _said_page(interaction) | conformed.said
    return Encoded((Part("event", content, _envelope(interaction)),), said, conformed.partly)


def _missing(interaction: Interaction) -> list[str]:
    """What every request needs and the interaction does not know."""
    known_facts = {"user.id": interaction.user.id, "page.location": interaction.page.location}
    return [name for name, value in known_facts.items() if not value]


def _said_page(interaction: Interaction) -> set[str]:
    return {"page.type"} if interaction.page.type in _PAGE_TYPES else set()


def _envelope(interaction: Interaction) -> dict[str, Any]:
    """User, session and context for another vendor's person: never with ids that the other vendor minted."""
    page, device = interaction.page, interaction.device
    where: dict[str, Any] = {
        "type": page.type if page.type in _PAGE_TYPES else "OTHER",
        "data": page.data or (),
        "location": page.location,
    }
    if page.locale:
        where["lng"] = page.locale
    if page.referrer:
        where["referrer"] = page.referrer
    context = {"page": where}
    if device.ip or device.user_agent:
        context["device"] = {
            key: value for key, value in (("userAgent", device.user_agent), ("ip", device.ip)) if value
        }
    session = {"custom": interaction.session.id} if interaction.session.id else {}
    return {"user": {"id": interaction.user.id}, "session": session, "context": context}


def _event_time(micros: int) -> str | None:
    """`2026-11-21T10:00:00.000+00:00`, cut to milliseconds; None outside the years 1 to 9999."""
    time = moment(micros)
    return None if time is None else time.isoformat(timespec="milliseconds")


# Out, back to Gravity Field itself: as it came


def _encode_own_engagement(interaction: Engagement) -> Encoded:
    time = interaction.origin.spelling.get("event_time")
    if interaction.occurred_at is None:
        time = None if "event_time" not in interaction.properties else time
    content = known(
        type=interaction.origin.type,
        decisionId=interaction.decision_id,
        slotId=interaction.slot_id,
        variations=interaction.variations,
        event_time=time or (interaction.occurred_at and _event_time(interaction.occurred_at)),
    )
    content |= without_nulls(interaction.properties)
    return Encoded((Part("engagement", content, _own_envelope(interaction)),), None)


def _encode_own_event(interaction: Event) -> Encoded:
    spelling = interaction.origin.spelling
    content = known(name=interaction.name)
    properties = known(eventType=interaction.origin.type) | catalogue.own_properties(interaction)
    content |= {key: properties.pop(key) for key in spelling["beside"] if key in properties}
    if properties or spelling["properties"]:
        content["properties"] = properties
    return Encoded((Part("event", content, _own_envelope(interaction)),), None)


def _own_envelope(interaction: Interaction) -> dict[str, Any]:
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    outside = interaction.outside
    where = known(type=page.type, data=page.data, lng=page.locale, location=page.location, referrer=page.referrer)
    thing = known(userAgent=device.user_agent, ip=device.ip)
    context = known(
        page=restored(outside, "context.page", where),
        device=restored(outside, "context.device", thing),
    )
    return known(
        user=restored(outside, "user", known(id=user.id, slid=user.vendor_id, slid_server=user.vendor_server_id)),
        session=restored(outside, "session", known(custom=session.id, sl=session.vendor_id)),
        context=restored(outside, "context", context),
        **(restored(outside, "body", {}) or {}),
        **outside.get("options", {}),
    )
