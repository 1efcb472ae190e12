"""The live tail over real sockets: what passes is shown, filtered, sampled and bounded; opened it tells all of it."""

import asyncio
import socket

import aiohttp
import msgspec
import pytest
from admin_calls import watching
from gateway_calls import KEYS
from operating_calls import SHOP, operated

from gateway.admin import events
from gateway.admin.recent import KEPT, Recent
from gateway.member import Member
from gateway.relay import Line
from gateway.sandbox.faults import Rule
from gateway.store.contract import Record
from gateway.tail import Tail
from gateway.tail.seen import CUT, Asked, SeenDelivery, SeenInbound
from gateway.tail.watching import Sampler, Wanted, Watcher

HOSTILE = "<script>alert(1)</script>\u202e\u0000\u001b[31m</style>'\""


@pytest.fixture
async def gateway(tmp_path):
    async with operated(tmp_path) as gateway:
        yield gateway


def seen(request_id, body=b"{}"):
    record = Record(1, request_id, None, "shop", "dynamic_yield", "engagement", {}, {}, body)
    return SeenInbound(request_id, 1.0, "shop", "dynamic_yield", None, 204, 0.001, None, {}, (), record)


async def test_a_click_and_its_deliveries_are_shown(gateway):
    """Who watches sees the inbound in canonical words, and each target's delivery with its answers and losses."""
    async with watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click("u-7", "r-7")
        inbound = await tail.next("inbound")
        told = [await tail.next("delivery") for _ in range(2)]
    assert (inbound["request_id"], inbound["route"], inbound["vendor"]) == ("r-7", "shop", "dynamic_yield")
    assert (inbound["endpoint"], inbound["client"]) == ("engagement", "shop")
    assert (inbound["status"], inbound["outcome"], inbound["error"]) == (204, "accepted", None)
    assert inbound["interactions"] == [{"kind": "engagement", "word": "click", "user": "u-7"}]
    assert inbound["seq"] == 1
    assert {one["target"] for one in told} == {"shop/dynamic_yield", "shop/vaix"}
    vaix = next(one for one in told if one["target"] == "shop/vaix")
    assert (vaix["outcome"], vaix["answers"], vaix["copied"]) == ("delivered", [204], ["decision_id"])
    assert vaix["request_id"] == "r-7"


async def test_an_opened_request_tells_what_was_sent_and_answered(gateway):
    """The inbound, its canonical form, each outbound as sent with its credentials masked, and each answer."""
    gateway.sandbox.faults.set(Rule("vaix", "422", count=1))
    async with watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click("u-7", "r-7")
        for _ in range(3):
            await tail.next("inbound", "delivery")
        found = await gateway.ask("GET", "/api/tail/r-7")
    assert (found["source"], found["inbound"]["body"]["user"], found["inbound"]["cut"]) == (
        "tail",
        {"id": "u-7"},
        False,
    )
    (interaction,) = found["canonical"]
    assert (interaction["action"], interaction["user.id"], interaction["decision_id"]) == ("click", "u-7", "d-1")
    vaix = next(one for one in found["deliveries"] if one["target"] == "shop/vaix")
    assert vaix["outcome"] == "dead"
    (request,) = vaix["requests"]
    assert request["headers"]["authorization"] == "Bearer ***"
    assert request["body"]["user_id"] == "u-7"
    (answer,) = vaix["answers"]
    assert (answer["status"], answer["outcome"]) == (422, "refused")


