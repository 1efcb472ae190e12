"""Pure routing: whose request this is and which route takes it.

The first route in file order whose prefix and endpoint match and whose clients include the key's owner. Paths are
looked up in a table made once; keys are compared as keyed digests, so that nothing is learnt from how long it takes.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from secrets import token_bytes
from typing import Final, Literal

from msgspec import Struct

from gateway.contract import Endpoint, Mappings, Secret, VendorMapping
from gateway.errors import Forbidden, NoKey, NoSuchPath, WrongMethod
from gateway.translate import Target

_PREFLIGHT_SECONDS: Final = "600"
_SHOWN: Final = 1024
"""Keys whose owners are remembered."""


class Client(Struct, frozen=True):
    """Who may call: its keys, and how many requests per second it may send (None: as many as it likes)."""

    name: str
    keys: tuple[Secret, ...]
    rate_limit: float | None = None


class RouteTarget(Struct, frozen=True, kw_only=True):
    """A route's target and how it is delivered to; `late` is in seconds."""

    target: Target
    upstream: str
    primary: bool = False
    on_failure: Literal["store", "relay"] = "store"
    late: float | None = None
    late_action: Literal["deliver", "dead"] = "deliver"
    overflow: Literal["refuse", "shed"] = "refuse"
    max_backlog: int | None = None
    from_: Literal["now", "start"] = "now"


class Route(Struct, frozen=True, kw_only=True):
    """What is accepted under which prefix, from whom, and where it goes; no clients: no key is asked."""

    name: str
    accepts: str
    prefix: str = ""
    clients: frozenset[str] = frozenset()
    explain: bool = False
    public: bool = False
    mode: Literal["store", "forward"] = "store"
    targets: tuple[RouteTarget, ...] = ()


class Match(Struct, frozen=True, gc=False):
    """The route that takes an inbound, its endpoint, the mapping that reads it, and the key's owner where known."""

    route: Route
    endpoint: Endpoint
    source: VendorMapping
    client: str | None


class Offer(Struct, frozen=True):
    """What one route serves at one path by one method."""

    route: Route
    endpoint: Endpoint
    source: VendorMapping


class Place(Struct, frozen=True):
    """What is served at one path: by method, in file order; errors there are worded in `dialect`, the first route's."""

    offers: Mapping[str, tuple[Offer, ...]]
    dialect: VendorMapping
    key_headers: tuple[str, ...]


class Keyring:
    """The keys of all clients, as digests with a secret salt of this process's own.

    What a look-up's time tells is of digests that nobody outside can compute. Owners of keys that were shown before are
    remembered, by the secret hash that Python has for text: that tells no more.
    """

    def __init__(self, clients: Iterable[Client]) -> None:
        self._salt = token_bytes(blake2b.SALT_SIZE)
        self._owners = {self._digest(key.reveal()): client.name for client in clients for key in client.keys}
        self.owner = lru_cache(maxsize=_SHOWN)(self._owner)
        """The client whose key it is, if any."""

    def _owner(self, key: str | None) -> str | None:
        return self._owners.get(self._digest(key)) if key else None

    def _digest(self, key: str) -> bytes:
        """A key's digest; headers that are no UTF-8 come with surrogates, which are kept."""
        return blake2b(key.encode("utf-8", "surrogatepass"), salt=self._salt).digest()


class Table:
    """Which route takes which request."""

    def __init__(
        self,
        routes: Iterable[Route],
        clients: Iterable[Client],
        mappings: Mappings,
        cors_origins: Iterable[str] = (),
    ) -> None:
        self.routes = tuple(routes)
        self._keyring = Keyring(clients)
        self._origins = frozenset(cors_origins)
        sources = {name: mappings[name].example() for name in dict.fromkeys(route.accepts for route in self.routes)}
        offers: dict[str, list[Offer]] = {}
        for route in self.routes:
            source = sources[route.accepts]
            for endpoint in source.ENDPOINTS:
                for path in endpoint.paths:
                    offers.setdefault(route.prefix + path, []).append(Offer(route, endpoint, source))
        self._places = {path: _place(found) for path, found in offers.items()}

    def find(self, path: str) -> Place:
        """What is served at a path; raises NoSuchPath."""
        place = self._places.get(path)
        if place is None:
            raise NoSuchPath("no route serves this path")
        return place

    def match(self, place: Place, method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Match:
        """The route that takes a request at a place; raises WrongMethod, NoKey or Forbidden."""
        offers = place.offers.get(method)
        if offers is None:
            raise WrongMethod(tuple(place.offers))
        owner, read, known = None, None, False
        for offer in offers:
            route, source = offer.route, offer.source
            if source is not read:
                owner, read = self._keyring.owner(source.key(headers, query)), source
                known = known or owner is not None
            if not route.clients or owner in route.clients:
                return Match(route, offer.endpoint, source, owner)
        if known:
            raise Forbidden("no route accepts this key here")
        raise NoKey("a key is asked for, and none that is known was shown")

    def cors(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers by which a browser lets its page read an answer; none for an origin that is not named."""
        origin = headers.get("origin")
        if origin is None or not (origin in self._origins or "*" in self._origins):
            return {}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": "x-request-id, x-gateway-losses, retry-after",
            "vary": "origin",
        }

    def preflight(self, place: Place, headers: Mapping[str, str]) -> dict[str, str]:
        """What OPTIONS says of a place: its methods and, to a browser of a named origin, the headers it may send."""
        told = {"allow": ", ".join((*place.offers, "OPTIONS"))}
        cors = self.cors(headers)
        if cors:
            told |= cors | {
                "access-control-allow-methods": ", ".join(place.offers),
                "access-control-allow-headers": ", ".join(("content-type", "x-request-id", *place.key_headers)),
                "access-control-max-age": _PREFLIGHT_SECONDS,
            }
        return told


def _place(offers: list[Offer]) -> Place:
    methods = dict.fromkeys(one.endpoint.method for one in offers)
    key_headers = dict.fromkeys(header for one in offers for header in one.source.KEY_HEADERS)
    by_method: dict[str, tuple[Offer, ...]] = {
        method: tuple(one for one in offers if one.endpoint.method == method) for method in methods
    }
    return Place(by_method, offers[0].source, tuple(key_headers))
