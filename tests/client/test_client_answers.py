"""What is read from the wire: an answer whole and once, however it is framed and cut, or Ambiguous; nothing else."""

import asyncio
import gzip
import zlib

import pytest
import uvloop
from client_calls import NO_CONTENT, OK, Asked, answering, ask, client, is_sound, once, post, serving, surely
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import Answer, Outbound
from gateway.delivery.http import reading
from gateway.delivery.http.reading import MAX_BODY, MAX_HEAD, Reader
from gateway.errors import Ambiguous, TimedOut

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
    b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nRetry-After: 9\r\nX-Trailer: y\r\n\r\n"
)
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"
TEXT = {"content-type": "text/plain"}
REUSED = {
    "a length": (OK, Answer(200, b"ok")),
    "no length at all": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Answer(200)),
    "204": (NO_CONTENT, Answer(204)),
    "304 that names a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Answer(304)),
    "chunks and trailers": (CHUNKED, Answer(200, b"abcde", TEXT)),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Answer(200, b"ok")),
    "many interim answers": (
        b"HTTP/1.1 103 Early Hints\r\nRetry-After: 1\r\nLink: </x>\r\n\r\n" * 5 + OK,
        Answer(200, b"ok"),
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", Answer(200, b"ok")),
    "a strange status": (b"HTTP/1.1 999 Oops\r\nContent-Length: 2\r\n\r\nok", Answer(999, b"ok")),
    "kept by 1.0": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", Answer(200, b"ok")),
    "gzip": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"{}", mtime=0)), gzip.compress(b"{}", mtime=0)),
        Answer(200, b"{}"),
    ),
    "deflate": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n%b"
        % (len(zlib.compress(b"{}")), zlib.compress(b"{}")),
        Answer(200, b"{}"),
    ),
    "raw deflate": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n%b"
        % (len(zlib.compress(b"{}")[2:-4]), zlib.compress(b"{}")[2:-4]),
        Answer(200, b"{}"),
    ),
    "an encoding that is none": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
        Answer(200, b"ok"),
    ),
    "an encoding that there is none of": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: UTF-8\r\nContent-Length: 2\r\n\r\nok",
        Answer(200, b"ok"),
    ),
    "headers that are kept": (
        (
            b"HTTP/1.1 503 Busy\r\nRETRY-AFTER:  7 \r\nRetry-After: 8\r\nSet-Cookie: a=b\r\n"
            b"content-type: application/json; charset=utf-8\r\nContent-Length: 0\r\n\r\n"
        ),
        Answer(503, b"", {"content-type": "application/json; charset=utf-8", "retry-after": "7"}),
    ),
    "headers that are no text": (
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe\r\nRetry-After: \xff\r\nContent-Length: 2\r\n\r\n{}",
        Answer(200, b"{}"),
    ),
}
"""Answers after which the connection serves the next exchange."""


@pytest.mark.parametrize("case", REUSED)
async def test_an_answer_is_read_whole_and_the_connection_used_again(case):
    """Three exchanges bring the same answer over one connection."""
    wire, answer = REUSED[case]
    async with serving(answering(wire)) as server, client() as asking:
        assert [await ask(asking, post(server.url)) for _ in range(3)] == [answer] * 3
        assert server.connections == 1


@pytest.mark.parametrize("case", ["chunks and trailers", "many interim answers", "gzip"])
async def test_an_answer_may_come_byte_by_byte(case):
    """Wherever the bytes are split, the answer is the same, and the next one too."""
    wire, answer = REUSED[case]
    pieces = [wire[at : at + 1] for at in range(len(wire))]
    async with serving(answering(*pieces)) as server, client() as asking:
        assert [await ask(asking, post(server.url)) for _ in range(2)] == [answer] * 2
        assert server.connections == 1


async def test_an_answer_may_be_split_at_any_byte():
    """Two reads, split at each place in turn, over one connection."""
    cuts = iter(range(1, len(CHUNKED)))

    async def script(peer):
        for cut in cuts:
            await peer.request()
            await peer.say(CHUNKED[:cut], pause=0.001)
            await peer.say(CHUNKED[cut:])

    async with serving(script) as server, client() as asking:
        for _ in range(len(CHUNKED) - 1):
            assert await ask(asking, post(server.url)) == Answer(200, b"abcde", TEXT)
        assert server.connections == 1


@pytest.mark.parametrize("case", REUSED)
async def test_an_answer_that_came_before_is_read_alike_by_every_connection(case):
    """Its bytes, all at once as before or cut in two, on another connection of another client: the same answer."""
    wire, answer = REUSED[case]
    for pieces in [(wire,), (wire,), (wire[:20], wire[20:])]:
        async with serving(answering(*pieces, pause=0.001)) as server, client() as asking:
            assert [await ask(asking, post(server.url)) for _ in range(2)] == [answer] * 2


