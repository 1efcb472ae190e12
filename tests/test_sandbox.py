"""The sandbox over real sockets: strict about contracts and credentials, in each vendor's words."""

import gzip
import io
from importlib.resources import files

import msgspec
import pytest
from jsonschema import Draft202012Validator
from sandbox_calls import AUTH, BODIES, DY_AUTH, DY_PATH, POSTS, QUERY, SDK_AUTH, running

from gateway.sandbox import validation
from gateway.sandbox.exchange import Call, Ledger
from gateway.sandbox.judge import judge
from gateway.sandbox.vendors import VENDORS


@pytest.fixture
async def client():
    async with running() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/ssapi/engagement", 204, None),
        ("/ssapi/event", 204, None),
        ("/event", 204, None),
        ("/v2/collect/user/engagement", 204, None),
        ("/v2/collect/user/event", 204, None),
        ("/v2/collect/user/pageview", 204, None),
        ("/api/tracker/events", 204, None),
        ("/v1/LogTreatmentInteraction", 200, {}),
        ("/v1/LogEvents", 200, {}),
    ],
)
async def test_takes_a_call_in_order(client, path, status, body):
    """Each vendor answers a correct call with its documented success."""
    assert (await client.post(path))[:2] == (status, body)
    assert client.sandbox.received.entries()[-1].faults == ()


async def test_the_sdk_answers_under_v2_too(client):
    """The SDK's paths exist with and without the version."""
    assert (await client.send("POST", "/v2/event", json=BODIES["/event"], headers=SDK_AUTH))[0] == 204
    for path in ("/engagement", "/v2/engagement"):
        assert (await client.send("GET", path + QUERY, headers=SDK_AUTH))[0] == 204


async def test_gravity_field_mints_ids_for_a_new_visitor(client):
    """A person and a visit without any id get one each, counted up; only what was created is named."""
    new = BODIES["/ssapi/engagement"] | {"user": {"slid": ""}, "session": {}}
    first = await client.post("/ssapi/engagement", new)
    assert first[:2] == (200, {"user": {"slid": "sandbox-slid-1"}, "session": {"sl": "sandbox-sl-2"}})
    known = BODIES["/ssapi/engagement"] | {"session": {"sl": ""}}
    second = await client.post("/ssapi/engagement", known)
    assert second[:2] == (200, {"user": {"slid": None}, "session": {"sl": "sandbox-sl-3"}})


async def test_minted_ids_fit_the_response_contract(client):
    """What Gravity Field answers to a new visitor is what its documentation promises."""
    name = "gravity_field.engagement.response"
    _, body, _ = await client.post("/ssapi/engagement", BODIES["/ssapi/engagement"] | {"session": {}})
    assert validation.contract(name).flaws(body) == ()
    assert validation.contract(name).flaws({"user": {"slid": 1}})


async def test_the_sdk_mints_ids_for_a_new_person(client):
    """An event of nobody known is answered with uid and ses; a known person's is not."""
    status, body, _ = await client.post("/event", BODIES["/event"] | {"user": {}})
    assert status == 200
    assert body["user"]["uid"] == "000000000000000000000001"
    assert body["user"]["ses"] == "00000000-0000-0000-0000-000000000001"


async def test_dynamic_yield_warns_of_unknown_keys(client):
    """A body with keys that are not documented is taken with one warning each."""
    status, body, _ = await client.post(DY_PATH, BODIES[DY_PATH] | {"zz": 1, "aa": 2})
    assert status == 200
    assert [warning["message"].split()[0] for warning in body["warnings"]] == ["aa", "zz"]


@pytest.mark.parametrize("path", [*POSTS, "/engagement"])
async def test_another_method_is_405(client, path):
    """The wrong method is refused, naming the right one."""
    right = "GET" if path == "/engagement" else "POST"
    for wrong in ("PUT", "HEAD", "POST" if right == "GET" else "GET"):
        status, _, headers = await client.send(wrong, path, headers=AUTH[path])
        assert (status, headers["Allow"]) == (405, right)


