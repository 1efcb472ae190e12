"""Facts that hold of every body and every interaction, drawn at random."""

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import strategies
import test_golden as golden
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import mappings
from gateway import conformance
from gateway.contract import Inbound, Refusal, Secret
from gateway.errors import Malformed, NotJson
from gateway.facts import applies, get, put, stated
from gateway.model import LOSSES, MINTED, is_empty
from gateway.sandbox.validation import contract
from gateway.translate import Decoded, Target, decode, translate
from gateway.wire import without_nulls

ENDPOINTS = sorted(strategies.CONTRACTS)
AT = 1_795_255_200_123_456
ACCOUNTS = {
    vendor: msgspec.convert(settings, mappings.MAPPINGS[vendor], dec_hook=lambda _type, text: Secret(text))
    for vendor, settings in golden.ACCOUNTS.items()
}
EVERY_ENDPOINT = pytest.mark.parametrize(("vendor", "endpoint"), ENDPOINTS)


def inbound(vendor, endpoint, body):
    found = next(one for one in mappings.MAPPINGS[vendor].ENDPOINTS if one.name == endpoint)
    return Inbound("drawn", found, {}, {}, msgspec.json.encode(body), AT)


def home(vendor, endpoint, body):
    """What a vendor is told of a body of its own clients."""
    translation = translate(decode(ACCOUNTS[vendor], inbound(vendor, endpoint, body)), Target("t", ACCOUNTS[vendor]))
    assert (translation.refused, translation.losses, translation.copied) == ((), frozenset(), frozenset())
    return [msgspec.json.decode(outbound.body) for outbound in translation.requests]


def as_it_should_return(vendor, body):
    """A body without what the gateway may take away: nulls, and ids of the tenant, which are the account's."""
    if vendor == "vaix":
        return body
    tenant = {"auxia": {"projectId": "1250"}, "gravity_field_sdk": {"sec": ACCOUNTS["gravity_field_sdk"].section}}
    return without_nulls(body) | tenant.get(vendor, {})


@EVERY_ENDPOINT
@given(data=st.data())
def test_any_body_is_heard_or_rejected(vendor, endpoint, data):
    """Correct, slightly wrong or wild: a decoder gives interactions or rejects with faults, and never fails else."""
    drawn = strategies.slightly_wrong(vendor, endpoint) | strategies.JSON
    given_body = data.draw(drawn)
    try:
        found = ACCOUNTS[vendor].decode(inbound(vendor, endpoint, given_body))
    except (NotJson, Malformed) as error:
        named = error.faults
    else:
        named = None
        assert all(one.origin.vendor == vendor for one in found)
        assert len({one.id for one in found}) == len(found)
    assert named is None or (named and all(fault.message for fault in named))


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(body=st.binary(max_size=64))
def test_any_bytes_are_heard_or_rejected(vendor, body):
    """Bytes that are no JSON at all are rejected, whatever they are."""
    for endpoint in mappings.MAPPINGS[vendor].ENDPOINTS:
        if endpoint.method == "POST":
            with pytest.raises((NotJson, Malformed)):
                ACCOUNTS[vendor].decode(Inbound("drawn", endpoint, {}, {}, body, AT))


@given(query=st.dictionaries(st.sampled_from(["type", "decisionId", "contentId", "x"]), strategies.TEXT, max_size=4))
def test_any_query_is_heard_or_rejected_and_returns(query):
    """The SDK's engagement is a query: heard and returned as it came, or rejected with its faults."""
    sdk = ACCOUNTS["gravity_field_sdk"]
    (endpoint,) = [one for one in sdk.ENDPOINTS if one.method == "GET"]
    try:
        decoded = decode(sdk, Inbound("drawn", endpoint, {}, query, b"", AT))
    except Malformed as error:
        named = error.faults
    else:
        named = None
        (outbound,) = translate(decoded, Target("t", sdk)).requests
        assert dict(parse_qsl(urlsplit(outbound.url).query)) == query
    assert named is None or named


