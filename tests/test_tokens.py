"""OAuth tokens: asked for once, kept while they last, renewed early, and a failure that says what it is."""

import asyncio

import aiohttp
import pytest
from aioresponses import CallbackResult, aioresponses
from waiting import until

from gateway.contract import ClientCredentials, Secret
from gateway.delivery.granted import ByToken, Granted
from gateway.delivery.http.tls import Trust
from gateway.delivery.tokens import TokenSource
from gateway.errors import NoToken

URL = "https://auth.example/oauth/token"
GRANT = ClientCredentials(URL, "client", Secret("secret"), "api.vaix.ai")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Endpoint:
    """A token endpoint that numbers its tokens and remembers what it was asked."""

    def __init__(self, mocked, **answer):
        self.asked = []
        self.answer = answer
        mocked.post(URL, callback=self._answer, repeat=True)

    async def _answer(self, _url, **request):
        self.asked.append(request)
        await asyncio.sleep(0)
        return CallbackResult(payload={"access_token": f"token-{len(self.asked)}"} | self.answer)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def mocked():
    with aioresponses() as mocked:
        yield mocked


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_asks_as_the_vendor_documents(mocked, session):
    """The grant is posted as JSON; a redirect would carry the secret elsewhere and is not followed."""
    endpoint = Endpoint(mocked)
    assert await TokenSource(GRANT).token(session) == "token-1"
    (asked,) = endpoint.asked
    assert asked["json"] == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "secret",
        "audience": "api.vaix.ai",
    }
    assert asked["allow_redirects"] is False


def granted():
    return Granted(GRANT, 5.0, Trust(), None)


async def test_all_who_wait_share_one_request(mocked):
    """However many wait for a token, it is asked for once."""
    endpoint, account = Endpoint(mocked), granted()
    tokens = await asyncio.gather(*[account.fetch() for _ in range(50)])
    assert set(tokens) == {"token-1"}
    assert len(endpoint.asked) == 1


async def test_an_outbound_that_is_broken_off_does_not_take_the_token_from_the_others(mocked):
    """The request goes on when the outbound that began it is cancelled."""
    endpoint, account, sent = Endpoint(mocked), granted(), []
    first, _ = (ByToken(account, lambda token, _, name=name: sent.append((name, token)), sent.append) for name in "ab")
    first.cancel()
    await until(lambda: sent)
    assert sent == [("b", "token-1")]
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("expires_in", "lasts"),
    [(3600, 3540.0), ("3600", 3540.0), (600.5, 540.5), (90, 45.0), (2, 1.0), (0, 0.0)],
)
async def test_is_renewed_before_it_expires(mocked, session, clock, expires_in, lasts):
    """A token is kept until a minute before its end; a short one for half of its life."""
    Endpoint(mocked, expires_in=expires_in)
    source = TokenSource(GRANT, clock)
    assert await source.token(session) == "token-1"
    if lasts:
        clock.now += lasts - 0.01
        assert await source.token(session) == "token-1"
        clock.now += 0.02
    assert await source.token(session) == "token-2"


async def test_lives_an_hour_where_its_end_is_not_told(mocked, session, clock):
    """`expires_in` is only recommended by the standard."""
    Endpoint(mocked)
    source = TokenSource(GRANT, clock)
    await source.token(session)
    clock.now += 3539
    assert await source.token(session) == "token-1"
    clock.now += 2
    assert await source.token(session) == "token-2"


async def test_a_refused_token_is_replaced(mocked, session, clock):
    """A token that the vendor knew and refuses is asked for anew; a late refusal of an older one changes nothing."""
    Endpoint(mocked)
    source = TokenSource(GRANT, clock)
    await source.token(session)
    clock.now += 61
    source.forget("token-1")
    assert await source.token(session) == "token-2"
    clock.now += 61
    source.forget("token-1")
    assert await source.token(session) == "token-2"


async def test_a_new_token_that_is_refused_is_kept(mocked, session, clock):
    """Where a vendor refuses what was just issued the account is wrong: no token is asked for with every inbound."""
    endpoint, source = Endpoint(mocked), TokenSource(GRANT, clock)
    for _ in range(10):
        source.forget(await source.token(session))
        clock.now += 5
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": 401, "payload": {"error": "access_denied"}}, "answered 401"),
        ({"status": 500, "body": b"oops"}, "answered 500"),
        ({"status": 307, "headers": {"Location": "https://elsewhere.example/"}}, "answered 307"),
        ({"body": b"<html>"}, "no usable access_token"),
        ({"body": b"\xff\xfe"}, "no usable access_token"),
        ({"body": b"[" * 100_000}, "no usable access_token"),
        ({"payload": {}}, "no usable access_token"),
        ({"payload": {"access_token": ""}}, "no usable access_token"),
        ({"payload": {"access_token": 7}}, "no usable access_token"),
        ({"payload": {"access_token": "a\r\nx-evil: 1"}}, "no usable access_token"),
        ({"payload": {"access_token": "a\n"}}, "no usable access_token"),
        ({"exception": aiohttp.ClientConnectionError("boom")}, "gave no answer"),
        ({"exception": TimeoutError()}, "gave no answer"),
        ({"exception": ConnectionResetError()}, "gave no answer"),
    ],
)
async def test_a_failure_says_what_it_is_and_is_tried_again(mocked, answer, says):
    """Whatever the endpoint does, every caller gets NoToken without a credential in it; the next one asks anew."""
    mocked.post(URL, **answer)
    Endpoint(mocked)
    account = granted()
    found = await asyncio.gather(*[account.fetch() for _ in range(3)], return_exceptions=True)
    assert [type(one) for one in found] == [NoToken] * 3
    assert says in str(found[0])
    assert "secret" not in str(found[0])
    assert await account.fetch() == "token-1"


async def test_a_failed_renewal_does_not_pass_for_a_token(mocked, session, clock):
    """An expired token is never used, even when no new one can be had."""
    mocked.post(URL, payload={"access_token": "old", "expires_in": 600})
    mocked.post(URL, status=503)
    source = TokenSource(GRANT, clock)
    await source.token(session)
    clock.now += 600
    with pytest.raises(NoToken):
        await source.token(session)
