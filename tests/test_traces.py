"""Traces: what a real collector gets over OTLP/HTTP of what passes a real gateway."""

import asyncio
import signal
import subprocess
import sys

import msgspec
import pytest
from collector import collecting
from gateway_calls import KEY, accounts, route, running
from operating_calls import DY_PATH, MAPPINGS, SHOP, operated, written
from processes import ROOT, run, serving
from sandbox_calls import QUERY

from gateway.config import Traces, load
from gateway.config.masking import masked_text
from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule
from gateway.store.contract import Lane, Record
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog
from gateway.traces import PLAIN, parts

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "shop=t61rcWkgMzE"}
CLICK = {"user": {"id": "u-secret"}, "session": {}, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}


def traces(collector, more=""):
    """The table for a collector."""
    return f'[traces]\nendpoint = "{collector.url}"\n{more}\n'


async def click(gateway, headers=None, **more):
    """One click with headers of the caller's; its status."""
    told = {"DY-API-Key": KEY, "X-Request-Id": "r-1"} | (headers or {})
    async with gateway.session.post(gateway.url + DY_PATH, json=CLICK | more, headers=told) as answer:
        return answer.status


async def test_an_inbound_is_a_span_of_its_callers_trace(tmp_path):
    """A SERVER span below the caller's, with its tracestate, named and described by the conventions for HTTP."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector, 'service = "clicks"')) as gateway:
            assert await click(gateway, SAMPLED) == 204
        (span,) = collector.of("SERVER")
    assert (span.trace, span.parent, span.state) == (TRACE, CALLER, "shop=t61rcWkgMzE")
    assert span.name == f"POST {DY_PATH}"
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": DY_PATH,
        "http.response.status_code": 204,
        "url.scheme": "http",
        "url.path": DY_PATH,
        "gateway.request_id": "r-1",
        "gateway.route": "shop",
        "gateway.vendor": "dynamic_yield",
        "gateway.client": "shop",
        "gateway.interactions": 1,
    }
    assert not span.failed
    assert span.resource["service.name"] == "clicks"
    assert span.resource["service.version"]
    assert span.resource["service.instance.id"]


async def test_each_delivery_is_a_trace_of_its_own_linked_to_the_inbound(tmp_path):
    """A CONSUMER span without a parent for each target, which links to the inbound; below it a CLIENT span."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            await click(gateway, SAMPLED)
            await gateway.settled()
        (inbound,) = collector.of("SERVER")
        deliveries = {one.attributes["messaging.destination.name"]: one for one in collector.of("CONSUMER")}
        assert set(deliveries) == {"shop/dynamic_yield", "shop/vaix"}
        for target, span in deliveries.items():
            assert span.name == f"deliver {target}"
            assert span.parent == ""
            assert span.links == [(inbound.trace, inbound.id)]
            assert span.attributes["messaging.operation.type"] == "process"
            assert span.attributes["gateway.request_id"] == "r-1"
            assert span.attributes["gateway.outcome"] == "delivered"
            assert not span.attributes["gateway.retry"]
            (attempt,) = [one for one in collector.of("CLIENT") if one.parent == span.id]
            assert attempt.trace == span.trace
            assert attempt.name == "POST"
            assert attempt.attributes["http.request.method"] == "POST"
            assert attempt.attributes["http.response.status_code"] == 204
            assert attempt.attributes["server.address"] == "127.0.0.1"
            assert attempt.attributes["url.full"].startswith(f"http://127.0.0.1:{attempt.attributes['server.port']}/")
            assert attempt.attributes["gateway.outcome"] == "accepted"
        assert len({inbound.trace, *(one.trace for one in deliveries.values())}) == 3


