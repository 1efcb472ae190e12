"""The form of what goes over the wire, and which of its words mean what."""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from gateway.contract import Endpoint
from gateway.model import Action
from gateway.wire import BESIDE, Shape

VENDOR: Final = "gravity_field_sdk"


class _Wire(Struct, frozen=True, gc=False, omit_defaults=True):
    """The vendor's conventions: camelCase; mobile SDKs send explicit nulls, which say no more than absence."""


class User(_Wire, frozen=True):
    uid: str | None = None
    custom: str | None = None
    ses: str | None = None
    attributes: Annotated[dict[str, str | None] | None, BESIDE] = None


PageType = Literal["HOMEPAGE", "PRODUCT", "CART", "CATEGORY", "SEARCH", "OTHER"]
PAGE_TYPES: Final[dict[str | None, PageType]] = {type_: type_ for type_ in get_args(PageType)}


class Utm(_Wire, frozen=True):
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None


class Context(_Wire, frozen=True):
    type: PageType | None = None
    data: tuple[str, ...] | None = None
    location: str | None = None
    lng: str | None = None
    referrer: str | None = None
    pageNumber: Annotated[int | None, BESIDE] = None
    utm: Annotated[Utm | None, BESIDE] = None
    attributes: Annotated[dict[str, str | None] | None, BESIDE] = None


class Device(_Wire, frozen=True):
    ua: str | None = None
    ip: str | None = None
    id: str | None = None
    userTime: Annotated[str | None, BESIDE] = None
    tracking: Annotated[str | None, BESIDE] = None
    permission: Annotated[str | None, BESIDE] = None


class CartLine(_Wire, frozen=True):
    productId: str | None = None
    quantity: int | float | None = None
    itemPrice: int | float | None = None


class Datum(_Wire, frozen=True):
    type: Annotated[str, Meta(min_length=1)]
    name: str | None = None
    currency: str | None = None
    value: int | float | None = None
    quantity: int | float | None = None
    productId: str | None = None
    cart: list[CartLine] | None = None
    eventTime: str | None = None
    customProps: dict[str, str | None] | None = None
    uniqueTransactionId: str | None = None
    cuid: Annotated[str | None, BESIDE] = None
    cuidType: Annotated[str | None, BESIDE] = None
    hashedEmail: Annotated[str | None, BESIDE] = None


class Events(_Wire, frozen=True):
    sec: str
    data: Annotated[list[Datum], Meta(min_length=1)]
    user: User | None = None
    ctx: Context | None = None
    device: Device | None = None
    options: dict[str, bool | None] | None = None


class Engagement(_Wire, frozen=True):
    type: Literal["WCLICK", "WRIMP"]
    decisionId: Annotated[str, Meta(min_length=1)]


EVENTS: Final = Shape(Events)
ENGAGEMENT: Final = Shape(Engagement)
FLAT: Final = frozenset({"cuid", "cuidType", "hashedEmail"})
"""The keys of an event's identity, properties to the model."""
EVENT_ENDPOINT: Final = Endpoint("event", "POST", ("/event", "/v2/event"))
ENGAGEMENT_ENDPOINT: Final = Endpoint("engagement", "GET", ("/engagement", "/v2/engagement"))
ACTIONS: Final[dict[str, Action]] = {"WCLICK": "click", "WRIMP": "view"}
WORDS: Final = {action: word for word, action in ACTIONS.items()}

# What each endpoint says of an interaction from elsewhere, where it is known.
ENGAGEMENT_SAID: Final = frozenset({"action", "decision_id"})
EVENT_SAID: Final = frozenset(
    {"type", "name", "value", "currency", "quantity", "product_id", "transaction_id", "user.id", "session.id"}
    | {"page.data", "page.location", "page.referrer", "page.locale", "device.ip", "device.user_agent", "device.id"}
)