async def test_what_is_rejected_is_shown_too(gateway):
    """A wrong body and a path that no route serves: their status and why, without what was never read."""
    async with watching(gateway.session, gateway.admin_url) as tail:
        assert await gateway.click(engagements=7, request_id="r-bad") == 422
        shown = await tail.next("inbound")
        assert (shown["status"], shown["outcome"], shown["error"]) == (422, "rejected", "malformed")
        assert (shown["interactions"], shown["endpoint"]) == ([], None)
        async with gateway.session.post(gateway.url + "/nowhere", json={}) as answer:
            assert answer.status == 404
        assert (await tail.next("inbound"))["route"] == "-"
        assert (await gateway.ask("GET", "/api/tail/r-bad"))["canonical"] == []


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"user": "u-2"}, {"inbound r-2", "delivery r-2 shop/vaix", "delivery r-2 shop/dynamic_yield"}),
        ({"target": "shop/vaix", "outcome": "dead"}, {"delivery r-1 shop/vaix"}),
        ({"target": "shop/vaix", "outcome": "delivered"}, {"delivery r-2 shop/vaix"}),
        ({"outcome": "rejected"}, {"inbound r-bad"}),
        ({"vendor": "vaix"}, {"delivery r-1 shop/vaix", "delivery r-2 shop/vaix"}),
        ({"route": "elsewhere"}, set()),
        ({"user": "decisionId"}, set()),
    ],
)
async def test_filters_show_only_what_is_asked_for(gateway, filters, wanted):
    """By person, target, outcome, vendor and route, each exact: a text in the body is no person."""
    gateway.sandbox.faults.set(Rule("vaix", "422", count=1))
    async with (
        watching(gateway.session, gateway.admin_url) as all_of_it,
        gateway.session.get(gateway.admin_url + "/api/events", params=filters) as answer,
    ):
        await gateway.click("u-1", "r-1")
        for _ in range(3):
            await all_of_it.next("inbound", "delivery")
        await gateway.click("u-2", "r-2")
        for _ in range(3):
            await all_of_it.next("inbound", "delivery")
        assert await gateway.click(engagements=7, request_id="r-bad") == 422
        await all_of_it.next("inbound")
        text = b""
        while text.count(b"event: status") < 3:
            text += await answer.content.readany()
    found = set()
    for event in text.split(b"\n\n"):
        name, _, data = event.removeprefix(b"event: ").partition(b"\ndata: ")
        if name in (b"inbound", b"delivery"):
            told = msgspec.json.decode(data)
            found.add(" ".join([name.decode(), told["request_id"], told.get("target", "")]).strip())
    assert found == wanted


async def test_without_the_tail_only_status_and_reloads_come(gateway):
    """`tail=0`: what passes is not even looked at."""
    async with watching(gateway.session, gateway.admin_url, tail="0") as events:
        assert not gateway.service.tail.is_watched
        await gateway.click()
        name, status = await events.next()
    assert name == "status"
    assert status["interactions"] == 1


async def test_nothing_is_looked_at_while_nobody_watches(gateway):
    """The hooks' one look finds nobody before the first watcher and after the last, who leaves by hanging up."""
    assert not gateway.service.tail.is_watched
    async with watching(gateway.session, gateway.admin_url):
        assert gateway.service.tail.is_watched

    async def is_alone():
        return not gateway.service.tail.is_watched

    await gateway.until(is_alone)


async def test_more_than_can_be_read_is_sampled_and_said_so(gateway):
    """Of many inbounds only so many a second are shown; how many were not is told, and when all are again."""
    async with watching(gateway.session, gateway.admin_url, outcome="accepted") as tail:
        (watcher,) = gateway.service.tail.watchers.values()
        watcher.inbounds = Sampler(5)
        for start in range(0, 100, 20):
            await asyncio.gather(*[gateway.click(request_id=f"r-{start + number}") for number in range(20)])
        shown = skipped = 0
        told = {}
        while shown + skipped < 100 or told != {"sampling": 1.0, "skipped": 0}:
            name, told = await tail.next("inbound", "tail")
            shown += name == "inbound"
            if name == "tail":
                assert 0 < told["sampling"] <= 1
                skipped += told["skipped"]
    assert shown + skipped == 100
    assert skipped > 0


async def test_a_slow_reader_loses_events_and_holds_nothing_up(gateway, monkeypatch):
    """A browser that stops reading: its queue stays bounded, what it loses is counted, clicks are answered."""
    listeners = []

    class Slow(events.Listener):
        def start(self):
            super().start()
            listeners.append(self)

        async def wait(self, _):
            await asyncio.sleep(3600)

    monkeypatch.setattr(events, "Listener", Slow)
    async with gateway.session.get(gateway.admin_url + "/api/events") as answer:
        await answer.content.readany()
        (listener,) = listeners
        for number in range(KEPT + 200):
            listener._push(seen(f"r-{number}"))
        assert await gateway.click() == 204
        assert len(listener._queue) == KEPT
        assert listener._lost >= 200
        assert b'"skipped":' in listener.sampling()


