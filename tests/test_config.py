"""Facts about config.toml: what loads, and with which words and lines everything else is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import Struct

from gateway.config import Config, Traces, json_schema, load
from gateway.config.lines import Lines
from gateway.config.units import Bytes, PerSecond, Seconds
from gateway.contract import ClientCredentials, Secret
from gateway.errors import ConfigFaults
from gateway.shaping import Fill, Privacy, Share, When
from mappings import MAPPINGS
from mappings.dynamic_yield import DynamicYield
from mappings.gravity_field import GravityField

ROOT = Path(__file__).parent.parent


class Grant(Struct, frozen=True):
    client_id: str
    client_secret: Secret
    token_url: str


class Toy(GravityField, frozen=True, kw_only=True):
    """A vendor with what the shipped ones have in settings: nested secrets, closed names, a rule of its own."""

    NAME: ClassVar[str] = "toy"

    api_key: Secret | None = None
    oauth: Grant | None = None
    words: dict[Literal["purchase", "login"], Literal["buy", "enter"]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.api_key is None) == (self.oauth is None):
            raise ValueError("needs exactly one of api_key and oauth")

    @property
    def grant(self) -> ClientCredentials | None:
        if self.oauth is None:
            return None
        return ClientCredentials(self.oauth.token_url, self.oauth.client_id, self.oauth.client_secret, "")


VENDORS = {"gravity_field": GravityField, "dynamic_yield": DynamicYield, "toy": Toy}
ENV = {"GF": "gf-secret", "WEB": "web-key", "APP": "app-key", "PRIVACY_KEY": "pepper"}
WHOLE = (Path(__file__).parent / "config_whole.toml").read_text()
ROUTE = '[[routes]]\nname = "r"\naccepts = "gravity_field"\nmode = "forward"\n'
UPSTREAM = '[upstreams.gf]\nvendor = "gravity_field"\napi_key = { env = "GF" }\n'
PRIMARY = '[[routes.targets]]\nupstream = "gf"\nprimary = true\n'


def read(folder: Path, text: str, env: Mapping[str, str] = ENV, **options: Any) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, VENDORS, env, **options)


def faults_of(folder: Path, text: str, env: Mapping[str, str] = ENV) -> list[str]:
    """What is told of a file, each as `LINE: path: message`."""
    with pytest.raises(ConfigFaults) as caught:
        read(folder, text, env)
    return [str(fault).replace(f"{folder / 'config.toml'}:", "") for fault in caught.value.faults]


# What loads


def test_every_table_is_optional(tmp_path):
    """An empty file is a configuration, with the documented defaults."""
    config = read(tmp_path, "")
    assert (config.server.host, config.server.port, config.server.max_body) == ("127.0.0.1", 8080, 256 * 1024)
    assert (config.server.body_timeout, config.server.drain_delay, config.admin.port) == (10.0, 2.0, 8081)
    assert (config.store.max_age, config.store.keep, config.store.max_size) == (3 * 86400, 0, None)
    assert (config.deadletters.max_age, config.deadletters.max_size) == (30 * 86400, 1 << 30)
    assert (config.log.level, config.log.format, config.log.requests) == ("info", "auto", "all")
    assert (config.clients, config.upstreams, config.routes, config.warnings) == ({}, {}, (), ())
    assert config.traces is None


def test_a_file_with_everything_in_it(tmp_path):
    """Each key reaches its value: durations in seconds, sizes in bytes, rates per second, secrets resolved."""
    config = read(tmp_path, WHOLE)
    upstream, (route,) = config.upstreams["gf"], config.routes
    assert [str(network) for network in config.server.trusted_proxies] == ["10.0.0.0/8", "192.0.2.7/32"]
    assert config.clients["web_shop"].rate_limit == 0.5
    assert config.clients["app"].keys == (Secret("app-key"), Secret("app-key-of-yesterday"))
    assert upstream.mapping == GravityField(api_key=Secret("gf-secret"), base_url="https://evs.example")
    assert (upstream.timeout, upstream.rate_limit, upstream.keepalive) == (5.0, 200.0, 4.0)
    assert (upstream.retry.base, upstream.retry.cap, upstream.retry.retry_after_cap) == (0.5, 300, 900)
    assert (route.accepts, route.prefix, route.explain) == ("dynamic_yield", "/brand-b", True)
    assert route.clients == {"web_shop", "app"}
    headers = {"authorization": Secret("web-key"), "x-scope": Secret("clicks")}
    assert config.traces == Traces("https://otel.example/v1/traces", 0.1, "clicks", headers, ("gf",))
    first, second, third = route.targets
    assert [one.target.name for one in route.targets] == ["shop/dy", "shop/gf", "the rest"]
    assert (first.primary, first.on_failure, first.from_) == (True, "relay", "now")
    assert (second.late, second.late_action, second.from_) == (900, "dead", "start")
    assert (second.overflow, second.max_backlog) == ("shed", 5000000)
    assert second.target.when == When((("action", ("click", "view")), ("page.type", ("PRO*",)), ("consent", ("true",))))
    assert second.target.share == Share(0.0, 0.1, "shop")
    assert third.target.share == Share(0.1, 1.0, "shop")


def test_a_target_wins_over_its_upstream(tmp_path):
    """Fill merges name by name, privacy list by list, the rest as a whole; what a target leaves unsaid is inherited."""
    _, second, third = read(tmp_path, WHOLE).routes[0].targets
    assert second.target.fill == Fill.of(
        {
            "page.location": "https://shop.example/",
            "placement": "{page.type}",
            "variations": ["1", "2"],
            "properties.size": 4,
        }
    )
    assert second.target.privacy == Privacy(("device.ip",), (), b"")
    assert (second.target.unsupported, second.target.strict_ids) == ("drop", True)
    assert third.target.fill == Fill.of({"page.location": "https://shop.example/", "placement": "HOME"})
    assert third.target.privacy == Privacy(("device.ip",), ("user.id",), b"pepper")
    assert (third.target.unsupported, third.target.strict_ids) == ("event", False)


def test_share_salt(tmp_path):
    """A route's share_salt stands in for its name, so that two routes can share the same people."""
    config = read(tmp_path, WHOLE.replace("explain = true", 'share_salt = "all"'))
    assert config.routes[0].targets[1].target.share == Share(0.0, 0.1, "all")


