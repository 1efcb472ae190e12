"""Upstreams that fail: within the timeout a clear answer in the caller's dialect, and the gateway goes on."""

import asyncio
import contextlib
from contextlib import asynccontextmanager

import msgspec
import pytest
import pytest_asyncio
from gateway_calls import FIRST, KEYS, SUCCESS, VENDORS, accounts, body_of, crossed, route, running, upstream

from gateway.sandbox.faults import Rule
from gateway.sandbox.server import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEXT = dict(zip(VENDORS, (*VENDORS[1:], VENDORS[0]), strict=True))
"""Each vendor's foreign primary."""
PAIRS = [(vendor, target) for vendor in VENDORS for target in (vendor, NEXT[vendor])]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient_gateway(tmp_path_factory):
    async with running(tmp_path_factory.mktemp("gateway"), lambda url: accounts(url) + crossed()) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient_gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, lambda url: accounts(url, 'timeout = "500ms"') + crossed()) as gateway:
        yield gateway


@asynccontextmanager
async def fresh(gateway):
    """A gateway of this file with nothing remembered; after the test it serves again, and failed nowhere by itself."""
    gateway.lines.clear()
    gateway.sandbox.received.clear()
    yield gateway
    gateway.sandbox.faults.clear()
    assert not [line for line in gateway.lines if line["log_level"] == "error"]


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(patient_gateway):
    async with fresh(patient_gateway) as gateway:
        yield gateway
    assert (await gateway.call("vaix", "POST", "/api/tracker/events", "/to-vaix")).status == 204


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(impatient_gateway):
    async with fresh(impatient_gateway) as gateway:
        yield gateway


async def call(gateway, vendor, target, fault):
    gateway.sandbox.faults.set(Rule(target, fault))
    async with asyncio.timeout(5):
        return await gateway.call(vendor, "POST", FIRST[vendor], f"/to-{target}")


def is_worded(vendor, answer):
    """Whether an answer is an error in the vendor's own form."""
    key = {"gravity_field": "code", "gravity_field_sdk": "code", "dynamic_yield": "message"}.get(vendor, "error")
    return answer.headers["Content-Type"] == "application/json" and key in answer.body


@pytest.mark.parametrize("fault", ["reset", "hang", "not-http", "cut-off"])
@pytest.mark.parametrize(("vendor", "target"), PAIRS)
async def test_no_answer_is_a_clear_answer(impatient, vendor, target, fault):
    """A vendor that resets, hangs, talks nonsense or breaks off: within the timeout 504, in the caller's words."""
    answer = await call(impatient, vendor, target, fault)
    assert answer.status == 504
    only_once(impatient, vendor, answer, "ambiguous")


@pytest.mark.parametrize("fault", ["garbage", "301", "302", "307", "308"])
@pytest.mark.parametrize(("vendor", "target"), PAIRS)
async def test_an_answer_from_elsewhere_is_a_clear_answer(gateway, vendor, target, fault):
    """A page where the API should be, or a redirect, which is never followed: 502 in the caller's words."""
    answer = await call(gateway, vendor, target, fault)
    assert answer.status == 502
    assert "Location" not in answer.headers
    only_once(gateway, vendor, answer, "doubt")


def only_once(gateway, vendor, answer, outcome):
    """Whether an answer is the vendor's own form of an error, the log has one word for it, and nothing went twice."""
    assert is_worded(vendor, answer)
    bodies = [msgspec.json.encode(one.body) for one in gateway.sandbox.received.entries()]
    assert len(bodies) == len(set(bodies)), "sent twice, or followed a redirect"
    (line,) = gateway.inbounds()
    (told,) = line["targets"].values()
    assert set(told.split(",")) == {outcome}


@pytest.mark.parametrize("fault", ["400", "401", "403", "404", "422", "500", "503:7"])
@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_own_vendors_refusal_passes_as_it_came(gateway, vendor, fault):
    """Same vendor: its status, its words, its Retry-After."""
    answer = await call(gateway, vendor, vendor, fault)
    assert str(answer.status) == fault[:3]
    assert answer.headers.get("Retry-After") == ("7" if ":" in fault else None)
    assert is_worded(vendor, answer) or fault in ("401", "422")


