"""Facts about routing: whose key it is, which route takes a request, and what is said when none does."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Secret
from gateway.errors import Forbidden, NoKey, NoSuchPath, Rejected, WrongMethod
from gateway.routing import Client, Keyring, Route, Table
from mappings import MAPPINGS

ENGAGEMENT = "/v2/collect/user/engagement"
CLIENTS = (
    Client("shop", (Secret("old"), Secret("new"))),
    Client("app", (Secret("schlüssel"),)),
    Client("idle", (Secret("unused"),)),
)


def table(*routes: Route, origins=()) -> Table:
    return Table(routes, CLIENTS, MAPPINGS, origins)


def route(name: str, accepts: str = "dynamic_yield", clients=(), prefix: str = "") -> Route:
    return Route(name=name, accepts=accepts, prefix=prefix, clients=frozenset(clients))


def taken(found: Table, path: str, key: str | None = None, method: str = "POST"):
    headers = {} if key is None else {"dy-api-key": key, "authorization": f"Bearer {key}"}
    return found.match(found.find(path), method, headers, {})


# Keys


def test_every_key_of_a_client_is_its_own():
    """While keys change, the old one and the new one both lead to their client."""
    keyring = Keyring(CLIENTS)
    assert [keyring.owner(key) for key in ("old", "new", "schlüssel")] == ["shop", "shop", "app"]


@given(st.text(st.characters()) | st.none())
def test_any_text_may_be_shown_as_a_key(key):
    """Whatever is shown, also what is no ASCII and no Unicode text, is somebody's key or nobody's."""
    known = {"old": "shop", "new": "shop", "schlüssel": "app", "unused": "idle"}
    assert Keyring(CLIENTS).owner(key) == known.get(key or "")


@given(st.dictionaries(st.text(min_size=1), st.sampled_from("abc"), max_size=8))
def test_keys_lead_to_their_owners(owners):
    """Each key leads to the client that it was given to."""
    clients = [Client(name, tuple(Secret(key) for key, own in owners.items() if own == name)) for name in "abc"]
    keyring = Keyring(clients)
    assert {key: keyring.owner(key) for key in owners} == owners


def test_keys_stand_in_the_dialects_own_place():
    """A route's key is looked for where its vendor's callers show theirs, and nowhere else."""
    found = table(*(route(name, name, ["shop"]) for name in MAPPINGS))
    shown = {
        "gravity_field": ("/ssapi/event", {"authorization": "Bearer new"}),
        "gravity_field_sdk": ("/v2/event", {"authorization": "Bearer new"}),
        "dynamic_yield": (ENGAGEMENT, {"dy-api-key": "new"}),
        "vaix": ("/api/tracker/events", {"authorization": "Bearer new"}),
        "auxia": ("/v1/LogEvents", {"x-api-key": "new"}),
    }
    for name, (path, headers) in shown.items():
        match = found.match(found.find(path), "POST", headers, {})
        assert (match.route.name, match.source.NAME, match.client) == (name, name, "shop")
        with pytest.raises(NoKey):
            found.match(found.find(path), "POST", {"x-other": "new"}, {})


# Choosing


def test_the_first_route_in_file_order_takes_it():
    """Of several routes at one path the first whose clients include the key's owner wins."""
    found = table(route("a", clients=["app"]), route("b", clients=["shop", "app"]), route("c", clients=["shop"]))
    assert taken(found, ENGAGEMENT, "new").route.name == "b"
    assert taken(found, ENGAGEMENT, "schlüssel").route.name == "a"


def test_a_route_without_clients_asks_no_key():
    """It takes what comes, and still knows its caller where the key is known."""
    found = table(route("theirs", clients=["app"]), route("open"))
    assert [taken(found, ENGAGEMENT, key).client for key in (None, "nobody's", "old")] == [None, None, "shop"]
    assert taken(found, ENGAGEMENT).route.name == "open"


def test_prefixes_keep_brands_apart():
    """The same native path under another prefix is another route's."""
    found = table(route("a", prefix="/brand-a"), route("b", prefix="/brand-b"))
    assert taken(found, f"/brand-b{ENGAGEMENT}").route.name == "b"
    with pytest.raises(NoSuchPath):
        found.find(ENGAGEMENT)


