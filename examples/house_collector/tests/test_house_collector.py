"""The collector's language, both ways, through the gateway's own `decode` and `translate`."""

import contextlib
import json

import pytest
from house_collector import HouseCollector
from hypothesis import given
from hypothesis import strategies as st

from gateway.conformance import CHECKS
from gateway.contract import Answer, Inbound, Secret
from gateway.errors import Malformed, NoKey, NotJson
from gateway.model import Engagement, Event
from gateway.translate import Target, decode, translate
from mappings.dynamic_yield import DynamicYield

AT = 1_795_255_200_000  # 2026-11-21T10:00:00Z, in milliseconds
CLICKED = {"kind": "clicked", "person": "u-1", "subject": "d-1", "url": "https://shop.example/", "at": AT}
COLLECTOR = HouseCollector(token=Secret("t0ken"), base_url="http://127.0.0.1:9")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=10,
)
RECORDS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["clicked", "bought", "other"]) | JSON_VALUES},
    optional={key: st.text() | JSON_VALUES for key in ("person", "subject", "url", "at", "facts", "more")},
)


def inbound(body, mapping=COLLECTOR, endpoint=0):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("i", mapping.ENDPOINTS[endpoint], {}, {}, text, AT * 1000)


def told(body, source=COLLECTOR, target=COLLECTOR, endpoint=0, **settings):
    return translate(decode(source, inbound(body, source, endpoint)), Target("t", target, **settings))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("clicked", "click"), ("seen", "view"), ("closed", "dismiss"), ("bought", "purchase"), ("noted", "custom")],
)
def test_each_kind_is_read(kind, expected):
    """Each of the collector's kinds is an engagement or an event, its subject the campaign, the order or the name."""
    (one,) = COLLECTOR.decode(inbound({"events": [CLICKED | {"kind": kind}]}))
    word = one.action if isinstance(one, Engagement) else one.type
    subject = one.decision_id if isinstance(one, Engagement) else one.transaction_id or one.name
    assert (word, subject) == (expected, "d-1")
    assert one.occurred_at == AT * 1000


@pytest.mark.parametrize(
    "record",
    [
        CLICKED,
        CLICKED | {"facts": {"size": "M", "empty": "", "deep": {"list": [1, 2.5]}}},
        CLICKED | {"url": "", "facts": {}, "unknown": [], "more": {"a": 1}},
        {"kind": "noted", "person": "u-1", "subject": "Wheel spun"},
        {"kind": "bought", "person": "u-1", "subject": "t-1", "at": 0},
    ],
)
def test_its_own_records_come_back_as_they_were(record):
    """Same vendor in and out is the identity, with unknown keys and empties, and nothing is lost."""
    body = {"events": [record, CLICKED], "batch": "b-7"}
    result = told(body)
    assert [json.loads(one.body) for one in result.requests] == [body]
    assert not result.losses
    assert not result.refused


def test_explicit_nulls_are_absence():
    """A null optional says nothing and is not sent on."""
    (request,) = told({"events": [CLICKED | {"url": None, "facts": None}]}).requests
    assert json.loads(request.body)["events"] == [{key: CLICKED[key] for key in CLICKED if key != "url"}]


def test_a_foreign_click_is_told_with_its_losses_named():
    """A Dynamic Yield click becomes a record; what the collector has no word for is lost by name."""
    body = {
        "user": {"id": "u-1", "dyid": "dy-1"},
        "session": {"custom": "s-1"},
        "engagements": [{"type": "CLICK", "decisionId": "d-1", "variations": [7]}],
    }
    result = told(body, DynamicYield.example())
    (request,) = result.requests
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:9/events")
    assert json.loads(request.body) == {"events": [{"kind": "clicked", "person": "u-1", "subject": "d-1"}]}
    assert sorted(result.losses) == ["session.id", "user.vendor_id", "variations"]
    assert result.copied == {"decision_id"}


