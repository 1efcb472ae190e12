"""A real test click: sent to the gateway's own public port as a route's own client would send it."""

import secrets
import time
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct, field

from gateway import dryrun
from gateway.admin import shown
from gateway.admin.call import Call
from gateway.admin.masking import Masker
from gateway.admin.problem import AdminError
from gateway.admin.translating import endpoint_of
from gateway.config import Config
from gateway.config.addresses import seen_from_here, url_of
from gateway.config.faults import nearest
from gateway.contract import Endpoint, Inbound, VendorMapping
from gateway.errors import GatewayError
from gateway.routing import Route

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


class Click(Struct, frozen=True, forbid_unknown_fields=True):
    """What to send through which route: a body of the vendor that the route accepts, at one of its native paths."""

    route: str
    source: str | None = None
    body: Any = None
    path: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


async def sent(call: Call, click: Click) -> object:
    """The answer that a client of the route gets, and the request id by which `/api/deliveries` tells the rest."""
    gateway = call.gateway
    port = gateway.public_port
    if port is None:
        raise AdminError(409, "no gateway is running that could take it")
    route = _route(gateway.config, click)
    source = gateway.mappings[route.accepts].example()
    endpoint = _endpoint(source, click)
    base = url_of(seen_from_here(gateway.config.server.host), port)
    request_id = f"send-{secrets.token_hex(8)}"
    headers = {**click.headers, **_key(gateway.config, route, source), "x-request-id": request_id}
    gateway.store.watch(request_id)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
        url = f"{base}{route.prefix}{click.path or endpoint.paths[0]}"
        body = None if endpoint.method == "GET" else click.body
        try:
            async with session.request(
                endpoint.method, url, params=click.query, json=body, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AdminError(502, f"the public port gave no answer: {type(error).__name__}") from None
    return {
        "request_id": request_id,
        "status": answer.status,
        "body": Masker(gateway.config).tree(shown.document(text)),
        "losses": answer.headers.get("x-gateway-losses"),
        "targets": [one.target.name for one in route.targets],
    }


def _route(config: Config, click: Click) -> Route:
    known = {route.name: route for route in config.routes}
    if click.route not in known:
        raise AdminError(404, f"no route {click.route!r}{nearest(click.route, known)}; known: {', '.join(known)}")
    route = known[click.route]
    if click.source not in (None, route.accepts):
        raise AdminError(400, f"the route {click.route} accepts {route.accepts}, not {click.source}")
    return route


def _endpoint(source: VendorMapping, click: Click) -> Endpoint:
    """The endpoint that is asked for, else the first that the body fits."""
    endpoint = endpoint_of(source, click.path)
    if click.path is not None:
        return endpoint
    body = msgspec.json.encode(click.body)
    inbound = Inbound("send", endpoint, {}, click.query, body, time.time_ns() // 1000)
    try:
        return dryrun.decode_anywhere(source, inbound, stamp=True).inbound.endpoint
    except GatewayError:
        return endpoint


def _key(config: Config, route: Route, source: VendorMapping) -> dict[str, str]:
    """The key of the route's first client, where its dialect shows keys."""
    if not route.clients:
        return {}
    key, header = config.clients[min(route.clients)].keys[0].reveal(), source.KEY_HEADERS[0]
    shapes = ({header: key}, {header: f"Bearer {key}"})
    found = next((headers for headers in shapes if source.key(headers, {}) == key), None)
    if found is None:
        raise AdminError(409, f"{source.NAME} shows keys in a way that this command does not know")
    return found
