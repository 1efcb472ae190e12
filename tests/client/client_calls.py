"""Servers that do byte for byte what a test says, and a client that asks them."""

import asyncio
import contextlib
import socket
import ssl
import struct
from contextlib import asynccontextmanager

from gateway.contract import Answer, Outbound
from gateway.delivery.http.client import Client, Limits
from gateway.delivery.http.tls import Trust

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """A server of scripts: `connections` are as many as it accepted, `requests` the bytes of each, whole."""

    def __init__(self, script):
        self.script = script
        self.connections = 0
        self.requests = []
        self.heads = []
        self.ended = self.gone = 0
        """Connections that the client closed, and those that are closed by whomever."""
        self.url = ""
        self._tasks = set()
        self.changed = asyncio.Event()

    async def handle(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            await self.script(Peer(self, reader, writer, self.connections))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, RuntimeError):  # uvloop's, once closed
            self.ended += 1
        except asyncio.CancelledError:
            pass  # only `stop` cancels, and asyncio's servers take it for an error
        finally:
            self.gone += 1
            self.changed.set()
            with contextlib.suppress(ConnectionError, RuntimeError):
                writer.transport.abort()

    async def until_ended(self, count):
        """Wait until the client has closed so many connections."""
        await self._until(lambda: self.ended >= count)

    async def until_gone(self, count):
        """Wait until so many connections are closed by whomever."""
        await self._until(lambda: self.gone >= count)

    async def until_asked(self, count):
        """Wait until so many requests have come."""
        await self._until(lambda: len(self.requests) >= count)

    async def _until(self, holds):
        async with asyncio.timeout(20):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    @staticmethod
    async def silent(peer):
        """A script that takes a request and never answers."""
        await peer.request()
        await peer.silence()

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Peer:
    """One connection of a server, the `number`-th."""

    def __init__(self, server, reader, writer, number):
        self._server = server
        self.reader, self.writer, self.number = reader, writer, number

    async def request(self):
        """The next whole request: its head and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        body = await self.reader.readexactly(length)
        self._server.requests.append(head + body)
        self._server.heads.append(head)
        self._server.changed.set()
        return head, body

    async def say(self, *pieces, pause=0.0):
        """Write pieces, each by itself."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def silence(self):
        """Say nothing until the client has closed."""
        while await self.reader.read(65536):
            pass
        raise ConnectionError

    async def end(self):
        """No more will be said, in an orderly way."""
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()

    def reset(self):
        """Close with a reset."""
        self.writer.get_extra_info("socket").setsockopt(*LINGER)
        self.writer.transport.abort()


@asynccontextmanager
async def serving(script, tls=None, host="127.0.0.1", name=None):
    """A server of one script for each connection."""
    server = Server(script)
    listener = await asyncio.start_server(server.handle, host, 0, ssl=tls, limit=1 << 22)
    port = listener.sockets[0].getsockname()[1]
    server.port = port
    server.url = f"{'https' if tls else 'http'}://{name or host}:{port}/path"
    try:
        yield server
    finally:
        await server.stop()
        listener.close()
        await listener.wait_closed()


def answering(*pieces, pause=0.0):
    """A script that gives each request of a connection the same answer, in pieces."""

    async def script(peer):
        while True:
            await peer.request()
            await peer.say(*pieces, pause=pause)

    return script


def once(*pieces, then="silence"):
    """A script that answers the first request of each connection, and then is silent or ends."""

    async def script(peer):
        await peer.request()
        await peer.say(*pieces)
        await (peer.silence() if then == "silence" else peer.end())

    return script


@asynccontextmanager
async def client(timeout=5.0, concurrency=8, keepalive=4.0, trust=None, proxy=None):  # noqa: ASYNC109  # the client's
    """A client, closed in the end with everything that it opened."""
    found = Client(Limits(timeout, concurrency, keepalive), (trust or Trust()).context, proxy)
    try:
        yield found
    finally:
        await found.close()


def post(url, body=b'{"a":1}', **headers):
    """An outbound."""
    return Outbound("POST", url, headers or {"content-type": "application/json"}, body, (0,))


class Asked:
    """What a client called back, every time; awaited, the first of it."""

    def __init__(self, client, outbound):
        self.outcomes = []
        self._first = asyncio.get_running_loop().create_future()
        self.exchange = client.send(outbound, self._done)
        assert not self.outcomes, "called back too early"

    def _done(self, outcome):
        self.outcomes.append(outcome)
        if not self._first.done():
            self._first.set_result(outcome)

    def __await__(self):
        return asyncio.wait_for(asyncio.shield(self._first), 20).__await__()


async def ask(client, outbound):
    """The outcome of one outbound."""
    return await Asked(client, outbound)


async def is_sound(client, url):
    """Whether the client's next exchange at a server is answered."""
    return isinstance(await ask(client, post(url)), Answer)


async def surely(client, url):
    """An exchange that is answered, and a connection with it, however busy the machine."""
    while not isinstance(await ask(client, post(url)), Answer):
        pass
