"""The commands: what they print, what they end with, and what they leave behind."""

import asyncio
import os
import signal
import socket
import tomllib

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from processes import COMMAND, ROOT, environment, run
from sandbox_calls import BODIES

from gateway.cli import gateway
from mappings import MAPPINGS

CLICK = {
    "user": {"id": "u-1"},
    "session": {"custom": "s-1"},
    "context": {"page": {"type": "PRODUCT", "data": ["sku-1"], "location": "https://shop.example/p/1"}},
    "engagements": [{"type": "CLICK", "decisionId": "d-1"}],
}
CONFIG = """
[upstreams.mine]
vendor = "auxia"
api_key = { env = "UNSET_AUXIA_KEY" }
project_id = "77"
fill = { placement = "HOME", variations = "5" }
"""
AT = ("--received-at", "2026-11-21T10:00:00.123456Z")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """No config.toml of the checkout, no terminal's width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def invoke(*arguments, stdin=None):
    return CliRunner().invoke(
        gateway, [str(one) for one in arguments], obj=dict(MAPPINGS), input=stdin, prog_name="gateway"
    )


def translated(*arguments, body=CLICK):
    """What `--json` prints for a body."""
    done = invoke("translate", *arguments, "--json", stdin=msgspec.json.encode(body))
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.exit_code, msgspec.json.decode(done.stdout)


def test_translate_prints_one_json_object():
    """Exactly the promised shape: requests with masked secrets, losses sorted, copied ids, refusals."""
    assert translated("gravity_field", "dynamic_yield", "-") == (
        0,
        {
            "requests": [
                {
                    "method": "POST",
                    "url": "https://dy-api.com/v2/collect/user/engagement",
                    "headers": {"content-type": "application/json", "dy-api-key": "***"},
                    "body": {
                        "user": {"id": "u-1"},
                        "session": {"custom": "s-1"},
                        "engagements": [{"type": "CLICK", "decisionId": "d-1"}],
                    },
                }
            ],
            "losses": ["page.data", "page.location", "page.type"],
            "copied": ["decision_id"],
            "refused": [],
        },
    )


def test_translate_tells_refusals_and_ends_with_1():
    """What cannot be carried is told by index, reason and canonical names; the exit code says that something was."""
    assert translated("gravity_field", "auxia", body=CLICK | {"user": {"slid": "x"}}) == (
        1,
        {
            "requests": [],
            "losses": [],
            "copied": [],
            "refused": [
                {"interaction": 0, "reason": "missing", "fields": ["placement", "user.id", "variations"]},
            ],
        },
    )


def test_translate_reads_a_file_as_it_reads_standard_input(tmp_path):
    """FILE, `-` and nothing at all are the same."""
    (tmp_path / "click.json").write_bytes(msgspec.json.encode(CLICK))
    from_file = invoke("translate", "gravity_field", "vaix", tmp_path / "click.json", "--json").stdout
    dashed = invoke("translate", "gravity_field", "vaix", "-", "--json", stdin=msgspec.json.encode(CLICK)).stdout
    bare = invoke("translate", "gravity_field", "vaix", "--json", stdin=msgspec.json.encode(CLICK)).stdout
    assert from_file == dashed == bare


def test_translate_is_the_same_every_time():
    """With `--received-at` nothing depends on the moment or the machine."""
    body = BODIES["/v2/collect/user/event"]
    asked = ("translate", "dynamic_yield", "auxia", *AT, "--json")
    assert len({invoke(*asked, stdin=msgspec.json.encode(body)).stdout_bytes for _ in range(3)}) == 1
    code, shown = translated("dynamic_yield", "auxia", *AT, body=body)
    (event,) = shown["requests"][0]["body"]["events"]
    assert (code, event["clientEventTimestamp"]) == (0, "2026-11-21T10:00:00.123456Z")


def test_translate_in_store_mode_stamps_the_time():
    """`--mode store` shows what is sent later: `occurred_at` is when the inbound came."""
    forward = translated("dynamic_yield", "gravity_field_sdk", *AT, body=BODIES["/v2/collect/user/event"])[1]
    stored = translated(
        "dynamic_yield", "gravity_field_sdk", *AT, "--mode", "store", body=BODIES["/v2/collect/user/event"]
    )[1]
    assert "eventTime" not in forward["requests"][0]["body"]["data"][0]
    assert stored["requests"][0]["body"]["data"][0]["eventTime"] == "2026-11-21T10:00:00.123Z"


@pytest.mark.parametrize("path", ["/v2/collect/user/engagement", "/v2/collect/user/event", "/v2/collect/user/pageview"])
def test_translate_finds_the_endpoint_that_fits(path):
    """Without `--path` the first endpoint that takes the body; with it, that one."""
    (guessed, chosen) = (
        translated("dynamic_yield", "dynamic_yield", *more, body=BODIES[path]) for more in ((), ("--path", path))
    )
    assert guessed == chosen
    assert guessed[1]["requests"][0]["url"].endswith(path)


def test_translate_holds_a_body_to_its_path():
    """A body that does not fit the endpoint asked for is refused, every fault by its path."""
    done = invoke(
        *("translate", "dynamic_yield", "vaix", "--path", "/v2/collect/user/event"),
        stdin=msgspec.json.encode(BODIES["/v2/collect/user/engagement"]),
    )
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: events: is required" in done.stderr
    assert "error: context: is required" in done.stderr


def test_translate_reads_a_get_from_its_path():
    """The SDK's engagement is a query: no body is read, none is sent."""
    done = invoke(
        *("translate", "gravity_field_sdk", "gravity_field_sdk", "--json"),
        *("--path", "/v2/engagement?type=WCLICK&decisionId=d%201"),
    )
    (request,) = msgspec.json.decode(done.stdout)["requests"]
    assert (done.exit_code, request["method"], request["body"]) == (0, "GET", None)
    assert request["url"] == "https://evs-01.gravityfield.ai/v2/engagement?type=WCLICK&decisionId=d%201"


