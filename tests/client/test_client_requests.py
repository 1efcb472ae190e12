"""What goes over the wire: the mapping's method, URL, headers and body, as they are, and nothing that breaks a line."""

import asyncio
from types import SimpleNamespace

import pytest
from client_calls import OK, Asked, answering, ask, client, post, serving
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Answer, Outbound
from gateway.delivery.http.client import Client, Limits
from gateway.delivery.http.request import Origin, parse_origin
from gateway.delivery.http.tls import Trust
from gateway.errors import Unsendable

URL = "https://vendor.example/v2/collect?key=a%20b"


def render(outbound):
    """Whom a client connects to for an outbound, and what it writes there; raises what it calls back."""
    found = []

    def pool(origin):
        found.append(origin)
        return SimpleNamespace(time=lambda: 0.0, take=lambda exchange: found.append(exchange.request))

    async def send():
        asking = Client(Limits(5.0, 1, 4.0), Trust().context)
        asking._pool = pool
        asking.send(outbound, found.append)
        asking._timer.cancel()
        await asyncio.sleep(0)

    asyncio.run(send())
    if isinstance(found[0], Unsendable):
        raise found[0]
    return tuple(found)


def test_a_request_is_written_as_the_mapping_says_it():
    """Request line, Host, the outbound's own headers in their order, the body's length; nothing else."""
    outbound = Outbound("POST", URL, {"content-type": "application/json", "X-Key": "s3cret"}, b'{"a":1}', ())
    assert render(outbound) == (
        Origin("https", "vendor.example", 443),
        (
            b"POST /v2/collect?key=a%20b HTTP/1.1\r\nhost: vendor.example\r\ncontent-type: application/json\r\n"
            b'X-Key: s3cret\r\ncontent-length: 7\r\n\r\n{"a":1}'
        ),
    )


@pytest.mark.parametrize(
    ("method", "body", "end"),
    [
        ("GET", None, b"host: vendor.example\r\n\r\n"),
        ("POST", None, b"content-length: 0\r\n\r\n"),
        ("POST", b"", b"content-length: 0\r\n\r\n"),
        ("GET", b"{}", b"content-length: 2\r\n\r\n{}"),
    ],
)
def test_a_length_is_said_where_there_is_a_body_or_could_be(method, body, end):
    """A POST without a body says 0, a GET says nothing."""
    assert render(Outbound(method, URL, {}, body, ()))[1].endswith(end)


@pytest.mark.parametrize(
    ("url", "origin", "target", "host"),
    [
        ("http://h", Origin("http", "h", 80), "/", "h"),
        ("http://h:80/", Origin("http", "h", 80), "/", "h"),
        ("https://h:443/a", Origin("https", "h", 443), "/a", "h"),
        ("http://h:8080?a=b", Origin("http", "h", 8080), "/?a=b", "h:8080"),
        ("https://H.Example/A?b=/c?d#e", Origin("https", "h.example", 443), "/A?b=/c?d", "h.example"),
        ("http://[::1]:81/a%2Fb//c", Origin("http", "::1", 81), "/a%2Fb//c", "[::1]:81"),
        ("http://h/ä?ö=%C3", Origin("http", "h", 80), "/%C3%A4?%C3%B6=%C3", "h"),
        ("https://bücher.example/", Origin("https", "xn--bcher-kva.example", 443), "/", "xn--bcher-kva.example"),
    ],
)
def test_a_url_is_taken_apart_and_not_rewritten(url, origin, target, host):
    """What is encoded stays so; only what no request line can hold is encoded."""
    found, wire = render(Outbound("GET", url, {}, None, ()))
    assert found == origin
    assert wire == f"GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "/path", "ftp://h/", "http://", "http:///a", "http://h:port/", "http://h:99999/", "http://[::1/"),
        *("http://h/a b", "http://h/a\r\nX: y", "http://h/a\0", "http://h/a\x7f", "http://a b/", "http://h\r\n/"),
        *("http://user:secret@h/", "http://h/\ud800"),
    ],
)
def test_a_url_that_no_request_can_carry_is_refused(url):
    """Refused before a connection is asked for, in words that do not repeat the URL."""
    with pytest.raises(Unsendable) as refused:
        render(Outbound("POST", url, {}, b"", ()))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("x", f"a{mark}b") for mark in ("\r", "\n", "\r\nEvil: 1", "\0", "\ud800")),
        *((name, "a") for name in ("", "a b", "a:b", "a\r\nb", "ä", "a\0")),
        *((name, "5") for name in ("Content-Length", "transfer-encoding", "HOST", "connection", "expect")),
    ],
)
def test_a_header_that_would_break_the_head_is_refused(name, value):
    """No line break, no NUL, no header that says where the request ends or whom it is for."""
    with pytest.raises(Unsendable):
        render(Outbound("POST", URL, {"a": "b", name: value}, b"", ()))


