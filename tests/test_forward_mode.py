"""Forward mode beside a store: the caller waits for the primary alone, and what it could not take is not lost."""

import asyncio

import pytest
from aiohttp import web
from delivery_calls import CLICK, KEY, account, click, stored, storing, vendor
from waiting import until

from gateway.store.contract import Filter

PRIMARY = "primary = true"
RELAY = 'primary = true\non_failure = "relay"'
TWO = ("d-1", "d-2")


def healthy(_):
    return 204


@pytest.fixture
async def good():
    async with vendor(healthy) as scripted:
        yield scripted


async def post(gateway, user, *decisions):
    return await gateway.send("POST", CLICK, json=click(user, *decisions), headers=KEY)


def forward(primary, *others, lines=PRIMARY):
    return stored((primary, lines), *others, mode="forward")


async def test_a_slow_other_delays_nobody(tmp_path, good):
    """The others' copies are kept and delivered by themselves: one that hangs costs the caller nothing."""
    async with vendor(lambda _: None) as hanging:
        body = account("dynamic_yield", good.url) + account("vaix", hanging.url) + forward("dynamic_yield", "vaix")
        async with storing(tmp_path, body) as gateway:
            for number in range(10):
                assert (await post(gateway, f"u-{number}")).status == 204
            assert len(good.calls) == 10
            assert (await gateway.store.backlog("shop/vaix")).pending == 10
            hanging.answer = healthy
            await gateway.drained()
            assert len(good.calls) == 10, "the primary has its part already"


@pytest.mark.parametrize("failure", [500, 503, None, 302])
async def test_a_failing_primary_is_kept_and_delivered_later(tmp_path, failure):
    """`on_failure = "store"`: a success for the caller, and the click arrives when the vendor is back."""
    down = [True]
    async with (
        vendor(lambda _: failure if down[0] else 204) as dy,
        storing(tmp_path, account("dynamic_yield", dy.url) + forward("dynamic_yield")) as gateway,
    ):
        for number in range(12):
            assert (await post(gateway, f"u-{number}")).status == 204
        down[0] = False
        dy.calls.clear()
        await gateway.drained()
        assert {f"u-{number}" for number in range(12)} >= set(dy.users())
        assert await gateway.store.deadletters(Filter()) == []
        (line, *_) = gateway.inbounds()
        assert line["targets"]["shop/dynamic_yield"].endswith(",kept")


async def test_a_primary_that_is_down_is_spared(tmp_path):
    """After some failures callers no longer wait for it: their clicks are kept at once."""
    down = [True]
    async with vendor(lambda _: None if down[0] else 204) as dy:
        body = account("dynamic_yield", dy.url) + forward("dynamic_yield")
        async with storing(tmp_path, body.replace('"20ms"', '"60s"').replace('"5ms"', '"60s"')) as gateway:
            await asyncio.gather(*[post(gateway, f"u-{number}") for number in range(5)])
            answers = [await post(gateway, f"u-{number}") for number in range(5, 25)]
            assert {one.status for one in answers} == {204}
            assert {line["targets"]["shop/dynamic_yield"] for line in gateway.inbounds()[-10:]} == {"not_sent,kept"}
            assert len(dy.calls) < 25, "most were kept without asking"
            assert (await gateway.store.backlog("shop/dynamic_yield")).pending == 25


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
async def test_a_4xx_is_relayed_and_the_others_still_go(tmp_path, good, status):
    """The caller hears what it got wrong; who else was to be told is told."""
    async with vendor(lambda _: web.json_response({"message": "no"}, status=status)) as dy:
        body = account("dynamic_yield", dy.url) + account("vaix", good.url) + forward("dynamic_yield", "vaix")
        async with storing(tmp_path, body) as gateway:
            answer = await post(gateway, "u-1")
            assert (answer.status, answer.body) == (status, {"message": "no"})
            await gateway.drained()
            assert (len(dy.calls), good.users()) == (1, ["u-1"])


@pytest.mark.parametrize(("failure", "status"), [(500, 500), (503, 503), (None, 504)])
async def test_relay_tells_the_caller(tmp_path, failure, status):
    """`on_failure = "relay"`: the error is the caller's, and nothing is kept."""
    async with vendor(lambda _: failure) as dy:
        body = account("dynamic_yield", dy.url) + forward("dynamic_yield", lines=RELAY)
        async with storing(tmp_path, body) as gateway:
            for _ in range(7):
                assert (await post(gateway, "u-1")).status == status
            assert (len(dy.calls), (await gateway.store.backlog("shop/dynamic_yield")).pending) == (7, 0)


