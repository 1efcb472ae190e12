"""The event catalogue that Dynamic Yield and Gravity Field share: types, their words and their documented properties.

Source: Dynamic Yield's public API definition 2.2 (`dyType`); Gravity Field's public pages show the same catalogue under
`eventType`. Read 2026-11.
"""

from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal

from msgspec import Struct, ValidationError, convert
from msgspec.structs import replace

from gateway.contract import PROPERTIES
from gateway.errors import NotJson
from gateway.model import CartItem, Event, EventType, is_empty
from gateway.wire import are_plain, joined, names, read_json, rest, stating, without_nulls
from mappings._catalogue.kinds import KINDS, OPEN, Form, is_short_text

Word = Literal[
    "add-to-cart-v1",
    "remove-from-cart-v1",
    "purchase-v1",
    "sync-cart-v1",
    "identify-v1",
    "login-v1",
    "signup-v1",
    "newsletter-subscription-v1",
    "message-optin-v1",
    "message-optout-v1",
    "keyword-search-v1",
    "add-to-wishlist-v1",
    "filter-items-v1",
    "change-attr-v1",
    "video-watch-v1",
    "sort-items-v1",
    "enter-promo-code-v1",
    "inform-affinity-v1",
]
"""A documented type's word on the wire."""
WORDS: Final[dict[EventType, Word]] = {
    "add_to_cart": "add-to-cart-v1",
    "remove_from_cart": "remove-from-cart-v1",
    "purchase": "purchase-v1",
    "sync_cart": "sync-cart-v1",
    "identify": "identify-v1",
    "login": "login-v1",
    "signup": "signup-v1",
    "newsletter_subscription": "newsletter-subscription-v1",
    "message_opt_in": "message-optin-v1",
    "message_opt_out": "message-optout-v1",
    "keyword_search": "keyword-search-v1",
    "add_to_wishlist": "add-to-wishlist-v1",
    "filter_items": "filter-items-v1",
    "change_attribute": "change-attr-v1",
    "video_watch": "video-watch-v1",
    "sort_items": "sort-items-v1",
    "promo_code": "enter-promo-code-v1",
    "inform_affinity": "inform-affinity-v1",
}
"""The vendors' word for each canonical event type that the catalogue knows."""
TYPES: Final[dict[str, EventType]] = {word: type_ for type_, word in WORDS.items()}
"""The canonical event type for each of the vendors' words."""
KEYS: Final = {
    "value": "value",
    "currency": "currency",
    "quantity": "quantity",
    "product_id": "productId",
    "cart": "cart",
    "transaction_id": "uniqueTransactionId",
}
"""The vendors' key for each canonical field of an event."""
NAMES: Final = {key: name for name, key in KEYS.items()}


# In


def typed_by(type_key: str) -> dict[str, Any]:
    """JSON Schema: an event's properties hold its type under that key, where it is a documented one.

    `read_event` checks it, for what else they hold is open.
    """
    return {"properties": {type_key: {"anyOf": [{"enum": sorted(TYPES)}, {"type": "null"}]}}}


class Facts(Struct, frozen=True, gc=False):
    """The canonical fields of an event, those of documented types."""

    value: float | None = None
    currency: str | None = None
    quantity: float | None = None
    product_id: str | None = None
    cart: tuple[CartItem, ...] | None = None
    transaction_id: str | None = None


class Told(Struct, frozen=True, gc=False):
    """What one `{name, properties}` event says, and how it was written; `properties` stand beside its `facts`."""

    word: Word | None
    type: EventType
    facts: Facts
    properties: dict[str, Any]
    spelling: dict[str, Any]

    def on(self, event: Event) -> Event:
        """The event with its canonical fields: Python is slow to call with all of an event's fields at once."""
        facts = self.facts
        return replace(
            event,
            value=facts.value,
            currency=facts.currency,
            quantity=facts.quantity,
            product_id=facts.product_id,
            cart=facts.cart,
            transaction_id=facts.transaction_id,
        )


def read_event(given: dict[str, Any] | None, raw: Mapping[str, Any] | None, type_key: str) -> Told | None:
    """One event of a body by its properties, which it takes over, and `raw` where that may hold more.

    None where its type is no documented one. A null states nothing. A value that has not the documented JSON type stays
    a property.
    """
    properties: dict[str, Any] = given or {}
    if None in properties.values():
        properties = stating(properties)
    word = properties.pop(type_key, None)
    type_ = TYPES.get(word) if isinstance(word, str) else "custom" if word is None else None
    if type_ is None:
        return None
    facts = _take_facts(properties)
    beside: dict[str, Any] = {}
    clash: dict[str, Any] = {}
    if raw is not None and (beside := stating(rest(raw, _EVENT_KEYS))):
        clash = {key: value for key, value in beside.items() if key in properties}
        properties = beside | properties
    spelling = {"beside": tuple(beside), "clash": clash, "properties": given is not None}
    return Told(word, type_, facts, properties, spelling)


