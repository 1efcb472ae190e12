"""What is rejected: in the caller's dialect, with the right status, every fault named, and nothing sent."""

import asyncio
import gzip
import io

import msgspec
import pytest
import pytest_asyncio
from gateway_calls import (
    FIRST,
    KEY,
    KEYS,
    SUCCESS,
    VENDORS,
    accounts,
    body_of,
    fan_out,
    own_first,
    route,
    running,
    upstream,
)

CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 405: "UNIMPLEMENTED"}
CODES |= {408: "DEADLINE_EXCEEDED", 413: "INVALID_ARGUMENT", 415: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT"}
CODES |= {429: "RESOURCE_EXHAUSTED"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_gateway(tmp_path_factory):
    clients = '[clients.other]\nkey = "other-key"\n'
    server = 'max_body = "64KiB"'
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, lambda url: clients + accounts(url) + fan_out(), server=server) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(running_gateway):
    """The one gateway of this file, with nothing on its way and nothing remembered."""
    gateway = running_gateway
    gateway.lines.clear()
    gateway.sandbox.received.clear()
    yield gateway
    await gateway.settled()
    assert not [line for line in gateway.lines if line["log_level"] == "error"]


def worded(vendor, status, body):
    """Whether a body is the vendor's own form of an error of that status; gives its text."""
    match vendor:
        case "gravity_field" | "gravity_field_sdk":
            assert set(body) == {"code", "message", "type"}
            assert body["code"] == status
            return body["message"]
        case "dynamic_yield":
            if status == 401:
                assert body == {"error": "401"}
                return ""
            assert set(body) == {"message", "type"}
            return body["message"]
        case "vaix":
            if status in (406, 413, 422, 425):
                assert set(body) == {"errors"}
                return "; ".join(f"{path}: {one}" for path, found in body["errors"].items() for one in found)
            assert set(body) == {"error", "status"}
            assert body["status"] == str(status)
            return body["error"]
        case _:
            assert set(body) == {"error"}
            assert body["error"]["code"] == status
            assert body["error"]["status"] == CODES[status]
            return body["error"]["message"]


async def rejected(gateway, vendor, answer, status):
    """Asserts one rejection whole; gives its text. The gateway serves the next call."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    text = worded(vendor, status, answer.body)
    assert gateway.sandbox.received.entries() == []
    assert gateway.inbounds()[-1]["status"] == status
    assert gateway.inbounds()[-1]["error"]
    assert gateway.inbounds()[-1]["vendor"] == vendor
    after = await gateway.call(vendor, "POST", FIRST[vendor])
    assert (after.status, after.body) == SUCCESS[vendor]
    await gateway.settled()
    gateway.sandbox.received.clear()
    return text


def deep(vendor, depth):
    body = msgspec.json.encode(body_of(FIRST[vendor]))
    return body[:-1] + b',"extra":' + b'[{"a":' * depth + b"1" + b"}]" * depth + b"}"


NOT_JSON = {
    "empty": lambda _: b"",
    "cut": lambda vendor: msgspec.json.encode(body_of(FIRST[vendor]))[:-3],
    "words": lambda _: b"hello",
    "two": lambda _: b"{}{}",
    "nan": lambda _: b'{"user": NaN}',
    "comment": lambda _: b"{/* */}",
    "utf16": lambda _: "{}".encode("utf-16"),
    "bom": lambda _: b"\xef\xbb\xbf{}",
    "no utf8": lambda _: b'{"user": {"id": "\xff\xfe"}}',
    "lone surrogate": lambda _: b'{"user": {"id": "\\ud800"}}',
    "form": lambda _: b"user=1&session=2",
    "deep list": lambda _: b"[" * 60_000,
    "deep object": lambda _: b'{"a":' * 10_000,
    "deep whole": lambda vendor: deep(vendor, 5_000),
    "deep within": lambda vendor: deep(vendor, 300),
    "huge number": lambda _: b'{"user": ' + b"9" * 50_000 + b"}",
    "huge exponent": lambda _: b'{"user": 1e999999}',
}


@pytest.mark.parametrize("case", NOT_JSON)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_is_no_json_is_400(gateway, vendor, case):
    """Malformed, undecodable, too deep or too big a number: 400 in the caller's words."""
    answer = await gateway.post(vendor, NOT_JSON[case](vendor))
    assert await rejected(gateway, vendor, answer, 400)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("document", [b"[]", b"null", b'"x"', b"7", b"true"])
async def test_json_that_is_no_object_is_422(gateway, vendor, document):
    """A document of another kind is well-formed but not what the schema asks for."""
    answer = await gateway.post(vendor, document)
    assert "must be object" in await rejected(gateway, vendor, answer, 422)


FAULTY = {
    "gravity_field": (
        {"user": 7, "context": {"page": {"type": "NOWHERE"}}, "engagements": [{"type": "CLICK"}, {"type": "TAP"}]},
        ("user: ", "session: is required", "engagements[0].decisionId: ", "engagements[1].type: must be one of"),
    ),
    "gravity_field_sdk": (
        {"sec": 1, "data": [{"type": []}, "x"]},
        ("sec: must be string", "data[0].type: ", "data[1]: must be object"),
    ),
    "dynamic_yield": (
        {"user": {"id": 7}, "engagements": [{"type": "CLICK"}, {"type": "SLOT_IMP"}, {"type": "TAP"}]},
        (
            "user.id: must be string",
            "session: is required",
            "engagements[0].decisionId: is required",
            "engagements[1].slotIds: is required",
            "engagements[2].type: must be one of",
        ),
    ),
    "vaix": (
        {"event_type": "clicks:nothing", "user_id": [], "extra": 1},
        ("event_type: must be one of", "user_id: ", "extra: is not known here"),
    ),
    "auxia": (
        {"projectId": [], "interactionType": "POKED", "interactionTimeMicros": "yesterday"},
        ("projectId: ", "interactionType: must be one of", "interactionTimeMicros: ", "treatmentTrackingId: "),
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_fault_is_named_by_its_path(gateway, vendor):
    """422 lists all that is wrong with a body, not the first fault only."""
    document, named = FAULTY[vendor]
    text = await rejected(gateway, vendor, await gateway.post(vendor, msgspec.json.encode(document)), 422)
    assert [name for name in named if name not in text] == [], text


@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_key_and_an_unknown_key_are_401(gateway, vendor):
    """Without a key, or with one that nobody owns: the vendor's own 401 (the SDK's 403)."""
    status = 403 if vendor == "gravity_field_sdk" else 401
    data = msgspec.json.encode(body_of(FIRST[vendor]))
    wrong = {name: value.replace(KEY, "wrong") for name, value in KEYS[vendor].items()}
    for headers in ({}, wrong, {name: value.replace(KEY, "") for name, value in wrong.items()}):
        answer = await gateway.post(vendor, data, headers=headers | {"Content-Type": "application/json"})
        await rejected(gateway, vendor, answer, status)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_known_key_without_a_route_is_403(gateway, vendor):
    """A client that no route accepts here is told so, in the vendor's 403."""
    other = {name: value.replace(KEY, "other-key") for name, value in KEYS[vendor].items()}
    await rejected(gateway, vendor, await gateway.post(vendor, b"{}", headers=other), 403)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_a_wrong_method_is_405_and_told_the_right_one(gateway, vendor, method):
    """405 with Allow, whatever the method."""
    answer = await gateway.send(method, FIRST[vendor], headers=KEYS[vendor])
    assert answer.headers["Allow"] == "POST"
    assert "POST" in await rejected(gateway, vendor, answer, 405)


async def test_a_post_to_a_get_is_405(gateway):
    """The SDK's engagement is a GET."""
    answer = await gateway.send("POST", "/v2/engagement", headers=KEYS["gravity_field_sdk"], json={})
    assert answer.headers["Allow"] == "GET"
    await rejected(gateway, "gravity_field_sdk", answer, 405)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "claimed", ["application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
async def test_a_foreign_content_type_is_415(gateway, vendor, claimed):
    """A body that claims to be something else is not read as JSON."""
    data = msgspec.json.encode(body_of(FIRST[vendor]))
    answer = await gateway.post(vendor, data, headers=KEYS[vendor] | {"Content-Type": claimed})
    await rejected(gateway, vendor, answer, 415)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "claimed", [None, "application/json", "Application/JSON; charset=utf-8", "text/plain;charset=UTF-8"]
)
async def test_json_and_what_browsers_call_it_are_taken(gateway, vendor, claimed):
    """No content type, JSON with or without a charset, and sendBeacon's text are all accepted."""
    data = msgspec.json.encode(body_of(FIRST[vendor]))
    headers = KEYS[vendor] | ({"Content-Type": claimed} if claimed else {})
    skip = {} if claimed else {"skip_auto_headers": ("Content-Type",)}
    answer = await gateway.send("POST", FIRST[vendor], data=data, headers=headers, **skip)
    assert (answer.status, answer.body) == SUCCESS[vendor]


async def in_chunks(data):
    for start in range(0, len(data), 8192):
        yield data[start : start + 8192]


BIG = b'{"user": "' + b"x" * 100_000 + b'"}'
BOMB = gzip.compress(b" " * 60_000_000)
TOO_LARGE = {
    "declared": lambda: (BIG, {}),
    "chunked": lambda: (in_chunks(BIG), {}),
    "gzip": lambda: (gzip.compress(BIG), {"Content-Encoding": "gzip"}),
    "gzip bomb": lambda: (BOMB, {"Content-Encoding": "gzip"}),
    "10 MB": lambda: (io.BytesIO(b" " * 10_000_000), {}),
}


@pytest.mark.parametrize("case", TOO_LARGE)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_too_large_a_body_is_413(gateway, vendor, case):
    """`max_body` holds for what is declared, for what arrives and for what it inflates to."""
    data, headers = TOO_LARGE[case]()
    headers = KEYS[vendor] | {"Content-Type": "application/json"} | headers
    answer = await gateway.post(vendor, data, headers=headers)
    assert "65536" in await rejected(gateway, vendor, answer, 413)


async def test_a_body_that_does_not_come_is_408(tmp_path):
    """`body_timeout` ends the wait; the caller is answered and the connection closed."""
    server = 'body_timeout = "200ms"'
    async with running(tmp_path, lambda url: accounts(url) + fan_out(), server=server) as gateway:
        for vendor in VENDORS:
            shown = "".join(f"{name}: {value}\r\n" for name, value in KEYS[vendor].items())
            head = f"POST {FIRST[vendor]} HTTP/1.1\r\nHost: x\r\n{shown}Content-Length: 50\r\n\r\n"
            told = await gateway.raw(head.encode() + b'{"user":')
            assert told.startswith(b"HTTP/1.1 408 ")
            assert b"Connection: close" in told
            worded(vendor, 408, msgspec.json.decode(told.partition(b"\r\n\r\n")[2]))
            assert gateway.sandbox.received.entries() == []
            assert gateway.inbounds()[-1]["error"] == "body_timeout"


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_body_that_does_not_inflate_is_400(gateway, vendor):
    """Broken gzip is answered like broken JSON."""
    headers = KEYS[vendor] | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    good = gzip.compress(msgspec.json.encode(body_of(FIRST[vendor])))
    for data in (b"no gzip at all", good[:2] + b"\xff" * 30, good[:20]):
        await rejected(gateway, vendor, await gateway.post(vendor, data, headers=headers), 400)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_gzip_body_within_the_limit_is_taken(gateway, vendor):
    """Compressed bodies are welcome."""
    data = gzip.compress(msgspec.json.encode(body_of(FIRST[vendor])))
    headers = KEYS[vendor] | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await gateway.post(vendor, data, headers=headers)
    assert (answer.status, answer.body) == SUCCESS[vendor]


async def test_the_last_of_duplicate_keys_wins(gateway):
    """A key that is there twice is no error: the last one counts, as in every browser."""
    data = msgspec.json.encode(body_of("/ssapi/engagement"))
    data = data.replace(b'{"user":', b'{"user":{"id":"first"},"user":', 1)
    assert (await gateway.post("gravity_field", data)).status == 204
    received = await gateway.received(5)
    assert {one.body["user"]["id"] for one in received if one.vendor == "gravity_field"} == {"u-1"}


async def test_an_unknown_path_is_404_in_plain_json(gateway):
    """Where no route serves there is no dialect: neutral JSON."""
    for path in ("/", "/v2/collect", "/ssapi/engagement/", "//ssapi/engagement", "/%ff%zz"):
        answer = await gateway.send("POST", path, json={})
        assert (answer.status, answer.body) == (404, {"error": "no route serves this path"})
        assert answer.headers["X-Request-Id"]
    assert gateway.sandbox.received.entries() == []


@pytest.mark.parametrize("vendor", VENDORS)
async def test_too_many_requests_are_429(tmp_path, vendor):
    """A client beyond its `rate_limit` is told when to come back; nothing of it is sent."""

    def body(url):
        limited = '[clients.slow]\nkey = "slow-key"\nrate_limit = "1/m"\n'
        return limited + accounts(url) + route(vendor, own_first(vendor), clients='["slow", "shop"]')

    async with running(tmp_path, body) as gateway:
        slow = {name: value.replace(KEY, "slow-key") for name, value in KEYS[vendor].items()}
        assert (await gateway.send("POST", FIRST[vendor], headers=slow, json=body_of(FIRST[vendor]))).status < 300
        await gateway.settled()
        gateway.sandbox.received.clear()
        answer = await gateway.send("POST", FIRST[vendor], headers=slow, json=body_of(FIRST[vendor]))
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        await rejected(gateway, vendor, answer, 429)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_the_primary_cannot_be_told_is_422(tmp_path, vendor):
    """When nothing of an inbound can be said to the primary, the caller hears why, by canonical names."""

    def body(url):
        foreign = "auxia" if vendor != "auxia" else "dynamic_yield"
        bare = upstream(foreign, url).replace('unsupported = "event"\n', "")
        return (
            "\n".join(line for line in bare.splitlines() if not line.startswith("fill"))
            + "\n"
            + route(vendor, [foreign])
        )

    bodies = {
        "gravity_field": {"user": {"slid": "s"}},
        "gravity_field_sdk": {"user": {"uid": "0123456789abcdef01234567"}},
        "dynamic_yield": {"user": {"dyid": "d"}},
        "vaix": {"user_id": None},
        "auxia": {"userId": None},
    }
    async with running(tmp_path, body) as gateway:
        document = body_of(FIRST[vendor]) | bodies[vendor]
        answer = await gateway.post(vendor, msgspec.json.encode(document))
        assert answer.status == 422
        assert "missing" in worded(vendor, 422, answer.body)
        assert gateway.sandbox.received.entries() == []


async def test_a_flood_of_rejections_leaves_the_good_alone(gateway):
    """A hundred bad bodies at once beside good ones: each gets its own answer."""
    bad = [gateway.post("vaix", b"[" * 5000) for _ in range(100)]
    good = [gateway.call("vaix", "POST", "/api/tracker/events") for _ in range(10)]
    answers = await asyncio.gather(*bad, *good)
    assert [answer.status for answer in answers] == [400] * 100 + [204] * 10


async def test_each_fault_is_told_once(gateway):
    """What two rules of a schema ask of one place is one fault, by the narrower of them."""
    body = {"user": {"id": 5}, "session": 7, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}
    answer = await gateway.post("dynamic_yield", msgspec.json.encode(body))
    text = await rejected(gateway, "dynamic_yield", answer, 422)
    assert text == "session: must be object, not number; user.id: must be string or null, not number"