async def test_a_body_that_looks_like_an_answer_that_came_before_is_a_body():
    """The bytes of a known answer are one only where an answer begins."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK)

    async def script(peer):
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await peer.say(head, OK, pause=0.01)

    async with serving(script) as server, client() as asking:
        assert await ask(asking, post(server.url)) == Answer(200, b"ok")
        assert await ask(asking, post(server.url)) == Answer(200, OK)
        assert server.connections == 1


LAST = {
    "said so": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "garbage behind it": OK + b"garbage",
    "another answer behind it": OK + OK,
    "half an answer behind it": OK + b"HTT",
    "garbage behind its end": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nokgarbage",
    "a connection kept for no time": b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok",
}
"""Answers that are good and the last of their connection."""


@pytest.mark.parametrize("case", LAST)
async def test_after_the_last_answer_another_connection_is_opened(case):
    """The answer counts, and nothing that follows it reaches the next exchange, which has a connection of its own."""
    async with serving(answering(LAST[case])) as server, client() as asking:
        assert [await ask(asking, post(server.url)) for _ in range(3)] == [Answer(200, b"ok")] * 3
        assert server.connections == 3
        await server.until_ended(2)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip"]
)
async def test_an_answer_without_a_length_ends_with_its_connection(head):
    """What comes until the other side closes is the body."""
    async with serving(once(head + b"\r\n\r\nsome", b" text", then="end")) as server, client() as asking:
        for _ in range(2):
            assert await ask(asking, post(server.url)) == Answer(200, b"some text")
        assert server.connections == 2


async def test_an_answer_to_head_has_no_body():
    """A length that HEAD's answer names is not waited for, nor is that connection used again."""
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")) as server, client() as asking:
        for _ in range(2):
            assert await ask(asking, Outbound("HEAD", server.url, {}, None, ())) == Answer(200)
        assert server.connections == 2


async def test_an_answer_to_head_is_the_last_of_its_connection():
    """Also where the same answer to another method lets the connection be."""
    async with serving(answering(NO_CONTENT)) as server, client() as asking:
        for method in ("GET", "GET", "HEAD", "GET"):
            assert await ask(asking, Outbound(method, server.url, {}, None, ())) == Answer(204)
        assert server.connections == 2


NO_ANSWER = {
    "nothing": b"",
    "garbage": b"\0\xff nothing of HTTP\r\n\r\n",
    "half a status": b"HTTP/1.",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "half a chunk, coded": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nha",
    "no end of the trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX: y\r\n",
    "an interim answer alone": b"HTTP/1.1 100 Continue\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "another protocol, unnamed": b"HTTP/1.1 101 Switching\r\n\r\n" + OK,
    "a status below all": b"HTTP/1.1 007 Oops\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a length beyond numbers": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk's length that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk's length beyond numbers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a header bomb": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2 * MAX_HEAD + b"\r\n\r\n",
    "a bomb of headers": b"HTTP/1.1 200 OK\r\n" + b"X: aaaa\r\n" * MAX_HEAD + b"\r\n\r\n",
    "a bomb of interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * MAX_HEAD,
    "a bomb of trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: aaaa\r\n" * MAX_HEAD,
    "broken gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "cut gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n"
    + gzip.compress(b"long enough")[:12],
    "an encoding that was not asked for": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
}
"""What is no answer, or only a part of one when the connection ends."""


@pytest.mark.parametrize("case", NO_ANSWER)
async def test_what_is_no_answer_is_ambiguous(case):
    """One Ambiguous, not a timeout; the request goes over the wire once, and the next exchange is sound."""

    async def script(peer):
        await peer.request()
        if peer.number > 1:
            await peer.say(OK)
        else:
            await peer.say(NO_ANSWER[case])
            await peer.end()

    async with serving(script) as server, client() as asking:
        asked = Asked(asking, post(server.url))
        outcome = await asked
        assert type(outcome) is Ambiguous
        assert "no complete answer" in str(outcome)
        assert len(server.requests) == 1
        assert await is_sound(asking, server.url)
        assert asked.outcomes == [outcome]


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_reset_is_ambiguous(wire):
    """A connection that is reset after the request was written, before or in the middle of the answer."""

    async def script(peer):
        await peer.request()
        if peer.number > 1:
            await peer.say(OK)
        else:
            await peer.say(wire)
            peer.reset()

    async with serving(script) as server, client() as asking:
        assert type(await ask(asking, post(server.url))) is Ambiguous
        assert await is_sound(asking, server.url)


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * 3_000_000,
    ],
    ids=["a length", "no length", "chunks"],
)
async def test_an_answer_is_cut_at_a_mebibyte(wire):
    """So much of a body is enough; the connection is closed, whatever was still to come."""
    async with serving(once(wire)) as server, client() as asking:
        answer = await ask(asking, post(server.url))
        assert answer.status == 200
        assert len(answer.body) == MAX_BODY
        await server.until_ended(1)