def test_translate_takes_the_callers_headers():
    """A header fills what the body does not say, as it would in a request; others are ignored."""
    _, shown = translated(
        *("vaix", "vaix", "--header", "user-agent: Shop/7", "--header", "X-Else: 1", "--header", "Origin: https://o"),
        body=BODIES["/api/tracker/events"],
    )
    headers = shown["requests"][0]["headers"]
    assert (headers["user-agent"], headers["origin"]) == ("Shop/7", "https://o")
    assert "x-else" not in headers


def test_translate_aims_at_an_upstream_of_the_configuration(tmp_path):
    """A file of nothing but an upstream serves; its secrets need not be there; its fills and tenant are used."""
    (tmp_path / "config.toml").write_text(CONFIG)
    for more in ((), ("-c", tmp_path / "config.toml")):
        code, shown = translated("gravity_field", "mine", *AT, *more)
        (request,) = shown["requests"]
        assert (code, request["headers"]["x-api-key"], request["body"]["projectId"]) == (0, "***", "77")
        assert (request["body"]["surface"], request["body"]["treatmentId"]) == ("HOME", "5")


def test_translate_for_people():
    """Without `--json`: each request, what is lost, what is copied."""
    done = invoke("translate", "gravity_field", "dynamic_yield", stdin=msgspec.json.encode(CLICK))
    assert done.exit_code == 0
    assert "POST https://dy-api.com/v2/collect/user/engagement" in done.stdout
    assert "lost: page.data, page.location, page.type" in done.stdout
    assert "decision_id" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gravity_fiedl", "vaix"), "gravity_field"),
        (("gravity_field", "viax"), "vaix"),
        (("gravity_field", "vaix", "nowhere.json"), "nowhere.json"),
        (("gravity_field", "vaix", "--path", "/nowhere"), "/ssapi/engagement"),
        (("gravity_field", "vaix", "--header", "no colon"), "Name: value"),
        (("gravity_field", "vaix", "--received-at", "yesterday"), "ISO 8601"),
        (("gravity_field", "vaix", "--mode", "later"), "forward"),
        (("gravity_field",), "TARGET"),
    ],
)
def test_a_mistake_on_the_command_line_ends_with_2(arguments, says):
    """What was written wrong is said with what could have been meant."""
    done = invoke("translate", *arguments, stdin=b"{}")
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize(
    ("body", "says"), [(b"", "JSON"), (b"\xff\xfe", "JSON"), (b"[" * 9999, "deep"), (b"[]", "object")]
)
def test_translate_refuses_what_a_gateway_would(body, says):
    """A body that no endpoint takes ends with 1 and its faults, not with a traceback."""
    done = invoke("translate", "gravity_field", "vaix", stdin=body)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert says in done.stderr


def test_check_says_what_each_route_does():
    """The shipped configuration is sound: its routes, their paths, and what each target keeps, loses and refuses."""
    done = invoke("check", "-c", ROOT / "config.toml")
    assert done.exit_code == 0, done.stderr
    for text in (
        "POST /v2/collect/user/engagement",
        "shop/gf",
        "keeps",
        "loses",
        "refuses",
        "keeps everything as it came",
    ):
        assert text in done.stdout


