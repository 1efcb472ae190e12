"""What every answer has, who may ask from where, and which route takes what."""

import asyncio
from ipaddress import ip_network

import pytest
from gateway_calls import FIRST, KEY, KEYS, VENDORS, accounts, body_of, fan_out, route, running

from gateway.server import client_ip

DY = FIRST["dynamic_yield"]
SHOP = "https://shop.example"


@pytest.fixture
async def gateway(tmp_path):
    server = f'cors_origins = ["{SHOP}"]\ntrusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]'
    async with running(tmp_path, lambda url: accounts(url) + fan_out(), server=server) as gateway:
        yield gateway


@pytest.mark.parametrize("given", ["a", "A.b_c-1", "x" * 128])
async def test_a_sane_request_id_is_kept(gateway, given):
    """The caller's own id comes back and stands in the log."""
    answer = await gateway.send("POST", DY, headers=KEYS["dynamic_yield"] | {"X-Request-Id": given}, json=body_of(DY))
    assert answer.headers["X-Request-Id"] == given
    assert [line["request_id"] for line in gateway.inbounds()] == [given]


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a;b", "ä", "{}", "../.."])
async def test_any_other_request_id_is_replaced(gateway, given):
    """What is not of letters, digits, dot, dash and underscore, at most 128, is not repeated."""
    answer = await gateway.send("POST", DY, headers=KEYS["dynamic_yield"] | {"X-Request-Id": given}, json=body_of(DY))
    assert answer.headers["X-Request-Id"].isalnum()
    assert gateway.inbounds()[0]["request_id"] == answer.headers["X-Request-Id"]


async def test_every_answer_has_a_request_id(gateway):
    """Success, rejection, preflight, 404: all of them, and no two the same."""
    answers = [
        await gateway.call("dynamic_yield", "POST", DY),
        await gateway.send("POST", DY),
        await gateway.send("OPTIONS", DY),
        await gateway.send("HEAD", DY),
        await gateway.send("POST", "/nowhere"),
    ]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_preflight_names_methods_and_the_vendors_key_headers(gateway, vendor):
    """A browser of a named origin learns what it may send: without a key, and without anything being sent on."""
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = await gateway.send("OPTIONS", FIRST[vendor], headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"content-type", *(name.lower() for name in KEYS[vendor])} <= set(allowed)
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert gateway.sandbox.received.entries() == []


async def test_a_named_origin_may_read_answers_and_errors(gateway):
    """Success and rejection alike carry the origin, and expose what scripts want to see."""
    for key in (KEY, "wrong"):
        answer = await gateway.send("POST", DY, headers={"DY-API-Key": key, "Origin": SHOP}, json=body_of(DY))
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Vary"].lower() == "origin"
        assert "x-request-id" in answer.headers["Access-Control-Expose-Headers"]


async def test_no_other_origin_may(gateway):
    """An origin that is not named is served, as servers are, but no browser lets its page read the answer."""
    for origin in ("https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"):
        for method in ("OPTIONS", "POST"):
            answer = await gateway.send(
                method, DY, headers=KEYS["dynamic_yield"] | {"Origin": origin}, json=body_of(DY)
            )
            assert answer.status == 204
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_options_without_an_origin_says_what_is_allowed(gateway):
    """OPTIONS serves more than browsers."""
    answer = await gateway.send("OPTIONS", "/v2/engagement")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, OPTIONS")


async def test_head_is_no_get(gateway):
    """HEAD of a click's GET would click: it is refused, without a body."""
    answer = await gateway.send("HEAD", "/v2/engagement?type=WCLICK&decisionId=d", headers=KEYS["gravity_field_sdk"])
    assert (answer.status, answer.headers["Allow"], answer.text) == (405, "GET", b"")
    assert gateway.sandbox.received.entries() == []