_EVENT_KEYS: Final = frozenset({"name", "properties"})


class CartLine(Struct, frozen=True, gc=False, omit_defaults=True):
    """One cart line as the vendors write it."""

    productId: str | None = None
    quantity: int | float | None = None
    itemPrice: int | float | None = None


class _DocumentedLine(CartLine, frozen=True, forbid_unknown_fields=True):
    """A cart line with nothing beside its documented keys."""


class _Documented(Struct, frozen=True, gc=False, rename=KEYS):
    """The canonical fields of an event, each in its documented form."""

    value: int | float | None = None
    currency: str | None = None
    quantity: int | float | None = None
    product_id: str | None = None
    cart: list[_DocumentedLine] | None = None
    transaction_id: str | None = None


def _take_facts(properties: dict[str, Any]) -> Facts:
    """The canonical fields of an event, taken out of its properties."""
    try:
        said = convert(properties, _Documented)
    except ValidationError:
        return _take_documented(properties)
    for key in NAMES:
        properties.pop(key, None)
    cart = None
    if said.cart is not None:
        cart = tuple([CartItem(line.productId, line.quantity, line.itemPrice) for line in said.cart])
    return Facts(said.value, said.currency, said.quantity, said.product_id, cart, said.transaction_id)


def _take_documented(properties: dict[str, Any]) -> Facts:
    """The same one by one, where a value has not its documented type or a line of the cart says more."""
    facts: dict[str, Any] = {}
    for name, key in KEYS.items():
        if type(properties.get(key)) in _JSON_TYPES[name]:
            facts[name] = properties[key] if name != "cart" else _cart(properties[key])
            if facts[name] is not None:
                del properties[key]
    return Facts(**facts)


_JSON_TYPES: Final = {
    "value": frozenset({int, float}),
    "currency": frozenset({str}),
    "quantity": frozenset({int, float}),
    "product_id": frozenset({str}),
    "cart": frozenset({list}),
    "transaction_id": frozenset({str}),
}


def _cart(lines: list[Any]) -> tuple[CartItem, ...] | None:
    """A cart with what its lines say besides; None where one of them has not the documented types."""
    try:
        return tuple([_cart_item(line) for line in lines])
    except ValidationError:
        return None


def _cart_item(raw: Any) -> CartItem:
    line = convert(raw, CartLine)
    return CartItem(line.productId, line.quantity, line.itemPrice, rest(raw, _CART_KEYS) or None)


# Out


_CART_KEYS: Final = names(CartLine)
extras_of: Final = attrgetter("extras")
"""A cart item's extras."""


def cart_lines(cart: tuple[CartItem, ...]) -> list[Any]:
    """A cart for a vendor it did not come from."""
    return [CartLine(item.product_id, item.quantity, item.item_price) for item in cart]


def own_cart_lines(cart: tuple[CartItem, ...]) -> list[Any]:
    """A cart for its own vendor, with its extras."""
    lines = cart_lines(cart)
    if any(map(extras_of, cart)):
        return [joined(line, one.extras) if one.extras else line for line, one in zip(lines, cart, strict=True)]
    return lines


def own_event(event: Event, type_key: str) -> dict[str, Any]:
    """What an event for the vendor it came from holds: everything, as it came but for nulls."""
    properties: dict[str, Any] = without_nulls(event.properties)
    spelling = event.origin.spelling
    content: dict[str, Any] = {} if event.name is None else {"name": event.name}
    clash: dict[str, Any] = spelling["clash"]
    for key in spelling["beside"]:
        if key in properties and key not in clash:
            content[key] = properties.pop(key)
    if clash:
        clash = {key: value for key, value in without_nulls(clash).items() if key in properties}
    if event.origin.type:
        properties[type_key] = event.origin.type
    _add_own_fields(event, properties)
    if properties or spelling["properties"]:
        content["properties"] = properties
    return content | clash if clash else content


def _add_own_fields(event: Event, properties: dict[str, Any]) -> None:
    if event.value is not None:
        properties["value"] = event.value
    if event.currency is not None:
        properties["currency"] = event.currency
    if event.quantity is not None:
        properties["quantity"] = event.quantity
    if event.product_id is not None:
        properties["productId"] = event.product_id
    if event.cart is not None:
        properties["cart"] = own_cart_lines(event.cart)
    if event.transaction_id is not None:
        properties["uniqueTransactionId"] = event.transaction_id


