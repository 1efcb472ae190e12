"""What Vaix is told of another vendor's interactions, and what it is not."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from vaix_calls import ACCOUNT, CONTRACT, DATA, JSON, body, engagement, event, inbound, told

from gateway.model import USUAL_NAMES, Action, CartItem, Device, EventType, Item, Page, Session, User
from gateway.shaping import Fill
from gateway.translate import Decoded, Refused, Target, translate
from mappings.vaix.wire import EventWord


@pytest.mark.parametrize(
    ("items", "word", "own"),
    [
        ([Item("event", 1, None, 0)], "clicks:event", {"event_id": "1", "position": 0}),
        ([Item("outcome", "1", 2)], "clicks:outcome", {"outcome_id": "1", "event_id": "2"}),
        ([Item("sport", "1")], "clicks:sport", {"sport_id": "1"}),
        ([Item("league", "1")], "clicks:league", {"league_id": "1"}),
        ([Item("game", "1", None, "3")], "clicks:game", {"game_id": "1", "position": "3"}),
        (
            [Item("outcome", 1, 2, 5), Item("outcome", 3, 4)],
            "clicks:combination",
            {"selections": [{"id": "1", "event_id": "2"}, {"id": "3", "event_id": "4"}], "position": 5},
        ),
    ],
)
def test_a_click_on_items_is_documented(items, word, own):
    """Items of one known kind speak through their type's own keys, ids as text."""
    (sent,), translation = told(engagement(items=tuple(items)))
    assert sent == body(word, "u-1", {"page": "/home", "location": "widget:top"} | own)
    assert translation.losses == frozenset()
    assert CONTRACT.flaws(sent) == ()


@pytest.mark.parametrize(
    ("kind", "word", "key"),
    [
        ("event", "impressions:events", "events"),
        ("league", "impressions:leagues", "leagues"),
        ("sport", "impressions:sports", "sports"),
        ("game", "impressions:games", "game_ids"),
    ],
)
def test_a_view_of_items_is_documented(kind, word, key):
    """A list's own keys say its ids; a position beyond the first one's is a loss, and so is a parent."""
    (sent,), translation = told(engagement("view", items=(Item(kind, 1), Item(kind, "2", None, 3))))
    assert sent == body(word, "u-1", {key: [{"id": "1"}, {"id": "2"}], "page": "/home", "location": "widget:top"})
    assert translation.losses == {"items.position"}
    (sent,), translation = told(engagement("view", items=(Item(kind, 1, "p", 9),)))
    assert (sent["data"]["position"], translation.losses) == (9, {"items"})
    assert CONTRACT.flaws(sent) == ()


@pytest.mark.parametrize(
    ("action", "items"),
    [
        ("click", []),
        ("click", [Item("outcome", "1")]),
        ("click", [Item("outcome", "1", "2"), Item("outcome", "3")]),
        ("click", [Item("event", "1"), Item("game", "2")]),
        ("click", [Item("game", "1"), Item("game", "2")]),
        ("click", [Item("product", "1")]),
        ("click", [Item("game", "")]),
        ("view", [Item("outcome", "1", "2")]),
        ("dismiss", [Item("event", "1")]),
        ("snooze", [Item("event", "1")]),
        ("swipe", [Item("event", "1")]),
        ("complete", [Item("event", "1")]),
    ],
)
def test_any_other_engagement_is_custom(action, items):
    """What no documented type says goes as `custom`, which needs no user, page or placement."""
    bare = engagement(action, items=tuple(items), user=User(), page=Page(), placement=None)
    (sent,), translation = told(bare)
    assert (sent["event_type"], sent["user_id"], sent["data"]["action"]) == ("custom", None, action)
    assert [one["kind"] for one in sent["data"].get("items", [])] == [item.kind for item in items]
    assert translation.losses == frozenset()


