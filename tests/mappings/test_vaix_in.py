"""What Vaix's mapping hears, and that Vaix gets it back as it came."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vaix_calls import ACCOUNT, AT, CONTRACT, DATA, JSON, back, body, heard, inbound, same

from gateway.errors import Malformed, NotJson
from gateway.model import Item, Page, User
from gateway.shaping import Fill, Privacy
from gateway.translate import Target, decode, translate
from mappings.vaix.wire import EventWord

# The vendor's own examples, in its page's order: 18 types and the two of its prose.
EXAMPLES = [
    ("clicks:event", "123", {"event_id": "1018561959", "position": 0, **AT}),
    (
        "clicks:event",
        "123",
        {"event_id": "1", "position": 0, **AT, "brand": "https://website.com", "channel": "android"},
    ),
    (
        "add:casino_game",
        ...,
        {
            "game_id": "123456",
            "game_name": "Hall Of Gods",
            "category": "slots",
            "provider": "GameStudioX",
            "enabled": "true",
        },
    ),
    ("clicks:event", "123456", {"event_id": "1018561959", "position": 0, **AT}),
    ("clicks:outcome", "520535", {"event_id": "1018561957", "outcome_id": "3086187161", **AT, "position": 1}),
    ("clicks:sport", "123456", {"sport_id": "1000093190", **AT, "position": 1}),
    ("clicks:league", "654321", {"league_id": "1000093652", **AT, "position": 1}),
    (
        "clicks:combination",
        "654321",
        {"selections": [{"id": "123", "event_id": "001234"}, {"id": "124", "event_id": "001238"}], **AT},
    ),
    ("clicks:menu-item", "654321", {"menu": "recommendations", "item": "trending", **AT}),
    ("clicks:social", "654321", {**AT, "item": "open-sharing-dialog"}),
    (
        "clicks:game",
        "654321",
        {"game_id": "HallOfGods", "page": "CategoryPageJackpots", "position": "3", "location": "swim_lane:recommended"},
    ),
    ("impressions:events", "520535", {"events": [{"id": 21161819}, {"id": 21161822}, {"id": 21168411}], **AT}),
    ("impressions:leagues", "520535", {"leagues": [{"id": 18265893}, {"id": 2969}, {"id": 686}], **AT}),
    ("impressions:sports", "654321", {"sports": [{"id": "23204141"}, {"id": "23390907"}, {"id": "23032119"}], **AT}),
    (
        "impressions:games",
        "654321",
        {
            "channel": "Desktop",
            "game_ids": [{"id": "TigerEmperor"}, {"id": "NarcosMexico"}],
            "page": "CategoryPageSlots",
            "location": "swim_lane",
        },
    ),
    ("engagement:add_bet", "654321", {"event_id": "1018642410", "selection_id": "1018632560", **AT, "position": 1}),
    ("engagement:place_ticket", "9860015", {"selections": [{"id": "3086198780"}], **AT, "position": 1}),
    ("users:login", "9860015", ...),
    (
        "impressions:page",
        "654321",
        {
            "user": "654321",
            "previous_location": "http://localhost:3000/#home",
            "location": "http://localhost:3000/#in-play",
        },
    ),
    ("impressions:widget", "654321", {"user": "654321", "location": "http://localhost:3000/#home"}),
]


# Back to Vaix itself


@pytest.mark.parametrize(("word", "user_id", "data"), EXAMPLES)
def test_a_documented_example_comes_back_as_it_came(word, user_id, data):
    """Every example of the vendor's page is its own translation."""
    assert same(back(body(word, user_id, data)), body(word, user_id, data))


@pytest.mark.parametrize("word", get_args(EventWord))
def test_every_event_type_is_taken_and_comes_back(word):
    """All 35 types are read, with or without data, and keep every id and key they came with."""
    everything = {
        **AT,
        "item": "trending",
        "previous_location": "/before",
        "channel": "Desktop",
        "brand": "shop",
        "position": 2,
        "selections": [{"id": 1, "event_id": "7"}, {"id": 2, "event_id": 8}],
        "extra": {"deep": [None]},
    }
    everything |= dict.fromkeys(("event_id", "outcome_id", "selection_id", "sport_id", "league_id", "game_id"), 5)
    everything |= {key: [{"id": "1"}, {"id": 2}] for key in ("events", "leagues", "sports", "game_ids")}
    assert same(back(body(word, "u-1", everything)), body(word, "u-1", everything))
    assert same(back(body(word)), body(word))


