"""Store mode over real sockets and a real store: what is accepted arrives, whatever the vendors do."""

import time

import pytest
from aiohttp import web
from delivery_calls import CLICK, KEY, account, click, stored, storing, vendor
from sandbox_calls import BODIES
from waiting import until

from gateway.store.contract import Filter, Record

USERS = [f"u-{number}" for number in range(40)]


def healthy(_):
    return 204


@pytest.fixture
async def good():
    async with vendor(healthy) as scripted:
        yield scripted


def flaky(status, times):
    """A vendor that fails so many times, then is well."""
    left = [times]

    def answer(_):
        left[0] -= 1
        return 204 if left[0] < 0 else status() if callable(status) else status

    return answer


async def test_everything_arrives_after_an_outage(tmp_path, good):
    """One vendor down: callers and the other vendor notice nothing, no attempt is used up, and then all arrive."""
    down = [True]
    async with vendor(lambda _: 500 if down[0] else 204) as bad:
        body = account("dynamic_yield", good.url) + account("vaix", bad.url, attempts=6)
        async with storing(tmp_path, body + stored("dynamic_yield", "vaix")) as gateway:
            await gateway.click(*USERS)
            await until(lambda: len(good.calls) == len(USERS))
            await until(lambda: len(bad.calls) >= 30)
            assert (await gateway.store.backlog("shop/vaix")).pending == len(USERS)
            assert gateway.service.upstreams["vaix"].pace.is_open
            down[0] = False
            await gateway.drained()
            assert await gateway.store.deadletters(Filter()) == []
            assert set(bad.users()) == set(USERS)
            assert sorted(good.users()) == sorted(USERS)


async def test_a_vendor_that_hangs_delays_nobody(tmp_path, good):
    """All of the first vendor's clicks arrive and all callers are answered while the second answers nothing at all."""
    async with vendor(lambda _: None) as bad:
        body = account("dynamic_yield", good.url) + account("vaix", bad.url)
        async with storing(tmp_path, body + stored("dynamic_yield", "vaix")) as gateway:
            await gateway.click(*USERS)
            await until(lambda: len(good.calls) == len(USERS))
            assert (await gateway.store.backlog("shop/vaix")).pending == len(USERS)
            bad.answer = healthy
            await gateway.drained()
            assert set(bad.users()) == set(USERS)


@pytest.mark.parametrize(
    "failure",
    [
        408,
        425,
        500,
        502,
        503,
        504,
        pytest.param(lambda: web.Response(status=429, headers={"Retry-After": "0"}), id="429"),
        pytest.param(lambda: None, id="hang"),
        pytest.param(lambda: web.json_response({"error": {"code": 503}}), id="a success that hides a 503"),
        pytest.param(lambda: web.Response(status=307, headers={"Location": "/elsewhere"}), id="a redirect"),
        pytest.param(lambda: web.Response(text="<html>login</html>"), id="a page"),
        401,
        403,
        404,
    ],
)
async def test_what_passes_is_waited_for(tmp_path, failure):
    """Whatever failed some times and then works again: all arrive, no dead letter, and no redirect is followed."""
    async with (
        vendor(flaky(failure, 7)) as auxia,
        storing(tmp_path, account("auxia", auxia.url, attempts=50) + stored("auxia")) as gateway,
    ):
        await gateway.click(*USERS[:10])
        await gateway.drained()
        assert await gateway.store.deadletters(Filter()) == []
        assert set(auxia.users()) == set(USERS[:10])
        assert {path for path, _ in auxia.calls} == {"/v1/LogTreatmentInteraction"}


@pytest.mark.parametrize("status", [400, 406, 409, 413, 415, 422, 501, 505])
async def test_a_refusal_is_a_dead_letter_at_once(tmp_path, status):
    """Asked once, never again; the letter has reason, answer, time and inbound, and none of the account's secrets."""

    def answer(call):
        told = f"{call[1]['user']['id']} s3cret-dy is no good"
        return web.Response(status=status, text=told) if call[1]["user"]["id"] == "u-1" else 204

    async with (
        vendor(answer) as dy,
        storing(tmp_path, account("dynamic_yield", dy.url) + stored("dynamic_yield")) as gateway,
    ):
        await gateway.click("u-0", "u-1", "u-2")
        await gateway.drained()
        (letter,) = await gateway.letters(1)
        assert (letter.target, letter.reason, letter.indices) == ("shop/dynamic_yield", "refused", (0,))
        (attempt,) = letter.attempts
        assert (attempt.status, attempt.outcome, attempt.answer) == (status, "refused", "u-1 *** is no good")
        assert attempt.at <= letter.at
        assert b"u-1" in letter.record.body
        assert sorted(dy.users()) == ["u-0", "u-1", "u-2"]


