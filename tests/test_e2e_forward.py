"""Forward mode over real sockets: who is answered what, and who receives what."""

import asyncio

import pytest
import pytest_asyncio
from gateway_calls import CALLS, FIRST, KEYS, SUCCESS, VENDORS, accounts, body_of, crossed, fan_out, running

from gateway.sandbox.faults import Rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGAGEMENTS_BY_TOKEN = {"gravity_field_sdk", "vaix"}
TOLD = {
    "/ssapi/event": {"gravity_field"},
    "/engagement": ENGAGEMENTS_BY_TOKEN,
    "/v2/engagement": ENGAGEMENTS_BY_TOKEN,
}
"""Who can be told of a person that only the source's vendor knows; of anybody else all can."""


def body(url):
    return accounts(url, 'timeout = "60s"') + fan_out() + crossed()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_gateway(tmp_path_factory):
    async with running(tmp_path_factory.mktemp("gateway"), body) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(running_gateway):
    """The one gateway of this file, with nothing on its way and nothing remembered."""
    running_gateway.lines.clear()
    running_gateway.sandbox.received.clear()
    yield running_gateway
    await running_gateway.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def troubled(tmp_path):
    """A gateway of a test's own, for vendors in trouble."""
    async with running(tmp_path, body) as gateway:
        yield gateway


@pytest.mark.parametrize(("vendor", "method", "path"), CALLS)
async def test_every_native_path_reaches_its_vendor_and_the_others(gateway, vendor, method, path):
    """The caller gets its own vendor's answer; every target that can be told is told, and takes it."""
    told = TOLD.get(path.partition("?")[0], set(VENDORS))
    answer = await gateway.call(vendor, method, path)
    assert (answer.status, answer.body) == SUCCESS[vendor]
    (line,) = gateway.inbounds()
    assert line["targets"][f"{vendor}/{vendor}"] == "accepted"
    await gateway.settled()
    received = gateway.sandbox.received.entries()
    assert {one.vendor for one in received} == told
    assert all(one.faults == () and one.status in (200, 204) for one in received)


@pytest.mark.parametrize("target", VENDORS)
@pytest.mark.parametrize(("vendor", "method", "path"), CALLS)
async def test_another_vendors_answer_is_worded_for_the_caller(gateway, vendor, method, path, target):
    """Whatever vendor is the primary, a success is said in the caller's own dialect; so is what it cannot be told."""
    answer = await gateway.call(vendor, method, path, f"/to-{target}")
    received = gateway.sandbox.received.entries()
    if target in TOLD.get(path.partition("?")[0], VENDORS):
        assert (answer.status, answer.body) == SUCCESS[vendor]
        assert {one.vendor for one in received} == {target}
    else:
        assert (answer.status, received) == (422, [])
        assert b"interactions[0]: missing user.id" in answer.text


async def test_new_ids_of_gravity_field_reach_its_caller(gateway):
    """A new visitor's ids come back as the vendor minted them: its own status and body."""
    body = body_of("/ssapi/engagement") | {"user": {}, "session": {}}
    answer = await gateway.call("gravity_field", "POST", "/ssapi/engagement", json=body)
    assert answer.status == 200
    assert answer.body["user"]["slid"].startswith("sandbox-slid-")
    assert answer.body["session"]["sl"].startswith("sandbox-sl-")


async def test_new_ids_of_the_sdk_reach_its_caller(gateway):
    """The SDK's answer, campaigns and all, passes as it came."""
    answer = await gateway.call("gravity_field_sdk", "POST", "/event", json=body_of("/event") | {"user": {}})
    assert answer.status == 200
    assert set(answer.body) == {"user", "campaigns"}


async def test_warnings_of_dynamic_yield_reach_its_caller(gateway):
    """A success with warnings stays one."""
    path = "/v2/collect/user/engagement"
    answer = await gateway.call("dynamic_yield", "POST", path, json=body_of(path) | {"zz": 1})
    assert answer.status == 200
    assert [warning["code"] for warning in answer.body["warnings"]] == ["UNKNOWN_KEY"]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_refusal_of_the_own_vendor_passes_as_it_came(troubled, vendor):
    """Same vendor: status, content type and body are the vendor's, and the others are told all the same."""
    troubled.sandbox.faults.set(Rule(vendor, "422", count=1))
    answer = await troubled.call(vendor, "POST", FIRST[vendor])
    assert answer.status == 422
    assert b"failure on demand" in answer.text
    await troubled.settled()
    received = troubled.sandbox.received.entries()
    assert {one.vendor for one in received} == set(VENDORS)


@pytest.mark.parametrize("fault", ["slow:3000", "hang", "500", "reset"])
async def test_no_other_target_delays_or_changes_the_answer(troubled, fault):
    """While four targets are slow, stuck or broken, the fifth's answer is the caller's, and nothing waits for them."""
    for vendor in VENDORS[1:]:
        troubled.sandbox.faults.set(Rule(vendor, fault))
    async with asyncio.timeout(2.5):
        answers = await asyncio.gather(
            *[troubled.call("gravity_field", "POST", "/ssapi/engagement") for _ in range(20)],
        )
    assert {answer.status for answer in answers} == {204}


async def test_the_callers_browser_headers_reach_the_vendors_that_read_them(gateway):
    """The browser's name goes to all, its page and origin to Vaix; no other header of the caller passes."""
    sent = {
        "User-Agent": "Shop/7",
        "Referer": "https://shop.example/p",
        "Origin": "https://shop.example",
        "X-Else": "1",
    }
    await gateway.send("POST", "/api/tracker/events", headers=KEYS["vaix"] | sent, json=body_of("/api/tracker/events"))
    received = {one.vendor: one.headers for one in await gateway.received(5)}
    assert all(headers["user-agent"] == "Shop/7" for headers in received.values())
    assert (received["vaix"]["origin"], received["vaix"]["referer"]) == (
        "https://shop.example",
        "https://shop.example/p",
    )
    assert all("x-else" not in headers for headers in received.values())
    assert all("origin" not in headers for vendor, headers in received.items() if vendor != "vaix")


async def test_losses_are_counted_where_the_route_explains(tmp_path):
    """X-Gateway-Losses counts named losses over all targets, and stands only where `explain` asks for it."""

    def explaining(url):
        return accounts(url) + fan_out().replace('accepts = "vaix"', 'accepts = "vaix"\nexplain = true')

    async with running(tmp_path, explaining) as gateway:
        explained = await gateway.call("vaix", "POST", "/api/tracker/events")
        plain = await gateway.call("auxia", "POST", "/v1/LogEvents")
        assert int(explained.headers["X-Gateway-Losses"]) > 0
        assert "X-Gateway-Losses" not in plain.headers
