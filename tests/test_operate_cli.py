"""The commands that operate a gateway: against one that runs, and against the store of one that does not."""

import msgspec
import pytest
from gateway_calls import VENDORS
from operating_calls import MAPPINGS, SHOP, command, operated, store_routes, written
from processes import free_port

from gateway.cli import _COMMANDS
from gateway.config import load
from gateway.contract import Inbound
from gateway.delivery.probe import UNREADABLE, probe
from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule
from gateway.service import Service
from gateway.translate import Target, decode, translate

OAUTH = (
    'oauth = { client_id = "sandbox-client", client_secret = "sandbox-secret",'
    ' token_url = "{url}/oauth/token", audience = "api.vaix.ai" }'
)
LOGIN = {"name": "Login", "properties": {"dyType": "login-v1"}}
CLICK = {"user": {"id": "u-1"}, "session": {}, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}


@pytest.fixture
async def sandbox():
    sandbox = Sandbox()
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


async def ran(gateway, *arguments, expect=0, given=None):
    """What a command prints for a running gateway, whose configuration names the port that it listens on."""
    text = gateway.path.read_text()
    path = gateway.path.with_name("operator.toml")
    path.write_text(text.replace("[admin]\nport = 0", f"[admin]\nport = {gateway.admin_port}"))
    return await command(*arguments, "-c", path, expect=expect, given=given)


async def buried(gateway, count):
    """Dead letters: the vendor refuses so many clicks."""
    gateway.sandbox.faults.set(Rule("vaix", "422", count=count))
    for number in range(count):
        await gateway.click(f"u-{number}", f"r-{number}")
    return await gateway.dead(count)


async def stopped(folder, clicks, **more):
    """A configuration whose store holds what a gateway left: so many dead letters and as many that wait."""
    async with operated(folder, **more) as gateway:
        await buried(gateway, clicks)
        await gateway.settled()
        await gateway.ask("POST", "/api/targets/shop/vaix/pause")
        for number in range(clicks):
            await gateway.click(f"w-{number}", f"w-{number}")
        path = gateway.path
    path.write_text(path.read_text().replace("[admin]\nport = 0", f"[admin]\nport = {free_port()}"))
    return path


@pytest.mark.parametrize("name", _COMMANDS)
async def test_every_command_explains_itself(name):
    """Each name that the command line lists has a command with help."""
    assert "--help" in await command(name, "--help")


# A running gateway


async def test_dead_letters_of_a_running_gateway(tmp_path):
    """List, filter, show, dry-run, replay, export and discard, by the admin port."""
    async with operated(tmp_path) as gateway:
        letters = await buried(gateway, 4)
        listed = await ran(gateway, "deadletters", "list")
        assert "4 dead letters" in listed
        assert listed.count("shop/vaix  refused") == 4
        assert "0 dead letters" in await ran(gateway, "deadletters", "list", "--older-than", "1h")
        assert "4 dead letters; 1 shown" in await ran(gateway, "deadletters", "list", "--limit", "1")
        whole = msgspec.json.decode(await ran(gateway, "deadletters", "list", "--json", "--target", "shop/vaix"))
        assert (whole["total"], [one["id"] for one in whole["deadletters"]]) == (4, [one["id"] for one in letters])
        shown = await ran(gateway, "deadletters", "show", letters[0]["id"])
        for word in ("dead letter", "refused 422", '"user_id": "u-0"', "today:", "Bearer ***"):
            assert word in shown
        exported = (await ran(gateway, "deadletters", "export")).splitlines()
        assert [msgspec.json.decode(line)["inbound"]["body"]["user"]["id"] for line in exported] == [
            f"u-{number}" for number in range(4)
        ]
        assert "4 dead letters are meant" in await ran(gateway, "deadletters", "replay", "--all", "--dry-run")
        gateway.sandbox.received.clear()
        replayed = await ran(gateway, "deadletters", "replay", letters[0]["id"], letters[1]["id"])
        assert "2 dead letters are sent again" in replayed
        assert {one.body["user_id"] for one in await gateway.sandbox.received.wait(2)} == {"u-0", "u-1"}
        assert "1 dead letters are forgotten" in await ran(gateway, "deadletters", "discard", letters[2]["id"], "--yes")
        asked = await ran(gateway, "deadletters", "discard", "--all", expect=1, given="n\n")
        assert "Forget 1 dead letters" in asked
        assert "1 dead letters are forgotten" in await ran(gateway, "deadletters", "discard", "--all", given="y\n")


