"""Heads that are read once: what comes with a known head is taken as the parser would have taken it, byte for byte."""

import asyncio
import re

import msgspec
import pytest
from aiohttp import web
from gateway_calls import FIRST, KEY, KEYS, accounts, body_of, fan_out, raw, running, settings
from hypothesis import event, given
from hypothesis import strategies as st
from waiting import until

from gateway.config import load
from gateway.connection import Server
from gateway.contract import Answer
from gateway.heads import BEGUN
from mappings import MAPPINGS

DY = FIRST["dynamic_yield"]
CLICK = msgspec.json.encode(body_of(DY))
SHOWN = b"DY-API-Key: %b\r\n" % KEY.encode()
VARYING = re.compile(rb"(?<=x-request-id: )\w+r\d+|(?<=Date: )[^\r]+")
"""What differs from one answer to the next: an id of the gateway's own, and the time."""


class Wire(asyncio.Transport):
    """The caller's side of a connection: what it was sent, and whether it was closed."""

    def __init__(self):
        super().__init__({"peername": ("203.0.113.7", 4444)})
        self.sent, self.closed = b"", False

    def write(self, data):
        self.sent += data

    def close(self):
        self.closed = True

    abort = close

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return False


async def repeating(_connection, _request_id, heard):
    """Says what a request said, as far as its body can be read."""
    head, body = heard.head, heard.body
    try:
        said = body if isinstance(body, bytes) else await asyncio.wait_for(body.read(), 1)
    except (web.RequestPayloadError, ConnectionError) as error:
        said = type(error).__name__.encode()
    headers = [
        [str(name), value.encode("utf-8", "surrogateescape").hex()]
        for name, value in head.headers.items()
        if name.lower() not in ("content-length", "x-request-id", "traceparent", "tracestate", "cookie", "b3")
    ]
    facts = [head.method, head.path, head.query, headers, dict(head.kept), heard.request_id, head.claims_json]
    trace = [heard.trace.get("traceparent"), heard.trace.get("tracestate")]
    return Answer(200, msgspec.json.encode([*facts, trace, said.hex()]))


async def spoken(server, pieces):
    """What a connection answers to pieces of bytes that come one after the other, and whether it is closed then."""
    connection, wire = server(), Wire()
    connection.connection_made(wire)
    for piece in pieces:
        await settled()
        connection.data_received(piece)
    await settled()
    found = VARYING.sub(b"-", wire.sent), wire.closed or connection.transport is None
    connection.connection_lost(None)
    await settled()
    return found


async def settled():
    """Everything that is ready has been done, and what that made ready."""
    for _ in range(12):
        await asyncio.sleep(0)


def whole(body=b"{}", more=b"", target=b"/click?a=%20b&a=c", method=b"POST", version=b"1.1"):
    """A request as most callers send it."""
    head = b"%b %b HTTP/%b\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
    return head % (method, target, version, more, len(body)) + body