async def test_a_reader_that_takes_nothing_is_let_go(gateway, monkeypatch):
    """A connection whose buffers are full for too long is closed, and its watcher with it."""
    from gateway.admin import server

    monkeypatch.setattr(server, "_PATIENCE", 0.2)
    reader = socket.create_connection(("127.0.0.1", gateway.admin_port))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        reader.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        async def watches():
            return gateway.service.tail.is_watched

        await gateway.until(watches)
        big = seen("r-big", b'{"text": "%s"}' % (b"x" * CUT))
        told = seen("r" * 100_000)

        async def is_gone():
            for watcher in list(gateway.service.tail.watchers.values()):
                for _ in range(20):
                    watcher.hear(told)
                    watcher.hear(big)
            return not gateway.service.tail.is_watched

        await gateway.until(is_gone)
    finally:
        reader.close()


async def test_too_many_watchers_are_refused(gateway, monkeypatch):
    """Beyond the bound a problem is the answer; when one leaves another may come."""
    monkeypatch.setattr(events, "_WATCHERS", 1)
    async with watching(gateway.session, gateway.admin_url):
        assert "watch already" in (await gateway.ask("GET", "/api/events", expect=503))["detail"]

    async def has_room():
        async with gateway.session.get(gateway.admin_url + "/api/events") as answer:
            return answer.status == 200

    await gateway.until(has_room)


async def test_a_stop_ends_the_streams(tmp_path):
    """A gateway that drains does not wait for who watches."""
    async with operated(tmp_path) as gateway, watching(gateway.session, gateway.admin_url) as tail:
        stopping = asyncio.create_task(gateway.service._admin.stop())
        with pytest.raises((EOFError, ConnectionError, aiohttp.ClientError)):
            await tail.next("never")
        await stopping


async def test_hostile_texts_come_out_as_inert_json(gateway):
    """Script tags, control characters, marks that turn text round: JSON strings, equal to what was sent."""
    async with watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click(HOSTILE, "r-h", strange={HOSTILE: HOSTILE})
        assert (await tail.next("inbound"))["interactions"][0]["user"] == HOSTILE
        async with gateway.session.get(gateway.admin_url + "/api/tail/r-h") as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            text = await answer.read()
        assert msgspec.json.decode(text)["inbound"]["body"]["strange"] == {HOSTILE: HOSTILE}
        assert not {0, 0x1B} & set(text)


async def test_a_large_body_is_cut(gateway):
    """What is kept of a body of 100 KB is its beginning, and that is said."""
    async with watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click(request_id="r-l", strange={"text": "x" * 100_000})
        await tail.next("inbound")
        found = await gateway.ask("GET", "/api/tail/r-l")
    assert found["inbound"]["cut"] is True
    assert len(found["inbound"]["body"]) == CUT


async def test_without_a_watcher_a_request_is_opened_from_the_store(tmp_path):
    """With `keep`: its inbound, its attempts, and what it would be today; of one that is unknown a problem."""
    async with operated(tmp_path, store='keep = "1h"') as gateway:
        await gateway.click("u-7", "r-7")
        await gateway.settled()
        found = await gateway.ask("GET", "/api/tail/r-7")
        assert found["source"] == "store"
        assert {(one["target"], one["outcome"]) for one in found["deliveries"]} == {
            ("shop/dynamic_yield", "delivered"),
            ("shop/vaix", "delivered"),
        }
        assert found["deliveries"][0]["answers"][0]["status"] == 204
        assert found["deliveries"][0]["requests"]
        assert "not kept" in (await gateway.ask("GET", "/api/tail/r-8", expect=404))["detail"]


async def test_a_primarys_answer_is_shown_in_forward_mode(tmp_path):
    """The delivery that the caller waits for is shown as any other."""
    body = SHOP.replace('clients = ["shop"]', 'clients = ["shop"]\nmode = "forward"').replace(
        'upstream = "dynamic_yield"', 'upstream = "dynamic_yield"\nprimary = true'
    )
    async with operated(tmp_path, body) as gateway, watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click(request_id="r-f")
        told = {}
        while len(told) < 3:
            name, one = await tail.next("inbound", "delivery")
            told[one.get("target", name)] = one
    assert told["shop/dynamic_yield"]["answers"] == [204]
    assert told["inbound"]["targets"] == {"shop/dynamic_yield": "accepted", "shop/vaix": "kept"}