class Conformed(Struct, frozen=True, gc=False):
    """An event's properties as the catalogue documents them.

    `missing`, `said` and `partly` are canonical names: required but not there, carried, and carried in part.
    """

    properties: dict[str, Any]
    missing: tuple[str, ...]
    said: frozenset[str]
    partly: frozenset[str]


def conform(event: Event, type_key: str, said: frozenset[str]) -> Conformed:
    """The event's properties for a vendor they did not come from: documented forms only, for a documented type.

    `type_key` is the vendor's key for the type itself: no property of that name may pass for it. `said` is what the
    vendor is told besides.
    """
    kind, word = KINDS.get(event.type, OPEN), WORDS.get(event.type)
    forms = kind.forms
    sent: dict[str, Any] = {type_key: word} if word else {}
    _add_fields(event, forms, sent)
    lacking = kind.required.difference(sent)
    if lacking and lacking.isdisjoint(event.properties):
        return Conformed(sent, _missing(lacking), said, _NOTHING)
    keys = tuple(sent)
    if event.properties:
        each = _add_properties(event.properties, forms, sent, type_key)
        said = _said_by((*keys, PROPERTIES), said) if each is None else _said_by(keys, said).union(each)
        lacking = lacking.difference(sent) if lacking else lacking
    else:
        said = _said_by(keys, said)
    partly = _CART_IN_PART if event.cart and any(map(extras_of, event.cart)) else _NOTHING
    return Conformed(sent, _missing(lacking) if lacking else (), said, partly)


def _missing(lacking: frozenset[str]) -> tuple[str, ...]:
    return tuple([NAMES.get(key, f"properties.{key}") for key in lacking])


@lru_cache(maxsize=1024)
def _said_by(keys: tuple[str, ...], said: frozenset[str]) -> frozenset[str]:
    """Names that are said, with those of canonical fields beside them, perhaps of every property."""
    return said.union([NAMES.get(key, key) for key in keys if key in NAMES or key == PROPERTIES])


def _add_fields(event: Event, forms: Mapping[str, Form], sent: dict[str, Any]) -> None:
    """Add the canonical fields: of documented forms by their types, but for long transaction ids and partial carts."""
    if event.value is not None:
        sent["value"] = event.value
    if event.currency:
        sent["currency"] = event.currency
    if event.quantity is not None:
        sent["quantity"] = event.quantity
    if event.product_id:
        sent["productId"] = event.product_id
    if event.cart and (lines := _whole_cart_lines(event.cart)):
        sent["cart"] = lines
    if event.transaction_id and ("uniqueTransactionId" not in forms or is_short_text(event.transaction_id)):
        sent["uniqueTransactionId"] = event.transaction_id


def _add_properties(
    properties: dict[str, Any], forms: Mapping[str, Form], sent: dict[str, Any], type_key: str
) -> list[str] | None:
    """Add the properties whose keys are free, in documented forms; gives their names, None for all of them."""
    if (
        are_plain(properties)
        and type_key not in properties
        and sent.keys().isdisjoint(properties)
        and forms.keys().isdisjoint(properties)
    ):
        sent.update(properties)
        return None
    told: list[str] = []
    for key, value in properties.items():
        if key in sent or key == type_key or (not value and is_empty(value)):
            continue
        formed = value
        if key in forms or not isinstance(value, str):
            formed = _formed(forms.get(key), value)
            if formed is None:
                continue
        sent[key] = formed
        told.append(f"properties.{key}")
    return told


def _whole_cart_lines(cart: tuple[CartItem, ...]) -> list[CartLine] | None:
    """A cart with every documented key; None where a line lacks one."""
    lines: list[CartLine] = []
    for item in cart:
        if item.product_id is None or item.quantity is None or item.item_price is None:
            return None
        lines.append(CartLine(item.product_id, item.quantity, item.item_price))
    return lines


_NOTHING: Final[frozenset[str]] = frozenset()
_CART_IN_PART: Final = frozenset({"cart"})


def _formed(form: Form | None, value: Any) -> Any:
    """The value in a documented form, converting a string that is its JSON text; None where it has no such form."""
    if form is None:
        return without_nulls(value)
    if form(value):
        return value
    if not isinstance(value, str):
        return None
    try:
        value = read_json(value.encode())
    except NotJson:
        return None
    return value if not isinstance(value, str) and form(value) else None
