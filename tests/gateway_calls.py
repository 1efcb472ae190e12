"""A gateway and the sandbox on free ports in one process, and a client that speaks to the gateway in each dialect."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import structlog
from sandbox_calls import BODIES, QUERY
from waiting import until

from gateway.config import load
from gateway.sandbox import Sandbox
from gateway.service import Service
from mappings import MAPPINGS

KEY = "shop-key"
VENDORS = ("gravity_field", "gravity_field_sdk", "dynamic_yield", "vaix", "auxia")
KEYS = {
    "gravity_field": {"Authorization": f"Bearer {KEY}"},
    "gravity_field_sdk": {"Authorization": f"Bearer {KEY}"},
    "dynamic_yield": {"DY-API-Key": KEY},
    "vaix": {"Authorization": f"Bearer {KEY}", "x-vaix-client-id": "my-group"},
    "auxia": {"x-api-key": KEY},
}
CALLS = (
    ("gravity_field", "POST", "/ssapi/engagement"),
    ("gravity_field", "POST", "/ssapi/event"),
    ("gravity_field_sdk", "POST", "/event"),
    ("gravity_field_sdk", "POST", "/v2/event"),
    ("gravity_field_sdk", "GET", "/engagement" + QUERY),
    ("gravity_field_sdk", "GET", "/v2/engagement" + QUERY),
    ("dynamic_yield", "POST", "/v2/collect/user/engagement"),
    ("dynamic_yield", "POST", "/v2/collect/user/event"),
    ("dynamic_yield", "POST", "/v2/collect/user/pageview"),
    ("vaix", "POST", "/api/tracker/events"),
    ("auxia", "POST", "/v1/LogTreatmentInteraction"),
    ("auxia", "POST", "/v1/LogEvents"),
)
"""Every native path of every vendor."""
FIRST = {
    "gravity_field": "/ssapi/engagement",
    "gravity_field_sdk": "/v2/event",
    "dynamic_yield": "/v2/collect/user/engagement",
    "vaix": "/api/tracker/events",
    "auxia": "/v1/LogTreatmentInteraction",
}
"""One path for each vendor that takes a POST."""
SUCCESS = {
    "gravity_field": (204, None),
    "gravity_field_sdk": (204, None),
    "dynamic_yield": (204, None),
    "vaix": (204, None),
    "auxia": (200, {}),
}
"""How each dialect says that all is well."""
_ACCOUNTS = {
    "gravity_field": 'base_url = "{url}"\napi_key = "sandbox-gf-key"',
    "gravity_field_sdk": 'base_url = "{url}/v2"\napi_key = "sandbox-sdk-key"\nsection = "5f2d8c1ab4e7f90012345678"',
    "dynamic_yield": 'base_url = "{url}"\napi_key = "sandbox-dy-key"',
    "vaix": 'base_url = "{url}"\ntoken = "sandbox-vaix-token"\nclient_id = "sandbox-group"',
    "auxia": 'base_url = "{url}"\napi_key = "sandbox-auxia-key"\nevents_api_key = "sandbox-auxia-events-key"\n'
    'project_id = "1250"',
}
_FILL = 'fill = { "page.location" = "https://shop.example/", placement = "lane:top", variations = "101" }'


def body_of(path):
    """The correct body of a native path, with or without the SDK's version."""
    path = path.partition("?")[0]
    return BODIES[path.removeprefix("/v2") if path in ("/v2/event", "/v2/engagement") else path]


def upstream(vendor, url, more="", name=None):
    """An account of a vendor at some address."""
    account = _ACCOUNTS[vendor].format(url=url)
    return f'[upstreams.{name or vendor}]\nvendor = "{vendor}"\nunsupported = "event"\n{_FILL}\n{account}\n{more}\n'


def route(accepts, targets, more="", *, name=None, clients='["shop"]'):
    """A route in forward mode, the first of its targets the primary one."""
    head = f'[[routes]]\nname = "{name or accepts}"\naccepts = "{accepts}"\nclients = {clients}\n'
    head += f'mode = "forward"\n{more}\n'
    lines = [
        f'[[routes.targets]]\nupstream = "{one}"\n'
        + ('primary = true\non_failure = "relay"\n' if one == targets[0] else "")
        for one in targets
    ]
    return head + "".join(lines)