def test_the_types_are_the_contracts():
    """What is read is what the vendor's contract lists."""
    listed = get_args(EventWord)
    assert len(listed) == 35
    assert not [flaw for word in listed for flaw in CONTRACT.flaws(body(word)) if flaw.path == "event_type"]


@pytest.mark.parametrize(
    ("word", "data"),
    [
        ("clicks:event", {"event_id": None, "page": None, "location": None, "position": None}),
        ("clicks:event", {"event_id": {"x": 1}, "page": 5, "location": [], "channel": 1, "brand": False}),
        ("clicks:event", {"event_id": True, "position": 1}),
        ("clicks:event", {"event_id": "", "page": "", "location": "", "brand": "", "channel": ""}),
        ("clicks:event", {"event_id": 1.5}),
        ("clicks:event", {"event_id": 123456789012345678901234567890, "position": {"row": 1}}),
        ("clicks:event", {}),
        ("clicks:outcome", {"outcome_id": "1", "event_id": None}),
        ("clicks:outcome", {"event_id": "1"}),
        ("clicks:social", {"item": ""}),
        ("clicks:social", {"item": None, "label": "x"}),
        ("impressions:page", {"location": "/a", "page": "/b"}),
        ("impressions:events", {"events": []}),
        ("impressions:events", {"events": None}),
        ("impressions:events", {"events": {"id": 1}}),
        ("impressions:events", {"events": [{"id": 1}, {"name": "x"}]}),
        ("impressions:events", {"events": [{"id": 1, "name": None}, {"id": 2, "event_id": 5}]}),
        ("impressions:events", {"events": [{"id": 1, "position": 4}, {"id": 2}], "position": 1}),
        ("impressions:events", {"events": [{"id": 1}, {"id": 2, "position": "4"}], "position": 1}),
        ("impressions:events", {"events": [{"id": 1, "position": True}]}),
        ("impressions:games", {"game_ids": ["a", 1], "position": 0.5}),
        ("clicks:combination", {"selections": [{"id": 1, "event_id": None}]}),
        ("custom", {"action": "click", "items": [{"kind": "game"}], "nothing": None, "": {}}),
    ],
)
def test_data_of_any_shape_comes_back_as_it_came(word, data):
    """What does not fit the model stays a property, nulls and empty values too."""
    assert same(back(body(word, "u-1", data)), body(word, "u-1", data))


@pytest.mark.parametrize("user_id", [..., None, "", "u-1"])
def test_a_user_id_comes_back_as_it_came(user_id):
    """An explicit null, which the vendor documents, stays one; an absent id stays absent."""
    assert same(back(body("custom", user_id)), body("custom", user_id))


@pytest.mark.parametrize(("number", "text"), [(9860015, "9860015"), (12.0, "12"), (2**70, str(2**70)), (1.5, "1.5")])
def test_a_numeric_user_id_leaves_as_text(number, text):
    """A number that real clients send unquoted names the same person."""
    assert back(body("users:login", number)) == body("users:login", text)


def test_a_null_data_is_left_out():
    """An explicit null for the optional `data` says no more than absence."""
    assert back(body("users:login", "u-1", None)) == body("users:login", "u-1")


def test_a_fill_supplies_what_the_body_lacks():
    """Vaix's own body gains filled texts and facts under its own keys, and keeps what it has."""
    fill = Fill.of({"placement": "widget:filled", "page.location": "/filled", "label": "x", "decision_id": "{item.id}"})
    given_data = {"game_id": 5, "page": "/home", "location": None}
    expected = {"game_id": 5, "page": "/home", "location": "widget:filled", "label": "x", "decision_id": 5}
    assert back(body("clicks:game", "u-1", given_data), fill=fill)["data"] == expected | {"decision_id": "5"}
    assert back(body("clicks:social", "u-1", {}), fill=fill)["data"] == {
        "item": "x",
        "page": "/filled",
        "location": "widget:filled",
    }


