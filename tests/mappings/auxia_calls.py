"""An Auxia account, a documented body for each of its endpoints, and what every test of it does with them."""

import json

import pytest

from gateway.contract import Inbound, Secret
from gateway.errors import Malformed
from gateway.model import Origin, User
from gateway.translate import Decoded, Target, decode, translate
from mappings.auxia import Auxia

ACCOUNT = Auxia(api_key=Secret("ax-key"), project_id="1250", events_api_key=Secret("ax-events-key"))
ENDPOINTS = {endpoint.name: endpoint for endpoint in Auxia.ENDPOINTS}
RECEIVED_AT = 1_795_255_200_123_456
RECEIVED_TEXT = "2026-11-21T10:00:00.123456Z"
CLICK = {
    "projectId": "77",
    "userId": "u-1",
    "treatmentTrackingId": "6_690e24d8-16a6-4518-bf37-09a8f0120dfb",
    "treatmentId": "1250",
    "surface": "HOME_SCREEN",
    "interactionType": "CLICKED",
    "interactionTimeMicros": 1_667_829_258_250_000,
    "actionName": "Buy Now",
}
PURCHASE = {
    "eventName": "purchase",
    "insertId": "i-1",
    "eventProperties": {
        "name": {"stringValue": "Bought"},
        "value": {"doubleValue": 5},
        "currency": {"stringValue": "EUR"},
        "quantity": {"longValue": "2"},
        "product_id": {"stringValue": "sku-1"},
        "cart": {"stringValue": '[ {"product_id":"sku-1","quantity":2,"item_price":2.5} ]'},
        "transaction_id": {"stringValue": "t-1"},
        "gift": {"booleanValue": True},
        "weight": {"doubleValue": 1.0},
        "stock": {"longValue": "007"},
    },
    "userProperties": {"age": {"longValue": "40"}},
    "clientEventTimestamp": "2026-11-20T11:15:30.25+01:00",
    "sessionId": "s-1",
    "country": "AT",
    "region": "9",
    "city": "Vienna",
    "deviceId": "d-1",
    "appVersionId": "3.2",
}


def inbound(name, body, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("r-1", ENDPOINTS[name], more.get("headers", {}), {}, raw, RECEIVED_AT)


def events_body(*events, **more):
    return {"projectId": "77", "userId": "u-1", "events": list(events), **more}


def first(name, body):
    return ACCOUNT.decode(inbound(name, body))[0]


def there_and_back(name, body, account=ACCOUNT, *, stamp=False, **target):
    """The bodies that Auxia is sent for an inbound of its own; nothing is ever lost on that way."""
    found = translate(decode(ACCOUNT, inbound(name, body), stamp=stamp), Target("t", account, **target))
    assert found.losses == frozenset()
    assert found.copied == frozenset()
    assert found.refused == ()
    return [json.loads(outbound.body) for outbound in found.requests]


def foreign(kind, **facts):
    common = {"id": "r-9-0", "origin": Origin("elsewhere", "any"), "received_at": RECEIVED_AT, "user": User("u-1")}
    return kind(**(common | facts))


def sent(interaction, account=ACCOUNT, **target):
    """The translation of an interaction from elsewhere, and the bodies that it sends."""
    decoded = Decoded(inbound("events", {}), (interaction,))
    found = translate(decoded, Target("t", account, **target))
    return found, [json.loads(outbound.body) for outbound in found.requests]


def faults(name, body):
    with pytest.raises(Malformed) as caught:
        ACCOUNT.decode(inbound(name, body))
    return {fault.path: fault.message for fault in caught.value.faults}


ENGAGED = {"action": "click", "decision_id": "d-1", "variations": ("7",), "placement": "HOME"}
