"""What Auxia is told of other vendors' interactions, what is lost on the way, and what is refused."""

import pytest
from auxia_calls import ACCOUNT, ENGAGED, PURCHASE, RECEIVED_AT, RECEIVED_TEXT, events_body, foreign, inbound, sent
from msgspec.structs import replace

from gateway.model import CartItem, Device, Engagement, Event, Item, Page, Session, User
from gateway.translate import Decoded, Target, decode, translate

WITHOUT_EVENTS = replace(ACCOUNT, events_api_key=None)


class TestEngagementsOut:
    @pytest.mark.parametrize(
        ("action", "word"),
        [
            ("view", "VIEWED"),
            ("click", "CLICKED"),
            ("snooze", "SNOOZED"),
            ("dismiss", "DISMISSED"),
            ("complete", "CTA_COMPLETED"),
            ("swipe", "SWIPE"),
        ],
    )
    def test_all_actions(self, action, word):
        """Every canonical action has its word, with a decision as with a slot."""
        for ids in ({"decision_id": "x", "slot_id": None}, {"decision_id": None, "slot_id": "x"}):
            facts = ENGAGED | {"action": action, "label": "Buy", "occurred_at": 5} | ids
            found, bodies = sent(foreign(Engagement, **facts))
            assert bodies == [
                {
                    "projectId": "1250",
                    "userId": "u-1",
                    "treatmentTrackingId": "x",
                    "treatmentId": "7",
                    "surface": "HOME",
                    "interactionType": word,
                    "interactionTimeMicros": 5,
                    "actionName": "Buy",
                }
            ]
            assert found.losses == frozenset()

    def test_one_call_per_variation(self):
        """Each variation is a call of its own; all belong to the one interaction."""
        found, bodies = sent(foreign(Engagement, **ENGAGED | {"variations": ("7", "", "8")}))
        assert [body["treatmentId"] for body in bodies] == ["7", "8"]
        assert [outbound.indices for outbound in found.requests] == [(0,), (0,)]
        assert {outbound.url for outbound in found.requests} == {"https://apis.auxia.io/v1/LogTreatmentInteraction"}
        assert found.copied == {"decision_id", "variations"}

    def test_slot_wins(self):
        """A slot is the tracking id before a decision, which is then a loss."""
        found, bodies = sent(foreign(Engagement, **ENGAGED, slot_id="s-1"))
        assert bodies[0]["treatmentTrackingId"] == "s-1"
        assert found.losses == {"decision_id"}

    def test_missing(self):
        """All that is needed and not known is named, sorted."""
        found, bodies = sent(foreign(Engagement, action="view", user=User(vendor_id="v"), variations=("",)))
        assert bodies == []
        assert [(one.reason, one.fields) for one in found.refused] == [
            ("missing", ("decision_id", "placement", "user.id", "variations"))
        ]
        assert found.losses == frozenset()

    @pytest.mark.parametrize("occurred_at", [None, 0, -1, 2**63])
    def test_time_of_receipt(self, occurred_at):
        """Without a time that the vendor can be told it is the receipt's; a stated one is then a loss."""
        found, bodies = sent(foreign(Engagement, **ENGAGED, occurred_at=occurred_at))
        assert bodies[0]["interactionTimeMicros"] == RECEIVED_AT
        assert found.losses == (frozenset() if occurred_at is None else {"occurred_at"})

    def test_losses(self):
        """What an interaction of Auxia has no place for is lost by name."""
        found, _ = sent(
            foreign(
                Engagement,
                **ENGAGED,
                user=User("u-1", "v-1"),
                session=Session("s-1"),
                page=Page("CART", location="https://shop.example/"),
                device=Device("203.0.113.7", "UA", "d-1"),
                items=(Item("game", "g", position=1),),
                channel="web",
                properties={"size": "M"},
            )
        )
        assert found.losses == {
            *("channel", "device.id", "device.ip", "device.user_agent", "items", "page.location", "page.type"),
            *("properties.size", "session.id", "user.vendor_id"),
        }

    def test_strict_ids(self):
        """With strict ids only what leaves is unknown: the slot that wins, not the decision."""
        found, _ = sent(foreign(Engagement, **ENGAGED, slot_id="s-1"), strict_ids=True)
        assert [(one.reason, one.fields) for one in found.refused] == [("unknown_id", ("slot_id", "variations"))]

    def test_turned_into_an_event(self):
        """What is missing but the person, "event" sends as a custom event with flat properties."""
        found, bodies = sent(foreign(Engagement, action="dismiss", decision_id="d-1"), unsupported="event")
        assert bodies[0]["events"][0] == {
            "eventName": "dismiss",
            "insertId": "r-9-0",
            "eventProperties": {"decision_id": {"stringValue": "d-1"}},
            "clientEventTimestamp": RECEIVED_TEXT,
        }
        assert found.losses == frozenset()


