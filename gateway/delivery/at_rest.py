"""What must not lie in the store, taken out of an inbound before it is kept: said anew, in its own vendor's words."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from gateway.config import PrivacySettings
from gateway.contract import Outbound, VendorMapping
from gateway.errors import Fault, Refused
from gateway.shaping import HEADER_FIELDS, Privacy
from gateway.store.contract import Record
from gateway.translate import Decoded, Target, Translation, translate


def privacy_at_rest(settings: PrivacySettings) -> Privacy | None:
    """What is hidden before anything is kept; None when that is nothing."""
    hiding = settings.at_rest
    if not hiding.drop and not hiding.hash:
        return None
    key = settings.key.reveal().encode() if settings.key else b""
    return Privacy(hiding.drop or (), hiding.hash or (), key)


def hidden(record: Record, decoded: Decoded, source: VendorMapping, privacy: Privacy) -> Record:
    """The record without what is dropped and with what is hashed; raises Refused where nothing sayable is left.

    Headers that are to be hashed are said in the body, where the vendor has a place for them.
    """
    hidden_names = {*privacy.drop, *privacy.hash}
    said = {name: value for name, value in record.headers.items() if HEADER_FIELDS.get(name) in privacy.hash}
    inbound = replace(
        decoded.inbound, headers=said, client_ip=record.client_ip if "device.ip" in privacy.hash else None
    )
    translation = translate(replace(decoded, inbound=inbound), Target("at_rest", source, privacy=privacy))
    outbound = _whole(decoded, translation)
    return replace(
        record,
        headers={name: value for name, value in record.headers.items() if HEADER_FIELDS.get(name) not in hidden_names},
        client_ip=None if "device.ip" in hidden_names else record.client_ip,
        query=_query(outbound),
        body=outbound.body or b"",
    )


def _whole(decoded: Decoded, translation: Translation) -> Outbound:
    """The one outbound that says every interaction, in their order."""
    if len(translation.requests) == 1 and translation.requests[0].indices == tuple(range(len(decoded.interactions))):
        return translation.requests[0]
    faults = [
        Fault(name, "[privacy] at_rest hides what this needs") for one in translation.refused for name in one.fields
    ]
    raise Refused(
        tuple(dict.fromkeys(faults)) or (Fault("", "[privacy] at_rest leaves nothing that can be kept whole"),)
    )


def _query(outbound: Outbound) -> Mapping[str, str]:
    """The message of an outbound that has no body."""
    return {} if outbound.body is not None else dict(parse_qsl(urlsplit(outbound.url).query, keep_blank_values=True))
