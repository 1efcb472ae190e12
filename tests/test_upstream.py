"""One account on the wire: whatever becomes of an outbound comes back once, by a call or awaited; tokens included."""

import asyncio

import msgspec
import pytest
import structlog
from aiohttp import web
from delivery_calls import vendor
from waiting import until

from gateway.config.settings import Upstream as Settings
from gateway.config.structs import Retry
from gateway.contract import Outbound, Receipt, Secret
from gateway.delivery.upstream import Upstream
from gateway.errors import Ambiguous, NoToken, NotSent, TimedOut, Unsendable
from gateway.translate import Target
from mappings import MAPPINGS

VAIX = MAPPINGS["vaix"]


def upstream(url, *, mapping=None, timeout=5.0, **settings):
    mapping = mapping or VAIX(base_url=url, client_id="group", token=Secret("s3cret"))
    told = {"rate_limit": None, "retry": Retry(), "ca_file": None, "client_cert": None, "proxy": None} | settings
    common = {"concurrency": 8, "keepalive": 4.0, "insecure": False, "timeout": timeout}
    return Upstream(Settings(name="vaix", mapping=mapping, target=Target("vaix", mapping), **common, **told))


def granted(url):
    """An account whose tokens come from the vendor itself."""
    oauth = {"client_id": "me", "client_secret": "s3cret", "token_url": f"{url}/token"}
    return msgspec.convert({"base_url": url, "client_id": "group", "oauth": oauth}, VAIX, dec_hook=_secret)


def _secret(kind, value):
    assert kind is Secret
    return Secret(value)


def click(url, **headers):
    return Outbound("POST", f"{url}/api/tracker/events", {"content-type": "application/json"} | headers, b"{}", (0,))


class Started:
    """What an upstream called back."""

    def __init__(self, account, outbound):
        self.told = []
        self.sending = account.start(outbound, self.told.append)
        assert not self.told, "called back too early"

    async def only(self):
        await until(lambda: self.told)
        (one,) = self.told
        return one


async def test_an_answer_comes_with_its_verdict():
    """The vendor's answer, judged by its mapping, for the outbound that was asked for."""
    async with vendor(lambda _: 204) as there:
        account, outbound = upstream(there.url), click(there.url)
        sent = await Started(account, outbound).only()
        assert (sent.outbound, sent.status, sent.receipt, sent.failure) == (outbound, 204, Receipt("accepted"), None)
        assert (await account.send(outbound)).accepted
        assert len(there.calls) == 2
        await account.close()


@pytest.mark.parametrize(
    ("answer", "headers", "failure", "outcome"),
    [
        (204, {"x": "a\r\nb"}, Unsendable, "refused"),
        (None, {}, TimedOut, "ambiguous"),
    ],
)
async def test_a_failure_is_an_outcome_too(answer, headers, failure, outcome):
    """What cannot be sent or is not answered stands in the answer's place."""
    async with vendor(lambda _: answer) as there:
        account = upstream(there.url, timeout=1.0)
        sent = await account.send(click(there.url, **headers))
        assert (sent.answer, sent.receipt, type(sent.failure), sent.outcome) == (None, None, failure, outcome)
        await account.close()


async def test_nobody_there_is_not_sent():
    """An upstream that is gone."""
    async with vendor(lambda _: 204) as there:
        url = there.url
    account = upstream(url)
    assert type((await Started(account, click(url)).only()).failure) is NotSent
    await account.close()


@pytest.mark.parametrize("method", ["sign", "judge"])
async def test_a_mapping_that_fails_costs_one_sending(monkeypatch, method):
    """Its exception is logged, and the sending ends as Ambiguous like any other, by a call back of its own."""

    def fail(*_):
        raise KeyError("s3cret")

    async with vendor(lambda _: 204) as there:
        account = upstream(there.url)
        monkeypatch.setattr(VAIX, method, fail)
        with structlog.testing.capture_logs() as lines:
            sent = await Started(account, click(there.url)).only()
        assert type(sent.failure) is Ambiguous
        assert "s3cret" not in str(sent.failure)
        assert [line["event"] for line in lines] == ["sending failed inside the gateway"]
        assert len(there.calls) == (method == "judge")
        await account.close()