@pytest.mark.parametrize("entry", [{"id": 1}, {"id": 1, "name": "secret"}, 1])
def test_dropped_items_are_gone_from_the_own_vendor_too(entry):
    """Privacy takes the items however the body wrote them."""
    document = body("impressions:events", "u-1", {"events": [entry], "position": 1, **AT})
    assert back(document, privacy=Privacy(drop=("items",)))["data"] == AT


def test_only_the_place_headers_reach_vaix_beside_the_body():
    """User-Agent, Origin and Referer are passed on; Referer fills nothing in Vaix's own body."""
    headers = {"user-agent": "Browser/1", "origin": "https://a.example", "referer": "https://a.example/x", "dnt": "1"}
    (request,) = translate(
        decode(ACCOUNT, inbound(body("clicks:event", "u-1", {"event_id": "1"}), headers)), Target("t", ACCOUNT)
    ).requests
    del headers["dnt"]
    assert request.headers == {"content-type": "application/json"} | headers
    assert json.loads(request.body)["data"] == {"event_id": "1"}


@given(word=st.sampled_from(get_args(EventWord)), user_id=st.none() | st.text(max_size=3), data=DATA)
def test_any_body_comes_back_as_it_came(word, user_id, data):
    """Identity holds for whatever a body says in `data`."""
    assert same(back(body(word, user_id, data)), body(word, user_id, data))


@given(st.dictionaries(st.sampled_from(["event_type", "user_id", "data", "x"]), JSON | st.just("custom")) | JSON)
def test_a_decoder_gives_interactions_or_faults(document):
    """No JSON document raises anything but NotJson or Malformed."""
    try:
        found = ACCOUNT.decode(inbound(document))
    except Malformed as error:
        found = error.faults
    assert found


# In


@pytest.mark.parametrize(
    ("word", "data", "items"),
    [
        ("clicks:event", {"event_id": "1", "position": 0}, [Item("event", "1", None, 0)]),
        ("clicks:outcome", {"outcome_id": 1, "event_id": "2"}, [Item("outcome", 1, "2")]),
        ("clicks:sport", {"sport_id": "1"}, [Item("sport", "1")]),
        ("clicks:league", {"league_id": "1"}, [Item("league", "1")]),
        ("clicks:game", {"game_id": "1", "position": "3"}, [Item("game", "1", None, "3")]),
        (
            "clicks:combination",
            {"selections": [{"id": "1", "event_id": 2}, {"id": 3, "event_id": "4"}]},
            [Item("outcome", "1", 2), Item("outcome", 3, "4")],
        ),
        ("recommendations:click:event", {"event_id": "1"}, [Item("event", "1")]),
        ("recommendations:click:league", {"league_id": "1"}, [Item("league", "1")]),
        ("recommendations:click:outcome", {"outcome_id": "1", "event_id": "2"}, [Item("outcome", "1", "2")]),
        ("recommendations:click:next_outcome", {"outcome_id": "1"}, [Item("outcome", "1")]),
        ("recommendations:click:betslip-outcome", {"outcome_id": "1"}, [Item("outcome", "1")]),
        ("recommendations:click:combination", {"selections": [{"id": "1"}]}, [Item("outcome", "1")]),
        ("recommendations:click:view-more", {"event_id": "1"}, []),
        ("social:click", {"event_id": "1"}, []),
        ("clicks:menu-item", {"position": 1}, []),
    ],
)
def test_clicks(word, data, items):
    """A click type is a click with the items that its own keys name; a list's `position` is its first item's."""
    interaction = heard(word, {**AT, **data})
    assert (interaction.action, interaction.items) == ("click", tuple(items))
    assert (interaction.page.location, interaction.placement) == ("/home", "widget:recommended")


@pytest.mark.parametrize(
    ("word", "key", "kind"),
    [
        ("impressions:events", "events", "event"),
        ("impressions:leagues", "leagues", "league"),
        ("impressions:sports", "sports", "sport"),
        ("impressions:games", "game_ids", "game"),
        ("recommendations:impression:events", "events", "event"),
        ("recommendations:impression:betslip-events", "events", "event"),
    ],
)
def test_impressions(word, key, kind):
    """An impression type is a view of its list's items; those written otherwise keep the list beside them."""
    plain = heard(word, {key: [{"id": 1}, {"id": "2", "position": 7}], "position": 4})
    assert (plain.action, plain.items) == ("view", (Item(kind, 1, None, 4), Item(kind, "2", None, 7)))
    assert plain.properties == {}
    rich = heard(word, {key: [{"id": 1, "odds": 2.5}, "2"]})
    assert rich.items == (Item(kind, 1), Item(kind, "2"))
    assert rich.properties == {key: [{"id": 1, "odds": 2.5}, "2"]}


