"""Bytes that no honest client sends: an answer or a closed connection, one line in the log, and the gateway lives."""

import asyncio
import logging

import msgspec
import pytest
import pytest_asyncio
from gateway_calls import KEYS, accounts, body_of, fan_out, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = msgspec.json.encode(body_of("/ssapi/engagement"))
HEAD = b"Host: x\r\nAuthorization: Bearer shop-key\r\n"
POST = b"POST /ssapi/engagement HTTP/1.1\r\n" + HEAD


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    server = 'max_body = "64KiB"\nmax_connections = 30'
    async with running(folder, lambda url: accounts(url) + fan_out(), server=server) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(running_gateway, caplog):
    """The one gateway of this file; it serves after each test, and nothing was written but lines of its log."""
    gateway = running_gateway
    gateway.lines.clear()
    gateway.sandbox.received.clear()
    with caplog.at_level(logging.WARNING):
        yield gateway
    assert caplog.records == []
    assert not [line for line in gateway.lines if line["log_level"] == "error" or "exc_info" in line]
    assert (await gateway.call("vaix", "POST", "/api/tracker/events")).status == 204
    await gateway.settled()


def whole(body=GOOD, more=b""):
    return POST + more + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def told(answer):
    """Status, headers (lower-case names) and document of an answer as bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, msgspec.json.decode(body) if body else None


NO_REQUEST = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "words": b"HELLO\r\n\r\n",
    "lower case": b"post /ssapi/engagement HTTP/1.1\r\n" + HEAD + b"\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\n\r\n",
    "no URL": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"POST /\xff\xfe HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a NUL": POST + b"X: a\x00b\r\n\r\n",
    "a header without a name": POST + b": x\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -3\r\n\r\n",
    "an endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "a broken chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "an unknown coding": POST + b"Content-Encoding: zstd, br\r\nTransfer-Encoding: rot13\r\n\r\n",
}


@pytest.mark.parametrize("case", NO_REQUEST)
async def test_what_is_no_request_is_400(gateway, case):
    """Broken HTTP gets plain JSON with an id, in one line of the log, and the connection is closed."""
    status, headers, body = told(await gateway.raw(NO_REQUEST[case]))
    assert (status, body) == (400, {"error": "this is no HTTP request"})
    (line,) = gateway.inbounds()
    assert line["request_id"] == headers["x-request-id"]
    assert (line["route"], line["status"], line["error"]) == ("-", 400, "not_http")
    assert gateway.sandbox.received.entries() == []


@pytest.mark.parametrize("coding", ["br", "zstd"])
async def test_a_content_encoding_that_is_not_read_is_named(gateway, coding):
    """A body in a coding that the gateway does not read gets a 415 that says which it does, and is sent to nobody."""
    request = (
        POST + f"Content-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    )
    status, _, body = told(await gateway.raw(request))
    assert status == 415
    assert "gzip or deflate" in body["error"]
    (line,) = gateway.inbounds()
    assert (line["status"], line["error"]) == (415, "wrong_content_encoding")
    assert gateway.sandbox.received.entries() == []


HEADER_BOMBS = {
    "one long value": POST + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "one long name": POST + b"X" * 100_000 + b": a\r\n\r\n",
    "many": POST + b"".join(b"X%d: a\r\n" % number for number in range(5000)) + b"\r\n",
    "many long ones": POST + b"".join(b"X%d: %s\r\n" % (number, b"a" * 8000) for number in range(300)) + b"\r\n",
    "a long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "10 MB": POST + b"X: " + b"a" * 10_000_000,
}


@pytest.mark.parametrize("case", HEADER_BOMBS)
async def test_a_header_bomb_is_431(gateway, case):
    """Too long or too many header lines are refused early, and the caller still reads why."""
    status, _, body = told(await gateway.raw(HEADER_BOMBS[case]))
    assert status == 431
    assert "too long" in body["error"]
    assert [line["error"] for line in gateway.inbounds()] == ["header_too_large"]


async def test_headers_that_are_no_text_are_left_aside(gateway):
    """Bytes that are no UTF-8 in headers that vendors read are not passed on, and no reason to refuse a click."""
    more = b"User-Agent: \xff\xfe\xc3\x28\r\nReferer: http://\xff/\r\nX-Request-Id: \xff\xfe\r\n"
    status, headers, _ = told(await gateway.raw(whole(more=more)))
    assert status == 204
    assert headers["x-request-id"].isalnum()
    assert all("user-agent" not in one.headers for one in await gateway.received(5))


async def test_a_key_that_is_no_text_is_unknown(gateway):
    """Any bytes may be shown as a key."""
    answer = await gateway.raw(
        b"POST /ssapi/engagement HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n"
    )
    assert told(answer)[0] == 401


async def test_control_characters_in_a_query_stay_escaped(gateway):
    """CR, LF and NUL in an id reach no outbound header or query as such."""
    query = b"?type=WCLICK&decisionId=a%0d%0aX-Evil:%201%00%ff"
    await gateway.raw(b"GET /v2/engagement" + query + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
    received = await gateway.received(2)
    assert {one.vendor for one in received} == {"gravity_field_sdk", "vaix"}
    assert all("x-evil" not in one.headers for one in received)


async def test_the_last_of_a_repeated_parameter_wins(gateway):
    """As of a repeated key in a body."""
    query = b"?type=WCLICK&decisionId=first&decisionId=last"
    await gateway.raw(b"GET /v2/engagement" + query + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
    (received,) = await gateway.received(1, "gravity_field_sdk")
    assert received.query["decisionId"] == "last"


async def test_an_encoded_path_is_the_same_path(gateway):
    """Percent-encoding a letter or a slash opens no second way in, and closes none."""
    for path in (b"/ssapi/engagemen%74", b"/ssapi%2Fengagement", b"http://other.example/ssapi/engagement"):
        request = whole().replace(b"/ssapi/engagement", path, 1)
        assert told(await gateway.raw(request))[0] == 204
        assert told(await gateway.raw(request.replace(b"shop-key", b"wrong-key")))[0] == 401


async def test_a_body_in_drops_is_read_whole(gateway):
    """However slowly within the time, and in however many pieces, a body arrives."""
    request = whole()
    pieces = [request[start : start + 60] for start in range(0, len(request), 60)]
    assert told(await gateway.raw(*pieces, pause=0.001))[0] == 204


async def test_a_caller_that_leaves_is_no_failure_of_the_gateway(gateway):
    """A connection lost in the middle of a body is logged as that, without a traceback."""
    for request in (
        POST + b"Content-Length: 500\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        POST[:20],
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    async with asyncio.timeout(5):
        while [line.get("error") for line in gateway.inbounds()] != ["caller_gone", "caller_gone"]:  # noqa: ASYNC110  # nothing says so
            await asyncio.sleep(0.01)


async def test_a_caller_that_leaves_before_its_answer_has_still_clicked(gateway):
    """A whole request is delivered, whether or not anyone waits for the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(whole())
    await writer.drain()
    writer.transport.abort()
    assert len(await gateway.received(5)) == 5