FULL = {
    "page": Page("PRODUCT", ("sku",), "/home", "/before", "en"),
    "channel": "ios",
    "brand": "shop",
    "consent": True,
    "occurred_at": 5,
    "session": Session("s-1", "minted"),
    "user": User("u-1", "minted", "minted"),
    "device": Device("192.0.2.1", "Browser/1", "d-1"),
    "properties": {"size": {"eu": 42, "us": None}, "page": "no", "label": 1, "event": "yes", "none": None, "": ""},
    "outside": {"ctx": {"utm": "x"}, "options": {"options": {"debug": True}}},
}
UNSAID = {
    "consent",
    "device.id",
    "device.ip",
    "device.user_agent",
    "occurred_at",
    "page.data",
    "page.locale",
    "page.referrer",
    "page.type",
    "properties.ctx.utm",
    "session.id",
    "session.vendor_id",
    "user.vendor_id",
    "user.vendor_server_id",
}


def test_a_full_engagement_as_custom():
    """Everything known stands in `data`, named facts before properties, each of which is a loss when overwritten."""
    facts = {"decision_id": "d", "slot_id": "s", "variations": ("1", "2"), "label": "Buy"}
    items = (Item("product", 1, 2, 0), Item("game", "g"))
    (sent,), translation = told(engagement("swipe", items=items, **facts, **FULL))
    assert sent["data"] == {
        "action": "swipe",
        **facts,
        "variations": ["1", "2"],
        "page": "/home",
        "location": "widget:top",
        "channel": "ios",
        "brand": "shop",
        "items": [{"kind": "product", "id": "1", "parent_id": "2", "position": 0}, {"kind": "game", "id": "g"}],
        "size": {"eu": 42},
        "event": "yes",
    }
    assert translation.losses == UNSAID | {"properties.page", "properties.label"}
    assert translation.copied == {"decision_id", "slot_id", "variations"}


def test_a_documented_type_carries_the_same_facts_beside_its_own():
    """Its `data` is open: campaign ids, channel, brand and properties stand there; the action and items do not."""
    facts = {"decision_id": "d", "slot_id": "s", "variations": ("1",), "label": "Buy"}
    (sent,), translation = told(engagement(items=(Item("game", "g"),), **facts, **FULL))
    assert sent == body(
        "clicks:game",
        "u-1",
        {
            "game_id": "g",
            **facts,
            "variations": ["1"],
            "page": "/home",
            "location": "widget:top",
            "channel": "ios",
            "brand": "shop",
            "size": {"eu": 42},
            "event": "yes",
        },
    )
    assert translation.losses == UNSAID | {"properties.page", "properties.label"}


def test_a_full_event_as_custom():
    """An event's type, name and catalogue stand under canonical names; a cart's foreign extras make it a loss."""
    facts = {"value": 0, "currency": "EUR", "quantity": 2, "product_id": "p", "transaction_id": "t"}
    cart = (CartItem("p", 2, 2.5, {"colour": "red"}), CartItem("q"))
    (sent,), translation = told(event("purchase", cart=cart, **facts, **FULL))
    assert sent["data"] == {
        "name": "Purchase",
        **facts,
        "cart": [{"product_id": "p", "quantity": 2, "item_price": 2.5}, {"product_id": "q"}],
        "event": "purchase",
        "page": "/home",
        "location": "widget:top",
        "channel": "ios",
        "brand": "shop",
        "size": {"eu": 42},
        "label": 1,
    }
    assert translation.losses == UNSAID | {"cart", "properties.page", "properties.event"}


@pytest.mark.parametrize("type_", get_args(EventType))
def test_every_event_goes_out(type_):
    """A login has its own type, which adds a name only if stated; any other event is `custom` and always named."""
    (named,), translation = told(event(type_, name="Stated"))
    assert (named["data"]["name"], translation.losses) == ("Stated", frozenset())
    (unnamed,), _ = told(event(type_))
    if type_ == "login":
        assert unnamed == body("users:login", "u-1", {"page": "/home", "location": "widget:top"})
        assert "event" not in named["data"]
    else:
        assert unnamed["data"].get("name") == USUAL_NAMES.get(type_)
        assert (unnamed["event_type"], unnamed["data"]["event"]) == ("custom", type_)


