"""The canonical interaction: what a person did, in no vendor's words.

Two kinds, `Engagement` (with a served campaign) and `Event` (of the business). Every fact has one public dotted name
(`user.id`, `page.location`, `properties.size`) that TOML, losses, refusals and explanations use; this module defines
them and is the one place that turns a name into a value (`get`), sets one (`put`) and lists what a source said
(`stated`).

Empty strings, lists and objects state nothing. Times are integer microseconds since the Unix epoch, UTC.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

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


class Item(Struct, frozen=True):
    """A thing shown or touched: a product, a match, a game. Ids and position keep the JSON type they came with."""

    kind: str
    id: str | int
    parent_id: str | int | None = None
    position: str | float | None = None


class CartItem(Struct, frozen=True):
    """One line of a cart; `extras` are keys that the model does not name, for the cart's own vendor."""

    product_id: str | None = None
    quantity: float | None = None
    item_price: float | None = None
    extras: dict[str, Any] | None = None


class User(Struct, frozen=True):
    """A person: `id` is the customer's own, the others are minted by the origin vendor and mean nothing elsewhere."""

    id: str | None = None
    vendor_id: str | None = None
    vendor_server_id: str | None = None


class Session(Struct, frozen=True):
    """A visit: `id` is the customer's own, `vendor_id` minted by the origin vendor."""

    id: str | None = None
    vendor_id: str | None = None


class Page(Struct, frozen=True):
    """Where it happened; `type` in capitals (HOMEPAGE, CATEGORY, PRODUCT, CART, SEARCH, OTHER)."""

    type: str | None = None
    data: tuple[str, ...] | None = None
    location: str | None = None
    referrer: str | None = None
    locale: str | None = None


class Device(Struct, frozen=True):
    """On what it happened."""

    ip: str | None = None
    user_agent: str | None = None
    id: str | None = None


class Origin(Struct, frozen=True, eq=False):
    """Where an interaction came from: its vendor, the endpoint and the vendor's own word for what happened.

    `spelling` is how the vendor wrote facts that the model holds in another form (a time's text, a key's place). Only
    the origin's own mapping reads it; it states nothing.
    """

    vendor: str
    endpoint: str
    type: str | None = None
    spelling: dict[str, Any] = field(default_factory=dict)


_NO_PAGE: Final = Page()
_NO_DEVICE: Final = Device()


