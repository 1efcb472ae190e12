"""The admin port over real sockets: who may ask, what is told, what is done; no answer ever holds a credential."""

import stat

import pytest
from aiohttp import web
from gateway_calls import VENDORS, raw
from operating_calls import DY_PATH, MAPPINGS, SHOP, operated, store_routes

from gateway.config import load
from gateway.sandbox.faults import Rule
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog

TOKEN = 'token = "admin-token"'


@pytest.fixture
async def gateway(tmp_path):
    async with operated(tmp_path) as gateway:
        yield gateway


# Who may ask


async def test_health_is_open_and_all_else_asks_for_the_token(tmp_path):
    """Where a token is set, only who shows it is answered, but for health; foreign letters are no crash."""
    async with operated(tmp_path, admin=TOKEN) as gateway:
        for path in ("/healthz", "/readyz"):
            await gateway.ask("GET", path)
        for path in ("/api/status", "/metrics", "/api/nothing", "/nothing"):
            answer = await gateway.ask("GET", path, expect=401)
            assert "token" in answer["detail"]
        for shown in ("Bearer wrong", "admin-token", "Basic admin-token", "Bearer schlüssel", "Bearer "):
            await gateway.ask("GET", "/api/status", expect=401, headers={"Authorization": shown})
        await gateway.ask("GET", "/api/status", headers={"Authorization": "Bearer admin-token"})


async def test_a_foreign_name_is_not_answered(gateway):
    """A page whose own name resolves to this machine (DNS rebinding) reads and changes nothing."""
    await gateway.ask("GET", "/api/status", expect=403, headers={"Host": "shop.example"})
    await gateway.ask("GET", "/api/status", expect=403, headers={"Origin": "https://shop.example"})
    await gateway.ask("GET", "/api/status", headers={"Host": f"localhost:{gateway.admin_port}"})


async def test_a_probe_without_a_host_is_answered(gateway):
    """Balancers ask for health in HTTP/1.0 and name no host, as no browser does."""
    for method in (b"GET", b"HEAD"):
        answer = await raw(gateway.admin_port, method + b" /readyz HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 200 ")


async def test_only_the_ports_own_pages_change_something(gateway):
    """Another site on this machine may not write, not even from another port."""
    path = "/api/targets/shop/vaix/pause"
    await gateway.ask("POST", path, expect=403, headers={"Origin": "http://127.0.0.1:1"})
    await gateway.ask("POST", path, headers={"Origin": gateway.admin_url})


