"""A store that is full, as callers and balancers see it: refused politely, delivered on, taken up again by itself."""

import aiohttp
from gateway_calls import KEYS
from operating_calls import DY_PATH, operated
from sandbox_calls import BODIES

from gateway.sandbox.faults import Rule

ROUTE = '[[routes]]\nname = "shop"\naccepts = "dynamic_yield"\nclients = ["shop"]\n'
BIG = BODIES[DY_PATH] | {"session": {"custom": "s" * 50_000}}


def target(upstream, more=""):
    return f'[[routes.targets]]\nupstream = "{upstream}"\n{more}\n'


async def until_refused(gateway):
    """The refusal, and how many were taken before it."""
    taken = 0
    while True:
        url = gateway.url + DY_PATH
        async with gateway.session.post(url, json=BIG, headers=KEYS["dynamic_yield"]) as answer:
            if answer.status != 204:
                return answer, taken
        taken += 1


async def is_ready(gateway):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/readyz") as answer,
    ):
        return answer.status == 200


def succeeded(gateway, vendor):
    return [one for one in gateway.sandbox.received.entries(vendor) if one.status is not None and one.status < 300]


async def test_a_full_store_says_503_and_recovers_by_delivering(tmp_path):
    """At `max_size` callers get 503 with Retry-After and readiness is false; delivering ends both, and all arrives."""
    async with operated(tmp_path, ROUTE + target("dynamic_yield"), store='max_size = "2MiB"') as gateway:
        gateway.sandbox.faults.set(Rule("*", "503:0"))
        answer, taken = await until_refused(gateway)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert taken > 5
        assert not await is_ready(gateway)
        gateway.sandbox.faults.clear()
        await gateway.until(lambda: is_ready(gateway))
        assert await gateway.click() == 204
        await gateway.settled()
        assert len(succeeded(gateway, "dynamic_yield")) == taken + 1


async def test_a_target_with_a_full_backlog_refuses(tmp_path):
    """`max_backlog` refuses its route's inbounds; the gateway stays ready, for other routes go on."""
    async with operated(tmp_path, ROUTE + target("dynamic_yield", "max_backlog = 3")) as gateway:
        gateway.sandbox.faults.set(Rule("*", "503:0"))
        answer, taken = await until_refused(gateway)
        assert (answer.status, taken) == (503, 3)
        assert await is_ready(gateway)
        gateway.sandbox.faults.clear()
        await gateway.settled()
        assert await gateway.click() == 204


async def test_a_target_with_a_full_backlog_may_shed(tmp_path):
    """With `overflow = "shed"` callers and the route's other targets notice nothing of one vendor's outage; counted."""
    shedding = target("dynamic_yield", 'max_backlog = 3\noverflow = "shed"')
    async with operated(tmp_path, ROUTE + shedding + target("vaix")) as gateway:
        gateway.sandbox.faults.set(Rule("dynamic_yield", "503:0"))
        for number in range(30):
            assert await gateway.click(request_id=str(number)) == 204

        async def all_arrived():
            return len(succeeded(gateway, "vaix")) == 30

        await gateway.until(all_arrived)
        deliveries = [one for one in gateway.service.metrics.counters() if one[0] == "gateway_deliveries_total"]
        assert sum(count for _, labels, count in deliveries if labels["outcome"] == "shed") > 10
        assert (await gateway.status_of("shop/dynamic_yield"))["funnel"]["shed"] > 10
        gateway.sandbox.faults.clear()
        await gateway.settled()