async def test_a_delivery_that_fails_says_how(tmp_path):
    """A retried round, a refusal and a vendor that cannot be reached are errors by their kind, without any text."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            gateway.sandbox.faults.set(Rule("vaix", "503", count=1))
            gateway.sandbox.faults.set(Rule("dynamic_yield", "422", count=1))
            await click(gateway)
            await gateway.settled()
        rounds = {(one.name, one.attributes["gateway.outcome"]): one for one in collector.of("CONSUMER")}
        assert set(rounds) == {
            ("deliver shop/vaix", "retried"),
            ("deliver shop/vaix", "delivered"),
            ("deliver shop/dynamic_yield", "dead"),
        }
        assert rounds["deliver shop/vaix", "retried"].failed
        assert rounds["deliver shop/vaix", "delivered"].attributes["gateway.retry"]
        assert rounds["deliver shop/dynamic_yield", "dead"].failed
        failed = {one.attributes["error.type"] for one in collector.of("CLIENT") if one.failed}
        assert failed == {"503", "422"}
        assert {one.words for one in collector.spans} == {""}
        assert not [event for one in collector.spans for event in one.events]


async def test_an_inbound_that_is_rejected_is_a_span_too(tmp_path):
    """A wrong key keeps its route's name; what no route serves is told without its path, which may hold anything."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            assert await click(gateway, {"DY-API-Key": "wrong"}) == 401
            async with gateway.session.post(gateway.url + "/users/u-secret?key=k-secret") as answer:
                assert answer.status == 404
            async with gateway.session.request("PROPFIND", gateway.url + "/tea") as answer:
                assert answer.status == 404
        spans = {one.name: one for one in collector.of("SERVER")}
        assert spans[f"POST {DY_PATH}"].attributes["http.response.status_code"] == 401
        assert not spans[f"POST {DY_PATH}"].failed
        assert "url.path" not in spans["POST"].attributes
        assert spans["HTTP"].attributes["http.request.method"] == "_OTHER"
        assert collector.of("CONSUMER") == []
        assert "secret" not in "".join(one.whole for one in collector.spans)


async def test_nothing_is_told_that_is_nobodys_business(tmp_path):
    """No body, key, person, query string or caller's address is in any span, nor in the link's headers."""
    async with collecting() as collector:
        async with running(
            tmp_path,
            lambda url: (
                accounts(url)
                + route("gravity_field_sdk", ["gravity_field_sdk", "vaix"])
                + SHOP
                + traces(collector, 'headers = { "X-Token" = "collector-secret" }')
            ),
        ) as gateway:
            await gateway.call("gravity_field_sdk", "GET", "/engagement" + QUERY)
            await gateway.call("dynamic_yield", "POST", DY_PATH)
            await gateway.settled()
        told = "".join(one.whole for one in collector.spans)
        assert collector.headers[0]["X-Token"] == "collector-secret"
    assert collector.of("SERVER")
    assert collector.of("CLIENT")
    for word in (KEY, "sandbox-", "u-1001", "?", "Bearer", "collector-secret", "user_agent", "client.address"):
        assert word not in told, word


async def test_the_link_outlives_the_gateway(tmp_path):
    """What waits in the store when the gateway ends is delivered by the next one, with a link to the same inbound."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            await gateway.ask("POST", "/api/targets/shop/vaix/pause")
            await click(gateway, SAMPLED)
        assert [one.name for one in collector.of("CONSUMER")] == ["deliver shop/dynamic_yield"]
        (inbound,) = collector.of("SERVER")
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            await gateway.settled()
        (later,) = [one for one in collector.of("CONSUMER") if one.name == "deliver shop/vaix"]
    assert later.links == [(TRACE, inbound.id)]
    assert later.resource["service.instance.id"] != inbound.resource["service.instance.id"]


async def test_in_forward_mode_the_primarys_request_is_part_of_the_inbound(tmp_path):
    """The request that the caller waits for is a child of the inbound's span; the other target's is linked to it."""
    async with collecting() as collector:
        async with running(
            tmp_path,
            lambda url: accounts(url) + route("dynamic_yield", ["dynamic_yield", "vaix"]) + traces(collector),
        ) as gateway:
            answer = await gateway.call("dynamic_yield", "POST", DY_PATH)
            assert answer.status == 204
            await gateway.settled()
        (inbound,) = collector.of("SERVER")
        (primary,) = [one for one in collector.of("CLIENT") if one.parent == inbound.id]
        (other,) = collector.of("CONSUMER")
    assert primary.trace == inbound.trace
    assert primary.attributes["gateway.upstream"] == "dynamic_yield"
    assert other.links == [(inbound.trace, inbound.id)]
    assert other.trace != inbound.trace


async def test_a_vendor_is_told_only_where_that_is_configured(tmp_path):
    """An upstream of `propagate` gets the traceparent of the request's own span; no other gets any, nor tracestate."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector, 'propagate = ["vaix"]')) as gateway:
            await click(gateway, SAMPLED)
            await gateway.settled()
            received = {one.vendor: one.headers for one in gateway.sandbox.received.entries()}
        (attempt,) = [one for one in collector.of("CLIENT") if one.attributes["gateway.upstream"] == "vaix"]
    assert received["vaix"]["traceparent"][:-2] == f"00-{attempt.trace}-{attempt.id}-"
    assert "traceparent" not in received["dynamic_yield"]
    assert "tracestate" not in received["dynamic_yield"]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "nonsense"},
        {"traceparent": f"00-{'0' * 32}-{CALLER}-01"},
        {"traceparent": f"ff-{TRACE}-{CALLER}-01"},
        {"traceparent": f"00-{TRACE}-{CALLER}-01-" + "x" * 5000},
        {"tracestate": "shop=1"},
    ],
)
async def test_a_context_that_is_none_begins_a_trace(tmp_path, headers):
    """What a caller sends that is no traceparent, or is too long for one, is as if it were not there."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            assert await click(gateway, headers) == 204
        (span,) = collector.of("SERVER")
    assert (span.parent, span.state) == ("", "")
    assert span.trace != TRACE


async def test_a_tracestate_that_is_too_long_is_left_out(tmp_path):
    """The caller's trace is taken up all the same; what is kept with an inbound stays small."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector)) as gateway:
            await click(gateway, SAMPLED | {"tracestate": "shop=" + "x" * 600})
        (span,) = collector.of("SERVER")
    assert (span.trace, span.state) == (TRACE, "")


