"""What Auxia's mapping hears, and that Auxia gets it back as it came."""

import pytest
from auxia_calls import (
    ACCOUNT,
    CLICK,
    PURCHASE,
    RECEIVED_AT,
    RECEIVED_TEXT,
    events_body,
    faults,
    first,
    inbound,
    there_and_back,
)

from gateway.errors import NotJson
from gateway.facts import stated
from gateway.model import CartItem, Device, Session, User


class TestInteractionsIn:
    @pytest.mark.parametrize(
        ("word", "action"),
        [
            ("VIEWED", "view"),
            ("CLICKED", "click"),
            ("SNOOZED", "snooze"),
            ("DISMISSED", "dismiss"),
            ("CTA_COMPLETED", "complete"),
            ("SWIPE", "swipe"),
        ],
    )
    def test_all_six_types(self, word, action):
        """Each documented interactionType is one canonical action and goes back as itself."""
        body = CLICK | {"interactionType": word}
        found = first("interaction", body)
        assert (found.action, found.origin.type) == (action, word)
        assert there_and_back("interaction", body) == [body | {"projectId": "1250"}]

    def test_canonical_form(self):
        """Every documented key has its canonical place; the project is a tenant and states nothing."""
        found = first("interaction", CLICK)
        assert found.id == "r-1-0"
        assert found.decision_id == CLICK["treatmentTrackingId"]
        assert found.variations == ("1250",)
        assert (found.placement, found.label, found.user) == ("HOME_SCREEN", "Buy Now", User("u-1"))
        assert (found.occurred_at, found.received_at) == (CLICK["interactionTimeMicros"], RECEIVED_AT)
        assert stated(found) == {
            *("action", "decision_id", "label", "occurred_at", "placement", "user.id", "variations"),
        }

    def test_snake_case_and_decimal_text(self):
        """proto3 JSON may be snake_case with int64 as text; it leaves as documented."""
        snake = {
            "project_id": "77",
            "user_id": "u-1",
            "treatment_tracking_id": CLICK["treatmentTrackingId"],
            "treatment_id": "1250",
            "surface": "HOME_SCREEN",
            "interaction_type": "CLICKED",
            "interaction_time_micros": "1667829258250000",
            "action_name": "Buy Now",
        }
        assert stated(first("interaction", snake)) == stated(first("interaction", CLICK))
        assert there_and_back("interaction", snake) == [CLICK | {"projectId": "1250"}]

    def test_both_spellings_at_once(self):
        """A key in both spellings counts as camelCase; the other is kept as an unknown one."""
        found = first("interaction", CLICK | {"user_id": "u-2"})
        assert found.user.id == "u-1"
        assert found.properties == {"user_id": "u-2"}

    @pytest.mark.parametrize(
        ("given", "micros"),
        [
            ("1667829258250000", 1_667_829_258_250_000),
            (1.66782925825e15, 1_667_829_258_250_000),
            ("9223372036854775807", 2**63 - 1),
            (-(2**63), -(2**63)),
            ("-5", -5),
            (0, 0),
        ],
    )
    def test_int64_spellings(self, given, micros):
        """An int64 is a number, a whole float or decimal text, over its whole range; it leaves as a number."""
        body = CLICK | {"interactionTimeMicros": given}
        assert first("interaction", body).occurred_at == micros
        assert there_and_back("interaction", body)[0]["interactionTimeMicros"] == micros

    @pytest.mark.parametrize(
        "given", [2**63, str(2**63), -(2**63) - 1, "9" * 40, "9" * 5000, 1.5, "1.5", "", "x", True]
    )
    def test_no_int64(self, given):
        """What is no int64 is a fault at its path."""
        assert list(faults("interaction", CLICK | {"interactionTimeMicros": given})) == ["interactionTimeMicros"]

    @pytest.mark.parametrize("key", ["userId", "treatmentId", "surface", "actionName"])
    def test_optional_keys(self, key):
        """The vendor's own transition rule: these may be absent or null, and stay absent on the way back."""
        body = {name: value for name, value in CLICK.items() if name != key}
        assert there_and_back("interaction", body) == [body | {"projectId": "1250"}]
        assert there_and_back("interaction", body | {key: None}) == [body | {"projectId": "1250"}]

    @pytest.mark.parametrize("key", ["userId", "treatmentId", "surface", "actionName"])
    def test_empty_strings_state_nothing_but_go_back(self, key):
        """An empty string is no fact; its own vendor gets it as it came."""
        body = CLICK | {key: ""}
        name = {"userId": "user.id", "treatmentId": "variations", "surface": "placement", "actionName": "label"}[key]
        assert name not in stated(first("interaction", body))
        assert there_and_back("interaction", body) == [body | {"projectId": "1250"}]

    def test_unknown_keys(self):
        """Unknown keys are the interaction's own properties and go back, nulls aside."""
        body = CLICK | {"experiment": {"arm": "b"}, "none": None}
        assert first("interaction", body).properties == {"experiment": {"arm": "b"}, "none": None}
        assert there_and_back("interaction", body) == [CLICK | {"projectId": "1250", "experiment": {"arm": "b"}}]

    def test_every_fault_is_named(self):
        """All faults of a body are told at once, each by its path."""
        body = {"userId": 7, "treatmentTrackingId": "", "interactionType": "HOVERED", "interactionTimeMicros": None}
        assert sorted(faults("interaction", body)) == [
            *("interactionTimeMicros", "interactionType", "projectId", "treatmentTrackingId", "userId"),
        ]

    @pytest.mark.parametrize("key", ["projectId", "treatmentTrackingId", "interactionType", "interactionTimeMicros"])
    def test_required_keys(self, key):
        """What the schema requires, less the transition rule's three, must be there."""
        body = {name: value for name, value in CLICK.items() if name != key}
        assert faults("interaction", body) == {key: "is required"}


