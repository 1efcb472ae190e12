"""The form of what goes over the wire, and which of its words mean what."""

from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Meta, Struct

from gateway.contract import Endpoint
from gateway.model import Action
from gateway.wire import Shape
from mappings import _catalogue as catalogue

VENDOR: Final = "gravity_field"


class _Wire(Struct, frozen=True, gc=False, omit_defaults=True):
    """The vendor's conventions: camelCase but for `event_time`; an explicit null says no more than absence."""


class User(_Wire, frozen=True):
    id: str | None = None
    slid: str | None = None
    slid_server: str | None = None


class Session(_Wire, frozen=True):
    custom: str | None = None
    sl: str | None = None


PageType = Literal["HOMEPAGE", "PRODUCT", "CART", "CATEGORY", "SEARCH", "OTHER"]
PAGE_TYPES: Final[dict[str | None, PageType]] = {type_: type_ for type_ in get_args(PageType)}


class Page(_Wire, frozen=True):
    type: PageType | None = None
    data: tuple[str, ...] | None = None
    lng: str | None = None
    location: str | None = None
    referrer: str | None = None


class Device(_Wire, frozen=True):
    userAgent: str | None = None
    ip: str | None = None


class Context(_Wire, frozen=True):
    page: Page | None = None
    device: Device | None = None


EngagementWord = Literal["CLICK", "SLOT_CLICK", "WRIMP"]


class Engagement(_Wire, frozen=True):
    type: EngagementWord
    decisionId: str | None = None
    slotId: str | None = None
    variations: tuple[str, ...] | None = None
    event_time: str | None = None


def _needs(types: list[str], key: str) -> dict[str, Any]:
    """JSON Schema: these types need that id."""
    return {
        "if": {"properties": {"type": {"enum": types}}, "required": ["type"]},
        "then": {"required": [key], "properties": {key: {"type": "string", "minLength": 1}}},
    }


_NEEDED_IDS: Final = {"allOf": [_needs(["CLICK", "WRIMP"], "decisionId"), _needs(["SLOT_CLICK"], "slotId")]}


class Engagements(_Wire, frozen=True):
    user: User
    session: Session
    context: Context
    engagements: list[Annotated[Engagement, Meta(extra_json_schema=_NEEDED_IDS)]]


class Event(_Wire, frozen=True):
    name: str | None = None
    properties: Annotated[dict[str, Any], Meta(extra_json_schema=catalogue.typed_by("eventType"))] | None = None


class Events(_Wire, frozen=True):
    user: User
    session: Session
    context: Context
    events: Annotated[list[Event], Meta(min_length=1)]


ENGAGEMENTS: Final = Shape(Engagements)
EVENTS: Final = Shape(Events)
ENGAGEMENT_ENDPOINT: Final = Endpoint("engagement", "POST", ("/ssapi/engagement",))
EVENT_ENDPOINT: Final = Endpoint("event", "POST", ("/ssapi/event",))
ACTIONS: Final[dict[str, Action]] = {"CLICK": "click", "SLOT_CLICK": "click", "WRIMP": "view"}

# What each endpoint says of an interaction from elsewhere, where it is known.
SAID: Final = frozenset(
    {"user.id", "session.id", "page.data", "page.location", "page.referrer", "page.locale", "device.ip"}
    | {"device.user_agent"}
)
ENGAGEMENT_SAID: Final = SAID | {"action", "variations"}
EVENT_SAID: Final = SAID | {"type", "name"}
TYPED_EVENT_SAID: Final = EVENT_SAID | {"page.type"}