def test_a_login_of_nothing_else_has_no_data():
    """Empty optionals are left out."""
    (sent,), _ = told(event("login", page=Page(), placement=None))
    assert sent == body("users:login", "u-1")


def test_what_a_documented_type_lacks_is_missing():
    """A click's page, placement and user are asked for together; a custom event may stand in, but for no user."""
    click = engagement(items=(Item("game", "g", None, 1),), page=Page(), placement=None, user=User(None, "minted"))
    _, translation = told(click)
    assert translation.refused == (Refused(0, "missing", ("page.location", "placement", "user.id")),)
    _, translation = told(click, unsupported="event")
    assert translation.refused == (Refused(0, "missing", ("page.location", "placement", "user.id")),)
    (sent,), translation = told(replace(click, user=User("u-1")), unsupported="event")
    assert sent == body("custom", "u-1", {"event": "custom", "name": "click", "item_kind": "game", "item_id": "g"})
    assert translation.losses == {"items.position"}
    _, translation = told(event("login", user=User()))
    assert translation.refused == (Refused(0, "missing", ("user.id",)),)
    (sent,), _ = told(click, fill=Fill.of({"page.location": "/filled", "placement": "w", "user.id": "u-2"}))
    assert sent == body("clicks:game", "u-2", {"game_id": "g", "position": 1, "page": "/filled", "location": "w"})


def test_a_referer_is_the_page_of_a_foreign_click():
    """The header fills `page.location` where the source says none."""
    click = engagement(items=(Item("game", "g"),), page=Page())
    source = Decoded(inbound({}, {"referer": "https://a.example/"}), (click,))
    (request,) = translate(source, Target("t", ACCOUNT)).requests
    assert json.loads(request.body)["data"]["page"] == "https://a.example/"


def typed(**event_types):
    return replace(ACCOUNT, event_types=event_types)


def test_a_configured_event_type_takes_own_ids_from_items():
    """An outcome and its event fill a bet's keys; a second one makes the items a loss."""
    account = typed(add_to_cart="engagement:add_bet", purchase="engagement:place_ticket")
    outcome = Item("outcome", 1, 2, 4)
    (sent,), translation = told(event(items=(outcome,), value=5, name="Bet"), account=account)
    own = {"selection_id": "1", "event_id": "2", "position": 4, "page": "/home", "location": "widget:top"}
    assert sent == body("engagement:add_bet", "u-1", own | {"value": 5, "name": "Bet"})
    assert translation.losses == frozenset()
    _, translation = told(event(items=(outcome, Item("outcome", 5, 6))), account=account)
    assert translation.losses == {"items"}
    (sent,), translation = told(event("purchase", items=(outcome, Item("outcome", 5))), account=account)
    assert sent["data"]["selections"] == [{"id": "1", "event_id": "2"}, {"id": "5"}]
    assert translation.losses == frozenset()


@pytest.mark.parametrize(
    ("word", "facts", "missing"),
    [
        ("engagement:add_bet", {"user": User(), "page": Page()}, ("items", "page.location", "user.id")),
        ("engagement:add_bet", {"items": (Item("outcome", "1"),)}, ("items",)),
        ("engagement:add_bet", {"items": (Item("game", "1"),), "placement": None}, ("items", "placement")),
        ("engagement:place_ticket", {"properties": {"selections": "1"}}, ("items",)),
        ("clicks:combination", {"items": (Item("outcome", "1"),)}, ("items",)),
        ("clicks:menu-item", {"properties": {"item": 5}}, ("properties.item", "properties.menu")),
        ("impressions:page", {"page": Page()}, ("page.location",)),
        ("impressions:widget", {"placement": None}, ("placement",)),
        ("add:casino_game", {"user": User()}, ("items", "properties.game_name")),
        ("statistics:add_bet", {"user": User()}, ("user.id",)),
    ],
)
def test_what_a_configured_event_type_lacks_is_missing(word, facts, missing):
    """Own ids are `items`, page and location their canonical names, other keys their properties."""
    _, translation = told(event(**facts), account=typed(add_to_cart=word))
    assert translation.refused == (Refused(0, "missing", missing),)