SHARED = """
[upstreams.dy]
vendor = "dynamic_yield"
api_key = "k"
[upstreams.vaix]
vendor = "vaix"
token = "k"
client_id = "c"
[clients.shop]
key = "shop-key"
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
targets = [{ upstream = "dy" }, { upstream = "vaix", %s }]
"""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("share = 0.001", ["only for the share 0 to 0.001 of users", "carries all 24 kinds of interaction"]),
        ("share = { from = 0.001, to = 1.0 }", ["share 0.001 to 1 of users", "carries all 24 kinds of interaction"]),
        ('when = { action = ["click"] }', ["only where action is click", "carries all 2 kinds of interaction"]),
        ('when = { channel = "app" }', ["only where channel is app", "carries all 24 kinds of interaction"]),
        ('when = { "device.user_agent" = "*iOS*" }', ["carries all 24 kinds of interaction"]),
        (
            'when = { type = "page_view", "page.type" = ["CART", "HOME*"] }',
            ["page.type is CART or HOME*", "carries page_view"],
        ),
        ('when = { action = "click", "page.type" = "PRODUCT" }', ["gets nothing of what dynamic_yield can say"]),
        ("when = { decision_id = '*', value = '*' }", ["gets nothing of what dynamic_yield can say"]),
    ],
)
def test_check_tells_what_a_target_of_a_part_gets(tmp_path, settings, says):
    """Of a share all that its people do; of a `when` the kinds that it can let through, and that there is none."""
    path = tmp_path / "config.toml"
    path.write_text(SHARED % settings)
    done = invoke("check", "-c", path)
    assert done.exit_code == 0, done.stderr
    _, _, told = done.stdout.partition("shop/vaix")
    assert [text for text in says if text not in told] == []


def test_check_warns_of_clients_that_need_their_vendors_answer(tmp_path):
    """In store mode an SDK gets no campaigns and a new visitor hardly ids: the route's line says what to do."""
    path = tmp_path / "config.toml"
    sdk = '[upstreams.sdk]\nvendor = "gravity_field_sdk"\napi_key = "k"\nsection = "5f2d8c1ab4e7f90012345678"\n'
    head = '[[routes]]\nname = "app"\naccepts = "gravity_field_sdk"\nclients = []\n'
    targets = 'targets = [{ upstream = "sdk", primary = true }]\n'
    path.write_text(sdk + head + targets)
    told = invoke("check", "-c", path).stdout
    assert "ids that the vendor mints, and campaigns that it serves" in told
    path.write_text(f'{sdk}{head}mode = "forward"\n{targets}')
    assert "campaigns" not in invoke("check", "-c", path).stdout


def test_check_names_every_fault_with_its_line(tmp_path):
    """All mistakes at once, each with file and line; exit code 1, nothing on standard output."""
    path = tmp_path / "broken.toml"
    path.write_text('[server]\nprot = 1\n\n[upstreams.x]\nvendor = "viax"\n\n[[routes]]\nname = "r"\n')
    done = invoke("check", "-c", path)
    assert (done.exit_code, done.stdout) == (1, "")
    for text in (f"{path}:2: server.prot", "port", f"{path}:5: upstreams.x.vendor", "vaix", f"{path}:7: routes[0]"):
        assert text in done.stderr


@pytest.mark.parametrize(
    ("key", "says"),
    [("ca_file", "holds no certificates"), ("client_cert", "holds no certificate with its unencrypted key")],
)
def test_check_looks_into_the_files_that_tls_needs(tmp_path, key, says):
    """A file without a certificate is found before the first click is."""
    (tmp_path / "empty.pem").write_text("no certificate")
    path = tmp_path / "config.toml"
    path.write_text(f'{CONFIG}{key} = "empty.pem"\n'.replace('{ env = "UNSET_AUXIA_KEY" }', '"k"'))
    done = invoke("check", "-c", path)
    assert done.exit_code == 1
    assert f"{path}:7: upstreams.mine.{key}: {says}: empty.pem" in done.stderr


def test_check_says_where_secrets_stand_in_the_file():
    """A literal credential is a warning, never printed."""
    done = invoke("check", "-c", ROOT / "config.toml")
    assert "stands in the file itself" in done.stdout
    assert "sandbox-dy-key" not in done.stdout


def test_the_matrix_has_every_pair():
    """JSON for tools: five by five, measured."""
    pairs = msgspec.json.decode(invoke("matrix", "--format", "json").stdout)
    assert {(pair["source"], pair["target"]) for pair in pairs} == {(a, b) for a in MAPPINGS for b in MAPPINGS}
    assert all(pair["lost"] or pair["refused"] for pair in pairs if pair["source"] != pair["target"])


