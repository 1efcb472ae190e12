"""What the catalogue asks of each type: the forms of its documented properties, and which are required."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def is_short_text(value: object) -> bool:
    """Whether a value is a text as short as an id of a transaction must be."""
    return isinstance(value, str) and len(value) <= 64


def _is_identity(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 250


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, dict) for member in value)


def _is_pairs(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, dict) and all(isinstance(pair.get(key, ""), str) for key in ("type", "value"))
        for pair in value
    )


def _is_cart(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(line, dict)
        and isinstance(line.get("productId"), str)
        and _is_number(line.get("quantity"))
        and _is_number(line.get("itemPrice"))
        for line in value
    )


Form = Callable[[object], bool]
"""Whether a JSON value has a documented form."""


class Kind(Struct, frozen=True):
    """What the catalogue asks of one type: the forms of its documented properties, and which are required."""

    forms: dict[str, Form]
    required: frozenset[str] = frozenset()


_MONEY: Final[dict[str, Form]] = {"value": _is_number, "currency": _is_text}
_CART: Final[dict[str, Form]] = {"cart": _is_cart}
_IDENTITY: Final = Kind(
    {"cuid": _is_identity, "cuidType": _is_text, "secondaryIdentifiers": _is_pairs, "hashedEmail": _is_text}
)
_PUSH: Final = Kind({"pushId": _is_text}, frozenset({"pushId"}))
_ITEM: Final = Kind(
    _MONEY | {"productId": _is_text, "quantity": _is_number} | _CART,
    frozenset({"value", "productId", "quantity"}),
)
OPEN: Final = Kind({})
"""What is asked of a type that the catalogue does not know: nothing."""
KINDS: Final = {
    "add_to_cart": _ITEM,
    "remove_from_cart": _ITEM,
    "purchase": Kind(_MONEY | {"uniqueTransactionId": is_short_text} | _CART, frozenset({"value", "cart"})),
    "sync_cart": Kind(_MONEY | _CART, frozenset({"value", "cart"})),
    "identify": _IDENTITY,
    "login": _IDENTITY,
    "signup": _IDENTITY,
    "newsletter_subscription": _IDENTITY,
    "message_opt_in": _PUSH,
    "message_opt_out": _PUSH,
    "keyword_search": Kind({"keywords": _is_text}, frozenset({"keywords"})),
    "add_to_wishlist": Kind({"productId": _is_text, "size": _is_text}, frozenset({"productId"})),
    "filter_items": Kind(
        {"filterType": _is_text, "filterNumericValue": _is_number, "filterStringValue": _is_text},
        frozenset({"filterType"}),
    ),
    "change_attribute": Kind(
        {"attributeType": _is_text, "attributeValue": _is_text}, frozenset({"attributeType", "attributeValue"})
    ),
    "video_watch": Kind(
        {
            "itemId": _is_text,
            "autoplay": _is_boolean,
            "progress": _is_text,
            "progressPercent": _is_number,
            "categories": _is_texts,
        },
        frozenset({"itemId", "autoplay", "progress", "progressPercent"}),
    ),
    "sort_items": Kind({"sortBy": _is_text, "sortOrder": _is_text}, frozenset({"sortBy", "sortOrder"})),
    "promo_code": Kind({"code": _is_text}, frozenset({"code"})),
    "inform_affinity": Kind({"source": _is_text, "data": _is_objects}, frozenset({"data"})),
}