async def test_an_unknown_path_is_404_and_remembered(client):
    """A wrong base URL shows in what was received."""
    assert (await client.send("POST", "/ssapi/engagement/", json={"a": 1}))[0] == 404
    entry = client.sandbox.received.entries()[-1]
    assert (entry.vendor, entry.path, entry.body, entry.status) == (None, "/ssapi/engagement/", {"a": 1}, 404)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (
            "/ssapi/engagement",
            401,
            {"code": 401, "message": "Access token is missing or invalid", "type": "UnauthorizedError"},
        ),
        ("/event", 403, {"code": 403, "message": "Access token is missing or invalid", "type": "ForbiddenError"}),
        (DY_PATH, 401, {"error": "401"}),
        (
            "/v1/LogEvents",
            401,
            {
                "error": {
                    "code": 401,
                    "message": "the API key is missing or invalid",
                    "status": "UNAUTHENTICATED",
                },
            },
        ),
    ],
)
async def test_no_key_and_a_wrong_key_are_refused_alike(client, path, status, body):
    """Each vendor has its own words for a call without a valid key."""
    name = next(iter(AUTH[path]))
    for shown in ({}, {name: "Bearer wrong"}, {name: "wrong"}):
        answer = await client.send("POST", path, json=BODIES[path], headers=shown)
        assert answer[:2] == (status, body)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"x-vaix-client-id": ""}, 400),
        ({"x-vaix-authentication-method": "iam"}, 401),
        ({"x-vaix-authentication-method": "vaix"}, 401),
        ({"Accept": "text/html"}, 406),
        ({"Accept": "text/html, application/json;q=0.9"}, 204),
    ],
)
async def test_vaix_asks_for_its_headers(client, changed, status):
    """A static token needs the client id and no authentication method; an answer other than JSON is not to be had."""
    got, body, _ = await client.post("/api/tracker/events", headers=changed)
    assert got == status
    if status == 406:
        assert list(body) == ["errors"]
    elif status != 204:
        assert (list(body), body["status"]) == (["error", "status"], str(status))


async def test_an_issued_token_needs_iam(client):
    """A token from /oauth/token is good with the iam method alone; no other token is good with it."""
    status, grant, _ = await client.post("/oauth/token")
    assert (status, grant["token_type"], grant["expires_in"]) == (200, "Bearer", 3600)
    bearer = {"Authorization": f"Bearer {grant['access_token']}"}
    iam = {"x-vaix-authentication-method": "iam"}
    assert (await client.post("/api/tracker/events", headers=bearer))[0] == 401
    assert (await client.post("/api/tracker/events", headers=bearer | iam))[0] == 204
    assert (await client.post("/api/tracker/events", headers=iam))[0] == 401


def test_an_issued_token_expires():
    """A token is honoured for its lifetime and not at its end; issuing another forgets those that are over."""
    now = 100.0
    ledger = Ledger(60, clock=lambda: now)
    first = ledger.issue()
    now = 159.0
    assert ledger.honours(first)
    now = 160.0
    assert not ledger.honours(first)
    second = ledger.issue()
    assert ledger.honours(second)
    assert not ledger.honours(first)


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"client_id": "other"}, 401, "access_denied"),
        ({"client_secret": "other"}, 401, "access_denied"),
        ({"audience": "elsewhere"}, 403, "access_denied"),
        ({"grant_type": "password"}, 400, "invalid_request"),
    ],
)
async def test_tokens_are_for_the_known_client_only(client, changed, status, code):
    """Anything but the right client, audience and grant gets no token, and the secret is not remembered."""
    answer = await client.post("/oauth/token", BODIES["/oauth/token"] | changed)
    assert (answer[0], answer[1]["error"]) == (status, code)
    assert client.sandbox.received.entries("vaix_oauth")[-1].body["client_secret"] == "***"


