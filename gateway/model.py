"""The canonical interaction: what a person did, in no vendor's words.

Two kinds, `Engagement` (with a served campaign) and `Event` (of the business). Every fact has one public dotted name
(`user.id`, `page.location`, `properties.size`) that TOML, losses, refusals and explanations use; this module defines
them, `gateway.facts` reads and sets them.

Empty strings, lists and objects state nothing. Times are integer microseconds since the Unix epoch, UTC.

What is made anew for each click, here and in the mappings, is read from JSON and never changed, so it is part of no
reference cycle: `gc=False` keeps it from the collector.
"""

from typing import Any, Final, Literal, final

from msgspec import Struct, field

Action = Literal["click", "view", "dismiss", "snooze", "swipe", "complete"]
EventType = Literal[
    "page_view",
    "add_to_cart",
    "remove_from_cart",
    "sync_cart",
    "purchase",
    "add_to_wishlist",
    "login",
    "signup",
    "identify",
    "newsletter_subscription",
    "message_opt_in",
    "message_opt_out",
    "keyword_search",
    "filter_items",
    "sort_items",
    "change_attribute",
    "promo_code",
    "video_watch",
    "inform_affinity",
    "custom",
]
USUAL_NAMES: Final[dict[str, str]] = {
    "page_view": "Page View",
    "add_to_cart": "Add to Cart",
    "remove_from_cart": "Remove from Cart",
    "sync_cart": "Sync Cart",
    "purchase": "Purchase",
    "add_to_wishlist": "Add to Wishlist",
    "login": "Login",
    "signup": "Signup",
    "identify": "Identify",
    "newsletter_subscription": "Newsletter Subscription",
    "message_opt_in": "Message Opt In",
    "message_opt_out": "Message Opt Out",
    "keyword_search": "Keyword Search",
    "filter_items": "Filter Items",
    "sort_items": "Sort Items",
    "change_attribute": "Change Attribute",
    "promo_code": "Promo Code",
    "video_watch": "Video Watch",
    "inform_affinity": "Inform Affinity",
}
"""What an event without a name of its own is called, by its type (`custom` has no usual name)."""


class Item(Struct, frozen=True, gc=False):
    """A thing shown or touched: a product, a match, a game. Ids and position keep the JSON type they came with."""

    kind: str
    id: str | int
    parent_id: str | int | None = None
    position: str | float | None = None


class CartItem(Struct, frozen=True, gc=False):
    """One line of a cart; `extras` are keys that the model does not name, for the cart's own vendor."""

    product_id: str | None = None
    quantity: float | None = None
    item_price: float | None = None
    extras: dict[str, Any] | None = None


class User(Struct, frozen=True, gc=False):
    """A person: `id` is the customer's own, the others are minted by the origin vendor and mean nothing elsewhere."""

    id: str | None = None
    vendor_id: str | None = None
    vendor_server_id: str | None = None


class Session(Struct, frozen=True, gc=False):
    """A visit: `id` is the customer's own, `vendor_id` minted by the origin vendor."""

    id: str | None = None
    vendor_id: str | None = None


class Page(Struct, frozen=True, gc=False):
    """Where it happened; `type` in capitals (HOMEPAGE, CATEGORY, PRODUCT, CART, SEARCH, OTHER)."""

    type: str | None = None
    data: tuple[str, ...] | None = None
    location: str | None = None
    referrer: str | None = None
    locale: str | None = None


class Device(Struct, frozen=True, gc=False):
    """On what it happened."""

    ip: str | None = None
    user_agent: str | None = None
    id: str | None = None


class Origin(Struct, frozen=True, gc=False, eq=False):
    """Where an interaction came from: its vendor, the endpoint and the vendor's own word for what happened.

    `spelling` is how the vendor wrote facts that the model holds in another form (a time's text, a key's place). Only
    the origin's own mapping reads it; it states nothing.
    """

    vendor: str
    endpoint: str
    type: str | None = None
    spelling: dict[str, Any] = field(default_factory=dict)


NO_USER: Final = User()
NO_SESSION: Final = Session()
NO_PAGE: Final = Page()
NO_DEVICE: Final = Device()


