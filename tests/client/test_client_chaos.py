"""Everything at once: nobody gets another's answer, everybody gets one outcome, and nothing is left behind."""

import asyncio
import random
from pathlib import Path

import pytest
from client_calls import Asked, client, post, serving

from gateway.contract import Answer
from gateway.errors import Ambiguous, NotSent


def echo(body, head=b""):
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def ways(body):
    """What such a server may say, in pieces, and whether it goes on, ends or resets then."""
    whole, interim = echo(body), b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return [
        *[([whole], "goes on")] * 6,
        ([interim, whole[:9], whole[9:50], whole[50:]], "goes on"),
        ([chunks[:-9], chunks[-9:]], "goes on"),
        ([whole + echo(b"another's")], "goes on"),
        ([echo(body, b"Connection: close\r\n")], "ends"),
        ([whole], "ends"),
        ([whole], "resets"),
        ([whole[:-1]], "ends"),
        ([], "resets"),
    ]


def unreliable(chance):
    """A script that echoes what it is sent, as a server that now and then does everything else."""

    async def script(peer):
        then = "goes on"
        while then == "goes on":
            _, body = await peer.request()
            pieces, then = chance.choice(ways(body))
            await peer.say(*pieces, pause=0.001 if len(pieces) > 1 else 0)
        if then == "resets":
            peer.reset()
        else:
            await peer.end()

    return script


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_gets_anothers_answer(seed):
    """Hundreds of exchanges at an unreliable server, some cancelled: each gets its own echo or a failure, once."""
    chance = random.Random(seed)  # noqa: S311  # chance, not secrecy
    before = open_files()
    async with serving(unreliable(chance)) as server, client(timeout=60, concurrency=16) as asking:
        asked, cancelled = {}, []
        for number in range(1500):
            one = asked[number] = Asked(asking, post(server.url, b"number %d" % number))
            if chance.random() < 0.05:
                one.exchange.cancel()
                cancelled.append(asked.pop(number))
            if chance.random() < 0.1:
                await one if number in asked else await asyncio.sleep(0)
        for number, one in asked.items():
            outcome = await one
            assert isinstance(outcome, (Ambiguous, NotSent)) or outcome == Answer(200, b"number %d" % number)
        answered = sum(isinstance(one.outcomes[0], Answer) for one in asked.values())
        assert answered > len(asked) / 2
        assert [len(one.outcomes) for one in asked.values()] == [1] * len(asked)
        assert [one.outcomes for one in cancelled] == [[]] * len(cancelled)
        bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
        assert len(bodies) == len(set(bodies)), "a request was written twice"
        assert asking.under_way == 0
        await asking.close()
        await server.until_gone(server.connections)
    assert open_files() <= before + 1  # asyncio keeps a file for itself
