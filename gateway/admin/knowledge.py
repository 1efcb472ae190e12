"""What the gateway knows without any traffic: vendors, examples of what they are sent, what survives between them."""

import asyncio
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from msgspec import json, to_builtins

from gateway import fidelity
from gateway.admin.call import Call, Nothing
from gateway.admin.canonical import word_of
from gateway.contract import Endpoint, Inbound, Mappings, VendorMapping
from gateway.errors import GatewayError
from gateway.translate import decode

_CHECKOUT: Final = Path(__file__).parents[2] / "examples"
_FOLDERS: Final = (Path(__file__).parent / "examples", _CHECKOUT / "clicks", _CHECKOUT / "requests")
"""Where the examples are: in an installed package; in a checkout the vendors' first endpoints, and the others."""


async def vendors(call: Call, _: Nothing) -> object:
    """Every vendor with its endpoints, and every name that `translate` takes for a target."""
    config = call.gateway.config
    names = [one.target.name for route in config.routes for one in route.targets]
    return {
        "vendors": [
            {"name": name, "endpoints": [to_builtins(one) for one in mapping.ENDPOINTS]}
            for name, mapping in call.gateway.mappings.items()
        ],
        "targets": list(dict.fromkeys([*names, *config.upstreams, *call.gateway.mappings])),
    }


async def examples(call: Call, _: Nothing) -> object:
    """A real body for each endpoint of every vendor; for one that takes a query, that."""
    return {"examples": await asyncio.to_thread(lambda: list(_examples(call.gateway.mappings)))}


async def matrix(call: Call, _: Nothing) -> object:
    """What survives between every pair of vendors, as `gateway matrix` measures it."""
    return await asyncio.to_thread(_matrix, tuple(call.gateway.mappings.items()))


@lru_cache(maxsize=1)
def _matrix(mappings: tuple[tuple[str, type[VendorMapping]], ...]) -> list[Any]:
    """Every pair; measured once, for it depends on the mappings alone."""
    return [to_builtins(pair) for pair in fidelity.matrix(dict(mappings))]


def _examples(mappings: Mappings) -> Iterator[dict[str, Any]]:
    """The examples as their files have them: named by vendor, and by endpoint where it is not the vendor's first."""
    for name, mapping in mappings.items():
        source = mapping.example()
        for endpoint in source.ENDPOINTS:
            stem = name if endpoint is source.ENDPOINTS[0] else f"{name}_{endpoint.name}"
            file = next((file for one in _FOLDERS if (file := one / f"{stem}.json").is_file()), None)
            if file is not None:
                yield _example(source, endpoint, json.decode(file.read_bytes()))


def _example(source: VendorMapping, endpoint: Endpoint, said: dict[str, Any]) -> dict[str, Any]:
    is_query = endpoint.method == "GET"
    body = b"" if is_query else json.encode(said)
    inbound = Inbound("example", endpoint, {}, said if is_query else {}, body, time.time_ns() // 1000)
    try:
        words = list(dict.fromkeys(word_of(one) for one in decode(source, inbound).interactions))
    except GatewayError:
        words = []
    return {
        "vendor": source.NAME,
        "endpoint": endpoint.name,
        "method": endpoint.method,
        "path": endpoint.paths[0],
        "title": f"{source.NAME} {endpoint.name}: {', '.join(words).replace('_', ' ')}",
        "body": None if is_query else said,
        "query": said if is_query else None,
    }
