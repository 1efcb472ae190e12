"""The sandbox broken on demand, and its memory of what it received, over real sockets."""

import asyncio
import os
import signal

import aiohttp
import msgspec
import pytest
import uvloop
from sandbox_calls import BODIES, DECISION, DY_PATH, POSTS, QUERY, SDK_AUTH, running

from gateway.sandbox import Sandbox, serve
from gateway.sandbox.faults import FaultPlan, Rule, parse
from gateway.sandbox.vendors import VENDORS


@pytest.fixture
async def client():
    async with running() as client:
        yield client


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("wish", ["400", "403", "425", "429", "451", "500", "503", "599", "307"])
async def test_a_status_on_demand_comes_in_the_vendors_form(client, path, wish):
    """Any status can be had for one call, in the body form that the vendor documents; 429 and 503 say when."""
    status, body, headers = await client.post(path, headers={"X-Sandbox-Fault": wish})
    assert status == int(wish)
    assert ("Retry-After" in headers) == (wish in {"429", "503"})
    assert ("Location" in headers) == (wish == "307")
    entry = client.sandbox.received.entries()[-1]
    assert (entry.status, entry.injected, entry.faults) == (status, wish, ())
    vendor = next(one for one in VENDORS if one.name == entry.vendor)
    forms = {
        "gravity_field": [{"code", "message", "type"}],
        "gravity_field_sdk": [{"code", "message", "type"}],
        "dynamic_yield": [{"message", "type"}, {"error"}],
        "vaix": [{"error", "status"}, {"errors"}],
        "vaix_oauth": [{"error", "error_description"}],
        "auxia": [{"error"}],
    }
    assert set(body) in forms[vendor.name]


async def test_an_error_can_hide_in_a_200(client):
    """ok-error is a success by its status and a failure by its body."""
    answer = await client.post("/v1/LogEvents", headers={"X-Sandbox-Fault": "ok-error"})
    assert answer[:2] == (
        200,
        {"error": {"code": 500, "message": "failure on demand", "status": "INTERNAL"}},
    )


async def test_garbage_is_no_json(client):
    """A 200 can carry a body that nobody can read."""
    with pytest.raises(msgspec.DecodeError):
        await client.post(DY_PATH, headers={"X-Sandbox-Fault": "garbage"})


async def test_slow_answers_as_usual(client):
    """slow:<ms> changes nothing but the time."""
    assert (await client.post(DY_PATH, headers={"X-Sandbox-Fault": "slow:20"}))[:2] == (204, None)


async def raw(sandbox, wish):
    """One DY call by hand under a fault: the reader and writer of its connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    body = msgspec.json.encode(BODIES[DY_PATH])
    head = (
        f"POST {DY_PATH} HTTP/1.1\r\nHost: x\r\nDY-API-Key: sandbox-dy-key\r\nContent-Type: application/json\r\n"
        f"X-Sandbox-Fault: {wish}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer


async def broken(wish):
    """What a client reads of a call under a fault that ends its connection."""
    sandbox = Sandbox()
    await sandbox.start()
    try:
        reader, writer = await raw(sandbox, wish)
        try:
            return await reader.read()
        finally:
            writer.close()
            assert sandbox.received.entries()[-1].status is None
    finally:
        await sandbox.stop()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_can_be_broken(loop):
    """A reset is a real RST, the others end it in order after some bytes, on either event loop."""
    with asyncio.Runner(loop_factory=loop) as runner:
        with pytest.raises(ConnectionResetError):
            runner.run(broken("reset"))
        assert not runner.run(broken("not-http")).startswith(b"HTTP/")
        head, _, body = runner.run(broken("cut-off")).partition(b"\r\n\r\n")
    assert b"Content-Length: 64" in head
    assert len(body) < 64


async def test_hang_lasts_until_the_client_goes(client):
    """A hanging call is recorded, never answered, and holds neither other calls nor the end of the sandbox."""
    sandbox = client.sandbox
    _, writer = await raw(sandbox, "hang")
    assert len(await sandbox.received.wait(1)) == 1
    assert (await client.post(DY_PATH))[0] == 204
    writer.close()
    await writer.wait_closed()
    _, other = await raw(sandbox, "hang")
    assert len(await sandbox.received.wait(3)) == 3
    await sandbox.stop()
    other.close()


async def test_an_unknown_fault_is_said_to_be_one(client):
    """A mistyped fault header is answered with the known ones instead of passing unnoticed."""
    status, body, _ = await client.post(DY_PATH, headers={"X-Sandbox-Fault": "hangs"})
    assert status == 400
    assert "hang" in body["error"]


@pytest.mark.parametrize("text", ["", "42", "200", "600", "slow", "slow:x", "slow:999999999", "hang:1", "429:x", "²00"])
def test_what_is_no_fault(text):
    """Only the documented spellings are faults."""
    with pytest.raises(ValueError, match="no fault"):
        parse(text)


async def test_faults_by_vendor_over_the_admin_page(client):
    """A rule hits its vendor alone, as often as its count says, and shows what is left of it."""
    rule = {"vendor": "dynamic_yield", "fault": "429:7", "count": 2}
    status, rules, _ = await client.send("PUT", "/_faults", json=rule)
    assert (status, rules) == (200, [rule])
    status, _, headers = await client.post(DY_PATH)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert (await client.post("/api/tracker/events"))[0] == 204
    assert (await client.send("GET", "/_faults"))[1] == [rule | {"count": 1}]
    assert [(await client.post(DY_PATH))[0] for _ in range(2)] == [429, 204]
    assert (await client.send("GET", "/_faults"))[1] == []


async def test_faults_for_all_until_cleared(client):
    """`*` hits every vendor and lasts until DELETE; a header's wish comes before it."""
    assert (await client.send("POST", "/_faults", json={"vendor": "*", "fault": "503"}))[0] == 200
    assert {(await client.post(path))[0] for path in POSTS} == {503}
    assert (await client.post(DY_PATH, headers={"X-Sandbox-Fault": "500"}))[0] == 500
    assert (await client.send("DELETE", "/_faults"))[0] == 204
    assert (await client.post(DY_PATH))[0] == 204