def test_endpoints_are_told_apart():
    """The match names the endpoint whose path and method it is."""
    found = table(route("sdk", "gravity_field_sdk"))
    assert taken(found, "/v2/event").endpoint.name == "event"
    assert taken(found, "/engagement", method="GET").endpoint.name == "engagement"


@pytest.mark.parametrize("path", ["", "/", ENGAGEMENT + "/", ENGAGEMENT.upper(), "/v2/collect/user", "//" + ENGAGEMENT])
def test_unknown_paths(path):
    """Only the exact path is served."""
    with pytest.raises(NoSuchPath):
        table(route("a")).find(path)


def test_wrong_methods():
    """Another method than the endpoint's is refused before any key is looked at, naming those allowed."""
    with pytest.raises(WrongMethod) as caught:
        taken(table(route("a", clients=["shop"])), ENGAGEMENT, method="GET")
    assert caught.value.allowed == ("POST",)


def test_keys_that_open_nothing():
    """No key and an unknown key are NoKey; a known one whose client no route names is Forbidden."""
    found = table(route("a", clients=["shop"]))
    for key in (None, "", "nobody's"):
        with pytest.raises(NoKey):
            taken(found, ENGAGEMENT, key)
    with pytest.raises(Forbidden):
        taken(found, ENGAGEMENT, "unused")


NAMES = ("shop", "app", "idle")
ROUTES = st.builds(
    route,
    name=st.uuids().map(str),
    accepts=st.sampled_from(["dynamic_yield", "gravity_field"]),
    clients=st.sets(st.sampled_from(NAMES)),
    prefix=st.sampled_from(["", "/b"]),
)
REQUESTS = list(product(("", "/b"), (ENGAGEMENT, "/ssapi/event"), ("GET", "POST"), (None, "no", "new", "unused")))


@given(st.lists(ROUTES, max_size=6))
def test_routing_is_the_rule_itself(routes):
    """For any routes and requests the table answers as the plain rule, read word for word, does."""
    found = table(*routes)
    for prefix, native, method, key in REQUESTS:
        assert outcome(found, prefix + native, method, key) == by_the_rule(routes, prefix, native, method, key)


def outcome(found: Table, path: str, method: str, key: str | None):
    try:
        return taken(found, path, key, method).route.name
    except Rejected as error:
        return type(error)


def by_the_rule(routes, prefix, native, method, key):
    owner = {"new": "shop", "unused": "idle"}.get(key)
    served = [
        one
        for one in routes
        if one.prefix == prefix and any(native in end.paths for end in MAPPINGS[one.accepts].ENDPOINTS)
    ]
    if not served:
        return NoSuchPath
    if method != "POST":
        return WrongMethod
    taking = [one.name for one in served if not one.clients or owner in one.clients]
    return taking[0] if taking else Forbidden if owner else NoKey


# Browsers


def test_errors_are_worded_by_the_first_route():
    """What goes wrong at a path is said in the dialect of the first route there."""
    assert table(route("a", "auxia")).find("/v1/LogEvents").dialect.NAME == "auxia"


def test_preflight_names_the_vendors_key_header():
    """OPTIONS tells a browser of a named origin the methods and the headers, the vendor's key header among them."""
    found = table(route("a"), origins=["https://shop.example"])
    told = found.preflight(found.find(ENGAGEMENT), {"origin": "https://shop.example"})
    assert told["allow"] == "POST, OPTIONS"
    assert told["access-control-allow-origin"] == "https://shop.example"
    assert told["access-control-allow-methods"] == "POST"
    assert told["access-control-allow-headers"] == "content-type, x-request-id, dy-api-key"


def test_other_origins_are_told_nothing():
    """A browser elsewhere gets no permission, a caller that is no browser no CORS headers."""
    found = table(route("a"), origins=["https://shop.example"])
    assert found.cors({"origin": "https://evil.example"}) == {}
    assert found.cors({}) == {}
    assert found.preflight(found.find(ENGAGEMENT), {"origin": "null"}) == {"allow": "POST, OPTIONS"}
    assert table(route("a"), origins=["*"]).cors({"origin": "null"})["access-control-allow-origin"] == "null"