@pytest.mark.parametrize(
    ("fault", "status"), [("400", 400), ("401", 401), ("404", 404), ("422", 422), ("500", 502), ("503", 502)]
)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_another_vendors_refusal_is_worded_for_the_caller(gateway, vendor, fault, status):
    """Other vendor: a 4xx is the caller's to mend and keeps its status, a failure of the vendor is 502."""
    answer = await call(gateway, vendor, NEXT[vendor], fault)
    assert answer.status == status
    assert f"status {fault}" in answer.text.decode()


@pytest.mark.parametrize(("vendor", "target"), PAIRS)
async def test_retry_after_reaches_the_caller(gateway, vendor, target):
    """429 keeps its status and the vendor's wish."""
    answer = await call(gateway, vendor, target, "429:30")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert is_worded(vendor, answer)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_failure_hidden_in_a_success_is_found(gateway, vendor):
    """200 with an error: the own vendor's words pass as they came, another's are an error for the caller."""
    own = await call(gateway, vendor, vendor, "ok-error")
    assert own.status == 200
    assert b"failure on demand" in own.text
    foreign = await call(gateway, vendor, NEXT[vendor], "ok-error")
    assert foreign.status == 502
    assert is_worded(vendor, foreign)
    told = [outcome for line in gateway.inbounds() for each in line["targets"].values() for outcome in each.split(",")]
    assert set(told) <= {"again", "refused"}


async def test_a_refused_connection_is_502(tmp_path):
    """Nobody listens: nothing was sent, and the caller hears so in its own words."""
    gone = Sandbox()
    await gone.start()
    await gone.stop()
    dead = f"http://127.0.0.1:{gone.port}"

    def body(_):
        return accounts(dead) + "".join(route(vendor, [vendor]) for vendor in VENDORS)

    async with running(tmp_path, body) as gateway:
        for vendor in VENDORS:
            answer = await gateway.call(vendor, "POST", FIRST[vendor])
            assert answer.status == 502
            assert b"cannot be reached" in answer.text
            assert is_worded(vendor, answer)


async def raw_upstream(answer):
    """A server that answers some bytes to anything, and counts its calls."""
    calls = []

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            calls.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", calls


STRANGE = {
    "an endless answer": (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b" " * 3_000_000, 200),
    "no bytes": (b"", 504),
    "a status from nowhere": (b"HTTP/1.1 999 Oops\r\nContent-Length: 0\r\n\r\n", 999),
    "a status below all": (b"HTTP/1.1 007 Oops\r\nContent-Length: 0\r\n\r\n", 504),
    "headers that are no text": (
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe\r\nRetry-After: \xff\r\nContent-Length: 2\r\n\r\n{}",
        200,
    ),
    "broken gzip": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", 504),
    "a header bomb": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 504),
    "a deep error": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b'{"a":' * 12_000, 200),
    "no JSON in an error": (b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd", 500),
}


@pytest.mark.parametrize("case", STRANGE)
async def test_strange_answers_break_nothing(tmp_path, case):
    """Whatever bytes a vendor answers, its caller gets one answer and the gateway no failure of its own."""
    told, status = STRANGE[case]
    server, url, calls = await raw_upstream(told)
    body = upstream("gravity_field", url, 'timeout = "2s"') + route("gravity_field", ["gravity_field"])
    async with server, running(tmp_path, lambda _: body) as gateway:
        answer = await gateway.send(
            "POST", FIRST["gravity_field"], headers=KEYS["gravity_field"], json=body_of(FIRST["gravity_field"])
        )
        assert answer.status == status
        assert len(answer.text) <= 1 << 20
        assert len(calls) == 1
        assert not [line for line in gateway.lines if line["log_level"] == "error"]


async def test_cookies_are_not_kept(tmp_path):
    """A vendor's cookie of one person never travels with the next."""
    cookie = b"HTTP/1.1 204 No Content\r\nSet-Cookie: who=me\r\nConnection: close\r\n\r\n"
    server, url, calls = await raw_upstream(cookie)
    body = upstream("gravity_field", url) + route("gravity_field", ["gravity_field"])
    async with server, running(tmp_path, lambda _: body) as gateway:
        for _ in range(2):
            answer = await gateway.call("gravity_field", "POST", FIRST["gravity_field"])
            assert answer.status == 204
            assert "Set-Cookie" not in answer.headers
        assert not [call for call in calls if b"cookie" in call.lower()]