@EVERY_ENDPOINT
@given(data=st.data())
def test_a_correct_body_goes_home_as_it_came(vendor, endpoint, data):
    """The same vendor in and out is the identity on everything that its contract allows."""
    body = data.draw(strategies.correct(vendor, endpoint))
    assert home(vendor, endpoint, body) == [as_it_should_return(vendor, body)]


@EVERY_ENDPOINT
@given(data=st.data())
def test_home_is_where_it_stays(vendor, endpoint, data):
    """Whatever is heard at all, once told to its own vendor it is told the same ever after."""
    body = data.draw(strategies.slightly_wrong(vendor, endpoint))
    try:
        once = home(vendor, endpoint, body)
    except (NotJson, Malformed):
        return
    assert [home(vendor, endpoint, one) for one in once] == [[one] for one in once]


@pytest.mark.parametrize(
    ("vendor", "endpoint", "target"), [(*one, other) for one in ENDPOINTS for other in ACCOUNTS if other != one[0]]
)
@given(data=st.data())
def test_nothing_is_lost_in_silence(vendor, endpoint, target, data):
    """A text that an inbound states reaches the target or is a named loss, or its interaction is refused."""
    decoded = decode(ACCOUNTS[vendor], inbound(vendor, endpoint, data.draw(strategies.correct(vendor, endpoint))))
    unsupported = data.draw(st.sampled_from(["reject", "event"]))
    translation = translate(decoded, Target("t", ACCOUNTS[target], unsupported=unsupported))
    refused = {one.interaction for one in translation.refused}
    carried = {index for outbound in translation.requests for index in outbound.indices}
    assert refused | carried == set(range(len(decoded.interactions)))
    assert refused.isdisjoint(carried)
    told = " ".join(spoken(outbound) for outbound in translation.requests)
    for index in carried:
        one = decoded.interactions[index]
        for name in decoded.stated[index] - translation.losses - {"page.type", "channel"}:
            value = get(one, name)
            assert not isinstance(value, str) or name in ("action", "type") or shown(value, told), name
        assert not (decoded.stated[index] & MINTED) - translation.losses


def spoken(outbound):
    """All that an outbound says, its texts unescaped."""
    query = " ".join(value for _, value in parse_qsl(urlsplit(outbound.url).query))
    texts = strategies.at_any_depth(msgspec.json.decode(outbound.body)) if outbound.body else []
    return " ".join([query, *map(str, texts)])


def shown(value, told):
    """Whether a text is told, perhaps as the JSON value whose text it is."""
    try:
        plain = str(msgspec.json.decode(value))
    except (msgspec.MsgspecError, UnicodeEncodeError):
        plain = value
    return value in told or plain in told


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(interaction=strategies.INTERACTIONS)
def test_whatever_is_composed_keeps_the_contract(vendor, interaction):
    """Any interaction of no vendor is said in order by the vendor's own schema, or refused with sorted known names."""
    ours = ACCOUNTS[vendor]
    encoded = ours.encode(interaction)
    if isinstance(encoded, Refusal):
        assert encoded.reason in ("unsupported", "missing")
        assert list(encoded.fields) == sorted(set(encoded.fields))
        assert all(name in LOSSES or name.startswith("properties.") for name in encoded.fields)
        return
    assert not encoded.said & MINTED
    for outbound in conformance.outbounds(ours, encoded):
        path, _, query = outbound.url.removeprefix(ours.base_url).partition("?")
        document = dict(parse_qsl(query)) if outbound.body is None else msgspec.json.decode(outbound.body)
        assert contract(contract_of(vendor, path)).flaws(document) == ()