async def test_a_replay_in_steps_takes_all_and_none_twice(tmp_path):
    """A slow rate only makes smaller steps; letters that die again meanwhile are not replayed over and over."""
    async with operated(tmp_path) as gateway:
        await buried(gateway, 3)
        gateway.sandbox.faults.set(Rule("vaix", "422"))
        replayed = await ran(gateway, "deadletters", "replay", "--target", "shop/vaix", "--rate", "20/s")
        assert "3 dead letters are sent again" in replayed
        await gateway.settled()
        assert len(await gateway.dead(3)) == 3


async def test_to_move_dead_letters_one_says_which(tmp_path):
    """Neither replay nor discard takes an empty request for all of them; a rate or an age is checked."""
    path = written(tmp_path, "http://127.0.0.1:1")
    for verb in ("replay", "discard"):
        assert "say which" in await command("deadletters", verb, "-c", path, expect=2)
    assert "a rate such as" in await command("deadletters", "replay", "--all", "--rate", "fast", "-c", path, expect=2)
    assert "a duration above zero" in await command("deadletters", "list", "--older-than", "1", "-c", path, expect=2)


async def test_a_target_of_a_running_gateway(tmp_path):
    """Pause, skip and resume; a mistyped name ends with 1 and the nearest one."""
    async with operated(tmp_path) as gateway:
        assert "paused" in await ran(gateway, "target", "pause", "shop/vaix")
        await gateway.click()
        assert (await gateway.status_of("shop/vaix"))["pending"] == 1
        assert "1 inbounds" in await ran(gateway, "target", "skip", "shop/vaix", given="y\n")
        assert "delivers again" in await ran(gateway, "target", "resume", "shop/vaix")
        assert not (await gateway.status_of("shop/vaix"))["paused"]
        assert 'did you mean "shop/vaix"' in await ran(gateway, "target", "pause", "shop/vaiks", expect=1)


async def test_where_a_click_went(tmp_path):
    """By person or by request: each target with its attempts; honest where nothing is kept."""
    async with operated(tmp_path, store='keep = "1h"') as gateway:
        await buried(gateway, 1)
        await gateway.settled()
        told = await ran(gateway, "deliveries", "--user", "u-0")
        assert "shop/dynamic_yield: delivered" in told
        assert "accepted 204" in told
        assert "shop/vaix: dead letter" in told
        assert msgspec.json.decode(await ran(gateway, "deliveries", "--request-id", "r-0", "--json"))["complete"]
        assert "nothing is kept" in await ran(gateway, "deliveries", "--request-id", "r-9")
        await ran(gateway, "deliveries", expect=2)
    folder = tmp_path / "forgetful"
    folder.mkdir()
    async with operated(folder) as gateway:
        assert '[store] keep is "0s"' in await ran(gateway, "deliveries", "--user", "u-0")


@pytest.mark.parametrize("vendor", ["dynamic_yield", "auxia"])
async def test_a_test_click_is_followed_to_its_targets(tmp_path, vendor):
    """`send` shows the answer and what each target made of it, even though nothing is kept."""
    bodies = {
        "dynamic_yield": CLICK,
        "auxia": {
            "projectId": "1250",
            "userId": "u-1",
            "events": [{"eventName": "login", "eventProperties": {"value": {"longValue": "3"}}}],
        },
    }
    async with operated(tmp_path, store_routes()) as gateway:
        file = tmp_path / "click.json"
        file.write_bytes(msgspec.json.encode(bodies[vendor]))
        told = await ran(gateway, "send", vendor, file, "--route", vendor)
        assert "answered 20" in told
        assert told.count(": delivered at") == 2
        assert told.count("accepted 20") == 2


async def test_a_test_click_that_dies_ends_with_1(tmp_path):
    """A refusal at one target, or by the gateway itself, is an exit code that scripts can use."""
    async with operated(tmp_path) as gateway:
        gateway.sandbox.faults.set(Rule("vaix", "422"))
        given = msgspec.json.encode(CLICK).decode()
        told = await ran(gateway, "send", "dynamic_yield", "--route", "shop", "--json", given=given, expect=1)
        assert msgspec.json.decode(told)["targets"]["shop/vaix"]["reason"] == "refused"
        told = await ran(gateway, "send", "dynamic_yield", "--route", "shop", given="{}", expect=1)
        assert "answered 422" in told
        assert "forward mode" not in told
        assert "no JSON" in await ran(gateway, "send", "dynamic_yield", "--route", "shop", given="{", expect=2)
        assert "no route" in await ran(gateway, "send", "dynamic_yield", "--route", "x", given=given, expect=1)