def test_translate_target(tmp_path):
    """`gateway translate` finds upstreams with their own settings, then route targets, by name."""
    config = read(tmp_path, WHOLE)
    upstream = config.translate_target("gf")
    assert upstream is not None
    assert (upstream.name, upstream.unsupported, upstream.privacy.hash) == ("gf", "drop", ("user.id",))
    assert config.translate_target("the rest") is config.routes[0].targets[2].target
    assert config.translate_target("nobody") is None


def test_the_store_is_beside_the_file(tmp_path):
    """The store's path is the file's neighbour, wherever the gateway is started; an absolute one is as it is."""
    assert read(tmp_path, "").store.path == str(tmp_path / "data")
    assert read(tmp_path, '[store]\npath = "/var/lib/gateway"').store.path == "/var/lib/gateway"


def test_routes_store_by_default(tmp_path):
    """A route without a mode is in store mode, and no target of it needs to be primary."""
    text = UPSTREAM + ROUTE.replace('mode = "forward"\n', "") + PRIMARY.replace("primary = true\n", "")
    assert read(tmp_path, text).routes[0].mode == "store"


def test_secrets_from_files(tmp_path):
    """A file beside config.toml serves as a secret, without the line's end."""
    (tmp_path / "key").write_text("from-file\n")
    config = read(tmp_path, UPSTREAM.replace('{ env = "GF" }', '{ file = "key" }'))
    assert config.upstreams["gf"].mapping == GravityField(api_key=Secret("from-file"))


def test_nested_secrets(tmp_path):
    """A mapping's secrets are found at any depth of its settings."""
    text = (
        '[upstreams.t]\nvendor = "toy"\noauth = { client_id = "c", client_secret = { env = "GF" }, token_url = "%s" }\n'
    )
    account = read(tmp_path, text % "https://auth.example/token").upstreams["t"].mapping
    assert account.grant is not None
    assert account.grant.client_secret == Secret("gf-secret")


