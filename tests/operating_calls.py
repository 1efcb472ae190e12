"""A store-mode gateway beside its sandbox, a client of its admin port, and the commands that operate it."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import structlog
from click.testing import CliRunner
from gateway_calls import KEY, KEYS, VENDORS, upstream
from sandbox_calls import BODIES
from waiting import until

from gateway.cli import gateway as commands
from gateway.config import load
from gateway.sandbox import Sandbox
from gateway.service import Service
from mappings import load as load_mappings

MAPPINGS = load_mappings()
DY_PATH = "/v2/collect/user/engagement"
SECRETS = ("shop-key", "admin-token", "-gf-key", "-sdk-key", "-dy-key", "-vaix-token", "-auxia-key", "-events-key")
"""What no answer may hold."""
SHOP = """
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
[[routes.targets]]
upstream = "dynamic_yield"
[[routes.targets]]
upstream = "vaix"
"""


def store_routes():
    """A store-mode route for each dialect, to its own vendor and one other."""
    pairs = zip(VENDORS, (*VENDORS[1:], VENDORS[0]), strict=True)
    return "".join(
        f'[[routes]]\nname = "{own}"\naccepts = "{own}"\nclients = ["shop"]\n'
        f'targets = [{{ upstream = "{own}" }}, {{ upstream = "{other}" }}]\n'
        for own, other in pairs
    )


def written(folder, url, body=SHOP, admin="", store=""):
    """A configuration file of fast retries."""
    path = folder / "config.toml"
    retry = 'retry = { base = "20ms", cap = "40ms" }\ntimeout = "1s"'
    accounts = "".join(upstream(vendor, url, retry) for vendor in VENDORS)
    path.write_text(
        f'[server]\nport = 0\ndrain_delay = "0s"\n[admin]\nport = 0\n{admin}\n'
        f'[store]\npath = "{folder}/data"\n{store}\n[clients.shop]\nkey = "{KEY}"\n{accounts}{body}'
    )
    return path


class Operated:
    """A running gateway as its operators see it."""

    def __init__(self, service, sandbox, session, ports, path):
        self.service = service
        self.sandbox = sandbox
        self.session = session
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.admin_port = ports[1]
        self.admin_url = f"http://127.0.0.1:{ports[1]}"
        self.path = path

    async def click(self, person="u-1", request_id="r-1", **more):
        """One click of a Dynamic Yield client; its status."""
        click = {"user": {"id": person}, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}
        body = BODIES[DY_PATH] | click | more
        headers = KEYS["dynamic_yield"] | {"X-Request-Id": request_id}
        async with self.session.post(self.url + DY_PATH, json=body, headers=headers) as answer:
            return answer.status

    async def ask(self, method, path, body=None, expect=200, **options):
        """The admin API's answer, in which there is never a secret."""
        if method != "GET":
            options["json"] = {} if body is None else body
        async with self.session.request(method, self.admin_url + path, **options) as answer:
            text = await answer.text()
            assert answer.status == expect, text
            assert not [secret for secret in SECRETS if secret in text]
            return msgspec.json.decode(text)

    async def status_of(self, target):
        """One target's part of the status."""
        return next(one for one in (await self.ask("GET", "/api/status"))["targets"] if one["name"] == target)

    async def until(self, condition):
        """Wait until an asynchronous condition holds."""
        await until(condition)

    async def settled(self):
        """Wait until nothing is pending."""

        async def is_idle():
            return not any(one["pending"] for one in (await self.ask("GET", "/api/status"))["targets"])

        await self.until(is_idle)

    async def dead(self, count=1):
        """The dead letters, once there are so many."""

        async def are_there():
            return (await self.ask("GET", "/api/deadletters"))["total"] >= count

        await self.until(are_there)
        return (await self.ask("GET", "/api/deadletters"))["deadletters"]


@asynccontextmanager
async def operated(folder, body=SHOP, **more):
    """A running gateway."""
    sandbox = Sandbox()
    await sandbox.start()
    path = written(folder, sandbox.url, body, **more)
    with structlog.testing.capture_logs():
        service = Service(load(path, MAPPINGS, {}), MAPPINGS)
        ports = await service.start()
        try:
            async with aiohttp.ClientSession() as session:
                yield Operated(service, sandbox, session, ports, path)
        finally:
            await service.drain()
            await sandbox.stop()


async def command(*arguments, expect=0, given=None):
    """What a command prints; in a thread of its own, for it waits for the gateway of this one."""
    arguments = [str(one) for one in arguments]
    ran = await asyncio.to_thread(CliRunner().invoke, commands, arguments, obj=MAPPINGS, input=given)
    assert ran.exit_code == expect, (ran.output, ran.exception)
    assert not [secret for secret in SECRETS if secret in ran.output]
    return ran.output
