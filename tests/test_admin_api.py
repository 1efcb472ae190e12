"""The admin API as programs see it: described by the table that serves it, held to that description, never a secret."""

import io
import json
import re
import stat

import jsonschema
import pytest
from admin_calls import watching
from gateway_calls import VENDORS
from openapi_spec_validator import validate
from operating_calls import DY_PATH, SECRETS, operated

from gateway.admin import problem, shown
from gateway.admin.api import Api
from gateway.admin.readings import Growth
from gateway.sandbox.faults import Rule

TOKEN = 'token = "admin-token"'
OPERATIONS = [(one.method, one.path) for one in Api(None, Growth()).operations]
WRITES = [(method, path) for method, path in OPERATIONS if method != "GET"]
HOSTILE = "<script>alert(1)</script>\u202e\u0000\u001b[31m'\""
HOSTILE_VALUES = (
    None,
    7,
    -1,
    1e300,
    1 << 70,
    True,
    "",
    HOSTILE,
    "x" * 100_000,
    [HOSTILE],
    {HOSTILE: HOSTILE},
    [[[[]]]],
)


@pytest.fixture
async def gateway(tmp_path):
    async with operated(tmp_path, store='keep = "1h"') as gateway:
        yield gateway


def filled(path, value="1"):
    return re.sub(r"\{\w+\}", value, path)


class Description:
    """`/openapi.json`, and answers held to it."""

    def __init__(self, document):
        self.document = document

    def holds(self, method, path, answer, status=200):
        """Raise where an answer is not what the description says."""
        told = self.document["paths"][path][method.lower()]["responses"]
        (kind,) = (told.get(str(status)) or told["default"])["content"].items()
        schema = kind[1]["schema"] | {"components": self.document["components"]}
        jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)


@pytest.fixture
async def described(gateway):
    return Description(await gateway.ask("GET", "/openapi.json"))


async def test_the_description_is_valid_and_names_every_operation(described):
    """OpenAPI 3.1 by its own validator; each operation of the table with its parameters, body and answers."""
    validate(described.document)
    found = {(method.upper(), path) for path, item in described.document["paths"].items() for method in item}
    assert found == set(OPERATIONS)
    ids = [one["operationId"] for item in described.document["paths"].values() for one in item.values()]
    assert len(set(ids)) == len(ids)
    told = described.document["paths"]["/api/deadletters"]["get"]
    assert {one["name"] for one in told["parameters"]} == {"target", "reason", "before", "after", "limit", "full"}
    assert "requestBody" in described.document["paths"]["/api/translate"]["post"]
    for item in described.document["paths"].values():
        for one in item.values():
            assert one["summary"]
            assert problem.TYPE in one["responses"]["default"]["content"]


async def busy(gateway):
    """Traffic of all kinds: delivered, refused by its vendor, rejected, unreadable to a target."""
    gateway.sandbox.faults.set(Rule("vaix", "422", count=1))
    await gateway.click("u-1", "r-1")
    await gateway.click("u-2", "r-2")
    await gateway.click(engagements=7, request_id="r-3")
    await gateway.dead()
    await gateway.settled()


async def test_every_answer_is_what_the_description_says(gateway, described, tmp_path):
    """Each operation, with traffic behind it, answers exactly what is described: no member more, none less."""
    async with watching(gateway.session, gateway.admin_url) as tail:
        await busy(gateway)
        for _ in range(7):
            await tail.next("inbound", "delivery")
        (letter,) = await gateway.dead()
        asked = {"source": "dynamic_yield", "target": "vaix", "body": {}}
        calls = {
            "/api/tail/{request_id}": ("/api/tail/r-1", None),
            "/api/deadletters/{id}": (f"/api/deadletters/{letter['id']}", None),
            "/api/deadletters": ("/api/deadletters?full=true", {"ids": [letter["id"]], "dry_run": True}),
            "/api/deadletters/replay": (None, {"all": True}),
            "/api/deliveries": ("/api/deliveries?user=u-1", None),
            "/api/targets/{name}/pause": ("/api/targets/shop/vaix/pause", {}),
            "/api/targets/{name}/resume": ("/api/targets/shop/vaix/resume", {}),
            "/api/targets/{name}/skip": ("/api/targets/shop/vaix/skip", {}),
            "/api/translate": (None, asked | {"body": (await example(gateway, "dynamic_yield"))["body"]}),
            "/api/send": (None, {"route": "shop", "body": {}}),
            "/api/store/backup": (None, {"path": str(tmp_path / "copy.db")}),
        }
        once = sorted(OPERATIONS, key=lambda one: one[1].endswith("replay"))
        for method, path in once:
            if path in ("/metrics", "/api/events", "/api/login", "/api/logout"):
                continue
            at, body = calls.get(path, (path, {}))
            described.holds(method, path, await gateway.ask(method, at or path, body))
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