async def test_writes_are_json(gateway):
    """What a page could send unasked (a form, text) changes nothing; what is no object is refused in words."""
    path = gateway.admin_url + "/api/targets/shop/vaix/pause"
    async with gateway.session.post(path, data="{}") as answer:
        assert answer.status == 415
    for body, words in ((b"{", "no JSON document"), (b"[]", "a JSON object"), (b"\xff", "no JSON document")):
        async with gateway.session.post(path, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
            assert words in (await answer.json())["detail"]
    assert not (await gateway.status_of("shop/vaix"))["paused"]


async def test_what_is_not_there_is_said_so(gateway):
    """An unknown path, method, parameter or value: its status, and words that name it."""
    await gateway.ask("GET", "/nothing", expect=404)
    await gateway.ask("GET", "/api/nothing", expect=404)
    assert "POST" in (await gateway.ask("GET", "/api/send", expect=405))["detail"]
    assert "colour" in (await gateway.ask("GET", "/api/deadletters?colour=red", expect=400))["detail"]
    assert "limit" in (await gateway.ask("GET", "/api/deadletters?limit=many", expect=400))["detail"]
    assert "limit" in (await gateway.ask("GET", "/api/deadletters?limit=0", expect=400))["detail"]
    await gateway.ask("GET", "/api/deadletters/7", expect=404)


# Targets


async def test_a_paused_target_keeps_what_comes_and_delivers_it_when_resumed(gateway):
    """Pause holds one target alone; the status shows its backlog and age; resume delivers all of it."""
    await gateway.ask("POST", "/api/targets/shop/vaix/pause")
    assert await gateway.click() == 204
    assert (await gateway.sandbox.received.wait(1))[0].vendor == "dynamic_yield"

    async def only_vaix_waits():
        return (await gateway.status_of("shop/dynamic_yield"))["pending"] == 0

    await gateway.until(only_vaix_waits)
    found = await gateway.status_of("shop/vaix")
    assert (found["paused"], found["pending"], found["orphaned"], found["dead"]) == (True, 1, False, 0)
    assert found["oldest_seconds"] >= 0
    assert (found["route"], found["upstream"], found["vendor"]) == ("shop", "vaix", "vaix")
    await gateway.ask("POST", "/api/targets/shop/vaix/resume")
    assert len(await gateway.sandbox.received.wait(2)) == 2


async def test_a_pause_survives_a_reload(gateway):
    """A reload that changes the paused target makes a new worker, and that is paused too."""
    await gateway.ask("POST", "/api/targets/shop/vaix/pause")
    gateway.path.write_text(gateway.path.read_text() + "strict_ids = true\n")
    await gateway.service.apply(load(gateway.path, MAPPINGS, {}))
    assert (await gateway.status_of("shop/vaix"))["paused"]


async def test_a_target_that_is_not_there_is_named(gateway):
    """A mistyped target is refused with the nearest one."""
    answer = await gateway.ask("POST", "/api/targets/shop/vaiks/pause", expect=404)
    assert 'did you mean "shop/vaix"' in answer["detail"]


async def test_skip_makes_dead_letters_of_the_backlog(gateway):
    """A skipped target starts afresh; what it passed over can be replayed."""
    await gateway.ask("POST", "/api/targets/shop/vaix/pause")
    for number in range(3):
        await gateway.click(f"u-{number}")
    assert (await gateway.ask("POST", "/api/targets/shop/vaix/skip"))["skipped"] == 3
    found = await gateway.status_of("shop/vaix")
    assert (found["pending"], found["dead"]) == (0, 3)
    assert {one["reason"] for one in await gateway.dead(3)} == {"skipped"}


async def test_a_target_that_left_the_configuration_is_shown_as_orphaned(gateway):
    """Its backlog stays, and stays visible."""
    await gateway.ask("POST", "/api/targets/shop/vaix/pause")
    await gateway.click()
    text = gateway.path.read_text()
    gateway.path.write_text(text.replace('[[routes.targets]]\nupstream = "vaix"\n', ""))
    await gateway.service.apply(load(gateway.path, MAPPINGS, {}))
    found = await gateway.status_of("shop/vaix")
    assert (found["orphaned"], found["pending"], found["route"]) == (True, 1, None)


async def test_the_status_tells_upstreams_routes_and_store(gateway):
    """One answer has all that a console shows, credentials apart."""
    found = await gateway.ask("GET", "/api/status")
    assert (found["running"], found["unready"]) == (True, None)
    assert [one["name"] for one in found["upstreams"]] == list(VENDORS)
    vaix = next(one for one in found["upstreams"] if one["name"] == "vaix")
    assert (vaix["breaker_open"], vaix["held"], vaix["max_concurrency"]) == (False, False, 512)
    targets = ["shop/dynamic_yield", "shop/vaix"]
    assert found["routes"] == [
        {
            "name": "shop",
            "accepts": "dynamic_yield",
            "mode": "store",
            "prefix": "",
            "clients": ["shop"],
            "public": False,
            "targets": targets,
            "received": 0,
            "rejected": 0,
        }
    ]
    assert found["store"]["max_bytes"] > found["store"]["bytes"] > 0


# Dead letters


async def buried(gateway, count=1, target="vaix"):
    """Dead letters: the vendor refuses so many clicks."""
    gateway.sandbox.faults.set(Rule(target, "422", count=count))
    for number in range(count):
        assert await gateway.click(f"u-{number}", f"r-{number}") == 204
    return await gateway.dead(count)


async def test_dead_letters_are_listed_by_what_is_asked(gateway):
    """Filters by target, reason and time of death; pages by id; a total of all that fit."""
    letters = await buried(gateway, 3)
    assert [one["request_id"] for one in letters] == ["r-0", "r-1", "r-2"]
    assert {(one["target"], one["reason"], one["last"]["status"]) for one in letters} == {("shop/vaix", "refused", 422)}
    for query, total in (
        ("target=shop/vaix", 3),
        ("target=shop/dynamic_yield", 0),
        ("reason=refused", 3),
        ("reason=max_age", 0),
        ("before=1", 0),
        ("before=99999999999", 3),
    ):
        assert (await gateway.ask("GET", f"/api/deadletters?{query}"))["total"] == total
    page = await gateway.ask("GET", "/api/deadletters?limit=2")
    assert (len(page["deadletters"]), page["total"]) == (2, 3)
    page = await gateway.ask("GET", f"/api/deadletters?limit=2&after={page['next']}")
    assert ([one["request_id"] for one in page["deadletters"]], page["next"]) == (["r-2"], None)


async def test_a_dead_letter_shows_its_attempts_its_inbound_and_what_it_would_be_today(gateway):
    """All that a person on call needs to decide, and no credential in it."""
    (letter,) = await buried(gateway)
    found = await gateway.ask("GET", f"/api/deadletters/{letter['id']}")
    (attempt,) = found["attempts"]
    assert (attempt["outcome"], attempt["status"]) == ("refused", 422)
    assert attempt["at"].endswith("Z")
    assert found["inbound"]["body"]["user"] == {"id": "u-0"}
    assert found["inbound"]["client"] == "shop"
    (request,) = found["today"]["requests"]
    assert request["url"].endswith("/api/tracker/events")
    assert request["headers"]["authorization"] == "Bearer ***"
    assert request["body"]["user_id"] == "u-0"
    assert (found["today"]["refused"], found["today"]["copied"]) == ([], ["decision_id"])


async def test_what_cannot_be_translated_names_the_missing_fields(tmp_path):
    """An interaction that lacks what the vendor needs is a dead letter with its names; mended, it shows the request."""
    async with operated(tmp_path, SHOP.replace("vaix", "auxia")) as gateway:
        await gateway.click(user={"dyid": "d-1"})
        (letter,) = await gateway.dead()
        assert (letter["reason"], letter["attempts"]) == ("missing", 0)
        assert letter["fields"] == ["user.id"]
        text = gateway.path.read_text()
        gateway.path.write_text(text + 'fill = { "user.id" = "visitor" }\n')
        await gateway.service.apply(load(gateway.path, MAPPINGS, {}))
        today = (await gateway.ask("GET", f"/api/deadletters/{letter['id']}"))["today"]
        assert (len(today["requests"]), today["refused"]) == (1, [])


async def test_replayed_dead_letters_go_to_their_own_target(gateway):
    """A replay sends again to that target alone, and the letter is gone."""
    letters = await buried(gateway, 2)
    gateway.sandbox.received.clear()
    answer = await gateway.ask("POST", "/api/deadletters/replay", {"ids": [letters[0]["id"]]})
    assert answer == {"replayed": 1, "more": False}
    (received,) = await gateway.sandbox.received.wait(1)
    assert (received.vendor, received.body["user_id"]) == ("vaix", "u-0")
    await gateway.settled()
    assert [one["request_id"] for one in await gateway.dead()] == ["r-1"]


async def test_a_dry_run_moves_nothing(gateway):
    """Both replay and discard tell how many they would take."""
    await buried(gateway, 2)
    for method, path in (("POST", "/api/deadletters/replay"), ("DELETE", "/api/deadletters")):
        answer = await gateway.ask(method, path, {"target": "shop/vaix", "dry_run": True})
        assert answer["would"] == 2
    assert len(await gateway.dead()) == 2


async def test_to_move_dead_letters_one_says_which(gateway):
    """Nothing is replayed or forgotten by an empty request; all of them only in so many words."""
    await buried(gateway, 2)
    for method, path in (("POST", "/api/deadletters/replay"), ("DELETE", "/api/deadletters")):
        assert "say which" in (await gateway.ask(method, path, {}, expect=400))["detail"]
    assert (await gateway.ask("DELETE", "/api/deadletters", {"reason": "max_age"}))["discarded"] == 0
    assert await gateway.ask("DELETE", "/api/deadletters", {"all": True, "limit": 1}) == {"discarded": 1, "more": True}
    assert (await gateway.ask("DELETE", "/api/deadletters", {"all": True}))["discarded"] == 1
    assert (await gateway.ask("GET", "/api/deadletters"))["total"] == 0


async def test_a_vendor_that_repeats_the_key_does_not_make_it_known(tmp_path):
    """An answer that echoes the credentials is shown, and told of deliveries, without them."""

    async def echo(request):
        return web.json_response({"message": f"unknown key {request.headers['authorization']}"}, status=422)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with operated(tmp_path, store='keep = "1h"') as gateway:
            text = gateway.path.read_text()
            echoing = f'vendor = "vaix"\nunsupported = "event"\nbase_url = "http://127.0.0.1:{runner.addresses[0][1]}"'
            head, _, tail = text.partition('[upstreams.vaix]\nvendor = "vaix"\nunsupported = "event"\n')
            tail = tail.replace(f'base_url = "{gateway.sandbox.url}"\n', "", 1)
            gateway.path.write_text(f"{head}[upstreams.vaix]\n{echoing}\n{tail}")
            await gateway.service.apply(load(gateway.path, MAPPINGS, {}))
            await gateway.click()
            (letter,) = await gateway.dead()
            found = await gateway.ask("GET", f"/api/deadletters/{letter['id']}")
            assert found["attempts"][0]["answer"].startswith('{"message": "unknown key Bearer ***')
            await gateway.ask("GET", "/api/deliveries?user=u-1")
    finally:
        await runner.cleanup()


# Deliveries


async def test_where_a_click_went_is_told_from_what_is_kept(tmp_path):
    """With `keep`: each target, delivered, dead or waiting, with every attempt's time, outcome and answer."""
    async with operated(tmp_path, store='keep = "1h"') as gateway:
        await buried(gateway)
        gateway.sandbox.faults.set(Rule("vaix", "503"))
        await gateway.click('u-é"', "r-quoted")

        async def is_tried():
            (one,) = (await gateway.ask("GET", "/api/deliveries?request_id=r-quoted"))["deliveries"]
            return bool(one["targets"]["shop/vaix"]["attempts"]) and one["targets"]["shop/dynamic_yield"]["attempts"]

        await gateway.until(is_tried)
        (first,) = (await gateway.ask("GET", "/api/deliveries?user=u-0"))["deliveries"]
        assert (first["request_id"], first["kept"]) == ("r-0", True)
        assert first["targets"]["shop/vaix"]["state"] == "dead"
        assert first["targets"]["shop/vaix"]["reason"] == "refused"
        delivered = first["targets"]["shop/dynamic_yield"]
        assert delivered["state"] == "delivered"
        assert [(one["outcome"], one["status"]) for one in delivered["attempts"]] == [("accepted", 204)]
        answer = await gateway.ask("GET", "/api/deliveries", params={"user": 'u-é"'})
        (second,) = answer["deliveries"]
        assert second["targets"]["shop/vaix"]["state"] == "waiting"
        assert second["targets"]["shop/vaix"]["attempts"][0]["status"] == 503


async def test_what_was_not_sent_is_told_with_its_reason(tmp_path):
    """A target that got nothing of a click, because a filter held it back, is told apart from one that has it."""
    body = SHOP + '[[routes.targets]]\nupstream = "auxia"\nwhen = { action = "dismiss" }\n'
    async with operated(tmp_path, body, store='keep = "1h"') as gateway:
        await gateway.click()
        await gateway.settled()
        (one,) = (await gateway.ask("GET", "/api/deliveries?user=u-1"))["deliveries"]
        assert {name: part["state"] for name, part in one["targets"].items()} == {
            "shop/dynamic_yield": "delivered",
            "shop/vaix": "delivered",
            "shop/auxia": "nothing",
        }
        assert one["targets"]["shop/auxia"]["attempts"][0]["answer"] == "filtered 1"


async def test_a_text_in_the_body_is_no_person(tmp_path):
    """Asked for a person, only inbounds that name that person are told; not those that hold the letters elsewhere."""
    async with operated(tmp_path, store='keep = "1h"') as gateway:
        await gateway.click("u-10", "r-1")
        await gateway.click("u-1", "r-2")
        await gateway.settled()
        found = (await gateway.ask("GET", "/api/deliveries?user=u-1"))["deliveries"]
        assert [one["request_id"] for one in found] == ["r-2"]
        assert (await gateway.ask("GET", "/api/deliveries?user=CLICK"))["deliveries"] == []


async def test_without_keep_only_dead_letters_and_what_waits_are_known(gateway):
    """What every target is done with is forgotten, and the answer does not pretend otherwise."""
    await buried(gateway)
    await gateway.settled()
    answer = await gateway.ask("GET", "/api/deliveries?user=u-0")
    assert answer["keep_seconds"] == 0
    assert set(answer["deliveries"][0]["targets"]) >= {"shop/vaix"}
    await gateway.ask("DELETE", "/api/deadletters", {"all": True})

    async def is_forgotten():
        return not (await gateway.ask("GET", "/api/deliveries?user=u-0"))["deliveries"]

    await gateway.until(is_forgotten)
    await gateway.ask("GET", "/api/deliveries", expect=400)
    await gateway.ask("GET", "/api/deliveries?user=a&request_id=b", expect=400)


# Test clicks, translations, samples, backup


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_test_click_goes_the_way_of_a_real_one(tmp_path, vendor):
    """In every dialect a test click shows the route's own key, is accepted, and its deliveries can be followed."""
    async with operated(tmp_path, store_routes()) as gateway:
        sent = await gateway.ask("POST", "/api/send", {"route": vendor, "source": vendor, "body": BODIES_OF[vendor]})
        assert sent["status"] in (200, 204)
        assert sent["targets"][0] == f"{vendor}/{vendor}"

        async def is_delivered():
            found = (await gateway.ask("GET", f"/api/deliveries?request_id={sent['request_id']}"))["deliveries"]
            return found and found[0]["targets"][f"{vendor}/{vendor}"]["state"] == "delivered"

        await gateway.until(is_delivered)
        assert [one for one in gateway.sandbox.received.entries() if one.vendor == vendor]


BODIES_OF = {
    "gravity_field": {
        "user": {"id": "u-1"},
        "session": {"custom": "s-1"},
        "context": {"page": {"type": "OTHER", "data": [], "location": "https://shop.example/"}},
        "events": [{"name": "Login", "properties": {"eventType": "login-v1"}}],
    },
    "gravity_field_sdk": {
        "sec": "5f2d8c1ab4e7f90012345678",
        "user": {"custom": "u-1"},
        "ctx": {"type": "OTHER", "data": []},
        "data": [{"type": "login-v1", "name": "Login"}],
    },
    "dynamic_yield": {
        "user": {"id": "u-1"},
        "session": {},
        "context": {},
        "events": [{"name": "Login", "properties": {"dyType": "login-v1"}}],
    },
    "vaix": {
        "event_type": "clicks:game",
        "user_id": "u-1",
        "data": {"game_id": "g-1", "page": "/home", "location": "lane:top"},
    },
    "auxia": {
        "projectId": "1250",
        "userId": "u-1",
        "events": [{"eventName": "login", "eventProperties": {"value": {"longValue": "3"}}}],
    },
}
"""A body of each vendor, some of which fit only their second endpoint."""


async def test_a_test_click_needs_a_route_of_its_vendor(gateway):
    """A route that is not there or speaks another language is named."""
    assert 'did you mean "shop"' in (await gateway.ask("POST", "/api/send", {"route": "shob"}, expect=404))["detail"]
    answer = await gateway.ask("POST", "/api/send", {"route": "shop", "source": "vaix"}, expect=400)
    assert "accepts dynamic_yield" in answer["detail"]
    answer = await gateway.ask("POST", "/api/send", {"route": "shop", "path": "/elsewhere"}, expect=400)
    assert DY_PATH in answer["detail"]
    refused = await gateway.ask("POST", "/api/send", {"route": "shop", "body": {"user": 1}})
    assert refused["status"] == 422


async def test_a_dry_run_sends_nothing(gateway):
    """What a target would get, as `gateway translate --json` tells it, with masked credentials."""
    asked = {"source": "vaix", "target": "vaix", "body": BODIES_OF["vaix"]}
    found = await gateway.ask("POST", "/api/translate", asked)
    (request,) = found["requests"]
    assert request["headers"]["authorization"] == "Bearer ***"
    assert set(found) == {"canonical", "requests", "losses", "copied", "refused"}
    assert gateway.sandbox.received.entries() == []
    assert "event_type" in (await gateway.ask("POST", "/api/translate", asked | {"body": {}}, expect=422))["detail"]
    assert "no vendor" in (await gateway.ask("POST", "/api/translate", asked | {"source": "x"}, expect=400))["detail"]


async def test_what_a_vendor_has_no_word_for_is_counted_and_sampled(tmp_path):
    """Unsupported and filtered interactions become no dead letters; the last 100 of each kind are remembered."""
    body = SHOP.replace('upstream = "vaix"', 'upstream = "vaix"\nunsupported = "reject"') + (
        '[[routes.targets]]\nupstream = "auxia"\nwhen = { action = "dismiss" }\n'
    )
    async with operated(tmp_path, body) as gateway:
        for number in range(105):
            await gateway.click(f"u-{number}", f"r-{number}", engagements=[{"type": "SLOT_IMP", "slotIds": ["a"]}])
        await gateway.settled()
        assert (await gateway.ask("GET", "/api/deadletters"))["total"] == 0
        (kind,) = (await gateway.ask("GET", "/api/samples?target=shop/auxia"))["kinds"]
        assert (kind["reason"], kind["inbounds"], len(kind["samples"])) == ("filtered", 105, 100)
        found = (await gateway.ask("GET", "/api/samples?reason=unsupported"))["kinds"]
        for kind in found:
            assert kind["target"] == "shop/vaix"
            assert kind["samples"][-1]["body"]["user"]["id"].startswith("u-")


async def test_a_backup_is_a_store(gateway, tmp_path):
    """The copy opens as a store with the same backlog; it is for its owner's eyes, and overwrites nothing."""
    await gateway.ask("POST", "/api/targets/shop/vaix/pause")
    await gateway.click()
    folder = tmp_path / "copy"
    folder.mkdir()
    made = await gateway.ask("POST", "/api/store/backup", {"path": str(folder / "gateway.db")})
    assert made["bytes"] == (folder / "gateway.db").stat().st_size > 0
    assert stat.S_IMODE((folder / "gateway.db").stat().st_mode) == 0o600
    await gateway.ask("POST", "/api/store/backup", {"path": str(folder / "gateway.db")}, expect=409)
    await gateway.ask("POST", "/api/store/backup", {"path": "relative.db"}, expect=400)
    store = EmbeddedStore(SqliteLog(folder))
    await store.open([])
    assert (await store.backlog("shop/vaix")).pending == 1
    await store.close()
