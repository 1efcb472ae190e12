"""What tests draw: bodies as the vendors' contracts document them, bodies a little wrong, wild ones, and interactions.

The correct bodies come from the sandbox's contract files, which share no code with the mappings.
"""

from functools import cache, reduce
from importlib.resources import files
from typing import get_args

import msgspec
from hypothesis import strategies as st

from gateway.model import (
    Action,
    CartItem,
    Device,
    Engagement,
    Event,
    EventType,
    Item,
    Origin,
    Page,
    Session,
    User,
)
from gateway.sandbox.validation import contract

CONTRACTS = {
    ("gravity_field", "engagement"): "gravity_field.engagement",
    ("gravity_field", "event"): "gravity_field.event",
    ("gravity_field_sdk", "event"): "gravity_field_sdk.event",
    ("dynamic_yield", "engagement"): "dynamic_yield.engagement",
    ("dynamic_yield", "event"): "dynamic_yield.event",
    ("dynamic_yield", "pageview"): "dynamic_yield.pageview",
    ("vaix", "events"): "vaix.tracker",
    ("auxia", "interaction"): "auxia.interaction",
    ("auxia", "events"): "auxia.events",
}
"""The contract of each endpoint that takes a body."""
TEXT = st.sampled_from(["sku-1", "https://shop.example/p/1?a=b&c", "null", "true", "12", "Größe L"]) | st.text(
    min_size=1, max_size=8
)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.integers(0, 9)
TIME = st.sampled_from(["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.5+02:00", "1969-12-31T23:59:59.999999Z"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
VALUE = TEXT | NUMBER | st.booleans()
"""A property's value that states something."""

PROPERTIES = st.dictionaries(
    st.sampled_from(
        (
            *("size", "placement", "label", "item_id", "page", "location", "name", "action", "event", "position"),
            *("cart", "product_id", "productId", "value", "uniqueTransactionId", "eventType", "dyType"),
            *("cuid", "contentId", "code"),
        )
    ),
    VALUE | JSON,
    max_size=5,
)
"""Properties that state anything or nothing, under keys that mean something to one vendor or another."""


# Bodies


@cache
def correct(vendor, endpoint):
    """Bodies that the endpoint's contract finds in order, often with keys that it does not name."""
    name = CONTRACTS[vendor, endpoint]
    schema = msgspec.json.decode(files("gateway.sandbox").joinpath("contracts", f"{name}.json").read_bytes())
    return _of(schema).filter(lambda body: not contract(name).flaws(body))


@cache
def slightly_wrong(vendor, endpoint):
    """Correct bodies with one or two of their places taken away or replaced."""
    return correct(vendor, endpoint).flatmap(_dented)


@st.composite
def _dented(draw, body):
    for _ in range(draw(st.integers(1, 2))):
        body = _dent(draw, body)
    return body


def _dent(draw, value):
    members = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not members or draw(st.integers(0, 3)) == 0:
        return draw(JSON)
    at = draw(st.sampled_from(members))
    copy = dict(value) if isinstance(value, dict) else list(value)
    if draw(st.integers(0, 4)) == 0:
        del copy[at]
    else:
        copy[at] = _dent(draw, copy[at])
    return copy


def _of(schema):
    """Values of a JSON Schema, as far as the contracts use it."""
    if branches := schema.get("oneOf"):
        return st.one_of([_of(_merged(schema, branch, without="oneOf")) for branch in branches])
    if conditions := schema.get("allOf"):
        plain = {key: value for key, value in schema.items() if key != "allOf"}
        narrowed = [_merged(_merged(plain, one["if"]), one["then"]) for one in conditions]
        return st.one_of([_of(one) for one in (plain, *narrowed)])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", "object")
    return st.one_of([_of_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _of_kind(kind, schema):
    if kind == "object":
        return _object(schema)
    if kind == "array":
        return st.lists(_of(schema.get("items", {})), min_size=max(1, schema.get("minItems", 0)), max_size=3)
    if kind == "string":
        return _of_text(schema)
    if kind == "integer":
        return st.integers(schema.get("minimum", 0), 2**53)
    return {"number": NUMBER, "boolean": st.booleans(), "null": st.none()}[kind]


def _of_text(schema):
    if "pattern" in schema:  # the one pattern is an int64's
        return st.integers(-(2**63), 2**63 - 1).map(str)
    return TIME if schema.get("format") == "date-time" else TEXT


@st.composite
def _object(draw, schema):
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    needed = set(schema.get("required", ()))
    room = schema.get("maxProperties", 99)
    keys = [key for key in known if key in needed or draw(st.booleans())][:room]
    members = {key: draw(_of(known[key])) for key in keys}
    if not keys and schema.get("minProperties"):
        key = draw(st.sampled_from(sorted(known)))
        members[key] = draw(_of(known[key]))
    if isinstance(more, dict):
        members |= draw(st.dictionaries(TEXT, _of(more), max_size=2)) if len(members) < room else {}
    elif more and draw(st.integers(0, 3)) == 0:
        members |= {key: draw(JSON) for key in draw(st.sets(st.sampled_from(["extra", "größe", "a.b"]), max_size=2))}
    return members


def _merged(one, other, without=None):
    """Both schemas at once."""
    both = {key: value for key, value in one.items() if key != without}
    for key, value in other.items():
        held = both.get(key)
        if key == "required":
            both[key] = sorted({*(held or ()), *value})
        elif isinstance(held, dict) and isinstance(value, dict):
            both[key] = _merged(held, value)
        else:
            both[key] = value
    return both


# Interactions of no vendor


def _maybe(strategy):
    return st.none() | strategy


_ORIGIN = Origin("elsewhere", "events")
_COMMON = {
    "id": st.just("elsewhere-0"),
    "origin": st.just(_ORIGIN),
    "received_at": st.just(1_795_255_200_123_456),
    "occurred_at": _maybe(st.integers(-(2**40), 2**60) | st.just(1_795_255_200_000_000)),
    "placement": _maybe(TEXT),
    "user": st.builds(User, id=_maybe(TEXT), vendor_id=_maybe(TEXT)),
    "session": st.builds(Session, id=_maybe(TEXT), vendor_id=_maybe(TEXT)),
    "page": st.builds(
        Page,
        type=_maybe(st.sampled_from(["HOMEPAGE", "PRODUCT", "SEARCH", "OTHER", "LOBBY"])),
        data=_maybe(st.lists(TEXT, max_size=2).map(tuple)),
        location=_maybe(TEXT),
        referrer=_maybe(TEXT),
        locale=_maybe(TEXT),
    ),
    "device": st.builds(Device, ip=_maybe(TEXT), user_agent=_maybe(TEXT), id=_maybe(TEXT)),
    "items": st.lists(
        st.builds(
            Item,
            kind=st.sampled_from(["event", "outcome", "sport", "league", "game", "product"]),
            id=TEXT | st.integers(),
            parent_id=_maybe(TEXT | st.integers()),
            position=_maybe(TEXT | st.integers(0, 9)),
        ),
        max_size=3,
    ).map(tuple),
    "channel": _maybe(st.sampled_from(["web", "Desktop", "mobile web", "IOS", "android", "kiosk"])),
    "brand": _maybe(TEXT),
    "consent": _maybe(st.booleans()),
    "properties": st.dictionaries(
        TEXT | st.sampled_from(["dyType", "eventType", "keywords", "cuid", "contentId", "decision_id", "name", "page"]),
        VALUE | JSON,
        max_size=3,
    ),
    "outside": st.sampled_from([{}, {"user": {"attributes": {"tier": "gold"}}, "options": {"options": {"a": True}}}]),
}
ENGAGEMENTS = st.builds(
    Engagement,
    action=st.sampled_from(get_args(Action)),
    decision_id=_maybe(TEXT),
    slot_id=_maybe(TEXT),
    variations=_maybe(st.lists(TEXT | st.integers().map(str), max_size=3).map(tuple)),
    label=_maybe(TEXT),
    **_COMMON,
)
_CART_ITEM = st.builds(
    CartItem,
    product_id=_maybe(TEXT),
    quantity=_maybe(NUMBER),
    item_price=_maybe(NUMBER),
    extras=_maybe(st.dictionaries(TEXT, JSON, max_size=1)),
)
EVENTS = st.builds(
    Event,
    type=st.sampled_from(get_args(EventType)),
    name=_maybe(TEXT),
    value=_maybe(NUMBER),
    currency=_maybe(TEXT),
    quantity=_maybe(NUMBER),
    product_id=_maybe(TEXT),
    cart=_maybe(st.lists(_CART_ITEM, max_size=2).map(tuple)),
    transaction_id=_maybe(TEXT),
    **_COMMON,
)
INTERACTIONS = ENGAGEMENTS | EVENTS


def at_any_depth(value):
    """Every value inside a JSON value, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return reduce(lambda found, member: found + at_any_depth(member), inner, [value])