def contract_of(vendor, path):
    for endpoint in mappings.MAPPINGS[vendor].ENDPOINTS:
        if path in endpoint.paths:
            return strategies.CONTRACTS.get((vendor, endpoint.name), f"{vendor}.{endpoint.name}")
    raise AssertionError(path)


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(interaction=strategies.INTERACTIONS)
def test_a_name_is_said_exactly_where_it_shows(vendor, interaction):
    """Taking a fact away changes what the vendor is told if, and only if, the mapping claims to say it."""
    ours = ACCOUNTS[vendor]
    for name, value in {"user.id": "u-1", "page.location": "https://shop.example/", "name": "Spun"}.items():
        interaction = put(interaction, name, value) if applies(interaction, name) else interaction
    encoded = ours.encode(interaction)
    if isinstance(encoded, Refusal) or get(interaction, "slot_id") == get(interaction, "decision_id") is not None:
        return  # either id would then stand for the other
    told = conformance.outbounds(ours, encoded)
    for name in stated(interaction) - {"action", "type", "items.position"}:
        if name == "page.type" and interaction.page.type in ("OTHER", "SEARCH", "LOBBY"):
            continue  # OTHER stands for what is not said, too
        other = ours.encode(put(interaction, name, None))
        shows = isinstance(other, Refusal) or conformance.outbounds(ours, other) != told
        assert shows == encoded.says(name, interaction), name


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(interaction=strategies.INTERACTIONS, properties=strategies.PROPERTIES)
def test_what_is_not_said_in_full_is_lost(vendor, interaction, properties):
    """Losses are the stated names that the mapping does not claim, and those it claims in part; no more, no fewer."""
    one = replace(interaction, properties=interaction.properties | properties)
    encoded, translation = ACCOUNTS[vendor].encode(one), translate(just_read(one), Target("t", ACCOUNTS[vendor]))
    if isinstance(encoded, Refusal):
        assert not translation.losses
        return
    unsaid = {name for name in stated(one) if not encoded.says(name, one)} | (encoded.partly & stated(one))
    assert translation.losses == unsaid - ({"items.position"} if "items" in unsaid else set())


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(interaction=strategies.INTERACTIONS, properties=strategies.PROPERTIES)
def test_a_property_is_said_exactly_where_it_shows(vendor, interaction, properties):
    """However a property's value may be, and whatever its key means elsewhere, a claim to say it is true."""
    one = replace(interaction, properties=properties, outside={})
    for name, value in {"user.id": "u-1", "page.location": "https://shop.example/", "name": "Spun"}.items():
        one = put(one, name, value) if applies(one, name) else one
    encoded = ACCOUNTS[vendor].encode(one)
    if isinstance(encoded, Refusal):
        return
    told = conformance.outbounds(ACCOUNTS[vendor], encoded)
    for key, value in properties.items():
        other = ACCOUNTS[vendor].encode(put(one, f"properties.{key}", None))
        shows = isinstance(other, Refusal) or conformance.outbounds(ACCOUNTS[vendor], other) != told
        assert shows == (not is_empty(value) and encoded.says(f"properties.{key}", one)), key


@pytest.mark.parametrize("vendor", ACCOUNTS)
@given(interaction=strategies.INTERACTIONS)
def test_as_an_event_or_dropped_everything_is_accounted_for(vendor, interaction):
    """With unsupported = "event" only a person, a page or a name is missing; with "drop" nothing is refused."""
    decoded = just_read(interaction)
    turned = translate(decoded, Target("t", ACCOUNTS[vendor], unsupported="event"))
    assert turned.losses <= decoded.stated[0]
    for one in turned.refused:
        assert one.reason == "missing"
        assert set(one.fields) & {"user.id", "page.location", "name"}
    dropped = translate(decoded, Target("t", ACCOUNTS[vendor], unsupported="drop"))
    rejected = translate(decoded, Target("t", ACCOUNTS[vendor]))
    assert not dropped.refused
    assert dropped.dropped == len(rejected.refused)
    assert dropped.losses == rejected.losses.union(*(one.fields for one in rejected.refused))


def just_read(interaction):
    """An interaction of no vendor as if it had just been read."""
    came = Inbound("elsewhere", mappings.MAPPINGS["vaix"].ENDPOINTS[0], {}, {}, b"", AT)
    return Decoded(came, (interaction,))
