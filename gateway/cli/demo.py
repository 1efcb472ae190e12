"""`gateway demo`: one real example of each format, sent through a gateway to the sandbox's five vendors."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct, json

from gateway.contract import Mappings

_FILL: Final = """
[[routes.targets]]
upstream = "gravity_field"
fill = { "page.location" = "https://shop.example/" }
unsupported = "event"
[[routes.targets]]
upstream = "gravity_field_sdk"
fill = { "page.location" = "https://shop.example/" }
unsupported = "event"
[[routes.targets]]
upstream = "dynamic_yield"
unsupported = "event"
[[routes.targets]]
upstream = "vaix"
fill = { "page.location" = "https://shop.example/", placement = "demo:example" }
[[routes.targets]]
upstream = "auxia"
fill = { placement = "DEMO", variations = "101" }
unsupported = "event"
"""
_UPSTREAMS: Final = """
[server]
port = 0
drain_delay = "0s"
[admin]
port = 0
[store]
path = "{folder}"
[log]
requests = "errors"
[clients.demo]
key = "demo-key"
[upstreams.gravity_field]
vendor = "gravity_field"
base_url = "{sandbox}"
api_key = "sandbox-gf-key"
[upstreams.gravity_field_sdk]
vendor = "gravity_field_sdk"
base_url = "{sandbox}/v2"
api_key = "sandbox-sdk-key"
section = "5f2d8c1ab4e7f90012345678"
[upstreams.dynamic_yield]
vendor = "dynamic_yield"
base_url = "{sandbox}"
api_key = "sandbox-dy-key"
[upstreams.vaix]
vendor = "vaix"
base_url = "{sandbox}"
token = "sandbox-vaix-token"
client_id = "sandbox-group"
[upstreams.auxia]
vendor = "auxia"
base_url = "{sandbox}"
api_key = "sandbox-auxia-key"
events_api_key = "sandbox-auxia-events-key"
project_id = "1250"
"""


class _Example(Struct, frozen=True):
    """One vendor's request as its documentation shows it."""

    vendor: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


_BEARER: Final = {"authorization": "Bearer demo-key"}
_EXAMPLES: Final = (
    _Example(
        "gravity_field",
        "/ssapi/engagement",
        _BEARER,
        {
            "user": {"id": "user-1"},
            "session": {"custom": "session-1"},
            "context": {"page": {"type": "PRODUCT", "data": ["sku-1"], "location": "https://shop.example/p/1"}},
            "engagements": [{"type": "CLICK", "decisionId": "decision-1", "variations": ["101"]}],
        },
    ),
    _Example(
        "gravity_field_sdk",
        "/v2/event",
        _BEARER,
        {
            "sec": "5f2d8c1ab4e7f90012345678",
            "user": {"custom": "user-1", "ses": "session-1"},
            "ctx": {"type": "CART", "data": ["sku-1"], "location": "https://shop.example/cart"},
            "data": [
                {
                    "type": "add-to-cart-v1",
                    "name": "Add to Cart",
                    "currency": "EUR",
                    "value": 49.5,
                    "quantity": 2,
                    "productId": "sku-1",
                }
            ],
        },
    ),
    _Example(
        "dynamic_yield",
        "/v2/collect/user/engagement",
        {"dy-api-key": "demo-key"},
        {
            "user": {"id": "yaexono4ohphania"},
            "session": {"custom": "iquahngaishe2koh"},
            "engagements": [
                {"type": "CLICK", "decisionId": "aGVsbG8KhAc"},
                {"type": "SLOT_CLICK", "slotId": "aGVsbG93b3JsZAo="},
            ],
        },
    ),
    _Example(
        "vaix",
        "/api/tracker/events",
        _BEARER,
        {
            "event_type": "clicks:game",
            "user_id": "654321",
            "data": {
                "game_id": "HallOfGods",
                "page": "CategoryPageJackpots",
                "position": "3",
                "location": "swim_lane:recommended",
            },
        },
    ),
    _Example(
        "auxia",
        "/v1/LogTreatmentInteraction",
        {"x-api-key": "demo-key"},
        {
            "projectId": "1250",
            "userId": "user-1",
            "treatmentTrackingId": "6_690e24d8-16a6-4518-bf37-09a8f0120dfb",
            "treatmentId": "1250",
            "surface": "HOME_SCREEN",
            "interactionType": "DISMISSED",
            "interactionTimeMicros": 1667829258250000,
            "actionName": "Not now",
        },
    ),
)


@click.command("demo")
@click.pass_obj
def command(mappings: Mappings) -> None:
    """Send one example of each format to all five vendors of a sandbox, and print who got what."""
    from gateway import log

    log.configure("error", "auto")
    asyncio.run(_demo(mappings))


async def _demo(mappings: Mappings) -> None:
    import aiohttp

    from gateway.config import load
    from gateway.sandbox import Sandbox
    from gateway.service import Service

    sandbox = Sandbox()
    await sandbox.start("127.0.0.1", 0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.toml"
            path.write_text(_config(sandbox.url, folder), encoding="utf-8")
            service = Service(load(path, mappings, {}), mappings)
            port, _ = await service.start()
            try:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                    for example in _EXAMPLES:
                        await _show(session, sandbox, service, example)
            finally:
                await service.drain()
    finally:
        await sandbox.stop()


def _config(sandbox: str, folder: str) -> str:
    """A configuration with a route for each format: its own vendor answers, all others hear of it."""
    routes = []
    for example in _EXAMPLES:
        own = f'upstream = "{example.vendor}"\n'
        targets = _FILL.replace(own, f"{own}primary = true\n")
        head = f'name = "{example.vendor}"\naccepts = "{example.vendor}"\nclients = ["demo"]\nmode = "forward"\n'
        routes.append(f"[[routes]]\n{head}explain = true{targets}")
    return _UPSTREAMS.format(sandbox=sandbox, folder=folder) + "\n".join(routes)


async def _show(session: Any, sandbox: Any, service: Any, example: _Example) -> None:
    """Send one example and print what each vendor received for it."""
    sandbox.received.clear()
    click.secho(f"\n{example.vendor} client: POST {example.path}", bold=True)
    click.echo(f"  {_short(example.body)}")
    async with session.post(example.path, json=example.body, headers=example.headers) as answer:
        losses = answer.headers.get("x-gateway-losses", "0")
        click.echo(f"  answered {answer.status} {(await answer.text())[:200]} ({losses} named losses)")
    await _delivered(service.store)
    for entry in sandbox.received.entries():
        click.echo(f"  → {entry.vendor}: {entry.method} {entry.path} → {entry.status}\n      {_short(entry.body)}")


async def _delivered(store: Any) -> None:
    """Wait until every target that nobody waits for has been told."""
    while [name for name in store.targets() if (await store.backlog(name)).pending]:  # noqa: ASYNC110  # few, and brief
        await asyncio.sleep(0.01)


def _short(body: Mapping[str, Any] | None) -> str:
    return "(no body)" if body is None else json.encode(body).decode()
