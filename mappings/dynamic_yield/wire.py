"""The form of what goes over the wire, and which of its words mean what."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Meta, Struct

from gateway.contract import Endpoint
from gateway.model import Action
from gateway.wire import BESIDE, Shape
from mappings import _catalogue as catalogue

VENDOR: Final = "dynamic_yield"


class _Wire(Struct, frozen=True, gc=False, omit_defaults=True):
    """The vendor's conventions: camelCase but for what names a user; an explicit null says no more than absence."""


class User(_Wire, frozen=True):
    id: str | None = None
    dyid: str | None = None
    dyid_server: str | None = None
    active_consent_accepted: bool | None = None


class Session(_Wire, frozen=True):
    custom: str | None = None
    dy: str | None = None


class Device(_Wire, frozen=True):
    ip: str | None = None


PageType = Literal["HOMEPAGE", "CATEGORY", "PRODUCT", "CART", "OTHER"]
PAGE_TYPES: Final[dict[str, PageType]] = {type_: type_ for type_ in get_args(PageType)}


class Page(_Wire, frozen=True):
    type: PageType | None = None
    data: tuple[str, ...] | None = None
    location: str | None = None
    referrer: str | None = None
    locale: str | None = None


Channel = Annotated[str, Meta(extra_json_schema={"pattern": "^(?i:web|app)$"})]
"""WEB or APP in any case; the decoder checks it, for a pattern costs more than all else."""


class Context(_Wire, frozen=True):
    device: Device | None = None
    channel: Channel | None = None


class PageContext(_Wire, frozen=True):
    page: Page | None = None
    device: Device | None = None
    channel: Channel | None = None


def _needs(words: list[str], key: str, form: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema: engagements of these types need that key."""
    return {
        "if": {"properties": {"type": {"enum": words}}, "required": ["type"]},
        "then": {"required": [key], "properties": {key: form}},
    }


_ID: Final = {"type": "string", "minLength": 1}
_NEEDED: Final = {
    "allOf": [
        _needs(["CLICK", "IMP"], "decisionId", _ID),
        _needs(["SLOT_CLICK"], "slotId", _ID),
        _needs(["SLOT_IMP"], "slotIds", {"type": "array", "minItems": 1, "items": _ID}),
        _needs(["PN_CLICK"], "trackingData", {"type": "object"}),
    ]
}


class TrackingEvent(_Wire, frozen=True):
    ver: str | None = None
    expVisitId: str | None = None
    smech: str | None = None
    vars: list[str] | None = None
    exp: str | None = None
    mech: str | None = None


class TrackingData(_Wire, frozen=True):
    rri: str | None = None
    sectionID: str | None = None
    reqTs: str | None = None
    userID: str | None = None
    version: str | None = None
    events: list[TrackingEvent] | None = None


EngagementWord = Literal["CLICK", "IMP", "SLOT_CLICK", "SLOT_IMP", "PN_CLICK"]


class Engagement(_Wire, frozen=True):
    type: EngagementWord
    decisionId: str | None = None
    slotId: str | None = None
    slotIds: list[str] | None = None
    variations: tuple[int | float, ...] | None = None
    variationId: Annotated[int | float | str | list[int | float | str] | None, BESIDE] = None
    trackingData: Annotated[TrackingData | None, BESIDE] = None


class Engagements(_Wire, frozen=True):
    user: User
    engagements: Annotated[list[Annotated[Engagement, Meta(extra_json_schema=_NEEDED)]], Meta(min_length=1)]
    session: Session | None = None
    sessionId: str | None = None
    context: Context | None = None


class Event(_Wire, frozen=True):
    name: str | None = None
    properties: Annotated[dict[str, Any], Meta(extra_json_schema=catalogue.typed_by("dyType"))] | None = None


class Events(_Wire, frozen=True):
    user: User
    context: Context
    events: Annotated[list[Event], Meta(min_length=1)]
    session: Session | None = None
    sessionId: str | None = None


class PageView(_Wire, frozen=True):
    user: User
    context: PageContext
    session: Session | None = None
    sessionId: str | None = None


_A_SESSION: Final = {
    "if": {"required": ["sessionId"], "properties": {"sessionId": {"type": "string"}}},
    "else": {"required": ["session"], "properties": {"session": {"type": "object"}}},
}
ENGAGEMENTS: Final = Shape(Engagements, _A_SESSION)
EVENTS: Final = Shape(Events, _A_SESSION)
PAGE_VIEW: Final = Shape(PageView, _A_SESSION)
PATH: Final = "/v2/collect/user/"
ENDPOINTS: Final = tuple(Endpoint(name, "POST", (PATH + name,)) for name in ("engagement", "event", "pageview"))
ACTIONS: Final[dict[str, Action]] = {
    "CLICK": "click",
    "IMP": "view",
    "SLOT_CLICK": "click",
    "SLOT_IMP": "view",
    "PN_CLICK": "click",
}
needed: Final[dict[str, Callable[[Engagement], Any]]] = {
    "CLICK": attrgetter("decisionId"),
    "IMP": attrgetter("decisionId"),
    "SLOT_CLICK": attrgetter("slotId"),
    "SLOT_IMP": lambda one: one.slotIds and all(one.slotIds),
    "PN_CLICK": attrgetter("trackingData"),
}
"""What an engagement needs, by its type; it is there where this is true."""
ENGAGEMENT_KEYS: Final = {
    word: frozenset({"type", "decisionId", "variations", *keys})
    for word, keys in {
        "CLICK": ("slotId",),
        "IMP": ("slotId",),
        "SLOT_CLICK": ("slotId",),
        "SLOT_IMP": ("slotIds",),
        "PN_CLICK": ("slotId", "trackingData"),
    }.items()
}
CHANNELS: Final = dict.fromkeys(("web", "desktop", "mobile web"), "WEB") | dict.fromkeys(
    ("app", "ios", "android"), "APP"
)

# What every endpoint says of an interaction from elsewhere, where it is known.
SAID: Final = frozenset({"user.id", "session.id", "device.ip", "consent"})
ENGAGEMENT_SAID: Final = SAID | {"action"}
EVENT_SAID: Final = SAID | {"type", "name"}
CHANNEL_EVENT_SAID: Final = EVENT_SAID | {"channel"}
PAGE_VIEW_SAID: Final = SAID | {"type", "page.data", "page.location", "page.referrer", "page.locale"}