@pytest.mark.parametrize(
    "rule",
    [
        {"vendor": "dynamic_yeld", "fault": "429"},
        {"vendor": "vaix", "fault": "sad"},
        {"vendor": "vaix", "fault": "429", "rate": 2},
        {"vendor": "vaix", "fault": "429", "count": 0},
        {"vendor": "vaix", "fault": "429", "often": True},
        [],
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(client, rule):
    """An unknown vendor, fault, key or an impossible rate puts nothing in force and is explained."""
    status, body, _ = await client.send("PUT", "/_faults", json=rule)
    assert (status, list(body)) == (422, ["error"])
    assert client.sandbox.faults.rules == []


def test_a_rate_hits_the_same_calls_at_every_run():
    """Which calls a rate hits follows from the seed, whatever other vendors are sent meanwhile."""

    def hits(seed, others):
        plan = FaultPlan(seed)
        plan.set(Rule("vaix", "500", rate=0.5))
        plan.set(Rule("auxia", "500", rate=0.5))
        found = []
        for _ in range(200):
            found.append(plan.draw("vaix"))
            for _ in range(others):
                plan.draw("auxia")
        return found

    assert hits(1, others=0) == hits(1, others=3)
    assert hits(1, others=0) != hits(2, others=0)
    assert 70 < hits(1, others=0).count("500") < 130


async def test_what_was_received_is_shown_without_credentials(client):
    """The record has the call as it came, newest last; no credential is in it anywhere."""
    for path in POSTS:
        await client.post(path)
    await client.send("GET", "/engagement" + QUERY, headers=SDK_AUTH)
    _, entries, _ = await client.send("GET", "/_received")
    assert [entry["path"] for entry in entries] == [*POSTS, "/engagement"]
    assert entries[-1]["query"] == {"type": "WCLICK", "decisionId": DECISION}
    assert entries[-1]["headers"]["authorization"] == "***"
    assert entries[0]["body"] == BODIES["/ssapi/engagement"]
    assert (entries[0]["vendor"], entries[0]["endpoint"], entries[0]["status"]) == ("gravity_field", "engagement", 204)
    text = msgspec.json.encode(entries).decode()
    for credential in ("-key", "sandbox-secret", "sandbox-vaix-token"):
        assert credential not in text.replace("dy-api-key", "").replace("x-api-key", "")


async def test_what_a_run_of_thousands_sent_can_be_counted(client):
    """The record forgets nothing of some thousands of calls, faults and trials included."""
    for _ in range(1500):
        await client.send("GET", f"/engagement{QUERY}", headers=SDK_AUTH)
    assert len((await client.send("GET", "/_received"))[1]) == 1500
    assert len((await client.send("GET", "/_received?vendor=gravity_field_sdk&wait=1500"))[1]) == 1500


async def test_the_record_is_filtered_bounded_and_forgotten():
    """Vendor and limit select, the ring keeps the newest, DELETE empties it."""
    async with running(kept=3) as client:
        for path in ("/api/tracker/events", DY_PATH, "/api/tracker/events", "/v1/LogEvents"):
            await client.post(path)
        assert [one["vendor"] for one in (await client.send("GET", "/_received"))[1]] == [
            "dynamic_yield",
            "vaix",
            "auxia",
        ]
        assert len((await client.send("GET", "/_received?vendor=vaix"))[1]) == 1
        assert len((await client.send("GET", "/_received?vendor=vaix&wait=2&timeout=0"))[1]) == 1
        assert [one["vendor"] for one in (await client.send("GET", "/_received?limit=1"))[1]] == ["auxia"]
        assert (await client.send("GET", "/_received?limit=some"))[0] == 422
        assert (await client.send("DELETE", "/_received"))[0] == 204
        assert (await client.send("GET", "/_received"))[1] == []


async def test_received_waits_for_as_many_as_asked(client):
    """A long poll returns once enough has come, or with what there is when its time is over."""
    waiting = asyncio.create_task(client.send("GET", "/_received?wait=2&vendor=vaix"))
    await client.post("/api/tracker/events")
    await client.post(DY_PATH)
    await client.post("/api/tracker/events")
    assert len((await waiting)[1]) == 2
    assert len((await client.send("GET", "/_received?wait=9&timeout=0"))[1]) == 3


async def test_the_page_lists_every_path_and_credential(client):
    """A person who opens the port sees all that can be called, with what, and the failures to ask for."""
    async with aiohttp.ClientSession() as session, session.get(client.sandbox.url) as answer:
        page = await answer.text()
    for path in BODIES:
        assert path in page
    for word in ("sandbox-gf-key", "sandbox-auxia-events-key", "sandbox-client", "X-Sandbox-Fault", "ok-error"):
        assert word in page


async def test_serve_runs_until_a_signal():
    """`serve` announces where it listens and ends in order on SIGTERM."""
    said = asyncio.get_running_loop().create_future()
    served = asyncio.create_task(serve(0, said.set_result))
    assert "http://127.0.0.1:" in await said
    os.kill(os.getpid(), signal.SIGTERM)
    await served