class TestEventsIn:
    def test_canonical_form(self):
        """An event named by a canonical type is one; typed values of fitting types are its fields."""
        found = first("events", events_body(PURCHASE))
        assert (found.type, found.name, found.origin.type) == ("purchase", "Bought", "purchase")
        assert (found.value, found.currency, found.quantity, found.product_id) == (5, "EUR", 2, "sku-1")
        assert found.cart == (CartItem("sku-1", 2, 2.5),)
        assert found.transaction_id == "t-1"
        assert found.properties == {"gift": True, "weight": 1.0, "stock": 7}
        assert found.occurred_at == 1_795_169_730_250_000
        assert (found.user, found.session, found.device) == (User("u-1"), Session("s-1"), Device(id="d-1"))
        assert stated(found) >= {"properties.country", "properties.userProperties", "properties.appVersionId"}
        assert not {name for name in stated(found) if "insert" in name.lower()}

    def test_goes_back_as_it_came(self):
        """Own events keep each value's type, the time's text, insertId and what stands beside them."""
        assert there_and_back("events", events_body(PURCHASE)) == [events_body(PURCHASE, projectId="1250")]

    def test_custom_event(self):
        """Any other name is a custom event's; a `name` among its properties stays one."""
        event = {"eventName": "Spin", "insertId": "i", "eventProperties": {"name": {"stringValue": "wheel"}}}
        found = first("events", events_body(event))
        assert (found.type, found.name, found.properties) == ("custom", "Spin", {"name": "wheel"})
        assert there_and_back("events", events_body(event)) == [events_body(event, projectId="1250")]

    def test_event_named_custom(self):
        """An event called "custom" is a custom event of that name."""
        found = first("events", events_body({"eventName": "custom"}))
        assert (found.type, found.name) == ("custom", "custom")

    def test_snake_case_at_every_level(self):
        """Documented keys may be snake_case in the body, its events and their values; property names are the app's."""
        body = {
            "project_id": "77",
            "user_id": "u-1",
            "events": [
                {
                    "event_name": "add_to_cart",
                    "insert_id": "i-1",
                    "event_properties": {"product_id": {"string_value": "sku"}, "event_name": {"long_value": "3"}},
                    "user_properties": {"vip": {"boolean_value": True}, "score": {"double_value": 0.5}},
                    "client_event_timestamp": "2026-11-20T10:00:00Z",
                    "session_id": "s-1",
                    "device_id": "d-1",
                    "app_version_id": "3",
                }
            ],
        }
        assert there_and_back("events", body) == [
            events_body(
                {
                    "eventName": "add_to_cart",
                    "insertId": "i-1",
                    "eventProperties": {"product_id": {"stringValue": "sku"}, "event_name": {"longValue": "3"}},
                    "userProperties": {"vip": {"booleanValue": True}, "score": {"doubleValue": 0.5}},
                    "clientEventTimestamp": "2026-11-20T10:00:00Z",
                    "sessionId": "s-1",
                    "deviceId": "d-1",
                    "appVersionId": "3",
                },
                projectId="1250",
            )
        ]

    @pytest.mark.parametrize(
        ("given", "plain", "back"),
        [
            ({"longValue": 5}, 5, {"longValue": "5"}),
            ({"longValue": 5.0}, 5, {"longValue": "5"}),
            ({"longValue": "-0"}, 0, {"longValue": "-0"}),
            ({"longValue": "9223372036854775807"}, 2**63 - 1, {"longValue": "9223372036854775807"}),
            ({"doubleValue": 5}, 5, {"doubleValue": 5}),
            ({"stringValue": ""}, "", {"stringValue": ""}),
            ({"booleanValue": False, "longValue": None}, False, {"booleanValue": False}),
            ({}, {}, {}),
            ({"listValue": [1]}, {"listValue": [1]}, {"listValue": [1]}),
            ({"longValue": "1", "stringValue": "1"}, {"longValue": "1", "stringValue": "1"}, None),
        ],
    )
    def test_typed_values(self, given, plain, back):
        """A typed value is the value in it; one that is not exactly one documented value stays as it came."""
        event = {"eventName": "e", "insertId": "i", "eventProperties": {"p": given}}
        assert first("events", events_body(event)).properties == {"p": plain}
        assert there_and_back("events", events_body(event))[0]["events"][0]["eventProperties"] == {"p": back or given}

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("name", {"longValue": "1"}),
            ("value", {"stringValue": "9.99"}),
            ("value", {"booleanValue": True}),
            ("currency", {"longValue": "978"}),
            ("product_id", {"longValue": "7"}),
            ("cart", {"stringValue": "two socks"}),
            ("cart", {"stringValue": '{"product_id":"a"}'}),
            ("cart", {"stringValue": '[{"product_id":7}]'}),
            ("cart", {"stringValue": "[1]"}),
            ("cart", {"stringValue": "[" * 100_000}),
            ("cart", {"longValue": "2"}),
        ],
    )
    def test_value_of_another_type(self, key, value):
        """A value whose type does not fit its field stays a property and goes back as it came."""
        event = {"eventName": "purchase", "insertId": "i", "eventProperties": {key: value}}
        found = first("events", events_body(event))
        assert getattr(found, key) is None
        assert list(found.properties) == [key]
        assert there_and_back("events", events_body(event)) == [events_body(event, projectId="1250")]

    def test_cart_extras(self):
        """A cart line's other keys are its extras, and go back."""
        text = '[{"product_id":"a","size":"M"}]'
        event = {"eventName": "sync_cart", "insertId": "i", "eventProperties": {"cart": {"stringValue": text}}}
        assert first("events", events_body(event)).cart == (CartItem("a", extras={"size": "M"}),)
        assert there_and_back("events", events_body(event)) == [events_body(event, projectId="1250")]

    def test_no_time(self):
        """A time that is none is kept beside the event; an absent one stays absent, unless a store stamps it."""
        event = {"eventName": "login", "insertId": "i", "clientEventTimestamp": "yesterday"}
        found = first("events", events_body(event))
        assert found.occurred_at is None
        assert "properties.clientEventTimestamp" in stated(found)
        assert there_and_back("events", events_body(event)) == [events_body(event, projectId="1250")]
        del event["clientEventTimestamp"]
        assert there_and_back("events", events_body(event)) == [events_body(event, projectId="1250")]
        (stamped,) = there_and_back("events", events_body(event), stamp=True)
        assert stamped["events"][0]["clientEventTimestamp"] == RECEIVED_TEXT

    def test_no_insert_id_is_added(self):
        """An own event without insertId goes back without one: nothing is added on the way home."""
        (body,) = there_and_back("events", events_body({"eventName": "login"}, {"eventName": "logout"}))
        assert [event.keys() for event in body["events"]] == [{"eventName"}, {"eventName"}]

    def test_batch_and_body_extras(self):
        """Events of one body travel back together, with the body's unknown keys."""
        body = events_body(PURCHASE, PURCHASE | {"eventName": "login"}, source="ios")
        assert "properties.body.source" in stated(first("events", body))
        assert there_and_back("events", body) == [body | {"projectId": "1250"}]

    def test_empties_go_back(self):
        """Empty objects and strings of an own event are kept; nulls are not."""
        event = {"eventName": "login", "insertId": "i", "eventProperties": {}, "sessionId": "", "deviceId": ""}
        nulls = {"country": None, "clientEventTimestamp": None, "userProperties": None}
        assert there_and_back("events", events_body(event | nulls)) == [events_body(event, projectId="1250")]

    def test_every_fault_is_named(self):
        """Faults of all events are told at once, each by its path."""
        body = {
            "projectId": 1,
            "events": [
                {"eventProperties": {"a": {"stringValue": 1}, "b": {"longValue": 2**63}, "c": "text"}},
                {"event_name": "", "client_event_timestamp": 5, "userProperties": {"d": {"long_value": "x"}}},
                7,
            ],
        }
        assert sorted(faults("events", body)) == [
            "events[0].eventName",
            "events[0].eventProperties.a.stringValue",
            "events[0].eventProperties.b.longValue",
            "events[0].eventProperties.c",
            "events[1].clientEventTimestamp",
            "events[1].eventName",
            "events[1].userProperties.d.longValue",
            "events[2]",
            "projectId",
        ]

    def test_no_events(self):
        """An empty list of events is a fault."""
        assert faults("events", events_body()) == {"events": "must not be empty"}

    @pytest.mark.parametrize("name", ["interaction", "events"])
    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\xed\xa0\x80"', b"[" * 100_000])
    def test_no_json(self, name, body):
        """What is no JSON document is refused as such."""
        with pytest.raises(NotJson):
            ACCOUNT.decode(inbound(name, body))