@pytest.mark.parametrize("form", ["table", "md"])
def test_the_matrix_is_read_by_people(form):
    """Table and Markdown name every vendor, as row and as column."""
    done = invoke("matrix", "--format", form)
    assert done.exit_code == 0
    assert all(done.stdout.count(vendor) >= 2 for vendor in MAPPINGS)
    if form == "md":
        assert len(done.stdout.strip().splitlines()) == 2 + len(MAPPINGS)


def test_the_schema_takes_the_shipped_configuration():
    """It is JSON Schema, accepts config.toml and refuses a key that nobody knows."""
    schema = msgspec.json.decode(invoke("schema").stdout)
    Draft202012Validator.check_schema(schema)
    config = tomllib.loads((ROOT / "config.toml").read_text())
    assert list(Draft202012Validator(schema).iter_errors(config)) == []
    assert list(Draft202012Validator(schema).iter_errors(config | {"sever": {}})) != []


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_the_sandbox_refuses_a_port_that_is_none(port):
    """In a sentence, as every wrong option, and not with a traceback."""
    done = invoke("sandbox", "--port", port)
    assert done.exit_code == 2
    assert "Error: Invalid value for '--port'" in done.stderr


@pytest.mark.parametrize("command", ["", "check", "demo", "matrix", "sandbox", "schema", "serve", "translate"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_explains_itself(command, flag):
    """Help says what a command does and which options it has."""
    done = invoke(*command.split(), flag)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: gateway {command}".rstrip())


def test_an_unknown_command_is_refused():
    """Exit code 2, as of any mistake on the command line."""
    done = invoke("sevre")
    assert done.exit_code == 2
    assert "sevre" in done.stderr


def test_the_version_is_told():
    """Also by a checkout that is not installed."""
    done = invoke("--version")
    assert done.exit_code == 0
    assert done.stdout.startswith("gateway ")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gateway tr", ["translate"]),
        ("gateway translate gr", ["gravity_field", "gravity_field_sdk"]),
        ("gateway translate vaix a", ["auxia"]),
        ("gateway matrix --format ", ["table", "md", "json"]),
    ],
)
async def test_shells_complete(words, offered):
    """Commands, vendors and choices, in a real process as a shell calls it."""
    asked = {"_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code, out, errors = await run(**asked)
    assert (code, errors) == (0, "")
    assert [line.partition(",")[2] for line in out.splitlines()] == offered


async def test_the_module_is_the_command(tmp_path):
    """`python -m gateway` in a real process: standard input in, JSON out, exit codes as promised."""
    asked = ("translate", "gravity_field", "dynamic_yield", "--json")
    code, out, errors = await run(*asked, stdin=msgspec.json.encode(CLICK), cwd=tmp_path)
    assert (code, errors) == (0, "")
    assert out == invoke(*asked, stdin=msgspec.json.encode(CLICK)).stdout
    assert (await run(*asked, stdin=b"{", cwd=tmp_path))[0] == 1
    assert (await run("translate", "nobody", "vaix", cwd=tmp_path))[0] == 2


async def test_a_reader_that_leaves_is_no_traceback(tmp_path):
    """`gateway schema | head -1` ends quietly."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", '"$@" | head -c 1', "sh", *COMMAND, "matrix", "--format", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    )
    out, errors = await process.communicate()
    assert (out, errors) == (b"[", b"")


async def test_the_demo_shows_all_and_leaves_nothing(tmp_path):
    """Five formats, each received by vendors that print their status; then no file and no process is left."""
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "demo",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(TMPDIR=str(tmp_path / "temporary")),
        cwd=tmp_path / "here",
        start_new_session=True,
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    for vendor in MAPPINGS:
        assert f"{vendor} client: POST".encode() in out
        assert out.count(f"→ {vendor}: ".encode()) >= 3
    assert list((tmp_path / "here").iterdir()) == list((tmp_path / "temporary").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


async def test_the_sandbox_runs_until_it_is_told_to_stop(tmp_path):
    """`gateway sandbox --port 0` says where it listens, answers, and ends with 0."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "sandbox", "--port", "0", stdout=asyncio.subprocess.PIPE, env=environment(), cwd=tmp_path
    )
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        url = next(word for word in line.split() if word.startswith("http://"))
        async with aiohttp.ClientSession() as session, session.get(f"{url}/_received") as answer:
            assert (answer.status, await answer.json()) == (200, [])
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_sandbox_says_in_a_line_when_its_port_is_taken(tmp_path):
    """No traceback for the most ordinary of mistakes."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, errors = await run("sandbox", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert code == 1
    assert "Traceback" not in errors
    assert "in use" in errors.lower()