@pytest.mark.parametrize("change", [{"headers": {"x": None}}, {"headers": {"x": []}}, {"url": None}, {"body": "text"}])
async def test_a_mapping_that_signs_nonsense_costs_one_sending(monkeypatch, change):
    """What is of the wrong type is the mapping's mistake like any other: logged, Ambiguous, once; others go on."""
    async with vendor(lambda _: 204) as there:
        account = upstream(there.url)
        with monkeypatch.context() as patched, structlog.testing.capture_logs() as lines:
            patched.setattr(VAIX, "sign", lambda _, outbound, __=None: msgspec.structs.replace(outbound, **change))
            sent = await Started(account, click(there.url)).only()
        assert type(sent.failure) is Ambiguous
        assert [line["event"] for line in lines] == ["sending failed inside the gateway"]
        assert account.pulse().under_way == 0
        assert (await account.send(click(there.url))).accepted
        await account.close()


async def test_a_sender_that_gives_up_is_not_called():
    """A cancelled sending calls nobody, whether its caller waited or was to be called; the upstream closes at once."""
    async with vendor(lambda _: None) as there:
        account = upstream(there.url, timeout=600)
        started = Started(account, click(there.url))
        waiting = asyncio.create_task(account.send(click(there.url)))
        await until(lambda: len(there.calls) == 2)
        started.sending.cancel()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await account.close()
        assert started.told == []


class Grants:
    """A vendor with a token endpoint: `says` is what it answers to events."""

    def __init__(self, *says):
        self.says = list(says)
        self.issued = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, call):
        if call[0] != "/token":
            return self.says.pop(0)
        await self.gate.wait()
        self.issued += 1
        return web.json_response({"access_token": f"token-{self.issued}", "expires_in": 3600})


async def test_many_wait_for_one_token():
    """A token is fetched once for all who need it, and those who come later are sent at once."""
    grants = Grants(*[204] * 20)
    async with vendor(grants) as there:
        account = upstream(there.url, mapping=granted(there.url))
        grants.gate.clear()
        started = [Started(account, click(there.url)) for _ in range(10)]
        gone = started.pop()
        gone.sending.cancel()
        grants.gate.set()
        assert all([(await one.only()).accepted for one in started])
        assert (await account.send(click(there.url))).accepted
        assert (grants.issued, gone.told) == (1, [])
        assert account.masked("token-1 s3cret") == "*** ***"
        await account.close()


async def test_closing_waits_for_a_token_and_what_it_is_for():
    """What waits for its token when an upstream is replaced still reaches the vendor."""
    grants = Grants(204)
    grants.gate.clear()
    async with vendor(grants) as there:
        account = upstream(there.url, mapping=granted(there.url))
        started = Started(account, click(there.url))
        closing = asyncio.create_task(account.close())
        await until(lambda: there.calls)
        grants.gate.set()
        await closing
        assert (await started.only()).accepted


async def test_a_forgotten_token_is_replaced_once(monkeypatch):
    """A 401 to a token that was good before brings a new one; a second 401 is the vendor's answer."""
    monkeypatch.setattr("gateway.delivery.tokens._YOUNG", 0.0)
    grants = Grants(204, 401, 204, 401, 401)
    async with vendor(grants) as there:
        account = upstream(there.url, mapping=granted(there.url))
        found = [(await account.send(click(there.url))).status for _ in range(3)]
        assert (found, grants.issued) == ([204, 204, 401], 3)
        await account.close()


async def test_no_token_is_an_outcome():
    """Where none can be had every sender hears so, and nothing is sent."""
    async with vendor(lambda call: 500 if call[0] == "/token" else 204) as there:
        account = upstream(there.url, mapping=granted(there.url))
        sent = await asyncio.gather(*[account.send(click(there.url)) for _ in range(3)])
        assert {type(one.failure) for one in sent} == {NoToken}
        assert {path for path, _ in there.calls} == {"/token"}
        await account.close()