def test_impressions_of_pages_and_widgets():
    """The `location` of a page impression is a URL; that of a widget is a placement."""
    page = heard("impressions:page", {"location": "/in-play", "previous_location": "/home", "user": "u-1"})
    assert (page.action, page.page, page.placement) == ("view", Page(location="/in-play", referrer="/home"), None)
    assert page.properties == {"user": "u-1"}
    widget = heard("impressions:widget", {"location": "/in-play", "previous_location": "/home"})
    assert (widget.action, widget.placement, widget.page) == ("view", "/in-play", Page())
    assert widget.properties == {"previous_location": "/home"}


@pytest.mark.parametrize("word", ["clicks:menu-item", "clicks:social", "social:click"])
def test_the_item_of_a_menu_or_sharing_button_is_a_label(word):
    """`item` is text there, and a property anywhere else."""
    assert heard(word, {"item": "trending"}).label == "trending"
    assert heard("clicks:event", {"item": "trending"}).properties == {"item": "trending"}


@pytest.mark.parametrize("vendor", ["engagement", "statistics", "recommendations"])
def test_bets(vendor):
    """A bet in the betslip is an add to cart of an outcome; a ticket is a purchase of its selections."""
    bet = heard(f"{vendor}:add_bet", {"selection_id": 1, "event_id": "2"})
    assert (bet.type, bet.name, bet.items) == ("add_to_cart", None, (Item("outcome", 1, "2"),))
    word = "recommendations:place_bet" if vendor == "recommendations" else f"{vendor}:place_ticket"
    ticket = heard(word, {"selections": [{"id": "1"}, {"id": "2", "event_id": "3"}], "position": 1})
    assert (ticket.type, ticket.name) == ("purchase", None)
    assert ticket.items == (Item("outcome", "1", None, 1), Item("outcome", "2", "3"))


@pytest.mark.parametrize("word", ["add:casino_game", "debug:message", "vaix-widgets-loaded", "custom"])
def test_other_types_are_custom_events_of_that_name(word):
    """What has no counterpart keeps its word as name and its data as properties."""
    interaction = heard(word, {"game_id": "1", "x": None}, user_id=None)
    assert (interaction.type, interaction.name, interaction.items) == ("custom", word, ())
    assert (interaction.properties, interaction.user) == ({"game_id": "1", "x": None}, User())


def test_a_login_and_where_it_came_from():
    """`users:login` is a login without a name; channel and brand stay as they are written."""
    interaction = heard("users:login", {"channel": "Desktop", "brand": "https://website.com"})
    assert (interaction.type, interaction.name) == ("login", None)
    assert (interaction.channel, interaction.brand) == ("Desktop", "https://website.com")
    assert (interaction.id, interaction.received_at, interaction.occurred_at) == ("r-1-0", 1_795_255_200_123_456, None)


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({}, ["event_type"]),
        ([], [""]),
        ({"event_type": "clicks:planet"}, ["event_type"]),
        ({"event_type": None}, ["event_type"]),
        ({"event_type": "custom", "user_id": True, "data": []}, ["data", "user_id"]),
        ({"event_type": "x", "user_id": {}, "data": "", "a": 1, "b": 2}, ["a", "b", "data", "event_type", "user_id"]),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_every_fault(document, paths):
    """Unknown types and keys, and values of another JSON type, are named all at once."""
    with pytest.raises(Malformed) as caught:
        ACCOUNT.decode(inbound(document))
    assert [fault.path for fault in caught.value.faults] == paths
    errors = json.loads(ACCOUNT.failure(caught.value).body)["errors"]
    assert list(errors) == [path or "body" for path in paths]
    assert all(isinstance(text, str) for texts in errors.values() for text in texts)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"event_type": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(raw):
    """Such a body is a 400 in the vendor's form."""
    with pytest.raises(NotJson):
        ACCOUNT.decode(inbound(raw))
