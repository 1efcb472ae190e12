"""Fine points of the translation, each a sentence of its rules that a body on the wire decides."""

import msgspec
import pytest

import mappings
from gateway.contract import Inbound
from gateway.errors import Malformed
from gateway.shaping import Fill
from gateway.translate import Target, decode, translate

AT = 1_795_255_200_123_456
SHOP = {"page.location": "https://shop.example/"}


def heard(vendor, endpoint, body):
    """What a body says at one of its vendor's endpoints."""
    found = next(one for one in mappings.MAPPINGS[vendor].ENDPOINTS if one.name == endpoint)
    return decode(mappings.MAPPINGS[vendor].example(), Inbound("i", found, {}, {}, msgspec.json.encode(body), AT))


def told(decoded, vendor, fill=None, **settings):
    """A translation to a vendor's example account."""
    return translate(decoded, Target("t", mappings.MAPPINGS[vendor].example(), fill=Fill.of(fill or {}), **settings))


def bodies(translation):
    return [msgspec.json.decode(outbound.body) for outbound in translation.requests]


def refusals(translation):
    return [(one.interaction, one.reason, one.fields) for one in translation.refused]


def dynamic_yield(*engagements, **more):
    return {"user": {"id": "u-1"}, "session": {"custom": "s-1"}, "engagements": list(engagements)} | more


# Identity


def test_an_empty_session_id_goes_home():
    """An empty string stays for its own vendor, and gives way to an older client's `sessionId`."""
    click = {"type": "CLICK", "decisionId": "d-1"}
    empty = dynamic_yield(click, session={"custom": "", "dy": ""})
    assert bodies(told(heard("dynamic_yield", "engagement", empty), "dynamic_yield")) == [empty]
    older = heard("dynamic_yield", "engagement", empty | {"sessionId": "s-9"})
    assert bodies(told(older, "dynamic_yield"))[0]["session"] == {"custom": "s-9", "dy": ""}


def test_an_empty_list_of_variations_gives_way_to_the_older_key():
    """An empty list states nothing: `variationId` speaks."""
    body = dynamic_yield({"type": "IMP", "decisionId": "d-1", "variations": [], "variationId": 12})
    translation = told(heard("dynamic_yield", "engagement", body), "gravity_field", SHOP)
    assert bodies(translation)[0]["engagements"] == [{"type": "WRIMP", "decisionId": "d-1", "variations": ["12"]}]
    assert translation.losses == frozenset()


def test_tracking_data_goes_home_as_it_came():
    """A push click's data keeps its unknown keys and loses its nulls."""
    data = {"rri": "r", "mine": 1, "events": [{"vars": ["v"], "own": {}}]}
    given = dynamic_yield({"type": "PN_CLICK", "trackingData": data | {"version": None}})
    expected = dynamic_yield({"type": "PN_CLICK", "trackingData": data})
    assert bodies(told(heard("dynamic_yield", "engagement", given), "dynamic_yield")) == [expected]


# What an inbound must have


@pytest.mark.parametrize(
    ("data", "path"),
    [({"rri": 5}, "rri"), ({"events": [{"vars": [1]}]}, "events[0].vars[0]"), ({"events": {}}, "events")],
)
def test_tracking_data_has_documented_types(data, path):
    """The schema's types hold at any level."""
    with pytest.raises(Malformed) as caught:
        heard("dynamic_yield", "engagement", dynamic_yield({"type": "PN_CLICK", "trackingData": data}))
    assert [fault.path for fault in caught.value.faults] == [f"engagements[0].trackingData.{path}"]


@pytest.mark.parametrize("vendor", ["gravity_field", "dynamic_yield"])
def test_a_body_of_no_events_is_refused(vendor):
    """Both catalogues ask for an event at least."""
    with pytest.raises(Malformed) as caught:
        heard(vendor, "event", {"user": {}, "session": {}, "context": {}, "events": []})
    assert [str(fault) for fault in caught.value.faults] == ["events: must not be empty"]


@pytest.mark.parametrize("user", [{}, {"userId": None}])
def test_auxia_events_may_name_nobody(user):
    """Auxia's `userId` may be absent: its own vendor gets the body as it is, a target that needs a person refuses."""
    body = {"projectId": "0", "events": [{"eventName": "login"}]}
    decoded = heard("auxia", "events", body | user)
    assert bodies(told(decoded, "auxia")) == [body]
    assert refusals(told(decoded, "dynamic_yield")) == [(0, "missing", ("user.id",))]


# As an event


def test_the_refusal_is_the_custom_events():
    """Where the custom event cannot be sent either, it says what is still missing, the person included."""
    click = heard("vaix", "events", {"event_type": "clicks:game", "data": {"game_id": "g-1"}})
    assert refusals(told(click, "auxia", unsupported="event")) == [(0, "missing", ("user.id",))]
    assert refusals(told(click, "gravity_field", unsupported="event")) == [(0, "missing", ("page.location", "user.id"))]


def test_a_custom_event_of_nobody_covers_no_login():
    """Vaix takes custom events from nobody; a login that lacks its person stays refused."""
    login = {"user": {}, "session": {}, "context": {}, "events": [{"properties": {"dyType": "login-v1"}}]}
    decoded = heard("dynamic_yield", "event", login)
    assert refusals(told(decoded, "vaix", unsupported="event")) == [(0, "missing", ("user.id",))]