async def test_a_wrong_key_burns_nothing(tmp_path):
    """401 to everything: held after three inbounds, each probe another one, all kept; then all arrive."""
    refusing = [True]
    async with vendor(lambda _: 401 if refusing[0] else 204) as dy:
        body = account("dynamic_yield", dy.url, attempts=2, more="concurrency = 1")
        async with storing(tmp_path, body + stored("dynamic_yield")) as gateway:
            await gateway.click(*USERS)
            await until(lambda: gateway.service.upstreams["dynamic_yield"].pace.is_held)
            dy.calls.clear()
            await until(lambda: len(dy.calls) >= 30)
            assert len(set(dy.users()[:30])) == 30, "each probe is another inbound"
            assert await gateway.store.deadletters(Filter()) == []
            refusing[0] = False
            await gateway.drained()
            assert await gateway.store.deadletters(Filter()) == []
            assert set(dy.users()) == set(USERS)


@pytest.mark.parametrize("status", [401, 403, 404, 451, 302])
async def test_what_a_firewall_dislikes_holds_up_nobody(tmp_path, status):
    """Some inbounds refused as if the account were wrong, the first ones: dead letters, and the others arrive."""
    disliked = USERS[:6]
    async with vendor(lambda call: status if call[1]["user"]["id"] in disliked else 204) as dy:
        body = account("dynamic_yield", dy.url, more="concurrency = 1")
        async with storing(tmp_path, body + stored("dynamic_yield")) as gateway:
            await gateway.click(*USERS)
            await gateway.drained()
            letters = await gateway.letters(len(disliked))
            assert {letter.reason for letter in letters} == {"refused"}
            assert all(letter.attempts[-1].status == status for letter in letters)
            assert len(letters) == len(disliked)
            assert set(dy.users()) == set(USERS)
            assert not gateway.service.upstreams["dynamic_yield"].pace.is_held


async def test_what_a_vendor_cannot_bear_holds_up_nobody(tmp_path):
    """Some inbounds that always cause a 500, enough to open the breaker: the others arrive, these die of `attempts`."""
    poison = USERS[:8]
    async with vendor(lambda call: 500 if call[1]["user"]["id"] in poison else 204) as dy:
        body = account("dynamic_yield", dy.url, attempts=3, more="concurrency = 1")
        async with storing(tmp_path, body + stored("dynamic_yield")) as gateway:
            await gateway.click(*USERS)
            await until(lambda: set(dy.users()) == set(USERS))
            # Without other traffic nothing tells a poisoned inbound from an outage: more must come.
            while len(await gateway.store.deadletters(Filter())) < len(poison):
                await gateway.click("u-more")
            await gateway.drained()
            letters = await gateway.letters(len(poison))
            assert {letter.reason for letter in letters} == {"attempts"}
            assert all(sum(one.counted for one in letter.attempts) == 3 for letter in letters)


async def test_only_what_failed_is_sent_again(tmp_path):
    """One inbound, three outbounds, one of which fails: four calls, and each interaction arrives once."""
    failing = ["d-2"]

    def answer(call):
        told = call[1]["treatmentTrackingId"]
        if told in failing:
            failing.remove(told)
            return 500
        return 200

    async with vendor(answer) as auxia, storing(tmp_path, account("auxia", auxia.url) + stored("auxia")) as gateway:
        await gateway.click("u-1", decisions=("d-1", "d-2", "d-3"))
        await gateway.drained()
        assert sorted(body["treatmentTrackingId"] for _, body in auxia.calls) == ["d-1", "d-2", "d-2", "d-3"]


async def test_only_what_was_refused_dies(tmp_path):
    """The dead letter of a part names its interactions alone; the others are delivered."""
    async with (
        vendor(lambda call: 400 if call[1]["treatmentTrackingId"] == "d-2" else 200) as auxia,
        storing(tmp_path, account("auxia", auxia.url) + stored("auxia")) as gateway,
    ):
        await gateway.click("u-1", decisions=("d-1", "d-2", "d-3"))
        await gateway.drained()
        (letter,) = await gateway.letters(1)
        assert (letter.reason, letter.indices) == ("refused", (1,))
        assert len(auxia.calls) == 3


