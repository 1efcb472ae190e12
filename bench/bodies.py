"""One interaction per body, as real clients send them: the vendors' examples with what they leave optional."""

from typing import Any, Final

from msgspec import json

_AGENT: Final = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Mobile Safari/537.36"
)
HEADERS: Final = {"user-agent": _AGENT, "referer": "https://shop.example/"}
"""What a caller's server passes along."""

_CART: Final = [
    {"productId": "sku-4711-b", "quantity": 1, "itemPrice": 59.9},
    {"productId": "sku-0815-xl", "quantity": 2, "itemPrice": 19.95},
]
_PURCHASE: Final = {
    "value": 99.8,
    "currency": "EUR",
    "uniqueTransactionId": "t-20261121-000778",
    "cart": _CART,
    "coupon": "NOVEMBER",
}
_PAGE: Final = {
    "type": "PRODUCT",
    "data": ["sku-4711-b"],
    "location": "https://shop.example/shoes/running/sku-4711-b?color=blue",
    "referrer": "https://shop.example/shoes/running",
}
_DEVICE: Final = {"userAgent": _AGENT, "ip": "203.0.113.7"}
_DY_PERSON: Final = {
    "user": {"id": "yaexono4ohphania", "active_consent_accepted": True},
    "session": {"custom": "iquahngaishe2koh"},
    "context": {"device": {"ip": "203.0.113.7"}, "channel": "WEB"},
}
_GF_PERSON: Final = {
    "user": {"id": "yaexono4ohphania"},
    "session": {"custom": "iquahngaishe2koh"},
    "context": {"page": _PAGE | {"lng": "ru_RU"}, "device": _DEVICE},
}

_BODIES: Final[dict[tuple[str, str, str], dict[str, Any]]] = {
    ("dynamic_yield", "engagement", "click"): _DY_PERSON
    | {"engagements": [{"type": "CLICK", "decisionId": "aGVsbG8KhAcaGVsbG8KhAc", "variations": [101098971]}]},
    ("dynamic_yield", "event", "purchase"): _DY_PERSON
    | {"events": [{"name": "Purchase", "properties": {"dyType": "purchase-v1", **_PURCHASE}}]},
    ("gravity_field", "engagement", "click"): _GF_PERSON
    | {
        "engagements": [
            {
                "type": "CLICK",
                "decisionId": "6f1d1a5e-9c1f7e",
                "variations": ["1250"],
                "event_time": "2026-11-21T10:00:00.250+00:00",
            }
        ]
    },
    ("gravity_field", "event", "purchase"): _GF_PERSON
    | {"events": [{"name": "Purchase", "properties": {"eventType": "purchase-v1", **_PURCHASE}}]},
    ("gravity_field_sdk", "event", "add to cart"): {
        "sec": "5f2d8c1ab4e7f90012345678",
        "user": {"custom": "yaexono4ohphania", "ses": "iquahngaishe2koh"},
        "ctx": _PAGE,
        "device": {"ua": _AGENT, "ip": "203.0.113.7"},
        "data": [
            {
                "type": "add-to-cart-v1",
                "name": "Add to Cart",
                "currency": "RUB",
                "value": 5990,
                "quantity": 1,
                "productId": "sku-4711-b",
                "eventTime": "2026-11-21T10:00:00Z",
                "customProps": {"size": "42", "color": "blue"},
            }
        ],
    },
    ("vaix", "events", "click"): {
        "event_type": "clicks:outcome",
        "user_id": "654321",
        "data": {
            "outcome_id": "sr:outcome:1714/sr:match:41763035",
            "event_id": "sr:match:41763035",
            "page": "https://sports.example/football/premier-league",
            "location": "swim_lane:recommended",
            "position": 3,
            "channel": "Mobile Web",
            "brand": "example-sports",
            "odds": 1.85,
        },
    },
    ("vaix", "events", "ticket"): {
        "event_type": "engagement:place_ticket",
        "user_id": "654321",
        "data": {
            "selections": [
                {"id": "sr:outcome:1714", "event_id": "sr:match:41763035"},
                {"id": "sr:outcome:1715", "event_id": "sr:match:41763111"},
            ],
            "page": "https://sports.example/betslip",
            "location": "betslip",
            "channel": "Mobile Web",
            "stake": 25.0,
            "currency": "EUR",
            "total_odds": 4.31,
            "ticket_id": "t-20261121-000778",
        },
    },
    ("auxia", "interaction", "click"): {
        "projectId": "1250",
        "userId": "yaexono4ohphania",
        "treatmentTrackingId": "6_690e24d8-16a6-4518-bf37-09a8f0120dfb",
        "treatmentId": "1250",
        "surface": "HOME_SCREEN",
        "interactionType": "CLICKED",
        "interactionTimeMicros": "1795255200000000",
        "actionName": "Buy now",
    },
    ("auxia", "events", "purchase"): {
        "projectId": "1250",
        "userId": "yaexono4ohphania",
        "events": [
            {
                "eventName": "purchase",
                "insertId": "0c5fd3a0-5a3e-4a29-9a45-5a6f0c1d8f02",
                "eventProperties": {
                    "value": {"doubleValue": 99.8},
                    "currency": {"stringValue": "EUR"},
                    "transaction_id": {"stringValue": "t-20261121-000778"},
                    "coupon": {"stringValue": "NOVEMBER"},
                    "first_order": {"booleanValue": False},
                },
                "clientEventTimestamp": "2026-11-21T10:00:00.250Z",
                "sessionId": "iquahngaishe2koh",
                "deviceId": "d-3f7a",
                "appVersionId": "4.12.0",
            }
        ],
    },
}
BODIES: Final = {place: json.encode(tree) for place, tree in _BODIES.items()}
"""Compact JSON by vendor, endpoint and what it tells."""