async def test_an_export_of_nothing_is_an_empty_file(tmp_path):
    """A script finds the file that it asked for; it is not touched where nothing could be asked."""
    path = tmp_path / "dead.jsonl"
    async with operated(tmp_path) as gateway:
        await ran(gateway, "deadletters", "export", "-o", path)
        assert path.read_bytes() == b""
        path.write_text("an older one")
        gateway.path.write_text(gateway.path.read_text().replace("[store]", "[store]\nmax_age = 0"))
        await ran(gateway, "deadletters", "export", "-o", path, expect=1)
        assert path.read_text() == "an older one"


async def test_a_test_click_tells_of_a_target_that_waits(tmp_path):
    """A target that is down is shown as waiting, with its attempts, once the time is up; that is no failure."""
    async with operated(tmp_path) as gateway:
        await gateway.ask("POST", "/api/targets/shop/vaix/pause")
        given = msgspec.json.encode(CLICK).decode()
        told = await ran(gateway, "send", "dynamic_yield", "--route", "shop", "--wait", "0.5", given=given)
        assert "shop/vaix: waiting" in told


async def test_the_token_is_shown_to_the_admin_port(tmp_path):
    """Commands take the token from the configuration; without it they are refused in words that fit."""
    async with operated(tmp_path, admin='token = "admin-token"') as gateway:
        assert "0 dead letters" in await ran(gateway, "deadletters", "list")
        gateway.path.write_text(gateway.path.read_text().replace('token = "admin-token"\n', ""))
        assert "token" in await ran(gateway, "deadletters", "list", expect=1)
        text = gateway.path.read_text()
        gateway.path.write_text(
            text.replace("port = 0\n[store]", 'port = 0\ntoken = { env = "NO_SUCH_VARIABLE" }\n[store]')
        )
        assert "there is none where admin.token says" in await ran(gateway, "deadletters", "list", expect=1)


async def test_operating_needs_no_vendors_keys(tmp_path):
    """Who operates a gateway need not hold its secrets: those that cannot be had here are not asked for."""
    async with operated(tmp_path) as gateway:
        text = gateway.path.read_text()
        gateway.path.write_text(text.replace('"sandbox-vaix-token"', '{ env = "NO_SUCH_VARIABLE" }'))
        assert "0 dead letters" in await ran(gateway, "deadletters", "list")


# A stopped gateway


async def test_dead_letters_of_a_stopped_gateway(tmp_path, sandbox):
    """Its store is opened, looked at and changed; a replay goes out when the gateway starts."""
    path = await stopped(tmp_path, 3)
    assert "3 dead letters" in await command("deadletters", "list", "-c", path)
    listed = msgspec.json.decode(await command("deadletters", "list", "--json", "-c", path))
    first, second, _ = [one["id"] for one in listed["deadletters"]]
    assert "today:" in await command("deadletters", "show", first, "-c", path)
    assert "waiting" in await command("deliveries", "--request-id", "w-0", "-c", path)
    assert "1 dead letters are sent again" in await command("deadletters", "replay", first, "-c", path)
    assert "1 dead letters are forgotten" in await command("deadletters", "discard", second, "--yes", "-c", path)
    assert "1 dead letters" in await command("deadletters", "list", "-c", path)
    path.write_text(written(tmp_path, sandbox.url).read_text())
    service = Service(load(path, MAPPINGS, {}), MAPPINGS)
    await service.start()
    received = await sandbox.received.wait(4)
    assert {one.body["user_id"] for one in received} == {"u-0", "w-0", "w-1", "w-2"}
    await service.drain()


async def test_a_stopped_target_is_skipped(tmp_path):
    """Skip needs no running gateway; pause and send do, and say so."""
    path = await stopped(tmp_path, 2)
    assert "2 inbounds" in await command("target", "skip", "shop/vaix", "--yes", "-c", path)
    assert "4 dead letters" in await command("deadletters", "list", "-c", path)
    for arguments in (("target", "pause", "shop/vaix"), ("send", "dynamic_yield", "--route", "shop")):
        assert "needs one that runs" in await command(*arguments, "-c", path, expect=1, given="{}")


async def test_a_backup_of_either(tmp_path):
    """The copy of a running gateway's store and of a stopped one's hold the same dead letters."""
    async with operated(tmp_path) as gateway:
        await buried(gateway, 2)
        told = await ran(gateway, "store", "backup", tmp_path / "running.db")
        assert "running.db" in told
        assert "File exists" in await ran(gateway, "store", "backup", tmp_path / "running.db", expect=1)
        path = gateway.path
    await command("store", "backup", tmp_path / "stopped.db", "-c", path)
    for name in ("running", "stopped"):
        folder = tmp_path / name
        folder.mkdir()
        (tmp_path / f"{name}.db").rename(folder / "gateway.db")
        copy = tmp_path / f"{name}.toml"
        copy.write_text(path.read_text().replace(f"{tmp_path}/data", str(folder)))
        assert "2 dead letters" in await command("deadletters", "list", "-c", copy)


