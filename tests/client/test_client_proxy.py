"""Through a proxy: http as a request to the proxy, https through a tunnel that only the upstream can read."""

import asyncio
import contextlib
import ssl

import pytest
import trustme
from client_calls import OK, answering, ask, client, once, post, serving

from gateway.contract import Answer
from gateway.delivery.http.tls import Trust
from gateway.errors import NotSent


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return Trust(str(path))


def secured(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def tunnelling(port, *, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """A proxy's script: CONNECT leads to a port on this machine, whatever host it names."""

    async def script(peer):
        await peer.request()
        await peer.say(answer)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
        raise ConnectionError

    return script


def bare(url):
    """A server's address without a path."""
    return url.removesuffix("/path")


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_http_is_asked_of_the_proxy():
    """The whole URL stands in the request line, the credentials in a header; the upstream's host is never looked up."""
    async with serving(answering(OK)) as proxy:
        url = bare(proxy.url).replace("//", "//user:p%40ss@")
        async with client(proxy=url) as asking:
            for _ in range(2):
                assert await ask(asking, post("http://vendor.invalid:81/a?b=c")) == Answer(200, b"ok")
        assert proxy.connections == 1
        assert proxy.heads[0].startswith(
            b"POST http://vendor.invalid:81/a?b=c HTTP/1.1\r\nhost: vendor.invalid:81\r\n"
            b"proxy-authorization: Basic dXNlcjpwQHNz\r\n"
        )


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
async def test_https_goes_through_a_tunnel(authority, trust, secure):
    """The proxy hears whom to connect to, and not one word of the request; the connection is kept."""
    async with serving(answering(OK), secured(authority), name="localhost") as server:
        tls = secured(authority) if secure else None
        async with serving(tunnelling(server.port), tls, name="localhost") as proxy:
            url = bare(proxy.url).replace("//", "//user:secret@")
            async with client(trust=trust, proxy=url) as asking:
                for _ in range(3):
                    assert await ask(asking, post(server.url)) == Answer(200, b"ok")
            assert proxy.heads == [
                f"CONNECT localhost:{server.port} HTTP/1.1\r\nhost: localhost:{server.port}\r\n"
                "proxy-authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n".encode()
            ]
            assert server.connections == 1
            assert not [head for head in server.heads if b"proxy" in head.lower()]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "its proxy answers 407"),
        (b"HTTP/1.0 502 Bad\r\n\r\n", "its proxy answers 502"),
        (b"SSH-2.0-nonsense\r\n\r\n", "its proxy does not speak HTTP"),
        (b"\0" * 20_000, "its proxy does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", "its proxy says more than it was asked"),
        (b"", "its proxy closed the connection"),
        (b"HTTP/1.1 200 O", "its proxy closed the connection"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel(answer, says):
    """Nothing of the request was written, and the reason is told."""
    async with serving(once(answer, then="end")) as proxy, client(proxy=bare(proxy.url)) as asking:
        outcome = await ask(asking, post("https://vendor.invalid/"))
        assert type(outcome) is NotSent
        assert says in str(outcome)


async def test_a_proxy_that_never_answers():
    """A tunnel is opened within the time that a connection has, or not at all."""
    async with serving(once(b"HTTP/1.1 2")) as proxy, client(timeout=0.3, proxy=bare(proxy.url)) as asking:
        outcome = await ask(asking, post("https://vendor.invalid/"))
        assert type(outcome) is NotSent
        assert "in time" in str(outcome)


async def test_a_tunnel_to_the_wrong_host(authority, trust):
    """What is at the other end must prove to be the upstream."""
    other = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(other)
    async with (
        serving(answering(OK), other, name="localhost") as server,
        serving(tunnelling(server.port)) as proxy,
        client(trust=trust, proxy=bare(proxy.url)) as asking,
    ):
        outcome = await ask(asking, post(server.url))
        assert type(outcome) is NotSent
        assert "its certificate is not accepted" in str(outcome)
        assert server.requests == []
