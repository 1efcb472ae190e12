"""The event catalogue that Dynamic Yield and Gravity Field share: types, their words and their documented properties.

Source: Dynamic Yield's public API definition 2.2 (`dyType`); Gravity Field's public pages show the same catalogue under
`eventType`. Read 2026-11.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from gateway.errors import NotJson
from gateway.model import CartItem, Event, EventType, is_empty
from gateway.wire import read_json, without_nulls

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


class Kind(Struct, frozen=True):
    """What the catalogue asks of one type: its documented properties with their JSON types, and which are required."""

    types: dict[str, str]
    required: frozenset[str] = frozenset()


_MONEY = {"value": "number", "currency": "string"}
_CART = {"cart": "cart"}
_IDENTITY = Kind({"cuid": "string250", "cuidType": "string", "secondaryIdentifiers": "pairs", "hashedEmail": "string"})
_PUSH = Kind({"pushId": "string"}, frozenset({"pushId"}))
_ITEM = Kind(
    _MONEY | {"productId": "string", "quantity": "number"} | _CART,
    frozenset({"value", "productId", "quantity"}),
)
KINDS: Final = {
    "add_to_cart": _ITEM,
    "remove_from_cart": _ITEM,
    "purchase": Kind(_MONEY | {"uniqueTransactionId": "string64"} | _CART, frozenset({"value", "cart"})),
    "sync_cart": Kind(_MONEY | _CART, frozenset({"value", "cart"})),
    "identify": _IDENTITY,
    "login": _IDENTITY,
    "signup": _IDENTITY,
    "newsletter_subscription": _IDENTITY,
    "message_opt_in": _PUSH,
    "message_opt_out": _PUSH,
    "keyword_search": Kind({"keywords": "string"}, frozenset({"keywords"})),
    "add_to_wishlist": Kind({"productId": "string", "size": "string"}, frozenset({"productId"})),
    "filter_items": Kind(
        {"filterType": "string", "filterNumericValue": "number", "filterStringValue": "string"},
        frozenset({"filterType"}),
    ),
    "change_attribute": Kind(
        {"attributeType": "string", "attributeValue": "string"}, frozenset({"attributeType", "attributeValue"})
    ),
    "video_watch": Kind(
        {
            "itemId": "string",
            "autoplay": "boolean",
            "progress": "string",
            "progressPercent": "number",
            "categories": "strings",
        },
        frozenset({"itemId", "autoplay", "progress", "progressPercent"}),
    ),
    "sort_items": Kind({"sortBy": "string", "sortOrder": "string"}, frozenset({"sortBy", "sortOrder"})),
    "promo_code": Kind({"code": "string"}, frozenset({"code"})),
    "inform_affinity": Kind({"source": "string", "data": "objects"}, frozenset({"data"})),
}


def fields_of(properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A vendor's event properties as canonical fields and what the model does not name.

    A null states nothing. A value that has not the documented JSON type stays a property.
    """
    fields: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in properties.items():
        if value is None:
            continue
        name = NAMES.get(key)
        typed = None if name is None else _canonical(name, value)
        if name is None or typed is None:
            others[key] = value
        else:
            fields[name] = typed
    return fields, others


def _canonical(name: str, value: Any) -> Any:
    """A documented property's value in the model's form, None where it has none."""
    if name == "cart":
        lines = [cart_item(line) for line in value] if isinstance(value, list) else [None]
        return None if None in lines else tuple(lines)
    if name in ("value", "quantity"):
        return value if _is_number(value) else None
    return value if isinstance(value, str) else None


def cart_item(line: object) -> CartItem | None:
    """One cart line as the vendors write it; None where its keys have not the documented types."""
    if not isinstance(line, dict):
        return None
    product, quantity, price = line.get("productId"), line.get("quantity"), line.get("itemPrice")
    numbers_fit = all(number is None or _is_number(number) for number in (quantity, price))
    if not numbers_fit or not (product is None or isinstance(product, str)):
        return None
    extras = {key: value for key, value in line.items() if key not in _CART_KEYS}
    return CartItem(product, quantity, price, extras or None)


_CART_KEYS: Final = frozenset({"productId", "quantity", "itemPrice"})