class TestEventsOut:
    def test_whole_event(self):
        """Every field has its typed value, every property the type of its JSON."""
        event = foreign(
            Event,
            type="purchase",
            name="Bought",
            value=49.5,
            currency="EUR",
            quantity=2,
            product_id="sku-1",
            cart=(CartItem("sku-1", 2, 2.5), CartItem("sku-2")),
            transaction_id="t-1",
            occurred_at=1_795_169_730_000_000,
            session=Session("s-1"),
            device=Device(id="d-1"),
            properties={
                "gift": True,
                "stock": -3,
                "weight": 1.0,
                "note": "x",
                "tags": ["a", 1],
                "deep": {"a": None, "b": 1},
                "huge": 2**63,
                "nothing": None,
                "empty": "",
            },
        )
        found, bodies = sent(event)
        assert bodies == [
            {
                "projectId": "1250",
                "userId": "u-1",
                "events": [
                    {
                        "eventName": "purchase",
                        "insertId": "r-9-0",
                        "eventProperties": {
                            "name": {"stringValue": "Bought"},
                            "value": {"doubleValue": 49.5},
                            "currency": {"stringValue": "EUR"},
                            "quantity": {"longValue": "2"},
                            "product_id": {"stringValue": "sku-1"},
                            "cart": {
                                "stringValue": '[{"product_id":"sku-1","quantity":2,"item_price":2.5},'
                                '{"product_id":"sku-2"}]'
                            },
                            "transaction_id": {"stringValue": "t-1"},
                            "gift": {"booleanValue": True},
                            "stock": {"longValue": "-3"},
                            "weight": {"doubleValue": 1.0},
                            "note": {"stringValue": "x"},
                            "tags": {"stringValue": '["a",1]'},
                            "deep": {"stringValue": '{"b":1}'},
                            "huge": {"stringValue": "9223372036854775808"},
                        },
                        "clientEventTimestamp": "2026-11-20T10:15:30.000000Z",
                        "sessionId": "s-1",
                        "deviceId": "d-1",
                    }
                ],
            }
        ]
        assert found.losses == frozenset()
        assert found.requests[0].url == "https://apis.auxia.io/v1/LogEvents"

    def test_usual_name(self):
        """A typed event without a name has its type's usual one; a custom event's stands in eventName only."""
        _, typed = sent(foreign(Event, type="add_to_cart"))
        assert typed[0]["events"][0]["eventProperties"] == {"name": {"stringValue": "Add to Cart"}}
        _, custom = sent(foreign(Event, type="custom", name="Spin"))
        assert custom[0]["events"][0]["eventName"] == "Spin"
        assert "eventProperties" not in custom[0]["events"][0]

    def test_named_ones_win(self):
        """A field wins over a property of its name, which is then lost; a custom event's `name` property is free."""
        facts = {"value": 1, "properties": {"value": "x", "name": "y", "currency": "EUR"}}
        found, bodies = sent(foreign(Event, type="purchase", **facts))
        assert found.losses == {"properties.value", "properties.name"}
        assert bodies[0]["events"][0]["eventProperties"]["currency"] == {"stringValue": "EUR"}
        found, bodies = sent(foreign(Event, type="custom", name="Spin", **facts))
        assert found.losses == {"properties.value"}
        assert bodies[0]["events"][0]["eventProperties"]["name"] == {"stringValue": "y"}

    def test_cart_extras_are_a_partial_loss(self):
        """A cart whose lines say more than the model is sent, and a loss."""
        found, bodies = sent(foreign(Event, type="sync_cart", cart=(CartItem("a", extras={"size": "M"}),)))
        assert bodies[0]["events"][0]["eventProperties"]["cart"] == {"stringValue": '[{"product_id":"a"}]'}
        assert found.losses == {"cart"}

    @pytest.mark.parametrize("occurred_at", [None, 10**18, -(10**18)])
    def test_time_of_receipt(self, occurred_at):
        """Without a time that has a text it is the receipt's; a stated one is then a loss."""
        found, bodies = sent(foreign(Event, type="login", occurred_at=occurred_at))
        assert bodies[0]["events"][0]["clientEventTimestamp"] == RECEIVED_TEXT
        assert found.losses == (frozenset() if occurred_at is None else {"occurred_at"})

    def test_missing(self):
        """A person and, for a custom event, a name are needed."""
        found, _ = sent(foreign(Event, type="custom", user=User(vendor_id="v")))
        assert [(one.reason, one.fields) for one in found.refused] == [("missing", ("name", "user.id"))]

    def test_losses(self):
        """What LogEvents has no place for is lost by name."""
        found, _ = sent(
            foreign(
                Event,
                type="login",
                placement="HOME",
                items=(Item("game", "g", position=1),),
                page=Page("CART", ("sku",), "https://shop.example/", "https://x.example/", "en"),
                device=Device("203.0.113.7", "UA"),
                channel="web",
                brand="b",
                consent=True,
                outside={"user": {"tier": "gold"}},
            )
        )
        assert found.losses == {
            *("brand", "channel", "consent", "device.ip", "device.user_agent", "items", "placement"),
            *("page.data", "page.locale", "page.location", "page.referrer", "page.type", "properties.user.tier"),
        }

    @pytest.mark.parametrize("unsupported", ["reject", "event"])
    def test_without_the_events_key(self, unsupported):
        """Without a key for them events are refused, Auxia's own too, whatever `unsupported` says."""
        refusal = [("unsupported", ("events_api_key",))]
        found, _ = sent(foreign(Event, type="custom"), WITHOUT_EVENTS, unsupported=unsupported)
        assert [(one.reason, one.fields) for one in found.refused] == refusal
        own = decode(ACCOUNT, inbound("events", events_body(PURCHASE)))
        found = translate(own, Target("t", WITHOUT_EVENTS, unsupported=unsupported))
        assert [(one.reason, one.fields) for one in found.refused] == refusal

    def test_one_user_one_body(self):
        """Events of one user share a body; another user's travel apart."""
        events = tuple(foreign(Event, type="login", user=User(user)) for user in ("a", "b", "a"))
        decoded = Decoded(inbound("events", {}), events)
        found = translate(decoded, Target("t", ACCOUNT))
        assert [outbound.indices for outbound in found.requests] == [(0, 2), (1,)]
