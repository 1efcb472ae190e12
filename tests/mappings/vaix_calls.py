"""A Vaix account, and what every test of it does: bodies, what is heard of them and what is told."""

import json

from hypothesis import strategies as st

from gateway.contract import Inbound, Secret
from gateway.model import Engagement, Event, Origin, Page, User
from gateway.sandbox.validation import contract
from gateway.translate import Decoded, Target, decode, translate
from mappings.vaix import Vaix

ACCOUNT = Vaix(client_id="shop-group", token=Secret("vx-token"))
CONTRACT = contract("vaix.tracker")
AT = {"location": "widget:recommended", "page": "/home"}


def body(word, user_id=..., data=...):
    """A body; an ellipsis is a key that is not there."""
    members = {"event_type": word, "user_id": user_id, "data": data}
    return {key: value for key, value in members.items() if value is not ...}


def inbound(document, headers=None):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Inbound("r-1", Vaix.ENDPOINTS[0], headers or {}, {}, raw, 1_795_255_200_123_456)


def heard(word, data=..., user_id="u-1"):
    """The one interaction of a body."""
    (interaction,) = ACCOUNT.decode(inbound(body(word, user_id, data)))
    return interaction


def told(interaction, **settings):
    """What a Vaix target is sent for an interaction, beside the whole translation."""
    account = settings.pop("account", ACCOUNT)
    source = Decoded(inbound({}), (interaction,))
    translation = translate(source, Target("t", account, **settings))
    return [json.loads(request.body) for request in translation.requests], translation


def back(document, **settings):
    """What Vaix is sent for its own body."""
    translation = translate(decode(ACCOUNT, inbound(document)), Target("t", ACCOUNT, **settings))
    assert (translation.losses, translation.refused) == (frozenset(), ())
    (request,) = translation.requests
    return json.loads(request.body)


def engagement(action="click", **facts):
    facts = {"user": User("u-1"), "page": Page(location="/home"), "placement": "widget:top"} | facts
    return Engagement(id="i-1", origin=Origin("elsewhere", "e"), received_at=1, action=action, **facts)


def event(type_="add_to_cart", **facts):
    facts = {"user": User("u-1"), "page": Page(location="/home"), "placement": "widget:top"} | facts
    return Event(id="i-1", origin=Origin("elsewhere", "e"), received_at=1, type=type_, **facts)


def same(one, other):
    """Whether two values are the same JSON, where 1, 1.0 and true are three."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "event_id", "position", "x"), st.text(max_size=2) | JSON)
)
DATA = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("page", "location", "previous_location", "channel", "brand", "item", "position"), JSON)
    | dict.fromkeys(("event_id", "outcome_id", "sport_id", "game_id", "selection_id"), st.integers() | JSON)
    | dict.fromkeys(("selections", "events", "leagues", "game_ids"), st.lists(ENTRY | JSON, max_size=3) | JSON),
)
