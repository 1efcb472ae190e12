"""The one request that every contender gets, and what its vendor is to be told for it.

A click in Dynamic Yield's format becomes one in Gravity Field's: another path, another header with another key, other
names for the same fields, one page address that the owner supplies, one caller's header in the body.
"""

from typing import Final

from bench.bodies import BODIES

PATH: Final = "/v2/collect/user/engagement"
BODY: Final = BODIES["dynamic_yield", "engagement", "click"]
USER: Final = "yaexono4ohphania"
"""The user's id in the body; a load of distinct clicks replaces it."""
AGENT: Final = "bench"
HEADERS: Final = {"DY-API-Key": "shop-key", "Content-Type": "application/json", "User-Agent": AGENT}
TOLD_PATH: Final = "/ssapi/engagement"
TOLD_AUTHORIZATION: Final = "Bearer gf-key"
PAGE: Final = "https://shop.example/"


def told(variations: list[object]) -> dict[str, object]:
    """The body for Gravity Field, with the campaign's variations as the contender writes them."""
    return {
        "user": {"id": USER},
        "session": {"custom": "iquahngaishe2koh"},
        "context": {
            "page": {"type": "OTHER", "data": [], "location": PAGE},
            "device": {"userAgent": AGENT, "ip": "203.0.113.7"},
        },
        "engagements": [{"type": "CLICK", "decisionId": "aGVsbG8KhAcaGVsbG8KhAc", "variations": variations}],
    }