async def test_what_the_store_must_not_hold_is_not_shown(tmp_path):
    """What `[privacy] at_rest` hides before anything is kept is hidden from the tail, too."""
    hiding = '[privacy]\nkey = "a-key-for-hashes"\n[privacy.at_rest]\nhash = ["user.id"]'
    async with operated(tmp_path, store=hiding) as gateway, watching(gateway.session, gateway.admin_url) as tail:
        await gateway.click("u-private", "r-p")
        shown = await tail.next("inbound")
        for _ in range(2):
            await tail.next("delivery")
        found = await gateway.ask("GET", "/api/tail/r-p")
    assert len(shown["interactions"][0]["user"]) == 64
    assert "u-private" not in str(found)


async def test_a_reload_is_told(gateway):
    """Applied or refused, with the faults, to all who watch."""
    from gateway.serving import reload

    async with watching(gateway.session, gateway.admin_url, tail="0") as events:
        text = gateway.path.read_text()
        gateway.path.write_text(text.replace('accepts = "dynamic_yield"', 'accepts = "dynamic_yeld"'))
        await reload(gateway.service, gateway.path)
        told = await events.next("reload")
        assert told["outcome"] == "refused"
        assert 'did you mean "dynamic_yield"' in told["faults"][0]["message"]
        gateway.path.write_text(text + "strict_ids = true\n")
        await reload(gateway.service, gateway.path)
        told = await events.next("reload")
    assert told["outcome"] == "applied"
    assert told["changes"] == [{"path": "routes.shop.targets[1].strict_ids", "after": True}]


async def test_every_dialects_click_is_shown(tmp_path):
    """A request whose interactions travel in the query, too."""
    body = '[[routes]]\nname = "sdk"\naccepts = "gravity_field_sdk"\nclients = ["shop"]\n'
    body += '[[routes.targets]]\nupstream = "gravity_field_sdk"\n'
    async with operated(tmp_path, body) as gateway, watching(gateway.session, gateway.admin_url) as tail:
        url = gateway.url + "/engagement?type=WCLICK&decisionId=d-1"
        async with gateway.session.get(url, headers=KEYS["gravity_field_sdk"]) as answer:
            assert answer.status == 204
        assert (await tail.next("inbound"))["interactions"][0]["word"] == "click"


# Sampling, by itself


def test_the_same_requests_are_chosen_wherever_they_pass():
    """Two samplers that see the same crowd admit the same requests, so that both ends of one are shown."""
    chosen = []
    for _ in range(2):
        now = [0.0]
        sampler = Sampler(100, lambda now=now: now[0])
        found = set()
        for second in range(4):
            now[0] = float(second)
            sampler.renew()
            found |= {number for number in range(1000) if sampler.admits(f"r-{second}-{number}") and second > 1}
        chosen.append(found)
        assert sampler.skipped >= 3500
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) > 100


def test_a_sampler_admits_all_of_little():
    """Below the budget nothing is skipped, whatever was before."""
    now = [0.0]
    sampler = Sampler(100, lambda: now[0])
    for number in range(5000):
        sampler.admits(str(number))
    for second in (1.0, 2.0):
        now[0] = second
        sampler.renew()
    skipped = sampler.skipped
    assert all(sampler.admits(str(number)) for number in range(99))
    assert sampler.skipped == skipped


def crowd(tail, count):
    """So many inbounds, as the relay tells them."""
    for number in range(count):
        line = Line(f"r-{number}")
        if tail.is_watched and tail.inbounds.admits(line.request_id):
            tail.inbound(line, 204, 0.001)


def watcher(now, **wanted):
    """A watcher on a clock of its own, and what it hears."""
    heard = []
    one = Watcher(Wanted(**wanted), heard.append)
    one.inbounds = Sampler(100, lambda: now[0])
    return one, heard


def test_what_nobody_would_choose_is_counted_and_not_made():
    """Once the share is known the sieve lets hardly more through than is shown; shown and skipped stay all."""
    now, tail = [0.0], Tail()
    one, heard = watcher(now)
    tail.watch(one)
    crowd(tail, 5000)
    assert len(heard) == 100
    now[0] = 1.0
    tail.renew()
    asked = []
    one.takes_inbound, takes = lambda *given: asked.append(given) or takes(*given), one.takes_inbound
    crowd(tail, 5000)
    assert len(asked) < 150
    tail.renew()
    assert one.taken_skipped() == 10_000 - len(heard)


