"""The configuration as the admin port shows it: the text without its secrets, faults, and what a reload changed."""

import pytest
from operating_calls import MAPPINGS, operated

from gateway.config import load
from gateway.config.history import History
from gateway.config.masking import Names, masked_text
from gateway.errors import ConfigFaults
from gateway.serving import reload

WHOLE = """# the keys: key = "commented-secret"
# or: token = { env = "NAME" }
[admin]
token = "admin-secret"      # a note
[clients.shop]
keys = [
    "first-secret", # old
    'second-secret',
]
[clients]
site = { key = "inline-secret", rate_limit = "5/s" }
[clients.fill]
kee = "misspelt-secret"
[clients."odd name"]
key = \"\"\"
multi-secret
line-secret\"\"\"
[upstreams.vaix]
vendor = "vaix"
token = "vendor-secret"
client_id = "group"
base_url = "https://user:url-secret@vaix.example/api"
proxy = "http://me:proxy-secret@proxy.example:3128"
fill = { "page.location" = "https://shop.example/", "properties.key" = "shown" }
[upstreams.auxia]
vendor = "auxea"
api_key = "unknown-vendors-secret"
oauth = { client_secret = "nested-secret", audience = "shown" }
number_key = 4711
[privacy]
key = { file = "key.txt" }
[[routes]]
name = "shop"
accepts = "vaix"
targets = [{ upstream = "vaix", when = { action = "click" } }]
"""
HIDDEN = ("secret", "4711")


def test_a_text_is_shown_without_its_secrets():
    """Whatever the key's form and place; what is no secret stays, notes and all."""
    shown = masked_text(WHOLE, MAPPINGS)
    lines = [line for line in shown.splitlines() if any(one in line.replace("client_secret", "") for one in HIDDEN)]
    assert lines == []
    for kept in ('client_id = "group"', "# a note", "# old", '"properties.key" = "shown"', 'rate_limit = "5/s"'):
        assert kept in shown
    assert '{ env = "NAME" }' in shown
    assert '{ file = "key.txt" }' in shown
    assert 'base_url = "https://***@vaix.example/api"' in shown
    assert 'action = "click"' in shown


@pytest.mark.parametrize(
    "broken",
    [
        'token = "admin-secret',
        "token = admin-secret",
        'x = = 1\ntoken = """\nadmin-secret\n"""',
        'port = 1 2\nclients = { shop = { key = "admin-secret" } }',
        'keys = [\n"admin-secret",\n  "admin-secret"',
        '[clients.shop\nkey = "admin-secret"',
        "port = [[\nadmin-secret",
        'host = """\nadmin-secret',
        '"token" = admin-secret',
        "clients.shop.key = admin-secret",
        '# key = "admin-secret"\n= 1',
    ],
)
def test_a_text_that_is_no_toml_hides_rather_too_much(broken):
    """Where nothing has a position a line is shown only where it plainly sets a known key."""
    shown = masked_text(f'[server]\nhost = "127.0.0.1" # mine\n{broken}\n', MAPPINGS)
    assert "admin-secret" not in shown
    assert shown.startswith('[server]\nhost = "127.0.0.1" # mine\n')
    assert len(shown.splitlines()) == len(broken.splitlines()) + 2


def test_every_secret_of_every_vendor_is_known_by_its_key():
    """What an account's Struct calls a Secret is masked wherever it stands; what it does not is shown."""
    names = Names(MAPPINGS)
    for key in ("api_key", "token", "events_api_key", "key", "keys"):
        assert not names.shows(("upstreams", "any", key)), key
    for key in ("vendor", "base_url", "client_id", "project_id", "timeout"):
        assert names.shows(("upstreams", "any", key)), key


async def test_the_file_in_force_is_shown(tmp_path):
    """Its path, its text without secrets, and what it is warned of, at the lines."""
    async with operated(tmp_path) as gateway:
        found = await gateway.ask("GET", "/api/config")
        text = gateway.path.read_text().splitlines()
    assert found["path"] == str(gateway.path)
    assert len(found["text"].splitlines()) == len(text)
    assert (found["last"]["outcome"], found["last"]["changes"], found["refused_text"]) == ("applied", [], None)
    assert any("safer" in one["message"] for one in found["warnings"])
    for one in found["warnings"]:
        assert one["path"].rpartition(".")[2].strip('"') in text[one["line"] - 1]


async def test_a_refused_file_is_shown_beside_the_one_in_force(tmp_path):
    """Its faults at its own lines, its text without its secrets; mended, it is gone from view."""
    async with operated(tmp_path) as gateway:
        text = gateway.path.read_text()
        gateway.path.write_text(text.replace("shop-key", "new-shop-key") + 'overflow = "spill"\n')
        await reload(gateway.service, gateway.path)
        found = await gateway.ask("GET", "/api/config")
        assert found["last"]["outcome"] == "refused"
        (fault,) = found["last"]["faults"]
        assert fault["path"] == "routes[0].targets[1].overflow"
        assert fault["line"] == len(text.splitlines()) + 1
        assert found["refused_text"].splitlines()[fault["line"] - 1] == 'overflow = "spill"'
        assert "overflow" not in found["text"]
        gateway.path.write_text("[server\n")
        await reload(gateway.service, gateway.path)
        assert "no TOML" in (await gateway.ask("GET", "/api/config"))["last"]["faults"][0]["message"]
        gateway.path.unlink()
        await reload(gateway.service, gateway.path)
        found = await gateway.ask("GET", "/api/config")
        assert found["refused_text"] is None
        assert "cannot be read" in found["last"]["faults"][0]["message"]
        gateway.path.write_text(text)
        await reload(gateway.service, gateway.path)
        assert (await gateway.ask("GET", "/api/config"))["last"]["outcome"] == "applied"


async def test_what_a_reload_changed_is_told(tmp_path):
    """Each value by its path with what it was and is; secrets as masks; what waits for a restart by name."""
    async with operated(tmp_path) as gateway:
        text = gateway.path.read_text()
        changed = text.replace("shop-key", "other-shop-key").replace('timeout = "1s"', 'timeout = "2s"', 1)
        changed = changed.replace("[admin]\nport = 0", '[admin]\nport = 0\ntoken = "admin-token"')
        gateway.path.write_text(changed + 'share = 0.5\n[[routes.targets]]\nupstream = "auxia"\n')
        await reload(gateway.service, gateway.path)
        last = (await gateway.ask("GET", "/api/config"))["last"]
    assert last["needs_restart"] == ["admin"]
    assert {one["path"]: (one.get("before"), one.get("after")) for one in last["changes"]} == {
        "admin.token": (None, "***"),
        "clients.shop.key": ("***", "***"),
        "upstreams.gravity_field.timeout": ("1s", "2s"),
        "routes.shop.targets[1].share": (None, 0.5),
        "routes.shop.targets[2]": (None, {"upstream": "auxia"}),
    }


def test_a_faulty_file_gives_its_text_but_never_prints_it(tmp_path):
    """The error of a load, and a configuration, have the text at hand; their own words do not repeat it."""
    path = tmp_path / "config.toml"
    path.write_text('[clients.shop]\nkey = "s3cret-key"\n')
    config = load(path, MAPPINGS, {})
    assert "s3cret-key" in config.source.text
    assert "s3cret-key" not in repr(config)
    assert "s3cret-key" not in repr(vars(History(config)))
    path.write_text('[clients.shop]\nkey = "s3cret-key"\nmode = 1\n')
    with pytest.raises(ConfigFaults) as caught:
        load(path, MAPPINGS, {})
    assert "s3cret-key" in caught.value.text
    assert "s3cret-key" not in str(caught.value)