async def test_what_is_not_sampled_leaves_nothing(tmp_path):
    """`share = 0`, or a caller that does not sample: no span, of the deliveries neither, and nothing in the store."""
    async with collecting() as collector:
        async with operated(tmp_path, SHOP + traces(collector, "share = 0.0"), store='keep = "1h"') as gateway:
            await click(gateway)
            await click(gateway, {"traceparent": f"00-{TRACE}-{CALLER}-00"})
            await gateway.settled()
            trails = await gateway.service.store.trails(["r-1"], 10)
            assert [one.record.trace for one in trails] == ["", ""]
            await click(gateway, SAMPLED | {"X-Request-Id": "r-2"})
            await gateway.settled()
        assert [one.trace for one in collector.of("SERVER")] == [TRACE]
        assert len(collector.of("CONSUMER")) == 2


async def test_several_processes_make_one_story(tmp_path):
    """With two accepting processes: each inbound's span comes from one of them, and its deliveries' from the parent."""
    sandbox = Sandbox()
    await sandbox.start()
    async with collecting() as collector:
        path = written(tmp_path, sandbox.url, SHOP + traces(collector), store='keep = "1h"')
        path.write_text(path.read_text().replace("[server]\n", "[server]\nworkers = 2\n"))
        async with serving(path) as gateway:
            await post_many(gateway.port, 20)
            gateway.process.terminate()
            assert await gateway.ended() == 0
            assert gateway.stderr == b""
        await sandbox.stop()
        inbounds = {(one.trace, one.id): one for one in collector.of("SERVER")}
        linked = [link for one in collector.of("CONSUMER") for link in one.links]
        instances = {one.resource["service.instance.id"] for one in collector.of("SERVER")}
        senders = {one.resource["service.instance.id"] for one in collector.of("CONSUMER")}
    assert len(inbounds) == 20
    assert sorted(linked) == sorted([*inbounds, *inbounds])
    assert len(senders) == 1
    assert not senders & instances


@pytest.mark.parametrize("trouble", ["refuses", "is not there", "is slow"])
async def test_a_collector_in_trouble_hurts_nobody(tmp_path, trouble):
    """Clicks are answered and delivered, and the gateway ends; at most a line of the log says that spans are lost."""
    sandbox = Sandbox()
    await sandbox.start()
    async with collecting() as collector:
        collector.status, collector.hangs = 500, trouble == "is slow"
        if trouble == "is not there":
            collector.url = "http://127.0.0.1:1/v1/traces"
        path = written(tmp_path, sandbox.url, SHOP + traces(collector))
        async with serving(path) as gateway:
            await post_many(gateway.port, 30)
            assert len(await sandbox.received.wait(60)) == 60
            gateway.process.terminate()
            assert await gateway.ended() == 0
            assert gateway.stderr == b""
            told = [line for line in gateway.lines if line["event"] == "library"]
            assert len(told) <= 1
            assert not [line for line in gateway.lines if "exception" in line]
    await sandbox.stop()


async def post_many(port, count):
    """So many clicks, each over a connection of its own, so that every process gets some."""
    head = f"POST {DY_PATH} HTTP/1.1\r\nHost: gateway\r\nDY-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
    body = msgspec.json.encode(CLICK)
    request = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body

    async def post():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 204"), answer
        writer.close()

    await asyncio.gather(*[post() for _ in range(count)])


# Without traces


