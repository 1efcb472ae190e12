"""An inbound as the store keeps it, and back: without credentials, its route, vendor and endpoint pinned."""

from collections.abc import Mapping

from gateway.contract import Inbound, VendorMapping
from gateway.errors import NoSuchPath
from gateway.routing import Match
from gateway.store.contract import Record


def inbound_id(request_id: str, received_at: int) -> str:
    """What tells an inbound from all others, also from one that a caller sends under the same request id."""
    return f"{request_id}.{received_at}"


def record_of(inbound: Inbound, request_id: str, match: Match) -> Record:
    """What is kept of an inbound; the query only where it is the message itself, since it may hold a key."""
    return Record(
        inbound.received_at,
        request_id,
        match.client,
        match.route.name,
        match.route.accepts,
        inbound.endpoint.name,
        inbound.headers,
        inbound.query if inbound.endpoint.method == "GET" else {},
        inbound.body,
        inbound.client_ip,
    )


def inbound_of(record: Record, sources: Mapping[str, VendorMapping]) -> tuple[VendorMapping, Inbound]:
    """The inbound and the mapping that reads it; raises NoSuchPath where no such vendor or endpoint is known now."""
    source = sources.get(record.vendor)
    endpoint = next((one for one in source.ENDPOINTS if one.name == record.endpoint), None) if source else None
    if source is None or endpoint is None:
        raise NoSuchPath(f"no mapping reads {record.vendor} {record.endpoint}")
    return source, Inbound(
        inbound_id(record.request_id, record.received_at),
        endpoint,
        record.headers,
        record.query,
        record.body,
        record.received_at,
        record.client_ip,
    )
