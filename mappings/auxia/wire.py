"""The form of what goes over the wire, which of its words mean what, and how it types an event's values."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Meta, Struct, convert, json

from gateway.contract import Endpoint
from gateway.model import Action, CartItem, EventType
from gateway.wire import BESIDE, Shape, json_text, names, without_nulls

VENDOR: Final = "auxia"
LEAST: Final = -(2**63)
MOST: Final = 2**63 - 1
_Number = Annotated[int, Meta(ge=LEAST, le=MOST)]
_DIGITS: Final = "^-?[0-9]{1,18}$"
Int64 = _Number | Annotated[str, Meta(pattern=_DIGITS)]
Digits = Annotated[str, Meta(extra_json_schema={"pattern": _DIGITS})]
"""The decimal text of an int64; the decoder checks it, for a pattern costs more than all else."""
InteractionType = Literal["VIEWED", "CLICKED", "SNOOZED", "DISMISSED", "CTA_COMPLETED", "SWIPE"]
_NonEmpty = Annotated[str, Meta(min_length=1)]


class _Wire(Struct, frozen=True, gc=False, omit_defaults=True):
    """The vendor's conventions: camelCase; an explicit null says no more than absence."""


class Interaction(_Wire, frozen=True, kw_only=True):
    """The body of LogTreatmentInteraction."""

    projectId: str
    userId: str | None = None
    treatmentTrackingId: _NonEmpty
    surface: str | None = None
    interactionType: InteractionType
    interactionTimeMicros: _Number | Digits
    actionName: str | None = None
    treatmentId: str | None = None


class Value(_Wire, frozen=True):
    """A typed value; of its keys one is set."""

    stringValue: str | None = None
    longValue: Int64 | None = None
    doubleValue: float | None = None
    booleanValue: bool | None = None


Values = Annotated[
    dict[str, Any],
    Meta(extra_json_schema={"additionalProperties": json.schema_components((Value,))[1]["Value"]}),
]
"""Typed values by their names; the decoder checks them, for it reads them as they came."""


class Event(_Wire, frozen=True):
    """One event of a LogEvents body."""

    eventName: _NonEmpty
    insertId: str | None = None
    eventProperties: Values | None = None
    userProperties: Annotated[dict[str, Value] | None, BESIDE] = None
    clientEventTimestamp: str | None = None
    sessionId: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    deviceId: str | None = None
    appVersionId: str | None = None


class Events(_Wire, frozen=True):
    """The body of LogEvents."""

    projectId: str
    events: Annotated[list[Event], Meta(min_length=1)]
    userId: str | None = None


INTERACTION_ENDPOINT: Final = Endpoint("interaction", "POST", ("/v1/LogTreatmentInteraction",))
EVENTS_ENDPOINT: Final = Endpoint("events", "POST", ("/v1/LogEvents",))
ACTIONS: Final[dict[InteractionType, Action]] = {
    "VIEWED": "view",
    "CLICKED": "click",
    "SNOOZED": "snooze",
    "DISMISSED": "dismiss",
    "CTA_COMPLETED": "complete",
    "SWIPE": "swipe",
}
WORDS: Final[dict[Action, InteractionType]] = {action: word for word, action in ACTIONS.items()}
TYPES: Final[dict[str, EventType]] = {type_: type_ for type_ in get_args(EventType) if type_ != "custom"}
"""The canonical type of each event name that is one; every other name is a custom event's."""
FIELDS: Final = ("value", "currency", "quantity", "product_id", "cart", "transaction_id")
"""The canonical fields that eventProperties hold under their own names; beside a typed event's `name`."""