def test_who_has_heard_as_much_as_it_may_is_not_asked_any_more():
    """Also in the first second of a crowd, when its share is not known, the sieve stops all that would be too much."""
    now, tail = [0.0], Tail()
    one, heard = watcher(now)
    asked = []
    one.takes_inbound, takes = lambda *given: asked.append(given) or takes(*given), one.takes_inbound
    tail.watch(one)
    crowd(tail, 5000)
    assert len(heard) == len(asked) == 100
    tail.renew()
    assert one.taken_skipped() == 4900


def test_when_little_passes_again_all_is_shown_again():
    """The share follows what passes, though the sieve let none of it through to be asked about."""
    now, tail = [0.0], Tail()
    one, heard = watcher(now)
    tail.watch(one)
    crowd(tail, 5000)
    for second in (1.0, 2.0):
        now[0] = second
        tail.renew()
    del heard[:]
    crowd(tail, 80)
    assert len(heard) == 80


def test_a_filter_beside_one_who_sees_a_sample_is_asked_about_all():
    """Who wants one person's clicks hears all of them, however small the share is that another is shown."""
    now, tail = [0.0], Tail()
    tail.watch(watcher(now)[0])
    crowd(tail, 50_000)
    now[0] = 1.0
    tail.renew()
    one, heard = watcher(now, outcome="accepted")
    number = tail.watch(one)
    crowd(tail, 90)
    assert len(heard) == 90
    tail.leave(number)
    assert not all(tail.inbounds.admits(f"r-{number}") for number in range(100))


def test_what_can_be_opened_is_bounded():
    """The oldest request goes for a new one; what was shown to two is kept once."""
    recent = Recent()
    for number in range(KEPT + 10):
        recent.add(seen(f"r-{number}"))
    assert recent.get("r-9") is None
    assert recent.get("r-10") is not None
    assert recent.get(f"r-{KEPT + 9}") is not None


def test_what_can_be_opened_is_bounded_in_bytes():
    """Large bodies, in requests of many parts: never more than 32 MiB, and the last one can be opened."""
    recent = Recent()
    for number in range(400):
        large = seen(f"r-{number}", b"x" * CUT)
        asked = tuple(Asked("POST", "/", {}, b"x" * CUT, "accepted", 200, "x" * 2000) for _ in range(4))
        for _ in range(30):
            told = (f"r-{number}", 1.0, "t", "u", "vaix", "retried", 0.1, asked, (), (), (), large.record)
            recent.add(SeenDelivery(*told))
        recent.add(large)
    assert recent._size <= 32 << 20
    assert recent.get("r-0") is None
    assert len(recent.get("r-399").deliveries) == 20


async def test_many_large_requests_of_one_delivery_are_cut(gateway):
    """An inbound of many interactions that each go out alone: what is kept of it is bounded."""
    text = "x" * 9_000
    many = [{"type": "CLICK", "decisionId": f"d-{number}", "note": text} for number in range(25)]
    async with watching(gateway.session, gateway.admin_url, target="shop/vaix") as tail:
        assert await gateway.click(request_id="r-m", engagements=many) == 204
        assert len((await tail.next("delivery"))["answers"]) == 20
        found = await gateway.ask("GET", "/api/tail/r-m")
    (delivery,) = [one for one in found["deliveries"] if one["target"] == "shop/vaix"]
    bodies = [msgspec.json.encode(one["body"]) for one in delivery["requests"]]
    assert sum(map(len, bodies)) < 80_000


def test_another_process_goes_on_with_who_watched_already():
    """When one more comes or one goes, the others' samplers stay as they are; with none left nothing is looked at."""
    member = Member()
    member._watch({1: Wanted()})
    first = member.tail.watchers[1]
    member._watch({1: Wanted(), 2: Wanted(user="u-1")})
    assert member.tail.watchers[1] is first
    first.inbounds.skipped = 7
    assert member.skipped() == {1: 7}
    assert member.skipped() == {}
    member._watch({})
    assert not member.tail.is_watched