def test_without_the_table_nothing_of_it_is_imported(tmp_path):
    """A gateway that makes no traces runs on the plain parts, and the library is never imported."""
    assert parts(None) is PLAIN
    path = written(tmp_path, "http://127.0.0.1:1")
    alone = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom gateway.config import load\n"
        "from gateway.service import Service\nfrom mappings import MAPPINGS\nimport gateway.member\n"
        "async def main():\n"
        "    service = Service(load(Path(sys.argv[1]), MAPPINGS, {}), MAPPINGS)\n"
        "    await service.start()\n    await service.drain()\n"
        "asyncio.run(main())\nprint([one for one in sys.modules if one.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", alone, path], cwd=ROOT, capture_output=True, check=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"


async def test_traces_without_the_library_stop_the_start_in_a_sentence(tmp_path):
    """Where the optional extra is not installed, the start ends with 1 and says what to install."""
    path = written(tmp_path, "http://127.0.0.1:1", SHOP + '[traces]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n')
    (tmp_path / "hidden" / "opentelemetry").mkdir(parents=True)
    (tmp_path / "hidden" / "opentelemetry" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'opentelemetry'\", name='opentelemetry')\n"
    )
    code, _, errors = await run("serve", "-c", str(path), PYTHONPATH=f"{tmp_path / 'hidden'}:{ROOT}")
    assert code == 1
    assert errors == (
        "the gateway cannot start: [traces] needs OpenTelemetry, which is not installed: "
        "pip install 'interaction-gateway[otel]'\n"
    )


async def test_a_change_of_traces_waits_for_a_restart(tmp_path):
    """A reload says that the table needs a restart, and goes on as it was."""
    path = written(tmp_path, "http://127.0.0.1:1")
    async with serving(path) as gateway:
        path.write_text(path.read_text() + '[traces]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n')
        gateway.process.send_signal(signal.SIGHUP)
        line = await gateway.line("needs a restart")
        assert line["tables"] == ["traces"]
        gateway.process.terminate()
        assert await gateway.ended() == 0


class OldRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record as it was kept before there were traces."""

    received_at: int
    request_id: str
    client: str | None
    route: str
    vendor: str
    endpoint: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes
    client_ip: str | None = None
    to: tuple[str, ...] | None = None
    indices: tuple[int, ...] | None = None
    replayed: bool = False
    done: tuple[int, ...] = ()


async def test_a_store_from_before_there_were_traces_is_read(tmp_path):
    """A record without the field, in a store's file, is leased as it was kept, with no trace."""
    old = OldRecord(1, "r-1", "shop", "shop", "vaix", "events", {}, {}, b"{}", done=(1,))
    store = EmbeddedStore(SqliteLog(tmp_path, None, 0.0))
    await store.open([Lane("shop/vaix", "shop")])
    await store.append(old)
    await store.close()
    store = EmbeddedStore(SqliteLog(tmp_path, None, 0.0))
    await store.open([Lane("shop/vaix", "shop")])
    (entry,) = await store.lease("shop/vaix", 10)
    await store.close()
    assert entry.record == Record(*msgspec.structs.astuple(old))
    assert entry.record.trace == ""


@pytest.mark.parametrize(
    "text",
    [
        'headers = { authorization = "Bearer k-secret", name = "k-secret", env = "k-secret", of = { env = "SHOWN" } }',
        '[traces.headers]\nname = "k-secret"\nfile = "k-secret"\nof = { env = "SHOWN" }',
        '# headers = { name = "k-secret" }\nshare = 1.0 # SHOWN',
        'share = \n# SHOWN\n[traces.headers]\nname = "k-secret"',
        'share = \n# SHOWN\nheaders.name = "k-secret"',
    ],
)
def test_the_headers_for_the_collector_are_never_shown(text):
    """The console shows the configuration without them, whatever they are called, also where the file has mistakes."""
    shown = masked_text(f"[traces]\n{text}\n", MAPPINGS)
    assert "secret" not in shown
    assert "SHOWN" in shown


def test_a_table_with_its_defaults(tmp_path):
    """An endpoint is enough: everything is traced, and no vendor is told."""
    path = written(tmp_path, "http://127.0.0.1:1", SHOP + '[traces]\nendpoint = "https://otel.example/v1/traces"\n')
    found = load(path, MAPPINGS, {}).traces
    assert found == Traces("https://otel.example/v1/traces", 1.0, "interaction-gateway", {}, ())
    assert load(written(tmp_path, "http://127.0.0.1:1"), MAPPINGS, {}).traces is None
