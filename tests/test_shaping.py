"""Facts about choosing and shaping: filters, shares, privacy and fills, as pure functions of an interaction."""

import hmac
import math
from hashlib import sha256

import msgspec
import pytest
import strategies
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.facts import applies, get, put, stated
from gateway.model import FIELDS, Device, Engagement, Event, Item, Origin, Page, User
from gateway.shaping import Fill, Privacy, Share, When, bucket, from_caller, references, text

CLICK = Engagement(
    id="i-0",
    origin=Origin("dynamic_yield", "engagement", "CLICK"),
    received_at=0,
    action="click",
    decision_id="d-1",
    user=User("u-1", "minted-1"),
    page=Page("PRODUCT", ("sku-1", "sku-2"), "https://shop.example/p/1"),
    items=(Item("game", 7, None, 1), Item("game", "g-2")),
    properties={"size": "L", "level": 3, "tags": ["a", "b"]},
    outside={"user": {"tier": "gold"}},
)
PURCHASE = Event(id="i-0", origin=CLICK.origin, received_at=0, type="purchase", value=9.5, name="Purchase")
NAMES = sorted(FIELDS.keys() - {"action", "type"})
IDS = st.text(min_size=1, max_size=12)
POINT = st.floats(0, 1)


def someone(user_id):
    return replace(CLICK, user=User(user_id))


# Headers


def test_headers_fill_what_the_body_leaves_open():
    """User-Agent, the caller's address and Referer say what the body does not, and never overwrite it."""
    said = ("203.0.113.7", "Browser/1", "https://shop.example/")
    filled = from_caller(replace(CLICK, page=Page("PRODUCT")), *said)
    assert (filled.device, filled.page) == (
        Device("203.0.113.7", "Browser/1"),
        Page("PRODUCT", location="https://shop.example/"),
    )
    full = replace(CLICK, device=Device("192.0.2.1", "App/2", "device-1"))
    assert from_caller(full, *said) is full
    assert from_caller(CLICK, None, None, None) is CLICK


# When


@pytest.mark.parametrize(
    ("table", "holds"),
    [
        ({}, True),
        ({"action": ["click", "view"]}, True),
        ({"action": ["view"]}, False),
        ({"page.type": ["PROD*"], "action": ["c?ick"]}, True),
        ({"page.type": ["prod*"]}, False),
        ({"page.data": ["sku-2"]}, True),
        ({"items.id": ["7"]}, True),
        ({"item.id": ["g-2"]}, False),
        ({"properties.level": ["3"]}, True),
        ({"properties.tags": ["b"]}, True),
        ({"properties.user.tier": ["gold"]}, True),
        ({"origin.type": ["CLICK"], "origin.vendor": ["dynamic_*"]}, True),
        ({"brand": ["*"]}, False),
        ({"value": ["*"]}, False),
    ],
)
def test_when(table, holds):
    """All names must hold, each by one glob on one of its values; what states nothing never holds."""
    assert When(tuple((name, tuple(globs)) for name, globs in table.items())).holds(CLICK) is holds


@given(interaction=strategies.INTERACTIONS, name=st.sampled_from([*NAMES, "action", "type"]))
def test_an_asterisk_holds_where_something_is_stated(interaction, name):
    """`["*"]` asks that a name states anything at all."""
    assert When(((name, ("*",)),)).holds(interaction) == (name in stated(interaction))


# Share


@given(user_id=IDS, salt=IDS, share=POINT)
def test_a_share_is_sticky(user_id, salt, share):
    """The same person is in or out, whatever else is said of them."""
    asked = Share(0.0, share, salt)
    assert asked.holds(someone(user_id)) == asked.holds(replace(PURCHASE, user=User(user_id), channel="app"))


@given(user_id=IDS, salt=IDS, small=POINT, large=POINT)
def test_growing_a_share_moves_nobody_back(user_id, salt, small, large):
    """Who is in a share is in every larger one."""
    small, large = sorted((small, large))
    assert Share(0.0, small, salt).holds(someone(user_id)) <= Share(0.0, large, salt).holds(someone(user_id))


@given(user_id=IDS, salt=IDS, cut=POINT)
def test_a_share_and_its_complement_are_everybody_once(user_id, salt, cut):
    """[0, cut) and [cut, 1) never share a person and never miss one."""
    assert Share(0.0, cut, salt).holds(someone(user_id)) != Share(cut, 1.0, salt).holds(someone(user_id))


def test_the_ends_of_a_share():
    """Nobody is in a share of nothing, everybody in the whole."""
    people = [someone(f"u-{number}") for number in range(200)]
    assert not any(Share(0.0, 0.0, "shop").holds(one) for one in people)
    assert all(Share(0.0, 1.0, "shop").holds(one) for one in people)


def test_a_share_is_about_as_large_as_it_says():
    """A tenth of 5,000 people is a tenth of them within four standard deviations, and differs by salt."""
    people = [someone(f"u-{number}") for number in range(5000)]
    held = {salt: [Share(0.0, 0.1, salt).holds(one) for one in people] for salt in ("shop", "app")}
    for found in held.values():
        assert abs(sum(found) - 500) < 4 * math.sqrt(5000 * 0.1 * 0.9)
    assert held["shop"] != held["app"]


def test_buckets_are_the_same_on_every_node():
    """Where a person falls is fixed for all time: another version of this code must not move anybody."""
    assert bucket("shop", "u-1") == 12734064202319148482
    assert bucket("shop", "u-2") == 5188169714316697060
    assert bucket("app", "u-1") == 11532703073029733442