def _snake(key: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", key)


_SPELLED: Final[dict[type[Struct], dict[str, str]]] = {
    form: {_snake(key): key for key in names(form) if _snake(key) != key}
    for form in (Interaction, Value, Event, Events)
}
_LONG_DIGITS: Final = re.compile("-?[0-9]{19,40}")
_KINDS: Final = names(Value)
_SETTLED: Final = _KINDS - {"longValue"}
"""The kinds of typed value whose JSON has one form only."""


def _tidied_interaction(tree: Any) -> Any:
    """A LogTreatmentInteraction body with its documented keys in camelCase and its time as one of two forms."""
    return numbered(camel(tree, Interaction), "interactionTimeMicros")


def _tidied_events(tree: Any) -> Any:
    """A LogEvents body with its documented keys in camelCase at every level."""
    tree = camel(tree, Events)
    given = tree.get("events") if isinstance(tree, dict) else None
    if not isinstance(given, list):
        return tree
    return {**tree, "events": [_tidied_event(event) for event in given]}


def _tidied_event(event: Any) -> Any:
    event = camel(event, Event)
    if not isinstance(event, dict):
        return event
    for key in ("eventProperties", "userProperties"):
        given = event.get(key)
        if isinstance(given, dict):
            event = {**event, key: {name: _tidied_value(value) for name, value in given.items() if value is not None}}
    return event


def _tidied_value(value: Any) -> Any:
    """A typed value in camelCase, without nulls beside what it holds."""
    if isinstance(value, dict) and len(value) == 1 and not _SETTLED.isdisjoint(value):
        return value
    value = numbered(camel(value, Value), "longValue")
    if isinstance(value, dict) and None in value.values():
        return {kind: held for kind, held in value.items() if held is not None}
    return value


INTERACTION: Final = Shape(Interaction, tidied=_tidied_interaction)
EVENTS: Final = Shape(Events, tidied=_tidied_events)


def camel(tree: Any, form: type[Struct]) -> Any:
    """An object with its documented keys in camelCase; a key that stands there in both spellings stays as it is."""
    spelled = _SPELLED[form]
    if not isinstance(tree, dict) or spelled.keys().isdisjoint(tree):
        return tree
    return {spelled[key] if key in spelled and spelled[key] not in tree else key: tree[key] for key in tree}


def numbered(tree: Any, key: str) -> Any:
    """An object with an int64 as a number, where it came as 1e3 or as more digits than any int64 may have.

    Shorter decimal strings stay: the wire form takes them, and their own vendor gets them back.
    """
    value = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(value, float) and value.is_integer():
        return {**tree, key: int(value)}
    if isinstance(value, str) and _LONG_DIGITS.fullmatch(value):
        return {**tree, key: int(value)}
    return tree


_HELD: Final[dict[str, frozenset[type]]] = {
    "stringValue": frozenset({str}),
    "doubleValue": frozenset({int, float}),
    "booleanValue": frozenset({bool}),
}
"""The JSON types of each kind of typed value whose JSON has one form only."""


def held(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """What typed values hold, by their names; None where one is not exactly one documented value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if type(value) is not dict or len(value) != 1:
            return None
        ((kind, plain),) = value.items()
        if type(plain) in _HELD.get(kind, ()):
            found[name] = plain
        elif kind == "longValue" and type(plain) in (int, str) and is_int64(plain):
            found[name] = int(plain)
        else:
            return None
    return found


def is_int64(value: str | int) -> bool:
    """Whether a number or a text is an int64 as the vendor documents it."""
    if isinstance(value, int):
        return LEAST <= value <= MOST
    digits = value.removeprefix("-")
    return len(digits) <= 18 and digits.isascii() and digits.isdigit()


def held_loosely(values: Mapping[str, Any]) -> dict[str, Any]:
    """What typed values hold; an object itself where it is not exactly one documented value.

    Raises msgspec.ValidationError where one is no typed value at all.
    """
    convert(values, dict[str, Value])
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    if len(value) == 1:
        ((kind, plain),) = value.items()
        if kind == "longValue":
            return int(plain)
        if kind in _KINDS:
            return plain
    return value


def documented(value: dict[str, Any]) -> dict[str, Any]:
    """A typed value as it came, its int64 as the decimal string that is documented."""
    number = value.get("longValue")
    return {**value, "longValue": str(number)} if isinstance(number, int) else value


_KIND_OF: Final = {str: "stringValue", bool: "booleanValue", float: "doubleValue"}
"""The kind of typed value for each type of JSON value that has one of its own."""


def typed(value: Any) -> dict[str, Any]:
    """A value as the vendor types it: what is no text, boolean, int64 or other number is compact JSON text."""
    kind = _KIND_OF.get(type(value))
    if kind is not None:
        return {kind: value}
    if isinstance(value, int):
        return {"longValue" if LEAST <= value <= MOST else "stringValue": str(value)}
    return {"stringValue": json_text(without_nulls(value))}


class CartLine(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a cart under its canonical keys."""

    product_id: str | None = None
    quantity: int | float | None = None
    item_price: int | float | None = None


def typed_cart(cart: tuple[CartItem, ...]) -> dict[str, Any]:
    """A cart as compact JSON text with the canonical keys."""
    return {"stringValue": json_text([CartLine(one.product_id, one.quantity, one.item_price) for one in cart])}