async def test_kept_and_samples_too_are_as_described(gateway, described):
    """What the store keeps of a request, and kinds of refusal with their samples."""
    await busy(gateway)
    described.holds("GET", "/api/tail/{request_id}", await gateway.ask("GET", "/api/tail/r-1"))
    described.holds("GET", "/api/deliveries", await gateway.ask("GET", "/api/deliveries?request_id=r-1"))
    described.holds("GET", "/api/deadletters/groups", await gateway.ask("GET", "/api/deadletters/groups"))


async def example(gateway, vendor):
    found = (await gateway.ask("GET", "/api/examples"))["examples"]
    return next(one for one in found if one["vendor"] == vendor)


# Refusals


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_a_wrong_method_is_a_problem(gateway, described, method, path):
    """405 with the methods that are allowed, as problem details; TRACE and the like, too."""
    allowed = {one for one, other in OPERATIONS if other == path}
    for wrong in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
        if wrong not in allowed:
            async with gateway.session.request(wrong, gateway.admin_url + filled(path)) as answer:
                assert answer.status == 405
                assert set(answer.headers["Allow"].split(", ")) == allowed
                assert answer.headers["Content-Type"] == problem.TYPE
                described.holds(method, path, await answer.json(content_type=None), 405)


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_hostile_bodies_are_refused_in_words(gateway, described, method, path):
    """Wrong members, wrong kinds, huge and hostile values: an answer below 500, a problem where it is a refusal."""
    names = ["ids", "target", "reason", "before", "all", "limit", "dry_run", "source", "body", "path", "query"]
    names += ["headers", "received_at", "mode", "route", "token", "no such member"]
    for name in names:
        for value in HOSTILE_VALUES:
            if name == "path" and path == "/api/store/backup":
                continue
            async with gateway.session.request(
                method,
                gateway.admin_url + filled(path),
                data=json.dumps({"source": "vaix", "target": "vaix", "route": "shop", "token": "t"} | {name: value}),
                headers={"Content-Type": "application/json"},
            ) as answer:
                assert answer.status < 500, (name, value, await answer.text())
                if answer.status >= 400:
                    assert answer.headers["Content-Type"] == problem.TYPE
                    described.holds(method, path, await answer.json(content_type=None), answer.status)


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
async def test_hostile_queries_and_ids_are_refused_in_words(gateway, path):
    """Likewise for what stands in a query or a path: numbers beyond all bounds, control characters, 10 KB."""
    values = (
        "",
        "-1",
        "0",
        "1e999",
        "nan",
        str(1 << 70),
        HOSTILE,
        "x" * 5_000,
        "%00",
        "\U0001f600",
    )
    for name in ("target", "reason", "before", "after", "limit", "full", "user", "request_id", "tail", "strange"):
        for value in values:
            async with gateway.session.get(gateway.admin_url + filled(path), params={name: value}) as answer:
                full = path == "/api/events" and answer.status == 503
                assert answer.status < 500 or full, (name, value, await answer.text())
                assert answer.status == 200 or answer.headers["Content-Type"] == problem.TYPE
    for value in (
        ("0", str(1 << 80), "a%2Fb", "%00", "..%2F..%2Fetc", "x" * 5_000, "%E2%80%AE", "%ff") if "{" in path else ()
    ):
        async with gateway.session.get(gateway.admin_url + filled(path, value)) as answer:
            assert answer.status < 500


