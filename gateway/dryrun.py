"""A dry run: what a target would be sent for an inbound, credentials masked; nothing is sent."""

from collections.abc import Sequence
from typing import Any

from msgspec import json
from msgspec.structs import replace

from gateway.contract import Endpoint, Inbound, Outbound, VendorMapping, masked
from gateway.errors import Malformed
from gateway.translate import Decoded, Refused, Translation, decode


def endpoint_at(source: VendorMapping, path: str) -> Endpoint | None:
    """The vendor's endpoint at one of its native paths, if it has one there."""
    return next((endpoint for endpoint in source.ENDPOINTS if path in endpoint.paths), None)


def decode_anywhere(source: VendorMapping, inbound: Inbound, *, stamp: bool) -> Decoded:
    """What an inbound says at its endpoint or, where that refuses it, at the vendor's first other that its body fits.

    Raises NotJson, or what the inbound's own endpoint raised.
    """
    try:
        return decode(source, inbound, stamp=stamp)
    except Malformed:
        for endpoint in source.ENDPOINTS:
            if endpoint.method == "POST" and endpoint != inbound.endpoint:
                try:
                    return decode(source, replace(inbound, endpoint=endpoint), stamp=stamp)
                except Malformed:
                    continue
        raise


def told(translation: Translation, mapping: VendorMapping) -> dict[str, Any]:
    """A translation as people and scripts read it: requests signed with masked credentials, and what they leave out."""
    account = masked(mapping)
    return {
        "requests": [_request(account.sign(outbound, "***")) for outbound in translation.requests],
        "losses": sorted(translation.losses),
        "copied": sorted(translation.copied),
        "refused": refusals(translation.refused),
    }


def refusals(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """What a target cannot carry, likewise."""
    return [{"interaction": one.interaction, "reason": one.reason, "fields": list(one.fields)} for one in refused]


def _request(outbound: Outbound) -> dict[str, Any]:
    body = None if outbound.body is None else json.decode(outbound.body)
    return {"method": outbound.method, "url": outbound.url, "headers": outbound.headers, "body": body}
