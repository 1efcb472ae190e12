"""Auxia's mapping as a whole: its credentials, its answers, what shapes its own interactions, and any input."""

import json

import pytest
from auxia_calls import (
    ACCOUNT,
    CLICK,
    ENGAGED,
    PURCHASE,
    RECEIVED_AT,
    events_body,
    foreign,
    inbound,
    sent,
    there_and_back,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.contract import Answer, masked
from gateway.errors import GatewayError, Malformed, NoKey, NotJson, Overloaded, RateLimited, TooLarge, WrongMethod
from gateway.model import Engagement, Event
from gateway.shaping import Fill, Privacy
from gateway.translate import Target, decode, translate


class TestShapingOfItsOwn:
    def test_fill(self):
        """A fill reaches an own interaction's gaps, and its gaps only."""
        gap = {key: value for key, value in CLICK.items() if key != "treatmentId"}
        fill = Fill.of({"variations": ["1", "2"], "placement": "ELSEWHERE", "slot_id": "s"})
        bodies = there_and_back("interaction", gap, fill=fill)
        assert bodies == [CLICK | {"projectId": "1250", "treatmentId": one} for one in ("1", "2")]

    def test_hidden_facts_do_not_leave(self):
        """What privacy drops or hashes leaves neither as it was nor in the spelling it came in."""
        privacy = Privacy(
            drop=("value", "occurred_at", "device.id", "properties.gift", "properties.city"),
            hash=("product_id", "properties.stock", "user.id"),
            key=b"k",
        )
        (body,) = there_and_back("events", events_body(PURCHASE), privacy=privacy)
        (event,) = body["events"]
        assert event.keys().isdisjoint({"deviceId", "city", "clientEventTimestamp"})
        values = event["eventProperties"]
        assert values.keys().isdisjoint({"value", "gift"})
        hashed = (body["userId"], values["product_id"]["stringValue"], values["stock"]["stringValue"])
        assert [len(text) for text in hashed] == [64, 64, 64]

    def test_dropped_time_of_an_interaction(self):
        """An interaction needs a time: where its own is hidden it is the receipt's."""
        (body,) = there_and_back("interaction", CLICK, privacy=Privacy(drop=("occurred_at",)))
        assert body["interactionTimeMicros"] == RECEIVED_AT


class TestCredentials:
    def test_where_callers_show_their_key(self):
        """The header, or a parameter in either spelling; nothing else."""
        assert ACCOUNT.key({"x-api-key": "h"}, {"api-key": "q"}) == "h"
        assert ACCOUNT.key({}, {"api-key": "q"}) == "q"
        assert ACCOUNT.key({}, {"api_key": "q"}) == "q"
        assert ACCOUNT.key({"authorization": "Bearer b"}, {}) is None
        assert ACCOUNT.key({"x-api-key": ""}, {}) is None

    def test_each_endpoint_has_its_key(self):
        """Interactions are signed with the API key, events with their own; a dry run masks both."""
        _, interaction = ACCOUNT, foreign(Engagement, **ENGAGED)
        for subject, key in ((interaction, "ax-key"), (foreign(Event, type="login"), "ax-events-key")):
            found, _ = sent(subject)
            (outbound,) = found.requests
            assert outbound.headers == {"content-type": "application/json"}
            assert ACCOUNT.sign(outbound).headers["x-api-key"] == key
            assert masked(ACCOUNT).sign(outbound).headers["x-api-key"] == "***"
        assert ACCOUNT.grant is None

    def test_user_agent_is_passed_on(self):
        """The caller's browser reaches the vendor as a header, other headers do not."""
        headers = {"user-agent": "UA", "referer": "https://shop.example/", "x-api-key": "caller"}
        found = translate(decode(ACCOUNT, inbound("interaction", CLICK, headers=headers)), Target("t", ACCOUNT))
        assert found.requests[0].headers == {"content-type": "application/json", "user-agent": "UA"}

    def test_base_url(self):
        """An account's own host replaces the vendor's."""
        account = replace(ACCOUNT, base_url="http://127.0.0.1:9000")
        found, _ = sent(foreign(Event, type="login"), account)
        assert found.requests[0].url == "http://127.0.0.1:9000/v1/LogEvents"
        assert account.sign(found.requests[0]).headers["x-api-key"] == "ax-events-key"


class TestAnswers:
    def test_success(self):
        """An accepted inbound is answered like an RPC without a result."""
        assert ACCOUNT.success() == Answer(200, b"{}", {"content-type": "application/json"})

    @pytest.mark.parametrize(
        ("error", "code", "word"),
        [
            (NotJson("no"), 400, "INVALID_ARGUMENT"),
            (NoKey("no"), 401, "UNAUTHENTICATED"),
            (WrongMethod(("POST",)), 405, "UNIMPLEMENTED"),
            (TooLarge("no"), 413, "INVALID_ARGUMENT"),
            (RateLimited("no", 1), 429, "RESOURCE_EXHAUSTED"),
            (GatewayError("no"), 500, "INTERNAL"),
            (Overloaded("no", 1), 503, "UNAVAILABLE"),
        ],
    )
    def test_failure(self, error, code, word):
        """An error has Google's form and canonical code."""
        answer = ACCOUNT.failure(error)
        assert answer.status == code
        assert answer.headers == {"content-type": "application/json"}
        assert json.loads(answer.body) == {"error": {"code": code, "message": str(error), "status": word}}

    def test_failure_names_every_fault(self):
        """A schema's faults are all in the message, and one by one in the details."""
        with pytest.raises(Malformed) as caught:
            ACCOUNT.decode(inbound("events", {"events": []}))
        error = json.loads(ACCOUNT.failure(caught.value).body)["error"]
        assert (error["code"], error["status"]) == (422, "INVALID_ARGUMENT")
        assert error["message"] == "events: must not be empty; projectId: is required"
        assert error["details"] == [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"field": "events", "description": "must not be empty"},
                    {"field": "projectId", "description": "is required"},
                ],
            }
        ]

    @pytest.mark.parametrize(
        ("status", "body", "verdict"),
        [
            (200, b"{}", "accepted"),
            (200, b"", "accepted"),
            (200, b"not JSON", "accepted"),
            (200, b'{"error":null}', "accepted"),
            (200, b'{"error":{"code":400,"message":"no"}}', "refused"),
            (200, b'{"error":{"code":200}}', "refused"),
            (200, b'{"error":"no"}', "refused"),
            (200, b'{"error":{"code":429}}', "again"),
            (200, b'{"error":{"code":503}}', "again"),
            (400, b"", "refused"),
            (401, b"", "doubt"),
            (429, b"", "again"),
            (500, b"{}", "again"),
        ],
    )
    def test_judge(self, status, body, verdict):
        """The status decides, but for a success that holds an error."""
        assert ACCOUNT.judge(Answer(status, body)).verdict == verdict


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_VALUE = st.one_of(
    st.fixed_dictionaries({"stringValue": _TEXT}),
    st.fixed_dictionaries({"longValue": st.integers(-(2**63), 2**63 - 1).map(str)}),
    st.fixed_dictionaries({"doubleValue": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)}),
    st.fixed_dictionaries({"booleanValue": st.booleans()}),
)
_KEYS = st.sampled_from(["name", "value", "currency", "quantity", "product_id", "cart", "transaction_id", "country"])
_VALUES = st.dictionaries(_KEYS | _TEXT, _VALUE, max_size=5)
_EVENT = st.fixed_dictionaries(
    {"eventName": st.sampled_from(["purchase", "custom", "page_view"]) | _TEXT.filter(bool), "insertId": _TEXT},
    optional={
        "eventProperties": _VALUES,
        "userProperties": _VALUES,
        "clientEventTimestamp": st.datetimes().map(lambda time: f"{time.isoformat()}Z") | _TEXT,
        **dict.fromkeys(("sessionId", "country", "region", "city", "deviceId", "appVersionId"), _TEXT),
    },
)