class _Common(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What both kinds carry."""

    id: str
    """Unique to this interaction and stable over retries and restarts."""
    origin: Origin
    received_at: int
    occurred_at: int | None = None
    placement: str | None = None
    items: tuple[Item, ...] = ()
    user: User = User()
    session: Session = Session()
    page: Page = _NO_PAGE
    device: Device = _NO_DEVICE
    channel: str | None = None
    brand: str | None = None
    consent: bool | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    """The interaction's own facts that the model does not name, as they came."""
    outside: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What stood beside the interaction, by the path of its object (`user`, `ctx`, `body`; "" for the interaction
    itself): for its own vendor only, named `properties.<path>.<key>`. A path is present when its object was, even
    empty. `options` holds wishes to the vendor; they are no facts and never losses."""


class Engagement(_Common, frozen=True, kw_only=True, tag="engagement"):
    """A person's engagement with a served campaign."""

    action: Action
    decision_id: str | None = None
    slot_id: str | None = None
    variations: tuple[str, ...] | None = None
    label: str | None = None


class Event(_Common, frozen=True, kw_only=True, tag="event"):
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

_SHARED: Final[dict[str, type]] = {
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
_ENGAGEMENT: Final[dict[str, type]] = {
    "action": str,
    "decision_id": str,
    "slot_id": str,
    "variations": tuple,
    "label": str,
}
_EVENT: Final[dict[str, type]] = {
    "type": str,
    "name": str,
    "value": float,
    "currency": str,
    "quantity": float,
    "product_id": str,
    "cart": tuple,
    "transaction_id": str,
}
FIELDS: Final[dict[str, type]] = _ENGAGEMENT | _EVENT | _SHARED
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

_KIND_NAMES: Final[dict[type, frozenset[str]]] = {
    Engagement: frozenset(_ENGAGEMENT) | frozenset(_SHARED),
    Event: frozenset(_EVENT) | frozenset(_SHARED),
}
_GETTERS: Final[dict[str, Callable[[Any], Any]]] = {
    name: attrgetter(name) for name in REFERENCES if not name.startswith(("item.", "items."))
}


def applies(interaction: Interaction, name: str) -> bool:
    """Whether this kind of interaction has the canonical field at all."""
    return name.startswith("properties.") or name in _KIND_NAMES[type(interaction)]


def get(interaction: Interaction, name: str) -> Any:
    """The value behind a canonical name or reference, None when it states nothing or the kind has no such field."""
    if name.startswith("properties."):
        value = _property(interaction, name.removeprefix("properties."))
    elif name.startswith("items."):
        value = tuple(getattr(item, name[6:]) for item in interaction.items)
    elif name.startswith("item."):
        value = getattr(interaction.items[0], name[5:]) if interaction.items else None
    elif name.startswith("origin.") or name in _KIND_NAMES[type(interaction)]:
        value = _GETTERS[name](interaction)
    else:
        return None
    return None if is_empty(value) else value


def put(interaction: Interaction, name: str, value: Any) -> Interaction:
    """The interaction with one canonical field set to a value, or taken away with None."""
    if name.startswith("properties."):
        return _put_property(interaction, name.removeprefix("properties."), value)
    if name == "items" and value is None:
        value = ()
    section, _, key = name.partition(".")
    if key:
        return replace(interaction, **{section: replace(getattr(interaction, section), **{key: value})})
    return replace(interaction, **{section: value})


def identified(interaction: Interaction) -> bool:
    """Whether it names a person by any id."""
    user = interaction.user
    return bool(user.id or user.vendor_id or user.vendor_server_id)


def is_empty(value: object) -> bool:
    """Whether a value states nothing: None, or an empty string, list or object."""
    return value is None or (not value and isinstance(value, (str, list, tuple, dict)))


def stated(interaction: Interaction) -> set[str]:
    """The canonical names of everything that the interaction says."""
    names = _stated_engagement(interaction) if isinstance(interaction, Engagement) else _stated_event(interaction)
    user, session, page, device = interaction.user, interaction.session, interaction.page, interaction.device
    if user.id:
        names.add("user.id")
    if user.vendor_id:
        names.add("user.vendor_id")
    if user.vendor_server_id:
        names.add("user.vendor_server_id")
    if session.id:
        names.add("session.id")
    if session.vendor_id:
        names.add("session.vendor_id")
    if page is not _NO_PAGE:
        names.update([f"page.{key}" for key in page.__struct_fields__ if getattr(page, key)])
    if device is not _NO_DEVICE:
        names.update([f"device.{key}" for key in device.__struct_fields__ if getattr(device, key)])
    if interaction.occurred_at is not None:
        names.add("occurred_at")
    if interaction.placement:
        names.add("placement")
    if interaction.items:
        names.add("items")
        if any(not is_empty(item.position) for item in interaction.items):
            names.add("items.position")
    if interaction.channel:
        names.add("channel")
    if interaction.brand:
        names.add("brand")
    if interaction.consent is not None:
        names.add("consent")
    if interaction.properties:
        names.update([f"properties.{key}" for key, value in interaction.properties.items() if not is_empty(value)])
    if interaction.outside:
        names.update(_stated_outside(interaction.outside))
    return names


def _stated_engagement(interaction: Engagement) -> set[str]:
    names = {"action"}
    if interaction.decision_id:
        names.add("decision_id")
    if interaction.slot_id:
        names.add("slot_id")
    if interaction.variations:
        names.add("variations")
    if interaction.label:
        names.add("label")
    return names


def _stated_event(interaction: Event) -> set[str]:
    names = {"type"}
    if interaction.name:
        names.add("name")
    if interaction.value is not None:
        names.add("value")
    if interaction.currency:
        names.add("currency")
    if interaction.quantity is not None:
        names.add("quantity")
    if interaction.product_id:
        names.add("product_id")
    if interaction.cart:
        names.add("cart")
    if interaction.transaction_id:
        names.add("transaction_id")
    return names


def _stated_outside(outside: dict[str, dict[str, Any]]) -> Iterator[str]:
    for path, rest in outside.items():
        if path != "options":
            prefix = f"properties.{path}." if path else "properties."
            for key, value in rest.items():
                if not is_empty(value):
                    yield prefix + key


def _property(interaction: Interaction, name: str) -> Any:
    if name in interaction.properties:
        return interaction.properties[name]
    path, _, key = name.rpartition(".")
    return interaction.outside.get(path, {}).get(key)


def _put_property(interaction: Interaction, name: str, value: Any) -> Interaction:
    path, _, key = name.rpartition(".")
    if name not in interaction.properties and key in interaction.outside.get(path, {}):
        return replace(interaction, outside=interaction.outside | {path: _with(interaction.outside[path], key, value)})
    return replace(interaction, properties=_with(interaction.properties, name, value))


def _with(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {other: kept for other, kept in values.items() if other != key}
    return values | {key: value}