class _Common(Struct, frozen=True, gc=False, kw_only=True, tag_field="kind"):
    """What both kinds carry."""

    id: str
    """Unique to this interaction and stable over retries and restarts."""
    origin: Origin
    received_at: int
    occurred_at: int | None = None
    placement: str | None = None
    items: tuple[Item, ...] = ()
    user: User = NO_USER
    session: Session = NO_SESSION
    page: Page = NO_PAGE
    device: Device = NO_DEVICE
    channel: str | None = None
    brand: str | None = None
    consent: bool | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    """The interaction's own facts that the model does not name, as they came."""
    outside: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What stood beside the interaction, by the path of its object (`user`, `ctx`, `body`; "" for the interaction
    itself): for its own vendor only, named `properties.<path>.<key>`. A path is present when its object was, even
    empty. `options` holds wishes to the vendor; they are no facts and never losses."""


@final
class Engagement(_Common, frozen=True, gc=False, kw_only=True, tag="engagement"):
    """A person's engagement with a served campaign."""

    action: Action
    decision_id: str | None = None
    slot_id: str | None = None
    variations: tuple[str, ...] | None = None
    label: str | None = None


@final
class Event(_Common, frozen=True, gc=False, kw_only=True, tag="event"):
    """A business event."""

    type: EventType
    name: str | None = None
    value: float | None = None
    currency: str | None = None
    quantity: float | None = None
    product_id: str | None = None
    cart: tuple[CartItem, ...] | None = None
    transaction_id: str | None = None


Interaction = Engagement | Event

MINTED: Final = frozenset({"user.vendor_id", "user.vendor_server_id", "session.vendor_id"})
"""Ids that belong to the vendor that minted them and never go to another."""
USER_IDS: Final = frozenset({"user.id", "user.vendor_id", "user.vendor_server_id"})
"""The names by which a vendor may know a person."""
CAMPAIGN_IDS: Final = frozenset({"decision_id", "slot_id", "variations"})
"""Ids of served campaigns: another vendor knows them only where it shares them."""

SHARED_FIELDS: Final[dict[str, type]] = {
    "placement": str,
    "user.id": str,
    "user.vendor_id": str,
    "user.vendor_server_id": str,
    "session.id": str,
    "session.vendor_id": str,
    "page.type": str,
    "page.data": tuple,
    "page.location": str,
    "page.referrer": str,
    "page.locale": str,
    "device.ip": str,
    "device.user_agent": str,
    "device.id": str,
    "channel": str,
    "brand": str,
    "consent": bool,
    "occurred_at": int,
    "items": tuple,
}
ENGAGEMENT_FIELDS: Final[dict[str, type]] = {
    "action": str,
    "decision_id": str,
    "slot_id": str,
    "variations": tuple,
    "label": str,
}
EVENT_FIELDS: Final[dict[str, type]] = {
    "type": str,
    "name": str,
    "value": float,
    "currency": str,
    "quantity": float,
    "product_id": str,
    "cart": tuple,
    "transaction_id": str,
}
FIELDS: Final[dict[str, type]] = ENGAGEMENT_FIELDS | EVENT_FIELDS | SHARED_FIELDS
"""Every canonical name but `properties.*`, with the type of its value (float: any JSON number; tuple: a list)."""
REFERENCES: Final = frozenset(FIELDS) | {
    "item.kind",
    "item.id",
    "item.parent_id",
    "item.position",
    "items.kind",
    "items.id",
    "origin.vendor",
    "origin.endpoint",
    "origin.type",
}
"""Every name that `when` and a `{…}` reference may use, besides `properties.*`; `item.*` is the first item's."""
LOSSES: Final = frozenset(FIELDS) | {"items.position"}
"""Every name a loss may have, besides `properties.*`."""


def identified(interaction: Interaction) -> bool:
    """Whether it names a person by any id."""
    user = interaction.user
    return bool(user.id or user.vendor_id or user.vendor_server_id)


def is_empty(value: object) -> bool:
    """Whether a value states nothing: None, or an empty string, list or object."""
    return value is None or (not value and isinstance(value, (str, list, tuple, dict)))