def _wire_like(documented):
    """Bodies with the documented keys, in either spelling, and anything behind them."""
    snake = {"".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key) for key in documented}
    return st.dictionaries(st.sampled_from(sorted({*documented, *snake})), _JSON, max_size=8)


@given(
    st.one_of(
        st.tuples(st.just("interaction"), _JSON | _wire_like(CLICK).map(lambda odd: CLICK | odd)),
        st.tuples(st.just("events"), _wire_like(PURCHASE).map(lambda odd: events_body(PURCHASE | odd))),
        st.tuples(st.just("events"), _JSON | _JSON.map(lambda odd: events_body(PURCHASE, events=odd))),
        st.tuples(st.just("events"), _wire_like(PURCHASE["eventProperties"]).map(lambda odd: {"eventProperties": odd})),
    )
)
def test_anything_decodes_or_is_malformed(case):
    """Whatever JSON comes, it is interactions that can be sent, or Malformed: nothing else."""
    name, body = case
    try:
        decoded = decode(ACCOUNT, inbound(name, body))
    except (Malformed, NotJson):
        return
    translate(decoded, Target("t", ACCOUNT))


@given(st.lists(_EVENT, min_size=1, max_size=3))
def test_documented_events_go_back_as_they_came(events):
    """Whatever documented events come, they go back to Auxia as they came."""
    assert there_and_back("events", events_body(*events)) == [events_body(*events, projectId="1250")]