async def test_a_replay_goes_to_its_own_target_as_mended(tmp_path, good):
    """What a target refused is replayed to it alone, and only the interactions of the letter."""
    strict = [True]
    async with vendor(lambda call: 400 if strict[0] and call[1]["treatmentTrackingId"] == "d-2" else 200) as auxia:
        body = account("auxia", auxia.url) + account("dynamic_yield", good.url)
        async with storing(tmp_path, body + stored("auxia", "dynamic_yield")) as gateway:
            await gateway.click("u-1", decisions=("d-1", "d-2", "d-3"))
            await gateway.letters(1)
            await gateway.drained()
            strict[0] = False
            assert await gateway.store.replay(Filter()) == 1
            await gateway.drained()
            assert [body["treatmentTrackingId"] for _, body in auxia.calls[3:]] == ["d-2"]
            assert len(good.calls) == 1
            assert await gateway.store.deadletters(Filter()) == []


async def test_replays_let_new_clicks_pass(tmp_path):
    """A heap of replayed dead letters keeps to its rate: what is new does not wait for it."""
    refusing = [True]
    async with (
        vendor(lambda _: 400 if refusing[0] else 204) as dy,
        storing(tmp_path, account("dynamic_yield", dy.url) + stored("dynamic_yield")) as gateway,
    ):
        await gateway.click(*USERS)
        await gateway.letters(len(USERS))
        refusing[0] = False
        dy.calls.clear()
        await gateway.store.replay(Filter())
        await gateway.click("u-new")
        await until(lambda: "u-new" in dy.users())
        assert len(dy.users()) < len(USERS)
        await gateway.drained()
        assert sorted(dy.users()) == sorted([*USERS, "u-new"])


@pytest.mark.parametrize("silence", ["hang", "cut off"])
async def test_at_most_once_where_that_is_asked(tmp_path, silence):
    """`retry.ambiguous = false`: what may have arrived is a dead letter, sent once; a refused connection is not."""

    def answer(_):
        return None if silence == "hang" else _cut_off()

    async with vendor(answer) as dy:
        body = account("dynamic_yield", dy.url, ambiguous="false")
        async with storing(tmp_path, body + stored("dynamic_yield")) as gateway:
            await gateway.click("u-1")
            (letter,) = await gateway.letters(1)
            assert (letter.reason, letter.attempts[0].outcome) == ("ambiguous", "ambiguous")
            assert len(dy.calls) == 1


def _cut_off():
    response = web.Response(text="half", headers={"Content-Length": "100"})
    response.force_close()
    return response


async def test_what_was_not_sent_is_no_ambiguity(tmp_path):
    """Nobody listens: tried again also where twice is forbidden, and counted as not sent."""
    async with vendor(healthy) as other:
        url = other.url
    body = account("dynamic_yield", url, ambiguous="false")
    async with storing(tmp_path, body + stored("dynamic_yield")) as gateway:
        await gateway.click("u-1")
        await until(lambda: gateway.service.upstreams["dynamic_yield"].pace.is_open)
        assert await gateway.store.deadletters(Filter()) == []
        assert (await gateway.store.backlog("shop/dynamic_yield")).pending == 1


async def test_a_pause_holds_all_targets_of_an_upstream(tmp_path):
    """`Retry-After` of one answer: nothing at all is sent to that upstream, by whatever target, until it is over."""
    answers = [web.Response(status=429, headers={"Retry-After": "900"})]
    async with vendor(lambda _: answers.pop() if answers else 204) as dy:
        body = account("dynamic_yield", dy.url, more="concurrency = 1")
        body = body.replace("attempts = 5", 'attempts = 5, retry_after_cap = "700ms"')
        routes = stored("dynamic_yield") + stored("dynamic_yield", name="other", more='prefix = "/other"')
        async with storing(tmp_path, body + routes) as gateway:
            await gateway.click("u-1")
            await until(lambda: gateway.service.upstreams["dynamic_yield"].pace.is_paused(time.monotonic()))
            await gateway.send("POST", "/other" + CLICK, json=click("u-2"), headers=KEY)
            assert dy.users() == ["u-1"]
            await gateway.drained()
            assert sorted(dy.users()) == ["u-1", "u-1", "u-2"]


async def test_what_cannot_be_read_stops_nobody(tmp_path, good):
    """A record of a vendor that is gone: one dead letter, and the clicks behind it are delivered."""
    async with storing(tmp_path, account("dynamic_yield", good.url) + stored("dynamic_yield")) as gateway:
        await gateway.store.append(Record(1, "r-1", None, "shop", "gone", "gone", {}, {}, b"{}"))
        await gateway.click("u-1")
        await gateway.drained()
        (letter,) = await gateway.letters(1)
        assert letter.reason == "unreadable"
        assert good.users() == ["u-1"]