async def test_nothing_of_the_account_is_in_a_failure(gateway):
    """No answer and no line names a key of an account."""
    for vendor, target in PAIRS:
        for fault in ("reset", "401", "307"):
            answer = await call(gateway, vendor, target, fault)
            assert b"sandbox-" not in answer.text
    assert "sandbox-" not in str(gateway.lines)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_after_a_failure_all_is_well_again(gateway, vendor):
    """An upstream that recovers is used at once."""
    await call(gateway, vendor, vendor, "reset")
    gateway.sandbox.faults.clear()
    answer = await gateway.call(vendor, "POST", FIRST[vendor], f"/to-{vendor}")
    assert (answer.status, answer.body) == SUCCESS[vendor]


OAUTH = (
    '[upstreams.vaix]\nvendor = "vaix"\nbase_url = "{url}"\nclient_id = "sandbox-group"\ntimeout = "{timeout}"\n'
    'oauth = {{ client_id = "sandbox-client", client_secret = "{secret}", token_url = "{url}/oauth/token" }}\n'
)


async def test_vaix_by_oauth(tmp_path):
    """One token serves many concurrent calls, each with the authentication method that an issued token needs."""

    def body(url):
        return OAUTH.format(url=url, secret="sandbox-secret", timeout="5s") + route("vaix", ["vaix"])

    async with running(tmp_path, body) as gateway:
        calls = [gateway.call("vaix", "POST", "/api/tracker/events") for _ in range(20)]
        assert {answer.status for answer in await asyncio.gather(*calls)} == {204}
        assert len(gateway.sandbox.received.entries("vaix_oauth")) == 1
        received = gateway.sandbox.received.entries("vaix")
        assert len(received) == 20
        assert {one.headers["x-vaix-authentication-method"] for one in received} == {"iam"}


@pytest.mark.parametrize(
    ("secret", "fault", "says"),
    [
        ("wrong", None, "answered 401"),
        ("sandbox-secret", "500", "answered 500"),
        ("sandbox-secret", "hang", "gave no answer"),
        ("sandbox-secret", "reset", "gave no answer"),
        ("sandbox-secret", "garbage", "no usable access_token"),
        ("sandbox-secret", "307", "answered 307"),
    ],
)
async def test_without_a_token_nothing_is_sent(tmp_path, secret, fault, says):
    """When no token can be had the caller hears so, Vaix hears nothing, and the next call asks again."""

    def body(url):
        timeout = "300ms" if fault == "hang" else "5s"
        return OAUTH.format(url=url, secret=secret, timeout=timeout) + route("vaix", ["vaix"])

    async with running(tmp_path, body) as gateway:
        if fault:
            gateway.sandbox.faults.set(Rule("vaix_oauth", fault, count=1))
        answer = await gateway.call("vaix", "POST", "/api/tracker/events")
        assert answer.status == 502
        assert says in answer.body["error"]
        assert gateway.inbounds()[0]["targets"] == {"vaix/vaix": "no_token"}
        assert gateway.sandbox.received.entries("vaix") == []
        if fault and fault != "hang":
            assert (await gateway.call("vaix", "POST", "/api/tracker/events")).status == 204


async def test_a_token_that_the_vendor_forgot_is_replaced(tmp_path, monkeypatch):
    """A 401 to an older token costs its caller nothing: a new one is fetched and the click sent with it."""
    monkeypatch.setattr("gateway.delivery.tokens._YOUNG", 0.0)

    def body(url):
        return OAUTH.format(url=url, secret="sandbox-secret", timeout="5s") + route("vaix", ["vaix"])

    async with running(tmp_path, body) as gateway:
        assert (await gateway.call("vaix", "POST", "/api/tracker/events")).status == 204
        gateway.sandbox.faults.set(Rule("vaix", "401", count=1))
        assert (await gateway.call("vaix", "POST", "/api/tracker/events")).status == 204
        assert len(gateway.sandbox.received.entries("vaix_oauth")) == 2