def test_a_dry_run_needs_no_secrets(tmp_path):
    """Without secrets_required a missing one is a warning, and something unset stands in for it."""
    config = read(tmp_path, WHOLE, {}, secrets_required=False)
    assert config.upstreams["gf"].mapping == GravityField(api_key=Secret("unset"), base_url="https://evs.example")
    assert "upstreams.gf.api_key: the environment variable GF is not set" in " ".join(map(str, config.warnings))


def test_the_privacy_key_is_asked_for_only_where_it_is_used(tmp_path):
    """An unset [privacy] key stops nothing until something is to be hashed."""
    text = '[privacy]\nkey = { env = "NOT_THERE" }\n' + UPSTREAM
    assert read(tmp_path, text).upstreams.keys() == {"gf"}
    assert faults_of(tmp_path, text + 'privacy = { hash = ["user.id"] }\n') == [
        "2: privacy.key: the environment variable NOT_THERE is not set"
    ]


def test_warnings(tmp_path):
    """Secrets in the file itself and routes that nothing reaches are warnings, each with its line, never faults."""
    route = ROUTE + "public = true\n" + PRIMARY
    text = '[clients.a]\nkey = "here"\n' + UPSTREAM + route + route.replace('"r"', '"s"')
    assert [str(one).partition("config.toml:")[2] for one in read(tmp_path, text).warnings] == [
        '2: clients.a.key: stands in the file itself; safer: { env = "NAME" } or { file = "PATH" }',
        '14: routes[1]: is never reached: "r" takes all that it would',
    ]


# What is refused

STORIES = {
    name.strip(): tuple(part.rstrip("\n") for part in story.split("---\n"))
    for name, story in (
        one.split("\n", 1) for one in (Path(__file__).parent / "config_faults.txt").read_text().split("=== ")[1:]
    )
}


@pytest.mark.parametrize(("text", "expected"), STORIES.values(), ids=STORIES)
def test_faults(tmp_path, text, expected):
    """Each mistake is told with its line, its path and what would be right."""
    assert "\n".join(faults_of(tmp_path, text)) == expected


def test_every_fault_at_once(tmp_path):
    """Mistakes of every kind in one file are all told, and none makes up another."""
    text = """\
        [server]
        port = "80"
        [clients.a]
        key = { env = "NOPE" }
        [upstreams.gf]
        vendor = "gravity_field"
        base_url = "http://evs.example"
        fill = { placment = "x" }
        [[routes]]
        accepts = "gravity_field"
        clients = "a"
        mode = "forwrad"
        targets = [{ upstream = "gf", primary = "yes" }, { upstream = "fg" }, 5]
        """
    assert [fault.partition(": ")[2].partition(": ")[0] for fault in faults_of(tmp_path, dedent(text))] == [
        "server.port",
        "clients.a.key",
        "upstreams.gf.api_key",
        "upstreams.gf.base_url",
        "upstreams.gf.fill.placment",
        "routes[0].name",
        "routes[0].clients",
        "routes[0].mode",
        "routes[0].targets[0].primary",
        "routes[0].targets[1].upstream",
        "routes[0].targets[2]",
    ]


def test_files_that_are_none(tmp_path):
    """A file that is missing or no text is a fault like any other."""
    with pytest.raises(ConfigFaults, match=r"nowhere\.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml", VENDORS, {})
    (tmp_path / "bytes.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigFaults, match=r"bytes\.toml:2: is no UTF-8 text"):
        load(tmp_path / "bytes.toml", VENDORS, {})


def test_faults_keep_secrets(tmp_path):
    """No fault and no warning repeats a secret, also where it is the mistake."""
    secret = "SeCrEt"
    mistakes = [
        'key = "SeCrEt\\n"',
        'key = { envv = "SeCrEt" }',
        'kyes = ["SeCrEt"]',
        'keys = "SeCrEt"',
        'key = ["SeCrEt"]',
    ]
    text = "".join(f"[clients.c{index}]\n{mistake}\n" for index, mistake in enumerate(mistakes))
    assert secret not in " ".join(faults_of(tmp_path, text))
    assert secret not in repr(read(tmp_path, f'[clients.a]\nkey = "{secret}"\n'))


# The schema


def test_the_schema_is_one():
    """What editors get is valid JSON Schema, draft 2020-12, and takes the file with everything in it."""
    import tomllib

    schema = json_schema(VENDORS)
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors(tomllib.loads(WHOLE)))
    assert schema["$defs"]["Server"]["properties"]["max_body"]["default"] == "256KiB"


