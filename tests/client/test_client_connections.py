"""Connections: used again, the last one first, while they are good; never more than allowed; opened for who waits."""

import asyncio
import socket
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import pytest
import structlog
from client_calls import NO_CONTENT, OK, Asked, Server, answering, ask, client, post, serving, surely

from gateway.contract import Answer
from gateway.delivery.http import connection
from gateway.delivery.http.dial import in_turn
from gateway.delivery.http.exchange import Exchange
from gateway.delivery.http.pool import Pool
from gateway.errors import Ambiguous, NotSent, TimedOut


async def test_one_after_the_other_takes_one_connection():
    """A connection serves any number of exchanges."""
    async with serving(answering(OK)) as server, client() as asking:
        assert [await ask(asking, post(server.url)) for _ in range(50)] == [Answer(200, b"ok")] * 50
        assert server.connections == 1


async def test_no_more_connections_than_allowed():
    """Who finds all of them taken waits in line, and all are answered."""
    async with serving(answering(OK)) as server, client(concurrency=3) as asking:
        asked = [Asked(asking, post(server.url)) for _ in range(200)]
        assert [await one for one in asked] == [Answer(200, b"ok")] * 200
        assert server.connections == 3
        assert all(len(one.outcomes) == 1 for one in asked)


async def test_the_connection_used_last_is_used_first():
    """Of several idle connections the freshest serves, so that the others can be let go."""
    numbers = []

    async def script(peer):
        while True:
            await peer.request()
            numbers.append(peer.number)
            while len(numbers) < 4:  # noqa: ASYNC110  # so that each of the first four has a connection of its own
                await asyncio.sleep(0.001)
            await peer.say(OK)

    async with serving(script) as server, client() as asking:
        await asyncio.gather(*[ask(asking, post(server.url)) for _ in range(4)])
        assert sorted(numbers) == [1, 2, 3, 4]
        await ask(asking, post(server.url))
        await ask(asking, post(server.url))
        assert numbers[-1] == numbers[-2]


@pytest.mark.parametrize("header", ["", "Keep-Alive: timeout=600, max=100\r\n", "Keep-Alive: nonsense\r\n"])
async def test_an_idle_connection_is_retired(header):
    """After `keepalive` an idle connection is closed by itself, unless the answer says that it lasts longer."""
    wire = f"HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\nok".encode()
    async with serving(answering(wire)) as server, client(timeout=0.5, keepalive=0.05) as asking:
        await surely(asking, server.url)
        if "600" in header:
            await asyncio.sleep(0.2)
            assert server.ended == 0
        else:
            await server.until_ended(1)


async def test_the_answers_own_keep_alive_is_honoured():
    """A connection that the other side keeps for a second is retired before that, whatever the setting."""
    wire = b"HTTP/1.1 200 OK\r\nKeep-Alive: max=5, Timeout=1\r\nContent-Length: 2\r\n\r\nok"
    async with serving(answering(wire)) as server, client(keepalive=600) as asking:
        await surely(asking, server.url)
        await server.until_ended(1)


async def test_no_keepalive_means_a_connection_for_each():
    """`keepalive = "0s"`: nothing is used twice."""
    async with serving(answering(OK)) as server, client(keepalive=0.0) as asking:
        assert [await ask(asking, post(server.url)) for _ in range(3)] == [Answer(200, b"ok")] * 3
        assert server.connections == 3


async def test_a_connection_grows_no_older_than_allowed(monkeypatch):
    """However busy, a connection is let go in the end, so that a host that moved is found."""
    monkeypatch.setattr(connection, "LIFETIME", 0.05)
    async with serving(answering(OK)) as server, client() as asking:
        while server.connections < 3:
            await surely(asking, server.url)


async def closing(peer):
    """Answers one request, says nothing of closing, and closes."""
    await peer.request()
    await peer.say(OK)
    await peer.end()


async def chatting(peer):
    """Says something after its answer that nobody asked for."""
    await peer.request()
    await peer.say(OK)
    await peer.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await peer.silence()