def test_a_property_serves_a_key_that_the_model_lacks():
    """A type's further keys come from properties of that name."""
    account = typed(custom="add:casino_game", filter_items="clicks:menu-item")
    game = event("custom", name="Game", items=(Item("game", 7),), properties={"game_name": "Gods"}, user=User())
    (sent,), translation = told(game, account=account)
    assert (sent["user_id"], sent["data"]["game_id"], sent["data"]["game_name"]) == (None, "7", "Gods")
    assert translation.losses == frozenset()
    (sent,), _ = told(event("filter_items", properties={"menu": "m", "item": "i"}), account=account)
    assert (sent["data"]["menu"], sent["data"]["item"]) == ("m", "i")


def test_a_page_view_as_page_impression():
    """`location` and `previous_location` are the page's own; the placement then has no place."""
    seen = event("page_view", page=Page(location="/a", referrer="/b"), properties={"previous_location": "/c"})
    (sent,), translation = told(seen, account=typed(page_view="impressions:page"))
    assert sent == body("impressions:page", "u-1", {"location": "/a", "previous_location": "/b"})
    assert translation.losses == {"placement", "properties.previous_location"}
    seen = event("page_view", placement=None, properties={"previous_location": 5})
    (sent,), translation = told(seen, account=typed(page_view="impressions:page"))
    assert (sent["data"], translation.losses) == ({"location": "/home"}, {"properties.previous_location"})


def test_items_from_products():
    """A product becomes an item of the configured kind where there is none; no documented type says it twice."""
    account = replace(typed(add_to_wishlist="clicks:game"), items_from_products="game")
    (sent,), translation = told(event("add_to_wishlist", product_id="p"), account=account)
    assert sent["data"] == {"game_id": "p", "page": "/home", "location": "widget:top"}
    assert translation.losses == frozenset()
    (sent,), _ = told(event(product_id="p"), account=account)
    assert (sent["data"]["items"], sent["data"]["product_id"]) == ([{"kind": "game", "id": "p"}], "p")
    (sent,), _ = told(event("add_to_wishlist", product_id="p", items=(Item("game", "g"),)), account=account)
    assert (sent["data"]["game_id"], sent["data"]["product_id"]) == ("g", "p")


IDS = st.text(max_size=2) | st.integers(0, 9)
KINDS = st.sampled_from(["event", "outcome", "sport", "league", "game", "product"])
ITEMS = st.lists(st.builds(Item, KINDS, IDS, st.none() | IDS, st.none() | st.integers(0, 9)), max_size=3).map(tuple)
TEXT = st.none() | st.text(max_size=3)
COMMON = {
    "items": ITEMS,
    "user": st.builds(User, TEXT),
    "page": st.builds(Page, location=TEXT, referrer=TEXT),
    "placement": TEXT,
    "properties": DATA | st.dictionaries(st.sampled_from(["menu", "item", "game_name"]), JSON),
}


@given(
    st.builds(engagement, st.sampled_from(get_args(Action)), **COMMON)
    | st.builds(event, st.sampled_from(get_args(EventType)), product_id=TEXT, name=TEXT, **COMMON),
    st.sampled_from([None, *get_args(EventWord)]),
    st.sampled_from([None, "game", "outcome"]),
)
def test_whatever_goes_out_keeps_the_contract(interaction, word, kind):
    """No interaction, whatever it holds, makes a body that the vendor's contract faults."""
    event_types = {} if word is None else dict.fromkeys(get_args(EventType), word)
    account = replace(ACCOUNT, event_types=event_types, items_from_products=kind)
    sent, _ = told(interaction, account=account, unsupported="event")
    assert [CONTRACT.flaws(one) for one in sent] == [()] * len(sent)
