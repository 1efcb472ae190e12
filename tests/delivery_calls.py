"""A gateway that keeps before it answers, vendors that behave as a test says, and waiting for what must come."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import structlog
from aiohttp import web
from gateway_calls import Gateway, aiohttp, settings
from waiting import until

from gateway.config import load
from gateway.service import Service
from gateway.store.contract import Filter
from mappings import MAPPINGS

CLICK = "/v2/collect/user/engagement"
KEY = {"DY-API-Key": "shop-key"}
QUICK = 'timeout = "600ms"\nretry = { base = "5ms", cap = "20ms", attempts = %d, ambiguous = %s }'
FILL = 'fill = { placement = "lane:top", variations = "101", "page.location" = "https://shop.example/" }'
ACCOUNTS = {
    "dynamic_yield": 'api_key = "s3cret-dy"',
    "vaix": 'token = "s3cret-vaix"\nclient_id = "group"',
    "auxia": 'api_key = "s3cret-auxia"\nproject_id = "1250"',
    "gravity_field": 'api_key = "s3cret-gf"',
}


def click(user, *decisions):
    """A correct Dynamic Yield body, an engagement for each decision."""
    told = [{"type": "CLICK", "decisionId": one} for one in decisions or ("d-1",)]
    return {"user": {"id": user}, "session": {}, "engagements": told}


def account(vendor, url, *, attempts=5, ambiguous="true", more=""):
    """An upstream that is tried again within milliseconds."""
    quick = QUICK % (attempts, ambiguous)
    head = f'[upstreams.{vendor}]\nvendor = "{vendor}"\nbase_url = "{url}"\n{ACCOUNTS[vendor]}\n'
    return f'{head}unsupported = "event"\n{FILL}\n{quick}\n{more}\n'


def stored(*targets, name="shop", accepts="dynamic_yield", mode="store", more=""):
    """A route to upstreams, each a name or a name with further lines."""
    lines = [one if isinstance(one, tuple) else (one, "") for one in targets]
    told = "".join(f'[[routes.targets]]\nupstream = "{upstream}"\n{rest}\n' for upstream, rest in lines)
    return f'[[routes]]\nname = "{name}"\naccepts = "{accepts}"\nclients = ["shop"]\nmode = "{mode}"\n{more}\n{told}'


class Vendor:
    """A real server that answers as its script says: `answer(call)` gives a status, a response, or None to hang."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []
        self.changed = asyncio.Event()
        self.url = ""

    async def handle(self, request):
        body = await request.read()
        call = (request.path, msgspec.json.decode(body))
        self.calls.append(call)
        self.changed.set()
        self.changed = asyncio.Event()
        told = self.answer(call)
        if asyncio.iscoroutine(told):
            told = await told
        if told is None:
            await asyncio.Event().wait()
        return told if isinstance(told, web.Response) else web.Response(status=told)

    def users(self):
        """Who was told of, in order."""
        return [body.get("user_id") or body.get("userId") or body["user"]["id"] for _, body in self.calls]


@asynccontextmanager
async def vendor(answer):
    """A scripted vendor, as long as the test needs it."""
    scripted = Vendor(answer)
    runner = web.ServerRunner(web.Server(scripted.handle, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield scripted
    finally:
        await runner.cleanup()


class Storing(Gateway):
    """A running gateway in store mode: its service is at hand."""

    def __init__(self, service, session, ports, lines, path):
        super().__init__(service, None, session, ports, lines)
        self.store = service.store
        self.path = path

    async def click(self, *users, decisions=()):
        """Clicks that the gateway must accept."""
        for user in users:
            answer = await self.send("POST", CLICK, json=click(user, *decisions), headers=KEY)
            assert answer.status == 204, answer.text

    async def letters(self, count):
        """The dead letters, once there are so many."""
        await until(lambda: self._dead(count))
        return await self.store.deadletters(Filter())

    async def _dead(self, count):
        return len(await self.store.deadletters(Filter())) >= count

    async def drained(self):
        """Wait until every target is done with everything."""
        await until(self._is_drained)

    async def _is_drained(self):
        return not sum([(await self.store.backlog(target)).pending for target in self.store.targets()])

    def deliveries(self, target):
        """The log's lines of a target's finished deliveries."""
        return [line for line in self.lines if line["event"] == "delivery" and line["target"] == target]


@asynccontextmanager
async def storing(folder, body, *, store="", log=""):
    """A gateway of a file with this body."""
    path = folder / "config.toml"
    path.write_text(settings(body, folder, log=log).replace("[log]", f"{store}\n[log]"))
    with structlog.testing.capture_logs() as lines:
        service = Service(load(path, MAPPINGS, {}), MAPPINGS)
        ports = await service.start()
        try:
            async with aiohttp.ClientSession() as session:
                yield Storing(service, session, ports, lines, path)
        finally:
            await service.drain()
    failures = [line for line in lines if line["event"].endswith("inside the gateway")]
    assert not failures, failures