@pytest.mark.parametrize("script", [closing, chatting])
async def test_what_came_while_idle_is_seen_by_the_loop(script):
    """An idle connection that ends or speaks is dropped: the next exchange gets its own answer over another one."""
    async with serving(script) as server, client() as asking:
        for _ in range(5):
            assert await ask(asking, post(server.url)) == Answer(200, b"ok")
            await server.until_gone(server.connections)
        assert server.connections == 5


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"], ids=["end", "bytes"])
async def test_what_came_while_idle_is_looked_for_before_use(said):
    """It is seen also where the loop had no time to read it yet: an end of the connection, or bytes out of turn."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/path"

    def serve(peer):
        peer.recv(65536)
        peer.sendall(OK)

    loop = asyncio.get_running_loop()
    async with client() as asking:
        first = Asked(asking, post(url))
        peer, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(serve, peer)
        await first
        now = loop.time()
        while loop.time() == now:  # noqa: ASYNC110  # uvloop's clock goes on from turn to turn
            await asyncio.sleep(0)
        if said:
            peer.sendall(said)
        else:
            peer.close()
        second = Asked(asking, post(url))  # in the same turn of the loop
        other, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(serve, other)
        assert await second == Answer(200, b"ok")
        peer.close()
        other.close()
    listener.close()


@pytest.mark.skipif(not hasattr(socket, "MSG_MORE"), reason="an answer and its end in one packet need Linux")
async def test_a_connection_that_ends_behind_its_answer_is_not_used_again():
    """A server closes right behind each answer without a word: who waits in line is sent over another connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve():
        for _ in range(50):
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.send(OK, socket.MSG_MORE)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(65536)

    serving = asyncio.get_running_loop().run_in_executor(None, serve)
    async with client(concurrency=1) as asking:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        asked = [Asked(asking, post(url)) for _ in range(50)]
        assert [await one for one in asked] == [Answer(200, b"ok")] * 50
    await serving
    listener.close()


async def test_a_connection_that_ends_at_once_is_not_sent():
    """Accepted and closed before anything is written: NotSent or, where the end came later, Ambiguous; never a hang."""

    async def script(peer):
        await peer.end()

    async with serving(script) as server, client() as asking:
        outcome = await ask(asking, post(server.url))
        assert isinstance(outcome, (NotSent, Ambiguous))


async def test_nobody_listens():
    """A refused connection is NotSent, in words."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with client() as asking:
        outcomes = [await ask(asking, post(f"http://127.0.0.1:{port}/")) for _ in range(3)]
        assert [type(one) for one in outcomes] == [NotSent] * 3
        assert {str(one) for one in outcomes} == {"the upstream cannot be reached: connection refused"}


async def test_every_one_in_line_hears_that_nobody_listens():
    """Whoever waits for a connection that cannot be had is told, also where fewer may be tried at once."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with client(concurrency=2) as asking:
        asked = [Asked(asking, post(f"http://127.0.0.1:{port}/")) for _ in range(20)]
        assert {type(await one) for one in asked} == {NotSent}


@pytest.mark.parametrize("host", ["nowhere.invalid", "no..where", "x" * 64 + ".invalid"])
async def test_a_host_without_an_address_is_not_sent(host):
    """A name that cannot be looked up is NotSent, in words that do not repeat the URL."""
    async with client() as asking:
        outcome = await ask(asking, post(f"http://{host}/secret"))
        assert type(outcome) is NotSent
        assert str(outcome) == "the upstream cannot be reached: its host has no address"


@contextmanager
def swallowing(host, port=0):
    """A listener that takes no connection, and whose queue is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=0) as full, ExitStack() as held:
        for _ in range(8):
            one = held.enter_context(socket.socket(family))
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]


async def test_a_connection_that_does_not_come_is_not_sent():
    """A host that swallows every packet: NotSent when 0.8 of the timeout is over, not TimedOut."""
    with swallowing("127.0.0.1") as port:
        async with client(timeout=0.2) as asking:
            outcome = await ask(asking, post(f"http://127.0.0.1:{port}/"))
            assert type(outcome) is NotSent
            assert "in time" in str(outcome)


async def test_who_waits_in_line_too_long_is_not_sent():
    """No connection became free in time: nothing of that request was written."""
    async with serving(Server.silent) as server, client(timeout=0.3, concurrency=1) as asking:
        first, second = Asked(asking, post(server.url)), Asked(asking, post(server.url))
        assert type(await second) is NotSent
        assert type(await first) in (TimedOut, NotSent)
        assert len(server.requests) <= 1


async def test_an_attempt_that_fails_is_told_to_who_waited_for_it():
    """Who came after an attempt had begun, for somebody that gave up, has another made and hears of that one."""
    loop = asyncio.get_running_loop()
    attempts, told, active = [], [], {}

    def waiting():
        active[exchange := Exchange(active, told.append, loop.time())] = True
        return exchange

    async def connect(_):
        attempts.append(loop.create_future())
        return await attempts[-1]

    pool = Pool(connect, limit=1, keepalive=4.0)
    first = waiting()
    pool.take(first)
    await asyncio.sleep(0.01)
    first.cancel()
    pool.take(waiting())
    attempts[0].set_exception(NotSent("the first"))
    while len(attempts) < 2:  # noqa: ASYNC110  # nothing says that it has begun
        await asyncio.sleep(0.001)
    attempts[1].set_exception(NotSent("the second"))
    while not told:  # noqa: ASYNC110  # likewise
        await asyncio.sleep(0.001)
    assert [str(one) for one in told] == ["the second"]


@pytest.mark.parametrize("other", [nullcontext, partial(swallowing, "::1")], ids=["refuses", "swallows"])
async def test_another_address_is_tried(monkeypatch, other):
    """A name with addresses of both families, one of which refuses or swallows what it is sent: the other is found."""
    family = socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
    async with serving(answering(OK)) as server, client(timeout=60) as asking:

        async def addresses(*_):
            return [
                (socket.AF_INET6, *family, ("::1", server.port, 0, 0)),
                (socket.AF_INET, *family, ("127.0.0.1", server.port)),
            ]

        monkeypatch.setattr(asking._dialer, "_look_up", addresses)
        with other(server.port):
            assert await ask(asking, post(f"http://both.example:{server.port}/")) == Answer(200, b"ok")


def test_a_host_s_addresses_take_turns():
    """Connections are spread over a host's addresses; the other family stays what it is, a second choice."""
    family = socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
    four = [(socket.AF_INET, *family, (f"127.0.0.{last}", 80)) for last in (1, 2, 3)]
    six = [(socket.AF_INET6, *family, ("::1", 80, 0, 0))]
    assert [in_turn([*four, *six], turn) for turn in range(4)] == [
        [*four, *six],
        [four[1], four[2], four[0], *six],
        [four[2], *four[:2], *six],
        [*four, *six],
    ]
    assert in_turn([*six, *four], 1) == [*six, *four]