@pytest.mark.parametrize(
    ("engagement", "user", "reason", "fields"),
    [
        ({"type": "SLOT_CLICK", "slotId": "slot-1"}, {"id": "u-1"}, "unsupported", ("action",)),
        ({"type": "CLICK", "decisionId": "d-1"}, {"dyid": "dy-1"}, "missing", ("user.id",)),
    ],
)
def test_what_it_cannot_say_is_refused(engagement, user, reason, fields):
    """A slot's click is unsupported; a person known only to another vendor is missing."""
    body = {"user": user, "session": {}, "engagements": [engagement]}
    (refused,) = told(body, DynamicYield.example()).refused
    assert (refused.reason, refused.fields) == (reason, fields)


def test_an_event_without_a_kind_can_be_turned_into_a_note():
    """With `unsupported = "event"` a wish-list event is sent as a note with its usual name."""
    source = DynamicYield.example()
    endpoint = next(index for index, one in enumerate(source.ENDPOINTS) if one.name == "event")
    event = {"name": "Add to Wishlist", "properties": {"dyType": "add-to-wishlist-v1", "productId": "p-1"}}
    body = {"user": {"id": "u-1"}, "session": {}, "context": {}, "events": [event]}
    assert told(body, source, endpoint=endpoint).refused[0].fields == ("type",)
    (request,) = told(body, source, endpoint=endpoint, unsupported="event").requests
    assert json.loads(request.body)["events"][0] == {"kind": "noted", "person": "u-1", "subject": "Add to Wishlist"}


def test_every_fault_is_named_with_its_path():
    """A body that does not fit is refused with all of its faults, and rendered in the collector's own form."""
    with pytest.raises(Malformed) as caught:
        COLLECTOR.decode(inbound({"events": [CLICKED, {"kind": "danced", "person": "", "url": 7}]}))
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"events[1].kind", "events[1].person", "events[1].subject", "events[1].url"}
    answer = COLLECTOR.failure(caught.value)
    assert (answer.status, json.loads(answer.body)["problem"]) == (422, "malformed")


@given(st.fixed_dictionaries({"events": st.lists(RECORDS, max_size=3) | JSON_VALUES}) | JSON_VALUES)
def test_any_body_is_read_or_malformed(body):
    """Whatever JSON arrives, the decoder returns interactions or raises Malformed, nothing else."""
    with contextlib.suppress(Malformed):
        assert all(isinstance(one, (Engagement, Event)) for one in COLLECTOR.decode(inbound(body)))


def test_what_is_no_json_is_said_to_be_none():
    """Bytes that are no JSON document raise NotJson."""
    with pytest.raises(NotJson):
        COLLECTOR.decode(inbound(b"{"))


def test_the_token_is_shown_and_read_in_its_header():
    """Requests are signed with the token in `X-House-Token`, where a caller's key is looked for too."""
    (request,) = told({"events": [CLICKED]}).requests
    assert COLLECTOR.sign(request).headers == {"content-type": "application/json", "x-house-token": "t0ken"}
    assert COLLECTOR.key({"x-house-token": "t0ken"}, {}) == "t0ken"
    assert COLLECTOR.key({}, {}) is None
    assert COLLECTOR.grant is None


def test_answers_are_in_its_own_form():
    """202 says taken; a failure names its problem; the status alone is the verdict."""
    assert COLLECTOR.success().status == 202
    assert COLLECTOR.failure(NoKey("no key was shown")).status == 401
    verdicts = [COLLECTOR.judge(Answer(status)).verdict for status in (202, 503, 401, 422)]
    assert verdicts == ["accepted", "again", "doubt", "refused"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check):
    """The mapping keeps what the gateway asks of any mapping, as the check's own docstring says."""
    noted = {"kind": "noted", "person": "u-1", "subject": "Wheel spun"}
    check(HouseCollector, [inbound({"events": [CLICKED]}), inbound({"events": [CLICKED, noted], "more": 1})])