async def test_a_store_that_is_in_use_or_not_there_is_said_so(tmp_path):
    """Where the admin port does not answer: the store of a gateway that runs is left alone, and none is made."""
    async with operated(tmp_path) as gateway:
        told = await command("deadletters", "list", "-c", gateway.path, expect=1)
        assert "in use" in told
        assert "no gateway answers" in told
    folder = tmp_path / "empty"
    folder.mkdir()
    path = written(folder, "http://127.0.0.1:1")
    assert "there is no store" in await command("deadletters", "list", "-c", path, expect=1)
    assert not (folder / "data").exists()


async def test_something_else_on_the_admin_port_is_said_so(tmp_path, sandbox):
    """A port that speaks otherwise is named; the store is left alone."""
    path = written(tmp_path, sandbox.url)
    port = sandbox.url.rpartition(":")[2]
    path.write_text(path.read_text().replace("[admin]\nport = 0", f"[admin]\nport = {port}"))
    told = await command("deadletters", "list", "-c", path, expect=1)
    assert "no gateway" in told
    assert not (tmp_path / "data").exists()


# check --live


async def test_live_upstreams_are_asked_without_telling_them_anything(tmp_path, sandbox):
    """Each endpoint gets its credentials and a body that nobody can read: reached, not refused, nothing taken."""
    told = await command("check", "--live", "-c", written(tmp_path, sandbox.url))
    assert told.count("  ok  ") == sum(one.method == "POST" for v in VENDORS for one in MAPPINGS[v].ENDPOINTS)
    assert "FAULT" not in told
    received = sandbox.received.entries()
    assert {one.status for one in received} == {400}
    assert {one.body for one in received} == {None}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('token = "sandbox-vaix-token"', 'token = "wrong"', "answers 401: the credentials are refused"),
        ('base_url = "{url}"\ntoken', 'base_url = "{url}/elsewhere"\ntoken', "answers 404: there is no such path"),
        ('base_url = "{url}"\ntoken', 'base_url = "http://127.0.0.1:1"\ntoken', "the upstream cannot be reached"),
        (
            'token = "sandbox-vaix-token"',
            OAUTH.replace("sandbox-secret", "wrong"),
            "no OAuth token",
        ),
    ],
)
async def test_a_live_check_finds_what_is_wrong(tmp_path, sandbox, old, new, words):
    """A wrong key, a wrong path, a wrong host, a wrong OAuth secret: each in its words, and exit status 1."""
    path = written(tmp_path, sandbox.url)
    text = path.read_text()
    changed = text.replace(old.replace("{url}", sandbox.url), new.replace("{url}", sandbox.url))
    assert changed != text
    path.write_text(changed)
    told = await command("check", "--live", "-c", path, expect=1)
    assert f"FAULT  events: {words}" in told
    assert told.count("FAULT") == 1


async def test_a_live_check_fetches_an_oauth_token(tmp_path, sandbox):
    """An OAuth account is proven as far as its token: that is fetched as for a real delivery."""
    path = written(tmp_path, sandbox.url)
    grant = OAUTH.replace("{url}", sandbox.url)
    path.write_text(path.read_text().replace('token = "sandbox-vaix-token"', grant))
    (finding,) = await probe(load(path, MAPPINGS, {}).upstreams["vaix"])
    assert finding.ok
    assert "OAuth token obtained" in finding.text


async def test_what_is_probed_is_where_clicks_go(tmp_path, sandbox):
    """The probe's URLs are those of the mappings' own requests, and its body is no JSON."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(UNREADABLE)
    mapping = MAPPINGS["dynamic_yield"].example()
    endpoint = next(one for one in mapping.ENDPOINTS if one.name == "event")
    login = {"user": {"id": "u-1"}, "session": {}, "context": {}, "events": [LOGIN]}
    inbound = Inbound("i", endpoint, {}, {}, msgspec.json.encode(login), 1_795_255_200_000_000)
    config = load(written(tmp_path, sandbox.url, SHOP), MAPPINGS, {})
    for name, upstream in config.upstreams.items():
        target = Target(name, upstream.mapping, fill=upstream.target.fill, unsupported="event")
        (request,) = translate(decode(mapping, inbound), target).requests
        await probe(upstream)
        assert request.url in {sandbox.url + one.path for one in sandbox.received.entries()}