async def test_the_callers_address_comes_through_trusted_proxies(gateway):
    """The first untrusted hop from the right is the person's address, for vendors that are told addresses."""
    shown = KEYS["gravity_field"] | {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3"}
    await gateway.send("POST", "/ssapi/engagement", headers=shown, json=body_of("/ssapi/engagement"))
    (received,) = await gateway.received(1, "gravity_field")
    assert received.body["context"]["device"]["ip"] == "203.0.113.9"


async def test_without_trust_the_header_is_not_believed(tmp_path):
    """Anybody can write X-Forwarded-For: only a named proxy's counts."""
    async with running(tmp_path, lambda url: accounts(url) + fan_out()) as gateway:
        shown = KEYS["gravity_field"] | {"X-Forwarded-For": "203.0.113.9"}
        await gateway.send("POST", "/ssapi/engagement", headers=shown, json=body_of("/ssapi/engagement"))
        (received,) = await gateway.received(1, "gravity_field")
        assert "ip" not in received.body["context"].get("device", {})


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9 ,10.9.9.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ['"[2001:DB8::1]"'], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], None),
        ("10.0.0.1", ["203.0.113.9, unknown"], None),
        ("10.0.0.1", ["203.0.113.9, <script>"], None),
        ("10.0.0.1", [""], None),
        ("10.0.0.1", ["127.0.0.1"], None),
        ("127.0.0.1", [], None),
        ("::1", [], None),
        (None, ["1.1.1.1"], None),
        ("", [], None),
    ],
)
def test_the_callers_address(peer, forwarded, found):
    """From the right, trusted networks skipped; whatever is no address, or this machine's own, is nobody's."""
    assert client_ip(peer, forwarded, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))) == found


async def test_a_connection_serves_many_requests(gateway):
    """Keep-alive: also after a rejection whose body was not read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for body in (b"{", b"x" * 1000, b"{}"):
        head = f"POST {DY} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 401")
        assert await reader.readexactly(len(b'{"error":"401"}')) == b'{"error":"401"}'
    writer.close()


async def test_auxia_shows_its_key_in_the_query(gateway):
    """`api-key` and `api_key` are read, kept out of the log, and never sent on."""
    path = "/v1/LogTreatmentInteraction"
    for name in ("api-key", "api_key"):
        answer = await gateway.send("POST", f"{path}?{name}={KEY}", json=body_of(path))
        assert answer.status == 200
        assert (await gateway.send("POST", f"{path}?{name}=wrong", json=body_of(path))).status == 401
    received = await gateway.received(2, "auxia")
    assert [one.query for one in received] == [{}, {}]
    assert KEY not in str(gateway.lines)


async def test_a_prefix_separates_brands(tmp_path):
    """The same paths under another prefix are another route, and nothing between them is one."""

    def body(url):
        brands = [route("vaix", ["vaix"], f'prefix = "{prefix}"', name=prefix) for prefix in ("/a", "/b/c")]
        return accounts(url) + "".join(brands)

    async with running(tmp_path, body) as gateway:
        path = "/api/tracker/events"
        statuses = [(await gateway.call("vaix", "POST", path, prefix)).status for prefix in ("/a", "/b/c", "", "/b")]
        assert statuses == [204, 204, 404, 404]
        assert [line["route"] for line in gateway.inbounds()] == ["/a", "/b/c", "-", "-"]


async def test_the_key_chooses_among_routes_of_one_path(tmp_path):
    """First in file order whose clients include the key's owner; a client may have two keys."""

    def body(url):
        clients = '[clients.app]\nkeys = ["app-old", "app-new"]\n[clients.guest]\nkey = "guest-key"\n'
        both = route("vaix", ["gravity_field"], name="later", clients='["app", "shop"]')
        return clients + accounts(url) + route("vaix", ["vaix"], name="first") + both

    async with running(tmp_path, body) as gateway:
        path = "/api/tracker/events"
        for key, taken, status in (
            (KEY, "first", 204),
            ("app-old", "later", 204),
            ("app-new", "later", 204),
            ("guest-key", "-", 403),
            ("nobody", "-", 401),
        ):
            answer = await gateway.send("POST", path, headers={"Authorization": f"bearer {key}"}, json=body_of(path))
            assert (answer.status, gateway.inbounds()[-1]["route"]) == (status, taken)