def test_who_is_asked_for_a_share():
    """The first known of user, the vendor's id, device and session decides; without any, nobody is in."""
    whole = Share(0.0, 1.0, "shop")
    assert not whole.holds(replace(CLICK, user=User()))
    half = Share(0.0, 0.5, "shop")
    for user, device in (
        (User("u-1", "v-1"), Device(id="d-1")),
        (User(None, "v-1"), Device()),
        (User(), Device(id="d")),
    ):
        one = replace(CLICK, user=user, device=device)
        assert half.holds(one) == half.holds(someone(user.id or user.vendor_id or device.id))


# Privacy


@given(interaction=strategies.INTERACTIONS, names=st.lists(st.sampled_from(NAMES), unique=True))
def test_what_is_dropped_states_nothing_and_the_rest_stays(interaction, names):
    """Dropping takes exactly the names away that it names."""
    hidden = Privacy(drop=tuple(names)).hide(interaction)
    gone = stated(interaction) - stated(hidden)
    assert gone == stated(interaction) & Privacy(drop=tuple(names)).hidden
    assert all(get(hidden, name) == get(interaction, name) for name in stated(hidden) - {"items.position"})


@given(interaction=strategies.INTERACTIONS, name=st.sampled_from([one for one in NAMES if FIELDS[one] is str]))
def test_a_hash_is_keyed_and_says_nothing_of_what_it_hides(interaction, name):
    """A hashed name states the hexadecimal HMAC-SHA256 of its text, or nothing where it stated nothing."""
    hidden = Privacy(hash=(name,), key=b"key").hide(interaction)
    value = get(interaction, name)
    assert get(hidden, name) == (value and hmac.new(b"key", value.encode(), sha256).hexdigest())
    assert stated(hidden) == stated(interaction)


def test_a_property_is_dropped_wherever_it_stands():
    """A property in the interaction and one of that name beside it both go."""
    both = replace(CLICK, properties={"tier": 1, "user.tier": 2}, outside={"": {"tier": 3}, "user": {"tier": 4}})
    hidden = Privacy(drop=("properties.tier", "properties.user.tier")).hide(both)
    assert stated(both) - stated(hidden) == {"properties.tier", "properties.user.tier"}


# Fill


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("placement", "HOME", "HOME"),
        ("placement", "{page.type}/{item.id}", "PRODUCT/7"),
        ("placement", "{brand}", None),
        ("placement", "{brand}-{page.type}", None),
        ("label", "{page.data}", "sku-1,sku-2"),
        ("label", "{properties.level}", "3"),
        ("variations", "77", ("77",)),
        ("variations", ["77", "{item.id}"], ("77", "7")),
        ("variations", "{items.id}", ("7", "g-2")),
        ("consent", True, True),
        ("consent", "{properties.size}", None),
        ("occurred_at", "{properties.level}", 3),
        ("occurred_at", "soon", None),
        ("value", 5, None),
        ("properties.copy", "{properties.tags}", ["a", "b"]),
        ("properties.copy", "{user.id}!", "u-1!"),
        ("properties.plain", 0.5, 0.5),
    ],
)
def test_fill(name, value, expected):
    """A fill takes its field's type; one that refers to nothing, or to another kind's field, does not apply."""
    filled, applied = Fill.of({name: value}).apply(CLICK)
    assert get(filled, name) == expected
    assert (name in applied) == (expected is not None)


def test_a_fill_sees_the_source_only():
    """Fills do not build upon each other."""
    filled, applied = Fill.of({"placement": "HOME", "label": "{placement}"}).apply(CLICK)
    assert (filled.placement, filled.label, list(applied)) == ("HOME", None, ["placement"])


@given(
    interaction=strategies.INTERACTIONS,
    table=st.dictionaries(
        st.sampled_from([name for name in NAMES if name not in ("items", "cart")] + ["properties.size"]),
        strategies.VALUE | st.sampled_from(["{user.id}", "{page.type}{item.id}", "{properties.size}", "{nothing}"]),
        max_size=4,
    ),
)
def test_a_fill_never_overwrites(interaction, table):
    """Whatever is stated stays; what is filled was not, is of the interaction's kind, and is in the fill's table."""
    filled, applied = Fill.of(table).apply(interaction)
    before = stated(interaction)
    assert all(get(filled, name) == get(interaction, name) for name in before - {"items.position"})
    assert set(applied) <= table.keys()
    assert before.isdisjoint(applied)
    assert all(applies(interaction, name) for name in applied)
    assert stated(filled) - before <= set(applied)


@given(st.text(max_size=20))
def test_any_text_is_a_value(value):
    """References are what stands in braces; nothing else in a text is special."""
    assume("{" not in value)
    assert references(value) == ()
    assert get(Fill.of({"placement": value}).apply(CLICK)[0], "placement") == (value or None)


@given(st.recursive(strategies.VALUE, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4))
def test_a_value_as_text(value):
    """Lists join with commas, a text is itself, all else its JSON."""
    if isinstance(value, tuple):
        assert text(value) == ",".join(map(text, value))
    else:
        assert text(value) == (value if isinstance(value, str) else msgspec.json.encode(value).decode())


@given(interaction=strategies.INTERACTIONS, name=st.sampled_from(NAMES))
def test_taking_a_fact_away_is_never_felt_elsewhere(interaction, name):
    """`put` with None unstates one name and no other; what kind lacks the field has nothing to take."""
    assume(applies(interaction, name))
    without = put(interaction, name, None)
    assert stated(interaction) - stated(without) - {"items.position"} <= {name}
    assert get(without, name) is None