async def test_what_a_target_cannot_carry_is_kept_by_name(tmp_path):
    """`missing` is a dead letter with the names; mended and replayed it goes out; `unsupported` is only counted."""
    async with vendor(healthy) as gf:
        unfilled = account("gravity_field", gf.url)
        unfilled = "\n".join(line for line in unfilled.splitlines() if not line.startswith("fill"))
        async with storing(tmp_path, unfilled + "\n" + stored("gravity_field")) as gateway:
            await gateway.click("u-1")
            await gateway.drained()
            letters = await gateway.letters(1)
            assert {letter.reason for letter in letters} == {"missing"}
            assert "page.location" in letters[0].fields
            assert gf.calls == []


async def test_too_old_is_a_dead_letter(tmp_path):
    """What no vendor took within `[store] max_age` is given up, with its attempts."""
    async with vendor(lambda _: 500) as dy:
        body = account("dynamic_yield", dy.url, attempts=50) + stored("dynamic_yield")
        async with storing(tmp_path, body) as gateway:
            await gateway.click("u-1")
            await until(lambda: dy.calls)
        async with storing(tmp_path, body, store='max_age = "1ms"') as gateway:
            (letter,) = await gateway.letters(1)
            assert (letter.reason, letter.indices) == ("max_age", (0,))
            assert {attempt.status for attempt in letter.attempts} == {500}


async def test_a_restart_goes_on_where_it_was(tmp_path, good):
    """Drained with a backlog, started again: what was left arrives, what was delivered does not come again."""
    down = [True]
    async with vendor(lambda _: 503 if down[0] else 204) as bad:
        body = account("dynamic_yield", good.url) + account("vaix", bad.url) + stored("dynamic_yield", "vaix")
        async with storing(tmp_path, body) as gateway:
            await gateway.click(*USERS)
            await until(lambda: len(good.calls) == len(USERS))
        down[0] = False
        bad.calls.clear()
        async with storing(tmp_path, body) as gateway:
            await gateway.click("u-new")
            await gateway.drained()
        assert sorted(bad.users()) == sorted([*USERS, "u-new"])
        assert sorted(good.users()) == sorted([*USERS, "u-new"])


# New visitors


NEWCOMER = click("u-1") | {"user": {}}


async def test_a_new_visitor_is_told_who_it_is(tmp_path, good):
    """Store mode, no id at all: its own vendor is asked at once and its answer passed on; the others' copy is kept."""

    def answer(_):
        return web.json_response({"user": {"slid": "minted"}, "session": {"sl": "too"}})

    body = BODIES["/ssapi/engagement"] | {"user": {}, "session": {}}
    async with vendor(answer) as gf:
        upstreams = account("gravity_field", gf.url) + account("dynamic_yield", good.url)
        async with storing(
            tmp_path, upstreams + stored("gravity_field", "dynamic_yield", accepts="gravity_field")
        ) as gateway:
            answered = await gateway.send(
                "POST", "/ssapi/engagement", json=body, headers={"Authorization": "Bearer shop-key"}
            )
            assert (answered.status, answered.body["user"]) == (200, {"slid": "minted"})
            await gateway.drained()
            assert len(gf.calls) == 1


async def test_a_new_visitor_is_kept_also_by_a_target_that_would_relay(tmp_path):
    """`on_failure = "relay"` is forward mode's: in store mode what the vendor cannot take is kept."""
    answers = [503]
    relaying = ("dynamic_yield", 'primary = true\non_failure = "relay"')
    async with (
        vendor(lambda _: answers.pop() if answers else 204) as dy,
        storing(tmp_path, account("dynamic_yield", dy.url) + stored(relaying)) as gateway,
    ):
        headers = {"DY-API-Key": "shop-key"}
        answered = await gateway.send("POST", "/v2/collect/user/engagement", json=NEWCOMER, headers=headers)
        assert answered.status == 204
        await gateway.drained()
        assert gateway.inbounds()[-1]["targets"]["shop/dynamic_yield"].endswith(",kept")


@pytest.mark.parametrize("failure", [500, 503, 401, 400, None])
async def test_a_new_visitor_is_kept_when_its_vendor_fails(tmp_path, failure):
    """Answered a success and stored: delivered later, or a dead letter where the vendor refuses it."""
    answers = [failure]
    async with (
        vendor(lambda _: answers.pop() if answers else 204) as dy,
        storing(tmp_path, account("dynamic_yield", dy.url) + stored("dynamic_yield")) as gateway,
    ):
        answered = await gateway.send(
            "POST", "/v2/collect/user/engagement", json=NEWCOMER, headers={"DY-API-Key": "shop-key"}
        )
        assert answered.status == 204
        await gateway.drained()
        assert len(dy.calls) == 2
        (line,) = gateway.inbounds()
        assert line["targets"]["shop/dynamic_yield"].endswith(",kept")