async def test_an_ipv6_address_is_reached():
    """A host in brackets is an address, and stands in the Host header as it was written."""
    async with serving(answering(OK), host="::1", name="[::1]") as server, client() as asking:
        assert await ask(asking, post(server.url)) == Answer(200, b"ok")
        assert f"host: [::1]:{server.port}\r\n".encode() in server.heads[0]


async def test_a_cancelled_exchange_calls_nobody_back():
    """Cancelled in line or on the wire: no call back, its connection closed, and others are not disturbed."""
    async with serving(Server.silent) as server, client(concurrency=1) as asking:
        on_wire, in_line = Asked(asking, post(server.url)), Asked(asking, post(server.url))
        await server.until_asked(1)
        in_line.exchange.cancel()
        on_wire.exchange.cancel()
        on_wire.exchange.cancel()
        await server.until_ended(1)
        server.script = answering(OK)
        assert await ask(asking, post(server.url)) == Answer(200, b"ok")
        assert on_wire.outcomes == in_line.outcomes == []


async def test_closing_waits_for_what_is_under_way():
    """What has begun is answered, what waits in line too, and then every connection is closed."""
    async with serving(answering(OK, pause=0.02)) as server, client(concurrency=2) as asking:
        asked = [Asked(asking, post(server.url)) for _ in range(10)]
        await asking.close()
        assert [one.outcomes for one in asked] == [[Answer(200, b"ok")]] * 10
        await server.until_ended(2)


async def test_what_is_sent_after_closing_is_answered_too():
    """Who began under an old configuration ends under it, and leaves no connection behind."""
    async with serving(answering(OK)) as server, client() as asking:
        await asking.close()
        assert await ask(asking, post(server.url)) == Answer(200, b"ok")
        await server.until_ended(1)


async def test_a_large_body_that_nobody_reads_yet():
    """A request of many megabytes is written as the other side takes it, and answered."""
    body = b"x" * 20_000_000

    async def script(peer):
        await asyncio.sleep(0.05)
        _, received = await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%08d" % len(received))
        await peer.silence()

    async with serving(script) as server, client(timeout=20) as asking:
        assert await ask(asking, post(server.url, body)) == Answer(200, b"20000000")


async def test_an_answer_before_the_request_is_written():
    """It counts; the rest of the request must not stand before the next one, so that one has another connection."""

    async def script(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await peer.silence()

    async with serving(script) as server, client(timeout=20) as asking:
        assert await ask(asking, post(server.url, b"x" * 20_000_000)) == Answer(413)
        assert await ask(asking, post(server.url, b"x" * 20_000_000)) == Answer(413)
        assert server.connections == 2


async def test_nothing_under_way_keeps_the_loop_busy():
    """With nothing under way and nothing idle no timer runs."""
    async with serving(answering(NO_CONTENT)) as server, client(timeout=0.5, keepalive=0.05) as asking:
        await surely(asking, server.url)
        await server.until_ended(1)
        while asking._timer is not None:  # noqa: ASYNC110  # nothing says that it is gone
            await asyncio.sleep(0.01)


async def test_a_call_back_that_fails_harms_no_other_exchange():
    """It is logged, whether at an answer or at an end, and the client serves others and closes as before."""

    def fail(_):
        raise RuntimeError

    async def script(peer):
        while True:
            await peer.request()
            if peer.number == 1:
                peer.reset()
            await peer.say(OK)

    with structlog.testing.capture_logs() as lines:
        async with serving(script) as server, client(concurrency=1) as asking:
            asking.send(post(server.url), fail)
            asking.send(post(server.url), fail)
            assert await ask(asking, post(server.url)) == Answer(200, b"ok")
            assert server.connections == 2
    assert [line["event"] for line in lines] == ["a call back failed inside the gateway"] * 2
