"""What `[privacy] at_rest` hides is never in the store, nor in anything that comes out of it."""

from pathlib import Path

import pytest
from gateway_calls import CALLS, KEYS, VENDORS, accounts, body_of, running

from gateway.sandbox.faults import Rule

AGENT = "Tell-Tale/1.0"
PERSON = "person-in-the-clear"


def stored(*targets):
    """A store-mode route for each dialect, to its own vendor."""
    routes = "".join(
        f'[[routes]]\nname = "{vendor}"\naccepts = "{vendor}"\nclients = ["shop"]\n'
        + "".join(f'[[routes.targets]]\nupstream = "{one}"\n' for one in targets or [vendor])
        for vendor in VENDORS
    )
    return lambda url: accounts(url, 'retry = { base = "20ms", cap = "40ms" }') + routes


def privacy(rules):
    return f'[privacy]\nkey = "0123456789abcdef"\nat_rest = {{ {rules} }}\n'


def kept_bytes(folder):
    """Every byte of the store's files."""
    return b"".join(path.read_bytes() for path in Path(folder, "data").iterdir() if path.is_file())


def named(body):
    """A body whose person can be searched for."""
    if isinstance(body, dict):
        return {
            name: PERSON if name in ("user_id", "userId") else _user(value) if name == "user" else value
            for name, value in body.items()
        }
    return body


def _user(user):
    return {name: PERSON if name in ("id", "custom") else value for name, value in user.items()}


@pytest.mark.parametrize(("vendor", "method", "path"), CALLS)
async def test_what_is_hidden_is_not_in_the_store(tmp_path, vendor, method, path):
    """Neither the person nor the browser lies in the store's files; the vendor gets the hash, and the rest in full."""
    rules = privacy('drop = ["device.user_agent", "device.ip"], hash = ["user.id"]')
    async with running(tmp_path, lambda url: rules + stored()(url)) as gateway:
        gateway.sandbox.faults.set(Rule("*", "503:0"))
        options = {} if method == "GET" else {"json": named(body_of(path))}
        answer = await gateway.send(method, path, headers=KEYS[vendor] | {"User-Agent": AGENT}, **options)
        assert answer.status in (200, 204)
        kept = kept_bytes(tmp_path)
        assert PERSON.encode() not in kept
        assert AGENT.encode() not in kept
        gateway.sandbox.faults.clear()
        taken = await taken_of(gateway, vendor)
        assert PERSON not in str(taken)
        assert AGENT not in str(taken)


async def taken_of(gateway, vendor):
    """The body or query of the first call that the vendor took."""
    count = 1
    while True:
        entries = await gateway.received(count, vendor)
        taken = [one for one in entries if one.status is not None and one.status < 300]
        if taken:
            return taken[0].body or taken[0].query
        assert len(entries) >= count, entries
        count = len(entries) + 1


async def test_all_interactions_of_an_inbound_survive(tmp_path):
    """An inbound that says several things says them all after it was kept, one hash for one person."""
    async with running(tmp_path, lambda url: privacy('hash = ["user.id"]') + stored()(url)) as gateway:
        path = "/v2/collect/user/engagement"
        await gateway.send("POST", path, headers=KEYS["dynamic_yield"], json=named(body_of(path)))
        taken = await taken_of(gateway, "dynamic_yield")
        click, shown = taken["engagements"]
        assert (click["type"], click["decisionId"]) == ("CLICK", "aGVsbG8KhAc")
        assert (shown["type"], shown["slotIds"]) == ("SLOT_IMP", ["a", "b"])
        assert len(taken["user"]["id"]) == 64


async def test_what_cannot_be_said_without_it_is_refused(tmp_path):
    """An inbound that its vendor would not understand without what is hidden is answered 422 and not kept."""
    async with running(tmp_path, lambda url: privacy('drop = ["user.id"]') + stored()(url)) as gateway:
        path = "/ssapi/engagement"
        answer = await gateway.send("POST", path, headers=KEYS["gravity_field"], json=body_of(path))
        assert answer.status in (400, 422)
        assert "user.id" in answer.text.decode()
        assert b"aGVsbG8KhAc" not in kept_bytes(tmp_path)


async def test_without_it_everything_is_kept_as_it_came(tmp_path):
    """No rule, no change: the very bytes of the body lie in the store."""
    async with running(tmp_path, stored()) as gateway:
        gateway.sandbox.faults.set(Rule("*", "503:0"))
        data = b'{"event_type": "clicks:game",   "user_id": "u-1", "data": {"game_id": "g-1"}}'
        answer = await gateway.post("vaix", data)
        assert answer.status == 204
        assert data in kept_bytes(tmp_path)
        gateway.sandbox.faults.clear()
        await taken_of(gateway, "vaix")