async def test_a_connection_that_asks_nothing_is_closed(gateway, monkeypatch):
    """Silence and a head that never ends are waited for, but not for ever."""
    monkeypatch.setattr("gateway.connection._PATIENCE", 0.2)
    for beginning in (b"", POST + b"X: a\r\n"):
        assert await gateway.raw(beginning) == b""


async def test_one_connection_too_many_is_told_so(gateway):
    """Beyond `max_connections` a caller is answered 503 and may come again; those within go on."""
    held = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(30)]
    try:
        status, headers, body = told(await gateway.raw(whole()))
        assert (status, headers["retry-after"]) == (503, "1")
        assert "no room" in body["error"]
        reader, writer = held[0]
        writer.write(whole())
        assert told(await reader.read())[0] == 204
    finally:
        for _, writer in held:
            writer.close()
    async with asyncio.timeout(5):
        while told(await gateway.raw(whole()))[0] != 204:  # noqa: ASYNC110  # nothing says so
            await asyncio.sleep(0.01)


async def test_what_follows_broken_http_is_not_read(gateway):
    """Nothing smuggled behind a broken request is taken for another one."""
    await gateway.raw(b"NONSENSE\r\n\r\n" + whole())
    assert gateway.sandbox.received.entries() == []
    assert [line["status"] for line in gateway.inbounds()] == [400]


async def test_expect_is_answered(gateway):
    """A client that asks before it sends its body is told to go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head, _, body = whole(more=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert told(await reader.read())[0] == 204
    writer.close()


async def test_requests_in_one_breath_are_answered_in_order(gateway):
    """Pipelining: a good, a bad and a good request on one connection."""
    keep = whole().replace(b"Connection: close\r\n", b"X-Request-Id: first\r\n")
    bad = whole(b"[").replace(b"Connection: close\r\n", b"X-Request-Id: second\r\n")
    answers = await gateway.raw(keep + bad + whole(more=b"X-Request-Id: third\r\n"))
    order = [line.partition(b": ")[2] for line in answers.lower().split(b"\r\n") if line.startswith(b"x-request-id")]
    assert order == [b"first", b"second", b"third"]
    assert answers.count(b" 204 ") == 2
    assert answers.count(b" 400 ") == 1


async def test_requests_without_end_are_not_all_remembered(gateway):
    """A connection that sends on and on without waiting is answered in part, told 503 and closed."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = await gateway.raw(request * 20_000)
    assert 100 < answers.count(b"HTTP/1.1 404 ") < 15_000
    assert answers.count(b" 503 ") == 1
    assert answers.endswith(b'{"error":"the gateway has no room for more"}')


async def test_an_old_client_is_served(gateway):
    """HTTP/1.0 without a host."""
    keys = b"".join(f"{name}: {value}\r\n".encode() for name, value in KEYS["gravity_field"].items())
    request = b"POST /ssapi/engagement HTTP/1.0\r\n" + keys + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD
    assert told(await gateway.raw(request))[0] == 204