async def test_auxia_takes_its_key_in_the_query_and_one_per_endpoint(client):
    """The key may be a header or a parameter; the other endpoint's key is known but not permitted."""
    path = "/v1/LogTreatmentInteraction"
    for name in ("api-key", "api_key"):
        answer = await client.send("POST", f"{path}?{name}=sandbox-auxia-key", json=BODIES[path])
        assert answer[0] == 200
        assert client.sandbox.received.entries()[-1].query == {name: "***"}
    status, body, _ = await client.post("/v1/LogEvents", headers={"x-api-key": "sandbox-auxia-key"})
    assert (status, body["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/event", {"sec": "000000000000000000000000"}),
        ("/v1/LogEvents", {"projectId": "1"}),
        ("/v1/LogTreatmentInteraction", {"projectId": "1"}),
    ],
)
async def test_another_tenant_is_forbidden(client, path, wrong):
    """A section or project that is not the key's own is 403."""
    assert (await client.post(path, BODIES[path] | wrong))[0] == 403
    assert client.sandbox.received.entries()[-1].faults[0].startswith(next(iter(wrong)))


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_must_be_json_and_say_so(client, path):
    """Another content type is 415, what is no JSON 400, an empty body too."""
    plain = AUTH[path] | {"Content-Type": "text/plain"}
    assert (await client.send("POST", path, data=b"{}", headers=plain))[0] == 415
    for bad in (b"{", b"", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a": 1e999}'):
        kind = AUTH[path] | {"Content-Type": "application/json; charset=utf-8"}
        assert (await client.send("POST", path, data=bad, headers=kind))[0] == 400


async def test_every_flaw_is_named_by_its_path(client):
    """Vaix names all that is wrong, each at its place; nothing is asked of a type that is not given."""
    path = "/api/tracker/events"
    body = {"event_type": "clicks:outcome", "extra": 1, "data": {"page": 7, "event_id": "e"}}
    status, answer, _ = await client.post(path, body)
    assert status == 422
    assert set(answer["errors"]) == {"data.location", "data.outcome_id", "data.page", "extra", "user_id"}
    assert (await client.post(path, {}))[1] == {"errors": {"event_type": ["is required"]}}


@pytest.mark.parametrize(
    ("path", "changed", "flaws"),
    [
        (
            "/ssapi/engagement",
            {"context": {}, "engagements": [{"type": "SLOT_CLICK"}, {"type": "X"}], "user": []},
            {"context.page", "engagements[0].slotId", "engagements[1].type", "user"},
        ),
        (
            DY_PATH,
            {"engagements": [{"type": "CLICK", "variations": ["1"]}, {"type": "X"}, {"slotId": "s"}, 7]},
            {
                "engagements[0].decisionId",
                "engagements[0].variations[0]",
                "engagements[1].type",
                "engagements[2].type",
                "engagements[3]",
            },
        ),
        (
            "/v2/collect/user/event",
            {"events": [{"name": "Buy", "properties": {"dyType": "purchase-v1"}}, {}]},
            {"events[0].properties.value", "events[0].properties.cart", "events[1].name"},
        ),
        (
            "/event",
            {"data": [{"eventTime": "2026-11-21 10:00"}, {"type": "x", "eventTime": "2026-13-41T10:00:00Z"}]},
            {"data[0].type", "data[0].eventTime", "data[1].eventTime"},
        ),
        (
            "/v1/LogEvents",
            {"events": [{"eventName": "x", "eventProperties": {"a": {"longValue": 3}}, "more": 1}]},
            {"events[0].eventProperties.a.longValue", "events[0].more"},
        ),
    ],
)
async def test_contract_flaws(client, path, changed, flaws):
    """The record and the answer name every place where a body breaks its vendor's contract."""
    status, answer, _ = await client.post(path, BODIES[path] | changed)
    assert status == (400 if path.startswith("/v1") else 422)
    faults = client.sandbox.received.entries()[-1].faults
    assert {fault.partition(":")[0] for fault in faults} == flaws
    text = msgspec.json.encode(answer).decode()
    assert all(flaw in text for flaw in flaws)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (QUERY + "&contentId=c", 204),
        ("?type=WCLICK", 422),
        ("?type=CLICK&decisionId=d", 422),
        ("?type=WRIMP&decisionId=", 422),
        (QUERY + "&uid=1", 422),
        (QUERY + "&decisionId=2", 422),
    ],
)
async def test_the_sdk_engagement_takes_documented_parameters_only(client, query, status):
    """Type and decision are asked for, a content may be named, each once, and nothing else."""
    assert (await client.send("GET", "/engagement" + query, headers=SDK_AUTH))[0] == status


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_over_a_mebibyte_is_413(client, path):
    """The limit holds for what a body inflates to; the connection and the sandbox live on."""
    large = b'{"a": "' + b"x" * (1 << 20) + b'"}'
    kind = AUTH[path] | {"Content-Type": "application/json"}
    assert (await client.send("POST", path, data=io.BytesIO(large), headers=kind))[0] == 413
    packed = kind | {"Content-Encoding": "gzip"}
    assert (await client.send("POST", path, data=gzip.compress(large), headers=packed))[0] == 413


async def test_a_gzip_body_is_inflated_and_a_broken_one_refused(client):
    """Compressed bodies are taken like any other; what does not inflate is 400."""
    kind = DY_AUTH | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = gzip.compress(msgspec.json.encode(BODIES[DY_PATH]))
    assert (await client.send("POST", DY_PATH, data=packed, headers=kind))[0] == 204
    assert client.sandbox.received.entries()[-1].body == BODIES[DY_PATH]
    assert (await client.send("POST", DY_PATH, data=b"not gzip", headers=kind))[0] == 400
    assert (await client.post(DY_PATH))[0] == 204


def test_every_contract_is_a_schema_and_in_use():
    """Each contract file is a valid JSON Schema; each endpoint has one."""
    contracts = {path.name for path in files("gateway.sandbox").joinpath("contracts").iterdir()}
    for name in contracts:
        text = files("gateway.sandbox").joinpath("contracts", name).read_bytes()
        Draft202012Validator.check_schema(msgspec.json.decode(text))
    used = {f"{endpoint.contract}.json" for vendor in VENDORS for endpoint in vendor.endpoints}
    assert contracts - used == {"gravity_field.engagement.response.json"}


def test_a_deep_document_is_judged_without_a_traceback():
    """Nesting up to the parser's limit is judged, beyond it is no JSON."""
    headers = {"dy-api-key": "sandbox-dy-key", "content-type": "application/json"}
    for depth in (500, 5000):
        deep = b'{"user": {}, "session": {}, "engagements": ' + b"[" * depth + b"]" * depth + b"}"
        verdict = judge(Call("POST", DY_PATH, headers, {}, deep), Ledger(1))
        assert verdict.reply.status in {400, 422}