CHUNKED = b"POST /click HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
UNUSUAL = (
    b"\r\n" + whole(),
    b"\r\n\r\n" + whole(),
    whole().replace(b"\r\n", b"\n"),
    whole(more=b"X: a\nY: b\r\n"),
    whole(more=b"X: a\r\n b\r\n"),
    whole(more=b"X: a\r\n\tContent-Length: 1\r\n"),
    whole(more=b"Content-Length: 2\r\n"),
    whole().replace(b"Length: 2", b"Length: 0002"),
    whole().replace(b"Length: 2", b"Length: 2_0"),
    whole().replace(b"Length: 2", b"Length: 30"),
    whole().replace(b"Length: 2", b"Length: 1"),
    whole(b'{"a":"\r\n\r\n"}'),
    whole(b"POST / HTTP/1.1\r\n\r\n"),
    whole(more=b"Connection: close\r\n"),
    whole(more=b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
    whole(more=b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    whole(more=b"Expect: 100-continue\r\n"),
    whole(more=b"Content-Encoding: gzip\r\n"),
    whole(more=b"Content-Type: text/xml\r\n"),
    whole(more=b"User-Agent: b\xff\r\n"),
    whole(more=b"X-Request-Id: mine\r\n"),
    whole(more=b"X-Request-Id:  mine\r\n"),
    whole(more=b"X-Request-Id: not mine\r\n"),
    whole(more=b"x-request-id:mine\r\nX-Request-Id: another\r\n"),
    whole(more=b"X-Request-Id: \r\nX-Request-Id: another\r\n"),
    whole(more=b"X-Request-Id: mine\r\n folded\r\n"),
    whole(more=b"X-Request-Id: not/mine\r\nTraceparent: 00-1-2-01\r\ntracestate: a=1,b=2\r\n"),
    whole(more=b"Traceparent: 00-1-3-01\r\nX-Request-Id: yours\r\ntracestate: a=1, b=2\r\n"),
    whole(more=b"X-Request-Id\nmine\n\r\n"),
    whole(more=b"\nX-Request-Id\n"),
    whole(method=b"CONNECT", target=b"x:1"),
    whole(method=b"HEAD"),
    whole(version=b"1.0"),
    whole(version=b"1.0", more=b"Connection: keep-alive\r\n"),
    CHUNKED,
    CHUNKED.replace(b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n"),
    b"GET /click HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /click HTTP/1.1\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"",
)
USUAL = (whole(), whole(b'{"a": 1}'), whole(more=b"User-Agent: shop\r\n"))
VALUES = st.text(st.characters(codec="latin-1"), max_size=6).map(lambda text: text.encode("latin-1"))
OWN = st.builds(
    lambda name, value, body: whole(body, b"%b: %b\r\n" % (name, value)),
    st.sampled_from([b"X-Request-Id", b"x-request-id", b"traceparent", b"tracestate", b"Cookie", b"B3"]),
    VALUES | st.sampled_from([b"c1", b"00-1-2-01", b"a=1,b=2", b"a=1; b=2", b"c1 ", b" c1"]),
    st.sampled_from([b"{}", b'{"a": 1}', b""]),
)
MESSAGES = st.sampled_from(USUAL) | OWN | st.sampled_from(UNUSUAL)


@st.composite
def streams(draw):
    """Messages, most of them in a piece of their own, some cut into several or grown together."""
    pieces, joined = [], b""
    for message in draw(st.lists(MESSAGES, min_size=1, max_size=5)):
        cuts = draw(st.just([]) | st.lists(st.integers(0, len(message)), max_size=3))
        parts = [message[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(message)], strict=True)]
        *done, joined = [joined + parts[0], *parts[1:]]
        pieces += done
        if draw(st.integers(0, 3)):
            pieces.append(joined)
            joined = b""
    return [piece for piece in [*pieces, joined] if piece]


async def experienced(server):
    """A server that has heard every message twice, each time on a connection of its own."""
    for message in (*USUAL, *UNUSUAL):
        for _ in range(2):
            await spoken(server, [message])
    return server


class Parsing(Server):
    """A server that gives everything to the parser."""

    def __init__(self):
        super().__init__(repeating, 100)
        self.heads.find = lambda _data: None


class Counting(Server):
    """A server that counts what it took without the parser."""

    def __init__(self):
        super().__init__(repeating, 100)
        self.spared, self._find = 0, self.heads.find
        self.heads.find = self._counted

    def _counted(self, data):
        known = self._find(data)
        self.spared += known is not None and known is not BEGUN
        return known


@given(streams())
def test_a_known_head_is_taken_as_the_parser_takes_it(pieces):
    """Whatever comes, in whatever pieces: the answers are those of a server that parses everything."""

    async def both():
        learnt = await experienced(Counting())
        before = learnt.spared
        found = await spoken(learnt, pieces), await spoken(Parsing(), pieces)
        event(f"{min(learnt.spared - before, 3)} spared")
        return found

    spared, parsed = asyncio.run(both())
    assert spared == parsed


async def test_a_head_is_known_when_it_has_come_twice():
    """The third request needs no parser, over whichever connection it comes, whatever its body."""
    server = Counting()
    await spoken(server, [whole(), whole()])
    assert server.spared == 0
    answers, _ = await spoken(server, [whole(), whole(b"[1, 2]")])
    assert server.spared == 2
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b"{}".hex().encode() in answers
    assert b"[1, 2]".hex().encode() in answers


async def test_a_known_head_has_each_requests_own_id_and_trace():
    """An id and a trace's context are read anew each time; an id that is not sound is none."""
    server = Counting()
    own = b"X-Request-Id: %b\r\nTraceparent: 00-%d-01\r\n"
    answers, _ = await spoken(server, [whole(more=own % (b"c%d" % number, number)) for number in range(4)])
    assert server.spared == 2
    assert [b'"c%d"' % number in answers and b'"00-%d-01"' % number in answers for number in range(4)] == [True] * 4
    answers, _ = await spoken(server, [whole(more=own % (b"c/d", 5))])
    assert server.spared == 3
    assert b'"00-5-01"' in answers
    assert b"c/d" not in answers


async def test_what_nobody_reads_may_differ():
    """A cookie, or what a balancer adds to each request, makes no new head of a known one, and is not kept with it."""
    server = Counting()
    own = b"Cookie: visit=%d; theme=dark\r\nX-Amzn-Trace-Id: Root=1-%d\r\n"
    await spoken(server, [whole(more=own % (number, number)) for number in range(10)])
    assert server.spared == 8
    (form,) = server.heads._forms.values()
    assert list(form.head.headers) == ["Host"]


@pytest.mark.parametrize("cut", [-6, -3])
async def test_what_comes_in_two_pieces_is_taken_whole(cut):
    """Many clients send a head, or the first bytes of a body with it, and then the rest: it is awaited."""
    server, request = Counting(), whole(b"[1, 2]")
    await spoken(server, [whole(), whole()])
    answers, _ = await spoken(server, [request[:cut], request[cut:], request])
    assert server.spared == 2
    assert answers.count(b"[1, 2]".hex().encode()) == 2


async def test_what_comes_in_more_pieces_is_read_as_it_comes():
    """The parser reads a body that comes little by little, and the next request is spared it."""
    server, request = Counting(), whole(b"[1, 2]")
    await spoken(server, [whole(), whole()])
    answers, _ = await spoken(server, [request[:-5], request[-5:-3], request[-3:], request])
    assert server.spared == 1
    assert answers.count(b"[1, 2]".hex().encode()) == 2


async def test_a_rest_that_does_not_come_is_waited_for_no_longer_than_a_moment():
    """A request of which only the beginning comes is soon taken as one whose body is on its way."""
    server = Counting()
    await spoken(server, [whole(), whole()])
    connection, wire = server(), Wire()
    connection.connection_made(wire)
    connection.data_received(whole(b"[1, 2]")[:-3])
    await settled()
    assert not connection._request_in_progress
    await until(lambda: connection._request_in_progress)
    connection.data_received(whole(b"[1, 2]")[-3:])
    await settled()
    assert b"[1, 2]".hex().encode() in wire.sent
    connection.connection_lost(None)
    await settled()


async def test_heads_that_all_differ_are_soon_not_sought():
    """A connection on which each request says something else costs no look-up and no room from then on."""
    server = Counting()
    sought = []
    find = server.heads.find
    server.heads.find = lambda data: sought.append(data) or find(data)
    await spoken(server, [whole(more=b"User-Agent: b%d\r\n" % number) for number in range(400)])
    assert len(sought) < 150


async def test_heads_do_not_fill_the_memory():
    """However many heads come again and again, a bounded number of them is kept, and a long one is not."""
    server = Counting()
    for number in range(1200):
        message = whole(b" " * number, b"User-Agent: b%d\r\n" % number)
        await spoken(server, [message, message])
    long = whole(more=b"X: %b\r\n" % (b"x" * 4000))
    await spoken(server, [long, long, long])
    assert server.spared == 0
    for number in range(1200):
        await spoken(server, [whole(b" " * number)])
    assert server.spared > 1000
    assert 0 < len(server.heads._forms) <= 512
    assert 0 < len(server.heads._alike) <= 512


async def test_a_key_that_is_withdrawn_opens_nothing_any_more(tmp_path):
    """What rules made of a head holds as long as they do: after a reload the same bytes are judged anew."""
    async with running(tmp_path, lambda url: accounts(url) + fan_out()) as gateway:
        click = whole(CLICK, SHOWN, DY.encode())
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)

        async def status():
            writer.write(click)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            return int(head[9:12])

        async def applied(key):
            file = tmp_path / "changed.toml"
            file.write_text(settings(accounts(gateway.sandbox.url) + fan_out(), tmp_path).replace(KEY, key))
            await gateway.service.apply(load(file, MAPPINGS, {}))

        try:
            assert [await status() for _ in range(4)] == [204] * 4
            await applied("another-key")
            assert [await status() for _ in range(2)] == [401] * 2
            await applied(KEY)
            assert await status() == 204
        finally:
            writer.close()


async def test_a_known_head_does_not_lift_the_limit(tmp_path):
    """A body that is longer than it may be is refused however often its head has come."""
    server = 'max_body = "1KiB"'
    async with running(tmp_path, lambda url: accounts(url) + fan_out(), server=server) as gateway:
        large = whole(b" " * 2000 + CLICK, SHOWN, DY.encode())
        last = large.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
        answers = await raw(gateway.port, large, large, large, last)
        assert answers.count(b"HTTP/1.1 413") == 4
        assert gateway.sandbox.received.entries() == []


async def test_a_caller_that_waits_for_a_sign_gets_it_each_time(tmp_path):
    """`Expect: 100-continue` is answered before the body comes, however often that head has come."""
    async with running(tmp_path, lambda url: accounts(url) + fan_out()) as gateway:
        click = whole(CLICK, SHOWN + b"Expect: 100-continue\r\n", DY.encode())
        head, _, body = click.partition(b"\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        try:
            for _ in range(4):
                writer.write(head + b"\r\n\r\n")
                async with asyncio.timeout(5):
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
                    writer.write(body)
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        finally:
            writer.close()


@pytest.mark.parametrize("pause", [0.02, 0.3])
async def test_a_body_may_come_later(tmp_path, pause):
    """Whether the rest comes soon or not so soon, and whether the head is known or not: the click is taken."""
    async with running(tmp_path, lambda url: accounts(url) + fan_out()) as gateway:
        click = whole(CLICK, SHOWN, DY.encode())
        head, body = click[: -len(CLICK)], click[-len(CLICK) :]
        last = head.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
        answers = await raw(gateway.port, head, body, head, body, head, body, head, body, last, body, pause=pause)
        assert answers.count(b"HTTP/1.1 204") == 5


@pytest.mark.parametrize("claimed", ["text/xml", "application/x-www-form-urlencoded"])
async def test_a_known_head_does_not_make_json_of_what_is_none(tmp_path, claimed):
    """A body that claims to be something else is refused each time."""
    async with running(tmp_path, lambda url: accounts(url) + fan_out()) as gateway:
        headers = KEYS["dynamic_yield"] | {"Content-Type": claimed}
        assert {(await gateway.send("POST", DY, headers=headers, data=CLICK)).status for _ in range(4)} == {415}