async def test_what_may_have_arrived_is_not_kept_where_twice_is_forbidden(tmp_path):
    """`retry.ambiguous = false`: the caller hears that nobody knows."""
    async with vendor(healthy) as dy:
        body = account("dynamic_yield", dy.url, ambiguous="false") + forward("dynamic_yield")
        async with storing(tmp_path, body) as gateway:
            assert (await post(gateway, "u-0")).status == 204  # so that a connection is there
            await gateway.drained()
            dy.answer = lambda _: None
            assert (await post(gateway, "u-1")).status == 504
            assert (await gateway.store.backlog("shop/dynamic_yield")).pending == 0


def refusing(decision, status):
    """A vendor that fails one interaction of all."""
    return lambda call: status if call[1]["treatmentTrackingId"] == decision else 200


async def test_a_part_that_failed_is_kept(tmp_path):
    """Two outbounds, one taken: a success, and only the other is sent again."""
    async with (
        vendor(refusing("d-2", 503)) as auxia,
        storing(tmp_path, account("auxia", auxia.url) + forward("auxia")) as gateway,
    ):
        assert (await post(gateway, "u-1", *TWO)).status == 204
        auxia.answer = healthy
        await gateway.drained()
        told = [body["treatmentTrackingId"] for _, body in auxia.calls]
        assert told.count("d-1") == 1
        assert told.count("d-2") >= 2


async def test_a_part_that_was_refused_is_no_secret(tmp_path):
    """The caller was told a success for the other part: the refused one ends as a dead letter, not in silence."""
    async with (
        vendor(refusing("d-2", 400)) as auxia,
        storing(tmp_path, account("auxia", auxia.url) + forward("auxia")) as gateway,
    ):
        assert (await post(gateway, "u-1", *TWO)).status == 204
        (letter,) = await gateway.letters(1)
        assert (letter.target, letter.reason, letter.indices) == ("shop/auxia", "refused", (1,))


async def test_the_worst_of_several_is_relayed(tmp_path):
    """With `on_failure = "relay"` one failed part is the caller's answer."""
    async with (
        vendor(refusing("d-2", 503)) as auxia,
        storing(tmp_path, account("auxia", auxia.url) + forward("auxia", lines=RELAY)) as gateway,
    ):
        assert (await post(gateway, "u-1", *TWO)).status == 502
        assert (await gateway.store.backlog("shop/auxia")).pending == 0


async def test_a_store_without_room_costs_the_caller_nothing(tmp_path, good):
    """The others' copies cannot be kept: the primary's answer goes out all the same; the loss is loud and counted."""
    async with vendor(healthy) as dy:
        body = account("dynamic_yield", dy.url) + account("vaix", good.url) + forward("dynamic_yield", "vaix")
        async with storing(tmp_path, body, store='max_size = "1KiB"') as gateway:
            assert (await post(gateway, "u-1")).status == 204
            assert len(dy.calls) == 1
            (line,) = [line for line in gateway.lines if line["event"] == "copy lost"]
            assert (line["log_level"], line["targets"]) == ("error", ("shop/vaix",))
            (inbound,) = gateway.inbounds()
            assert inbound["targets"] == {"shop/dynamic_yield": "accepted", "shop/vaix": "lost"}
            lost = {"target": "shop/vaix", "vendor": "vaix", "outcome": "lost"}
            assert ("gateway_deliveries_total", lost, 1.0) in list(gateway.service.metrics.samples())


async def test_a_failing_primary_without_room_is_the_callers_answer(tmp_path):
    """Neither delivered nor kept: the caller hears the failure, for nobody else knows of the click."""
    async with vendor(lambda _: 503) as dy:
        body = account("dynamic_yield", dy.url) + forward("dynamic_yield")
        async with storing(tmp_path, body, store='max_size = "1KiB"') as gateway:
            assert (await post(gateway, "u-1")).status == 503


async def test_the_copy_is_begun_before_the_primary_is_asked(tmp_path, good):
    """A primary that answers only when the others have been told is answered for: their copy does not wait for it."""

    async def answer(_):
        await until(lambda: good.users() == ["u-1"])
        return 204

    async with vendor(answer) as dy:
        body = account("dynamic_yield", dy.url).replace("300ms", "30s") + account("vaix", good.url)
        async with storing(tmp_path, body + forward("dynamic_yield", "vaix")) as gateway:
            assert (await post(gateway, "u-1")).status == 204
            assert len(dy.calls) == 1