async def test_an_answer_that_inflates_is_cut_too():
    """A kilobyte that becomes a hundred megabytes is read no further than any other answer."""
    bomb = gzip.compress(bytes(100_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with serving(answering(head + bomb)) as server, client() as asking:
        answer = await ask(asking, post(server.url))
        assert (answer.status, len(answer.body)) == (200, MAX_BODY)


async def test_an_answer_of_a_mebibyte_in_chunks_of_one_byte_is_one():
    """What frames a body may be several times as long as the body."""
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * (MAX_BODY - 1) + b"0\r\n\r\n"
    async with serving(answering(wire)) as server, client(timeout=20) as asking:
        assert len((await ask(asking, post(server.url))).body) == MAX_BODY - 1


STALLED = b'{"a":"stalled"}'


def stalling(*pieces, pause=0.0):
    """A script that answers every request but one for STALLED, so that a connection is there; that one as it can."""

    async def script(peer):
        while (await peer.request())[1] != STALLED:
            await peer.say(OK)
        while True:
            await peer.say(*pieces, pause=pause)
            if not pause:
                await peer.silence()

    return script


async def assert_timed_out(script):
    """A request that was written over a connection at hand ends in TimedOut, and its connection with it."""
    async with serving(script) as server, client(timeout=0.5) as asking:
        await surely(asking, server.url)
        ended = server.ended
        assert type(await ask(asking, post(server.url, STALLED))) is TimedOut
        await server.until_ended(ended + 1)


@pytest.mark.parametrize("size", [0, 10, 17, len(OK) - 1])
async def test_an_answer_that_stops_is_timed_out(size):
    """Silence at any stage after the request was written ends in TimedOut, and its connection with it."""
    await assert_timed_out(stalling(OK[:size]))


async def test_an_answer_that_never_ends_is_timed_out():
    """The timeout is for the whole exchange: bytes that trickle in do not renew it."""
    await assert_timed_out(stalling(b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.01))


@st.composite
def wires(draw):
    """Bytes that a broken, hostile or sound server may answer with, in pieces."""
    good = [wire for wire, _ in REUSED.values()] + list(LAST.values())
    bad = [wire for wire in NO_ANSWER.values() if len(wire) < MAX_HEAD]
    wire = bytearray(draw(st.one_of(st.sampled_from(good + bad), st.binary(max_size=200))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(wire)))
        wire[at : at + draw(st.integers(0, 5))] = draw(
            st.one_of(st.binary(max_size=5), st.sampled_from([b"\r\n", b"0"]))
        )
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=4)))
    return [bytes(wire[a:b]) for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]


def read(*pieces):
    """What one reader says to pieces, one after the other, up to the first that is no answer or the last of all."""
    reader, said = Reader(), []
    for piece in pieces:
        try:
            found = reader.feed(piece)
        except Ambiguous as failure:
            return [*said, str(failure)]
        said.append(found and (found.outcome if isinstance(found.outcome, Answer) else str(found.outcome), found.lasts))
        if found and not found.keeps:
            break
    return said


@given(pieces=wires())
@settings(max_examples=4 * settings.default.max_examples)
def test_bytes_that_came_before_are_read_as_they_were(pieces):
    """A reader that knows what came says the same as one that does not, of these bytes and of those that follow."""
    wire = b"".join(pieces)
    reading._seen.clear()
    unknown = read(wire, NEXT, wire)
    assert read(wire, NEXT, wire) == unknown
    reading._seen.clear()
    assert read(*pieces, NEXT) == read(*pieces, NEXT)


@given(pieces=wires(), resets=st.booleans())
@settings(max_examples=4 * settings.default.max_examples)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_whatever_comes_an_exchange_ends_once_and_the_next_is_sound(loop, pieces, resets):
    """Any bytes, split anywhere, then closed or reset: one outcome, and none of it reaches the next exchange."""

    async def script(peer):
        await peer.request()
        if peer.number > 1:
            await peer.say(NEXT)
            await peer.silence()
        await peer.say(*pieces)
        if resets:
            peer.reset()
        else:
            await peer.end()

    async def exchange():
        async with serving(script) as server, client(timeout=20) as asking:
            asked = Asked(asking, post(server.url))
            first = await asked
            second = await ask(asking, post(server.url))
            assert isinstance(first, (Answer, Ambiguous))
            if isinstance(second, Ambiguous):  # it went by the first connection before that ended
                assert isinstance(first, Answer)
                second = await ask(asking, post(server.url))
            assert second == Answer(200, b"next")
            assert asked.outcomes == [first]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(exchange())