def own_first(vendor):
    """A vendor's own account as primary target, every other beside it."""
    return [vendor, *(other for other in VENDORS if other != vendor)]


def fan_out():
    """A route for each dialect, answered by its own vendor and told to all the others."""
    return "".join(route(vendor, own_first(vendor)) for vendor in VENDORS)


def crossed():
    """A route for each pair: what comes under `/to-<target>` goes to that vendor alone."""
    return "".join(
        route(source, [target], f'prefix = "/to-{target}"', name=f"{source}-{target}")
        for source in VENDORS
        for target in VENDORS
    )


def accounts(url, more=""):
    """An account of each vendor."""
    return "".join(upstream(vendor, url, more) for vendor in VENDORS)


def settings(body, folder, server="", log=""):
    """A whole file: free ports, a store in a folder, one client, and what the test is about."""
    return (
        f'[server]\nport = 0\ndrain_delay = "0s"\n{server}\n[admin]\nport = 0\n'
        f'[store]\npath = "{folder}/data"\n[log]\n{log}\n'
        f'[clients.shop]\nkey = "{KEY}"\n{body}'
    )


class Answered(msgspec.Struct):
    """An answer as a caller sees it; `body` is its JSON document, None without one."""

    status: int
    body: object
    headers: object
    text: bytes


class Gateway:
    """A running gateway: `send` and `post` call it, `raw` speaks bytes; `lines` are its log's."""

    def __init__(self, service, sandbox, session, ports, lines):
        self.service = service
        self.sandbox = sandbox
        self.session = session
        self.port, self.admin_port = ports
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.lines = lines

    async def send(self, method, path, **options):
        """One request; a path with a scheme goes where it says."""
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(method, url, allow_redirects=False, **options) as answer:
            text = await answer.read()
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
            body = msgspec.json.decode(text) if text and is_json else None
            return Answered(answer.status, body, answer.headers, text)

    async def call(self, vendor, method, path, prefix="", **options):
        """A correct call of a vendor's client."""
        body = {} if method == "GET" else {"json": body_of(path)}
        return await self.send(method, prefix + path, headers=KEYS[vendor], **body | options)

    async def post(self, vendor, data, path=None, headers=None):
        """Some bytes to a vendor's path, as JSON and with a good key unless other headers are given."""
        shown = KEYS[vendor] | {"Content-Type": "application/json"} if headers is None else headers
        return await self.send("POST", path or FIRST[vendor], data=data, headers=shown)

    async def raw(self, *chunks, pause=0.05, half_close=False):
        """What comes back for some bytes until the gateway closes."""
        return await raw(self.port, *chunks, pause=pause, half_close=half_close)

    async def received(self, count, vendor=None):
        """What the sandbox has received once that is at least `count` calls."""
        return await self.sandbox.received.wait(count, vendor)

    async def settled(self):
        """Returns when nothing that was kept waits to be delivered any more."""
        store = self.service.store

        async def is_idle():
            return not [one for one in store.targets() if (await store.backlog(one)).pending]

        await until(is_idle)

    def inbounds(self):
        """The canonical lines."""
        return [line for line in self.lines if line["event"] == "inbound"]


async def raw(port, *chunks, pause=0.05, half_close=False):
    """What comes back on a connection for some bytes, until it is closed by the other side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for index, chunk in enumerate(chunks):
            if index:
                await asyncio.sleep(pause)
            writer.write(chunk)
            await writer.drain()
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@asynccontextmanager
async def running(folder, body, *, server="", log="", sandbox=None):
    """A gateway of `body`, a function of the sandbox's address, beside its sandbox."""
    sandbox = sandbox or Sandbox()
    await sandbox.start()
    path = folder / "config.toml"
    path.write_text(settings(body(sandbox.url), folder, server, log))
    with structlog.testing.capture_logs() as lines:
        service = Service(load(path, MAPPINGS, {}), MAPPINGS)
        ports = await service.start()
        try:
            async with aiohttp.ClientSession() as session:
                yield Gateway(service, sandbox, session, ports, lines)
        finally:
            # Only what hangs in the sandbox ends with it: asyncio loses connections that a server just accepts.
            draining = asyncio.create_task(service.drain())
            await asyncio.wait([draining], timeout=1)
            await sandbox.stop()
            await draining