def test_the_shipped_schema_is_current():
    """config.schema.json, which editors read, is what `gateway schema` prints."""
    printed = msgspec.json.encode(json_schema(MAPPINGS))
    assert json.loads((ROOT / "config.schema.json").read_text()) == json.loads(printed)


# The shipped file


def test_the_shipped_file():
    """It loads without an environment: five vendors at the sandbox, a route for each that tells all, in both modes."""
    config = load(ROOT / "config.toml", MAPPINGS, {})
    assert {upstream.mapping.NAME for upstream in config.upstreams.values()} == set(MAPPINGS)
    assert all(one.mapping.base_url.startswith("http://127.0.0.1:9000") for one in config.upstreams.values())
    assert {route.accepts for route in config.routes} == set(MAPPINGS)
    assert {route.mode for route in config.routes} == {"store", "forward"}
    for route in config.routes:
        first, *others = route.targets
        assert first.primary == (route.mode == "forward")
        assert route.accepts == first.target.mapping.NAME
        assert {one.target.mapping.NAME for one in others} == set(MAPPINGS) - {route.accepts}
    assert all("stands in the file itself" in one.message for one in config.warnings)


def test_the_shipped_file_names_its_schema():
    """Editors find the schema by the first line."""
    assert (ROOT / "config.toml").read_text().startswith("#:schema ./config.schema.json\n")


# Properties

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)))
def test_durations(number, unit):
    """Any whole number with any unit is that many seconds."""
    assert Seconds.of(f"{number}{unit}") == pytest.approx(number * UNITS[unit])


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("256KiB", 262144), ("1MB", 1000000), ("20GiB", 20 << 30), ("1.5KB", 1500), ("2TiB", 2 << 40)],
)
def test_sizes(text, size):
    """Sizes are powers of 1024 with an i and of 1000 without."""
    assert Bytes.of(text) == size


@pytest.mark.parametrize(("text", "rate"), [("500/s", 500), ("30/m", 0.5), ("1.5/s", 1.5)])
def test_rates(text, rate):
    """Rates are per second, whatever they are written in."""
    assert PerSecond.of(text) == rate


WRITTEN = """\
a = 1
b."c.d".e = [
  1,
  # two
  { f = 2 },
]
[t."u v"]
k = 1
[[r]]
[[r.s]]
[r.s.x]
y = 1
[[r]]
z = 1
"""


def test_lines():
    """Every way of writing a key leads to its line."""
    lines = Lines(WRITTEN)
    assert lines.of(("a",)) == 1
    assert lines.of(("b", "c.d", "e", 1, "f")) == 5
    assert lines.of(("t", "u v", "k")) == 8
    assert lines.of(("r", 0, "s", 0, "x", "y")) == 12
    assert lines.of(("r", 1, "z")) == 14
    assert lines.of(("r", 1, "absent", "deeper")) == 13
    assert lines.of(("nowhere",)) == 1


SCALARS = st.one_of(st.booleans(), st.integers(-9, 99999), st.floats(), st.text("aZ1{}./* ", max_size=9))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), value=VALUES)
def test_any_value_anywhere(tmp_path, data, value):
    """Whatever stands wherever in a file, it is a configuration or a list of faults, nothing else."""
    import tomllib

    tree: Any = tomllib.loads(WHOLE)
    holder, key = tree, ""
    while isinstance(holder, (dict, list)) and holder:
        parent = holder
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        holder = holder[key]
        if data.draw(st.integers(0, 3)) == 0:
            break
    parent[key] = value
    text = "".join(f"{msgspec.json.encode(name).decode()} = {toml(member)}\n" for name, member in tree.items())
    try:
        read(tmp_path, text)
    except ConfigFaults as error:
        assert all(str(fault) for fault in error.faults)  # noqa: PT017  # either outcome is right


def toml(value: Any) -> str:
    match value:
        case dict():
            members = ", ".join(f"{msgspec.json.encode(key).decode()} = {toml(one)}" for key, one in value.items())
            return f"{{ {members} }}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case float():
            return repr(value)
        case _:
            return msgspec.json.encode(value).decode()