async def test_a_head_is_answered_as_a_get_without_its_body(gateway):
    """As balancers ask for health; a stream, which has no end, is refused."""
    for path in ("/healthz", "/readyz", "/metrics", "/api/status", "/"):
        async with gateway.session.head(gateway.admin_url + path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
    for path, status in (("/api/events", 405), ("/nothing", 404), ("/api/login", 405)):
        async with gateway.session.head(gateway.admin_url + path) as answer:
            assert answer.status == status


async def test_a_body_that_is_too_large_is_a_problem(gateway):
    """Beyond a megabyte nothing is read."""
    url, shown = gateway.admin_url + "/api/translate", {"Content-Type": "application/json"}
    async with gateway.session.post(url, data=io.BytesIO(b" " * (2 << 20)), headers=shown) as answer:
        assert answer.status == 413
        assert answer.headers["Content-Type"] == problem.TYPE


async def test_a_malformed_body_to_translate_names_every_mistake(gateway):
    """422 with each mistake at its place, as the vendor's clients would see them."""
    asked = {"source": "dynamic_yield", "target": "vaix", "body": {"user": 1, "session": {}, "engagements": [{}]}}
    answer = await gateway.ask("POST", "/api/translate", asked, expect=422)
    assert {one["path"] for one in answer["errors"]} >= {"user", "engagements[0].type"}
    assert (answer["type"], answer["title"], answer["status"]) == ("about:blank", "Unprocessable Entity", 422)


async def test_what_fails_inside_is_a_problem_without_a_traceback(gateway, monkeypatch):
    """A mistake of the gateway's own: 500, and not a word of how it came about."""

    async def broken(_):
        raise RuntimeError("secret details")

    monkeypatch.setattr(gateway.service.store, "dead_groups", broken)
    answer = await gateway.ask("GET", "/api/deadletters/groups", expect=500)
    assert answer["detail"] == "the gateway failed"
    monkeypatch.undo()


# Nothing that must not be told


async def test_no_answer_holds_a_secret(tmp_path):
    """With a token, keys that a vendor echoes and secrets in the file: every answer of every operation is searched."""
    async with operated(tmp_path, admin=TOKEN, store='keep = "1h"') as gateway:
        shown = {"Authorization": "Bearer admin-token"}
        async with gateway.session.get(gateway.admin_url + "/api/events", headers=shown) as events:
            gateway.sandbox.faults.set(Rule("vaix", "422", count=1))
            await gateway.click("shop-key", "r-1", strange={"shop-key": "sandbox-vaix-token"})
            while b"event: delivery" not in (text := await events.content.readany()):
                assert not [one for one in SECRETS if one.encode() in text]
            assert not [one for one in SECRETS if one.encode() in text]
            for method, path in OPERATIONS:
                if path in ("/api/events", "/api/store/backup", "/api/deadletters"):
                    continue
                at = path.replace("{request_id}", "r-1").replace("{id}", "1").replace("{name}", "shop/vaix")
                async with gateway.session.request(
                    method, gateway.admin_url + at, headers=shown, json=None if method == "GET" else {"token": "x"}
                ) as answer:
                    text = await answer.text() + str(answer.headers)
                    assert not [one for one in SECRETS if one in text], (path, text)


def test_what_a_vendor_nests_too_deeply_is_shown_as_text():
    """An answer of many levels is shown as the text that it is; one of few as its document."""
    assert shown.document(b"[" * 90 + b"]" * 90) != "[" * 90 + "]" * 90
    for depth in (110, 900, 100_000):
        assert shown.document(b"[" * depth + b"]" * depth) == "[" * depth + "]" * depth


# What is told


async def test_dead_letters_are_grouped_by_what_they_died_of(tmp_path):
    """By target, reason and names, with their number and the first and last time."""
    body = (
        '[[routes]]\nname = "shop"\naccepts = "dynamic_yield"\nclients = ["shop"]\n'
        '[[routes.targets]]\nupstream = "vaix"\n[[routes.targets]]\nupstream = "auxia"\n'
    )
    async with operated(tmp_path, body) as gateway:
        gateway.sandbox.faults.set(Rule("vaix", "422", count=2))
        await gateway.click("u-1")
        await gateway.click("u-2")
        await gateway.click(user={"dyid": "d-1"})
        await gateway.dead(3)
        await gateway.settled()
        groups = (await gateway.ask("GET", "/api/deadletters/groups"))["groups"]
    told = {(one["target"], one["reason"], *one["fields"]): one["count"] for one in groups}
    assert told.pop(("shop/vaix", "refused")) == 2
    assert told[("shop/auxia", "missing", "user.id")] == 1
    assert all(one["oldest"] <= one["newest"] for one in groups)


async def test_the_status_counts_what_passed(gateway):
    """Routes, funnels and upstreams: sums since the start, from what the metrics count."""
    await busy(gateway)
    found = await gateway.ask("GET", "/api/status")
    (route,) = found["routes"]
    assert (route["received"], route["rejected"], found["interactions"], found["unrouted"]) == (3, 1, 2, 0)
    vaix = next(one for one in found["targets"] if one["name"] == "shop/vaix")
    assert vaix["funnel"] == {
        "received": 2,
        "filtered": 0,
        "dropped": 0,
        "refused": 0,
        "translated": 2,
        "losses": vaix["funnel"]["losses"],
        "delivered": 1,
        "retried": 0,
        "dead": 1,
        "shed": 0,
        "lost": 0,
    }
    assert (vaix["state"], vaix["primary"], vaix["share"], vaix["when"]) == ("running", False, None, None)
    upstream = next(one for one in found["upstreams"] if one["name"] == "vaix")
    assert upstream["responses"] == {"204": 1, "422": 1}
    assert (upstream["in_flight"], upstream["paused_seconds"]) == (0, 0)
    assert found["started_at"] < found["now"]


async def test_the_funnel_tells_what_filters_and_shares_keep_back(tmp_path):
    """A target's own conditions are shown, and what they kept back is counted."""
    body = (
        '[[routes]]\nname = "shop"\naccepts = "dynamic_yield"\nclients = ["shop"]\n'
        '[[routes.targets]]\nupstream = "vaix"\nwhen = { action = "dismiss" }\nshare = { from = 0.25, to = 1.0 }\n'
    )
    async with operated(tmp_path, body) as gateway:
        await gateway.click()
        await gateway.settled()
        found = await gateway.status_of("shop/vaix")
    assert (found["when"], found["share"]) == ({"action": ["dismiss"]}, {"from": 0.25, "to": 1.0})
    assert (found["funnel"]["received"], found["funnel"]["filtered"], found["funnel"]["translated"]) == (1, 1, 0)


async def test_every_vendors_endpoints_have_an_example_that_translates(gateway):
    """Each endpoint of each vendor: a real body, or query, that its own mapping reads and `translate` takes."""
    found = (await gateway.ask("GET", "/api/examples"))["examples"]
    vendors = (await gateway.ask("GET", "/api/vendors"))["vendors"]
    endpoints = {(vendor["name"], one["name"]) for vendor in vendors for one in vendor["endpoints"]}
    assert {(one["vendor"], one["endpoint"]) for one in found} == endpoints
    assert {one["name"] for one in vendors} == set(VENDORS)
    for one in found:
        asked = {"source": one["vendor"], "target": one["vendor"], "path": one["path"], "body": one["body"]}
        told = await gateway.ask("POST", "/api/translate", asked | {"query": one["query"] or {}})
        assert told["canonical"]
        assert one["title"].startswith(f"{one['vendor']} {one['endpoint']}: ")


async def test_what_may_be_a_target_is_listed(gateway):
    """Targets, upstreams and vendors: `translate` takes each of them."""
    targets = (await gateway.ask("GET", "/api/vendors"))["targets"]
    assert targets[:2] == ["shop/dynamic_yield", "shop/vaix"]
    body = (await example(gateway, "dynamic_yield"))["body"]
    for target in targets:
        await gateway.ask("POST", "/api/translate", {"source": "dynamic_yield", "target": target, "body": body})


async def test_the_matrix_is_that_of_the_command(gateway):
    """Every pair of vendors, with what is carried, kept and lost."""
    from operating_calls import command

    assert await gateway.ask("GET", "/api/matrix") == json.loads(await command("matrix", "--format", "json"))


async def test_a_test_case_can_be_made_of_a_translation(gateway):
    """The canonical form by the names of losses, times as text, empty fields left out."""
    told = await gateway.ask(
        "POST",
        "/api/translate",
        {
            "source": "dynamic_yield",
            "target": "vaix",
            "path": DY_PATH,
            "mode": "store",
            "received_at": "2026-11-21T10:00:00Z",
            "body": (await example(gateway, "dynamic_yield"))["body"],
        },
    )
    (interaction,) = told["canonical"]
    assert interaction["user.id"] == "u-1001"
    assert interaction["occurred_at"] == "2026-11-21T10:00:00.000Z"
    assert set(told["losses"]) <= set(interaction)