@pytest.mark.parametrize("method", ["", "PO ST", "POST\r\n", "GET /evil HTTP/1.1\r\nX:"])
def test_a_method_that_is_none_is_refused(method):
    """A method is one word."""
    with pytest.raises(Unsendable):
        render(Outbound(method, URL, {}, None, ()))


@given(
    method=st.sampled_from(["GET", "POST"]),
    path=st.text(max_size=20),
    headers=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4),
    body=st.none() | st.binary(max_size=20),
)
def test_whatever_a_mapping_says_the_head_has_its_lines_and_no_more(method, path, headers, body):
    """Refused, or a head of one line for each header beside the client's own, and the body as it is behind it."""
    try:
        _, wire = render(Outbound(method, f"https://vendor.example/{path}", headers, body, ()))
    except Unsendable:
        return
    head, _, rest = wire.partition(b"\r\n\r\n")
    assert rest == (body or b"")
    assert b"\0" not in head
    assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    assert len(head.split(b"\r\n")) == 2 + len(headers) + (body is not None or method == "POST")


async def test_an_exchange_shows_no_secret():
    """What a log or a debugger prints of it says nothing of its request."""
    async with serving(answering(OK)) as server, client() as asking:
        asked = Asked(asking, post(server.url, **{"x-key": "s3cret"}))
        assert b"s3cret" in asked.exchange.request
        assert "s3cret" not in f"{asked.exchange!r} {asked.exchange}"
        await asked


async def test_what_cannot_be_sent_opens_no_connection():
    """It is called back like any other outcome, later and once, as refused for good."""
    async with serving(answering(OK)) as server, client() as asking:
        asked = Asked(asking, post(server.url, x="a\r\nEvil: 1"))
        outcome = await asked
        assert isinstance(outcome, Unsendable)
        assert (outcome.code, outcome.status) == ("refused", 422)
        assert server.connections == 0
        assert asked.outcomes == [outcome]


async def test_a_caller_s_own_bytes_reach_the_vendor():
    """A header that is passed on, such as a user agent in Japanese, goes in the bytes in which it came."""
    async with serving(answering(OK)) as server, client() as asking:
        assert await ask(asking, post(server.url, **{"user-agent": "ブラウザ/1"})) == Answer(200, b"ok")
        assert "\r\nuser-agent: ブラウザ/1\r\n".encode() in server.heads[0]


async def test_cookies_are_not_kept_and_redirects_not_followed():
    """What the vendor sets does not come back, and its redirect is an answer."""
    wire = b"HTTP/1.1 307 Elsewhere\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(wire)) as server, client() as asking:
        assert [await ask(asking, post(server.url)) for _ in range(2)] == [Answer(307)] * 2
        assert len(server.requests) == 2
        assert not [head for head in server.heads if b"cookie" in head.lower() or b"elsewhere" in head]


def test_a_proxy_s_origin_leaves_its_credentials_out():
    """Whom to connect to says nothing of who one is."""
    assert parse_origin("http://user:secret@proxy.example:3128") == Origin("http", "proxy.example", 3128)