def cart_lines(cart: tuple[CartItem, ...], *, own: bool) -> list[dict[str, Any]]:
    """A cart as the vendors write it; its extras go to its own vendor only."""
    lines = []
    for item in cart:
        line = {"productId": item.product_id, "quantity": item.quantity, "itemPrice": item.item_price}
        known = {key: value for key, value in line.items() if value is not None}
        lines.append(known | without_nulls(item.extras) if own and item.extras else known)
    return lines


def read_event(raw: Mapping[str, Any], type_key: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """One `{name, properties}` event: its canonical fields, its other properties, and how it was written."""
    given = raw.get("properties")
    fields, properties = fields_of(given or {})
    properties.pop(type_key, None)
    beside = {key: value for key, value in raw.items() if value is not None and key not in ("name", "properties")}
    clash = {key: value for key, value in beside.items() if key in properties}
    spelling = {"beside": tuple(beside), "clash": clash, "properties": given is not None}
    return fields, beside | properties, spelling


def own_event(event: Event, type_key: str) -> dict[str, Any]:
    """What an event for the vendor it came from holds beside its name: everything, as it came but for nulls."""
    properties: dict[str, Any] = without_nulls(event.properties)
    spelling = event.origin.spelling
    clash = {key: value for key, value in without_nulls(spelling["clash"]).items() if key in properties}
    beside = {
        key: properties.pop(key) for key in spelling["beside"] if key in properties and key not in spelling["clash"]
    }
    if event.origin.type:
        properties[type_key] = event.origin.type
    for name, key in KEYS.items():
        value = getattr(event, name)
        if value is not None:
            properties[key] = cart_lines(value, own=True) if name == "cart" else value
    if properties or spelling["properties"]:
        beside["properties"] = properties
    return beside | clash


class Conformed(Struct, frozen=True):
    """An event's properties as the catalogue documents them.

    `missing`, `said` and `partly` are canonical names: required but not there, carried, and carried in part.
    """

    properties: dict[str, Any]
    missing: tuple[str, ...]
    said: set[str]
    partly: frozenset[str]


def conform(event: Event, type_key: str) -> Conformed:
    """The event's properties for a vendor they did not come from: documented types only, for a documented type.

    `type_key` is the vendor's key for the type itself: no property of that name may pass for it.
    """
    kind = KINDS.get(event.type, _OPEN)
    sent: dict[str, Any] = {}
    said: set[str] = set()
    partly: frozenset[str] = frozenset()
    for name, key in KEYS.items():
        value = getattr(event, name)
        if is_empty(value):
            continue
        if name == "cart":
            if any(item.extras for item in value):
                partly = frozenset({"cart"})
            value = cart_lines(value, own=False)
            wanted: str | None = kind.types.get(key, "cart")
        else:
            wanted = kind.types.get(key)
        if wanted is None or (value := _as(wanted, value)) is not None:
            sent[key] = value
            said.add(name)
    for key, value in event.properties.items():
        if key in sent or key == type_key or is_empty(value):
            continue
        wanted = kind.types.get(key)
        if wanted is None:
            sent[key] = without_nulls(value)
        elif (typed := _as(wanted, value)) is not None:
            sent[key] = typed
        else:
            continue
        said.add(f"properties.{key}")
    missing = tuple(NAMES.get(key, f"properties.{key}") for key in kind.required if key not in sent)
    return Conformed(sent, missing, said, partly)


_OPEN: Final = Kind({})


def _as(wanted: str, value: Any) -> Any:
    """The value in a documented type, converting a string that is its JSON text; None where it has no such form."""
    if _IS[wanted](value):
        return value
    if not isinstance(value, str):
        return None
    try:
        value = read_json(value.encode())
    except NotJson:
        return None
    return value if not isinstance(value, str) and _IS[wanted](value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_cart(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(line, dict)
        and isinstance(line.get("productId"), str)
        and _is_number(line.get("quantity"))
        and _is_number(line.get("itemPrice"))
        for line in value
    )


def _is_list_of(type_: type, value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, type_) for member in value)


def _is_pairs(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, dict) and all(isinstance(pair.get(key, ""), str) for key in ("type", "value"))
        for pair in value
    )


_IS: Final = {
    "string": lambda value: isinstance(value, str),
    "string64": lambda value: isinstance(value, str) and len(value) <= 64,
    "string250": lambda value: isinstance(value, str) and len(value) <= 250,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "strings": lambda value: _is_list_of(str, value),
    "objects": lambda value: _is_list_of(dict, value),
    "pairs": _is_pairs,
    "cart": _is_cart,
}