async def test_an_open_route_asks_no_key(tmp_path):
    """`clients = []` on a loopback host: anyone on this machine may call."""

    def body(url):
        return accounts(url) + route("vaix", ["vaix"], clients="[]")

    async with running(tmp_path, body) as gateway:
        answer = await gateway.send("POST", "/api/tracker/events", json=body_of("/api/tracker/events"))
        assert answer.status == 204


async def test_an_open_route_of_the_public_is_limited_by_address(tmp_path):
    """`public = true` asks no key, so nobody may send without end."""

    def body(url):
        return accounts(url) + route("vaix", ["vaix"], "public = true", clients="[]")

    async with running(tmp_path, body) as gateway:
        calls = [gateway.send("POST", "/api/tracker/events", json={}) for _ in range(80)]
        statuses = [answer.status for answer in await asyncio.gather(*calls)]
        assert set(statuses) == {422, 429}


async def test_a_client_keeps_to_its_rate_on_a_route_that_asks_no_key(tmp_path):
    """Who shows a key there is known by it, and sends no faster than it may elsewhere."""

    def body(url):
        slow = '[clients.slow]\nkey = "slow-key"\nrate_limit = "1/m"\n'
        return slow + accounts(url) + route("vaix", ["vaix"], clients="[]")

    async with running(tmp_path, body) as gateway:
        path, key = "/api/tracker/events", {"Authorization": "bearer slow-key"}
        shown = [await gateway.send("POST", path, headers=key, json=body_of(path)) for _ in range(2)]
        assert [answer.status for answer in shown] == [204, 429]
        assert (await gateway.send("POST", path, json=body_of(path))).status == 204


LINE = {
    "event",
    "log_level",
    "request_id",
    "route",
    "vendor",
    "method",
    "status",
    "interactions",
    "targets",
    "losses",
    "ms",
}


async def test_one_line_tells_one_inbound(gateway):
    """The canonical line: exactly what is promised, by name, and nothing of the request itself."""
    marker = "Zebra-4711"
    body = body_of(DY) | {"user": {"id": marker}, "marker": marker}
    shown = KEYS["dynamic_yield"] | {"User-Agent": marker, "X-Request-Id": "r-1", "X-Marker": marker}
    await gateway.send("POST", f"{DY}?marker={marker}", headers=shown, json=body)
    (line,) = gateway.inbounds()
    assert set(line) - {"client", "copied", "refused"} == LINE
    assert (line["request_id"], line["route"], line["vendor"], line["client"]) == (
        "r-1",
        "dynamic_yield",
        "dynamic_yield",
        "shop",
    )
    assert (line["method"], line["status"], line["interactions"]) == ("POST", 200, 3)
    assert set(line["targets"]) == {f"dynamic_yield/{vendor}" for vendor in VENDORS}
    assert line["losses"] == []
    assert line["ms"] > 0
    await gateway.settled()
    assert marker not in str(gateway.lines)
    assert KEY not in str(gateway.lines)
    assert "sandbox-" not in str(gateway.lines)


async def test_losses_stand_by_name(tmp_path):
    """What the answering target could not be told is named in the line."""

    def body(url):
        return accounts(url) + route("dynamic_yield", ["auxia"])

    async with running(tmp_path, body) as gateway:
        await gateway.call("dynamic_yield", "POST", DY)
        (line,) = gateway.inbounds()
        assert line["copied"] == ["decision_id", "slot_id"]
        assert line["losses"] == sorted(line["losses"])


@pytest.mark.parametrize(("requests", "logged"), [('"all"', [204, 401]), ('"errors"', [401]), ("0.0", [401])])
async def test_requests_chooses_the_lines(tmp_path, requests, logged):
    """`[log] requests`: all, errors, or a share of the successes beside every error."""

    def body(url):
        return accounts(url) + route("vaix", ["vaix"])

    async with running(tmp_path, body, log=f"requests = {requests}") as gateway:
        await gateway.call("vaix", "POST", "/api/tracker/events")
        await gateway.send("POST", "/api/tracker/events", json={})
        assert [line["status"] for line in gateway.inbounds()] == logged
