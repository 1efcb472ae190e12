"""What a target would be sent for a body, now."""

import time
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from gateway import dryrun
from gateway.admin.call import Call
from gateway.admin.canonical import canonical
from gateway.admin.masking import Masker
from gateway.admin.problem import AdminError
from gateway.config.faults import nearest
from gateway.contract import Endpoint, Inbound, VendorMapping, kept
from gateway.times import from_iso
from gateway.translate import Decoded, Target, decode, translate


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a source vendor and a target's, upstream's or vendor's name, as `gateway translate` takes them."""

    source: str
    target: str
    body: Any = None
    path: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    received_at: str | None = None
    mode: Literal["forward", "store"] = "forward"


async def translated(call: Call, asked: Asked) -> object:
    """The canonical form, the requests with masked credentials, and by name what they leave out; nothing is sent."""
    gateway = call.gateway
    source = vendor(gateway.mappings, asked.source)
    target = gateway.config.translate_target(asked.target)
    if target is None:
        target = Target(asked.target, vendor(gateway.mappings, asked.target))
    decoded = _decoded(source, asked)
    found = dryrun.told(translate(decoded, target), target.mapping)
    return Masker(gateway.config).tree({"canonical": canonical(decoded), **found})


def vendor(mappings: Any, name: str) -> VendorMapping:
    """A vendor's example account; raises AdminError for one that is not known."""
    if name not in mappings:
        raise AdminError(400, f"{name!r} is no vendor{nearest(name, mappings)}; known: {', '.join(mappings)}")
    found: VendorMapping = mappings[name].example()
    return found


def endpoint_of(source: VendorMapping, path: str | None) -> Endpoint:
    """The endpoint at a native path, the vendor's first where none is given; raises AdminError."""
    if path is None:
        return source.ENDPOINTS[0]
    found = dryrun.endpoint_at(source, path)
    if found is None:
        known = ", ".join(path for endpoint in source.ENDPOINTS for path in endpoint.paths)
        raise AdminError(400, f"{path} is none of {source.NAME}'s paths: {known}")
    return found


def _decoded(source: VendorMapping, asked: Asked) -> Decoded:
    endpoint = endpoint_of(source, asked.path)
    micros = time.time_ns() // 1000 if asked.received_at is None else from_iso(asked.received_at)
    if micros is None:
        raise AdminError(400, "received_at is no ISO 8601 time")
    headers = kept({name.lower(): value for name, value in asked.headers.items()})
    body = b"" if endpoint.method == "GET" else msgspec.json.encode(asked.body)
    inbound = Inbound("translate", endpoint, headers, asked.query, body, micros)
    if asked.path is None:
        return dryrun.decode_anywhere(source, inbound, stamp=asked.mode == "store")
    return decode(source, inbound, stamp=asked.mode == "store")
