"""TLS: always verified, by the authorities that the account names; the client's own certificate where it has one."""

import ssl

import pytest
import trustme
from client_calls import OK, Asked, answering, ask, client, post, serving

from gateway.contract import Answer
from gateway.delivery.http.tls import Trust
from gateway.errors import Ambiguous, DeliveryFailed, NotSent


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    """Files of an authority, and of a client's certificate with its key."""
    folder = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("client@shop.example").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return folder


def secured(authority, name="localhost", *, asks=False):
    """A server's side of TLS, which asks for the client's certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_verified_connection_is_used_again(authority, files):
    """Sealed with an authority of one's own, for the name that is asked for, and kept like any other."""
    trust = Trust(str(files / "ca.pem"))
    async with serving(answering(OK), secured(authority), name="localhost") as server, client(trust=trust) as asking:
        asked = [Asked(asking, post(server.url)) for _ in range(20)]
        assert [await one for one in asked] == [Answer(200, b"ok")] * 20
        assert server.connections <= 8


async def test_a_large_body_and_a_large_answer_pass(authority, files):
    """Megabytes both ways."""
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    trust = Trust(str(files / "ca.pem"))
    sealed = secured(authority)
    async with serving(answering(wire), sealed, name="localhost") as server, client(20, trust=trust) as asking:
        answer = await ask(asking, post(server.url, b"y" * 5_000_000))
        assert (answer.status, len(answer.body)) == (200, 1_000_000)


async def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    """Not even one byte of the request is written."""
    async with serving(answering(OK), secured(authority), name="localhost") as server, client() as asking:
        outcome = await ask(asking, post(server.url))
        assert type(outcome) is NotSent
        assert "its certificate is not accepted" in str(outcome)
        assert server.requests == []


async def test_a_certificate_of_another_host_is_refused(authority, files):
    """The authority is right, the name is not."""
    trust = Trust(str(files / "ca.pem"))
    other = secured(authority, "other.example")
    async with serving(answering(OK), other, name="localhost") as server, client(trust=trust) as asking:
        outcome = await ask(asking, post(server.url))
        assert type(outcome) is NotSent
        assert "its certificate is not accepted" in str(outcome)
        assert "localhost" in str(outcome)


async def test_a_client_certificate_is_shown(authority, files):
    """A server that asks for one answers; without one it refuses."""
    shown = Trust(str(files / "ca.pem"), str(files / "client.pem"))
    async with serving(answering(OK), secured(authority, asks=True), name="localhost") as server:
        async with client(trust=shown) as asking:
            assert await ask(asking, post(server.url)) == Answer(200, b"ok")
        async with client(trust=Trust(str(files / "ca.pem"))) as asking:
            outcome = await ask(asking, post(server.url))
            assert isinstance(outcome, (NotSent, Ambiguous))
        assert len(server.requests) == 1


async def test_a_server_without_tls_is_not_sent_anything():
    """A plain answer to a TLS greeting is said to be none."""
    async with serving(answering(OK)) as server, client() as asking:
        outcome = await ask(asking, post(server.url.replace("http:", "https:")))
        assert isinstance(outcome, DeliveryFailed)
        assert type(outcome) is NotSent
        assert server.requests == []


async def test_files_that_are_gone_are_not_sent(tmp_path):
    """TLS files that vanished after the start: each exchange hears so, and once they are back all is well."""
    gone = Trust(str(tmp_path / "gone.pem"))
    async with client(trust=gone) as asking:
        outcome = await ask(asking, post("https://localhost:1/"))
        assert type(outcome) is NotSent
        assert str(outcome) == "the upstream's TLS files cannot be used: No such file or directory"


async def test_an_end_while_idle_is_seen(authority, files):
    """A TLS connection that the server closed is not used again."""

    async def script(peer):
        await peer.request()
        await peer.say(OK)
        await peer.end()

    trust = Trust(str(files / "ca.pem"))
    async with serving(script, secured(authority), name="localhost") as server, client(trust=trust) as asking:
        for _ in range(3):
            assert await ask(asking, post(server.url)) == Answer(200, b"ok")
            await server.until_gone(server.connections)
        assert server.connections == 3


async def test_an_end_behind_an_answer_is_no_fault(authority, files):
    """A server that closes right behind its answers, also while more is asked: nothing but answers, no complaint."""

    async def script(peer):
        await peer.request()
        peer.writer.write(OK if peer.number % 2 else OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        peer.writer.close()

    trust = Trust(str(files / "ca.pem"))
    sealed = secured(authority)
    async with serving(script, sealed, name="localhost") as server, client(20, 4, trust=trust) as asking:
        asked = [Asked(asking, post(server.url)) for _ in range(40)]
        assert {type(await one) for one in asked} <= {Answer, Ambiguous}
        assert len(server.requests) <= 40
