"""What any mapping must keep, as checks that a mapping's own tests run.

    from gateway.conformance import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check):
        check(HouseCollector, EXAMPLES)

`EXAMPLES` are inbounds as the vendor documents them, of every endpoint. A check returns when all is well and raises
Broken, which says what is not, when it is not.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import msgspec
from msgspec.structs import replace

from gateway import errors
from gateway.contract import (
    KEPT_HEADERS,
    Answer,
    Encoded,
    Inbound,
    Outbound,
    Receipt,
    Refusal,
    Secret,
    VendorMapping,
)
from gateway.errors import Fault, GatewayError, Malformed, NotJson
from gateway.facts import get, put, stated
from gateway.fidelity import examples
from gateway.model import LOSSES, CartItem, Engagement, Interaction, Item
from gateway.wire import without_nulls

CREDENTIAL: Final = "a-credential-of-the-conformance-suite"
JUNK: Final = (
    *(b"", b"{", b"nonsense", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":\xff}', b'{"a":"\\ud800"}', b"\x00"),
    *(b"null", b"true", b"0", b'"text"', b"[]", b"[null]", b"{}", b'{"":null}', b'{"a":{"b":[1,{}]}}'),
    *(b"NaN", b'{"a":NaN}', b'{"a":Infinity}', b"1e400", b'{"a":-1e400}', b"9" * 5000, b'{"a":' + b"9" * 5000 + b"}"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"user":{},"user":5}'),
)
"""Bodies that no vendor documents: malformed, too deep, too large, of the wrong kind."""
ODD: Final[tuple[Any, ...]] = (None, True, 0, -1, 0.5, 10**30, 1e300, "", "odd", [], [[]], [None], {}, {"odd": {}})
"""Values that each place of an example's body is tried with."""
_REASONS: Final = frozenset({"unsupported", "missing"})
_SETTINGS: Final = frozenset({"events_api_key"})
_OTHER: Final[dict[str, Any]] = {
    "page.type": "CART",
    "page.data": ("sku-2",),
    "channel": "app",
    "consent": False,
    "items": (Item("game", "game-2", None, 1),),
    "cart": (CartItem("sku-2", 3, 8.25),),
    "variations": ("102",),
    "occurred_at": 1_700_000_000_000_000,
}
"""What a fact is changed to where `changed` would leave its documented words."""


class Broken(AssertionError):
    """A mapping does not keep the contract."""


def _ask(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def account(mapping: type[VendorMapping]) -> Any:
    """The mapping's example account with a credential that is told apart from everything else."""
    example: Any = mapping.example()
    secrets = [name for name in example.__struct_fields__ if isinstance(getattr(example, name), Secret)]
    return replace(example, **dict.fromkeys(secrets, Secret(CREDENTIAL)))


def interactions() -> Iterator[Interaction]:
    """Fully filled interactions of no vendor: every action with every combination of ids, every type of event."""
    for kind, example in examples():
        one = replace(example, received_at=example.received_at + 1_000_000)
        if not isinstance(one, Engagement):
            yield one
        elif kind.endswith("decision"):
            for ids in ({}, {"decision_id": "d-1"}, {"slot_id": "s-1"}, {"decision_id": "d-1", "slot_id": "s-1"}):
                yield replace(one, **{"decision_id": None, "slot_id": None, **ids})


def outbounds(account: VendorMapping, encoded: Encoded) -> list[Outbound]:
    """The outbounds of one encoded interaction, each part alone."""
    return [account.request((part,)) for part in encoded.parts]


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


# The mapping itself


def names_itself(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """NAME, ENDPOINTS and headers are as routes and CORS need them, and the examples are of these endpoints."""
    _ask(mapping.NAME.isidentifier() and mapping.NAME.islower(), f"NAME {mapping.NAME!r} is no snake_case word")
    _ask(mapping.ENDPOINTS, "there is no endpoint")
    paths = [path for endpoint in mapping.ENDPOINTS for path in endpoint.paths]
    _ask(len(set(paths)) == len(paths), f"two endpoints share a path: {sorted(paths)}")
    _ask(all(path.startswith("/") and not path.endswith("/") for path in paths), f"a path is not /absolute: {paths}")
    for endpoint in mapping.ENDPOINTS:
        _ask(endpoint.method in ("GET", "POST") and endpoint.paths, f"{endpoint.name} has no method or path")
        _ask(any(one.endpoint == endpoint for one in inbounds), f"no example is of {endpoint.name}")
    for header in (*mapping.KEY_HEADERS, *mapping.PASSES_ON):
        _ask(header == header.lower(), f"header {header} is not in lower case")
    _ask(set(mapping.PASSES_ON) <= set(KEPT_HEADERS), f"of the caller's headers only {KEPT_HEADERS} are kept")
    base_url = mapping.example().base_url
    _ask(base_url.startswith("https://") and not base_url.endswith("/"), f"base_url {base_url} is no https://host")


def signs_headers_only(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """An unsigned outbound holds no credential; signing adds headers, of KEY_HEADERS, whose key it would accept."""
    ours = account(mapping)
    for unsigned in _all_outbounds(ours, inbounds):
        _ask(CREDENTIAL not in repr(unsigned), f"a credential stands in an unsigned {unsigned.url}")
        signed = ours.sign(unsigned, CREDENTIAL)
        _ask(replace(signed, headers=unsigned.headers) == unsigned, "signing changed more than headers")
        _ask(unsigned.headers.items() <= signed.headers.items(), "signing took headers away")
        added = signed.headers.keys() - unsigned.headers.keys()
        _ask(added <= set(mapping.KEY_HEADERS), f"signing added {sorted(added)}, not all of KEY_HEADERS")
        _ask(ours.key(signed.headers, {}) == CREDENTIAL, "the key that is sent is not the key that is read")
    _ask(ours.key({}, {}) is None, "a key was read where none was shown")


def composes_requests(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """Outbounds go to the account's base_url with lower-case headers; a composed body is a JSON object, no nulls."""
    ours = account(mapping)
    for outbound in _all_outbounds(ours, inbounds):
        _ask(outbound.url.startswith(f"{ours.base_url}/"), f"{outbound.url} is not below base_url")
        _ask(outbound.method in ("GET", "POST"), f"method {outbound.method}")
        _ask((outbound.body is None) == (outbound.method == "GET"), f"{outbound.method} with or without a body")
        _ask(all(name == name.lower() for name in outbound.headers), "a header is not in lower case")
        _ask(outbound.indices == (), "indices are not the mapping's to set")
    for interaction in interactions():
        encoded = ours.encode(interaction)
        told, again = (outbounds(ours, encoded) if isinstance(encoded, Encoded) else [] for _ in range(2))
        for outbound, another in zip(told, again, strict=True):
            _ask(outbound is not another, "two requests are one and the same outbound")
            body = {} if outbound.body is None else msgspec.json.decode(outbound.body)
            _ask(isinstance(body, dict), "a body is no JSON object")
            _ask(not _has_null(body), f"a composed body holds a null: {body}")


def _all_outbounds(ours: VendorMapping, inbounds: Sequence[Inbound]) -> Iterator[Outbound]:
    heard = [interaction for inbound in inbounds for interaction in ours.decode(inbound)]
    for interaction in (*interactions(), *heard):
        encoded = ours.encode(interaction)
        if isinstance(encoded, Encoded):
            yield from outbounds(ours, encoded)


def _has_null(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(_has_null(member) for member in members)


# The source half


def hears_the_same_again(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """Decoding is pure: the same inbound says the same, its ids are its own, and it is left as it was."""
    ours = account(mapping)
    for inbound in inbounds:
        before = _plain(inbound)
        heard = ours.decode(inbound)
        _ask(_plain(inbound) == before, "decoding changed the inbound")
        _ask(_plain(ours.decode(inbound)) == _plain(heard), "decoding twice says two things")
        _ask(len({one.id for one in heard}) == len(heard), "two interactions share an id")
        others = {one.id for one in ours.decode(replace(inbound, id="another"))}
        _ask(others.isdisjoint(one.id for one in heard), "two inbounds share an interaction's id")
        for one in heard:
            _ask(one.origin.vendor == mapping.NAME, f"origin.vendor is {one.origin.vendor}")
            _ask(one.origin.endpoint == inbound.endpoint.name, f"origin.endpoint is {one.origin.endpoint}")
            _ask(one.received_at == inbound.received_at, "received_at is not the inbound's")


def hears_or_rejects(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """Whatever the body, decoding gives interactions, NotJson, or Malformed with its faults: nothing else ever."""
    ours = account(mapping)
    for endpoint in mapping.ENDPOINTS:
        if endpoint.method == "POST":
            for body in JUNK:
                _hear(ours, Inbound("junk", endpoint, {}, {}, body, 0))
    for inbound in inbounds:
        if inbound.endpoint.method == "GET":
            for name in inbound.query:
                _hear(ours, replace(inbound, query={other: "" for other in inbound.query if other != name}))
        else:
            for tree in _mutants(msgspec.json.decode(inbound.body)):
                _hear(ours, replace(inbound, body=msgspec.json.encode(tree)))


def _hear(ours: VendorMapping, inbound: Inbound) -> None:
    try:
        ours.decode(inbound)
    except (NotJson, Malformed) as error:
        _ask(all(str(fault) for fault in error.faults) and error.faults, f"{inbound.body[:80]!r}: no fault is named")
    except Exception as error:
        raise Broken(f"{inbound.body[:200]!r}: {error!r}") from error


def _mutants(tree: Any) -> Iterator[Any]:
    """The tree with each of its places, one at a time, taken away or odd."""
    yield from ODD
    if isinstance(tree, dict):
        for key, member in tree.items():
            yield {other: kept for other, kept in tree.items() if other != key}
            yield from ({**tree, key: mutant} for mutant in _mutants(member))
    elif isinstance(tree, list):
        for index, member in enumerate(tree):
            yield from ([*tree[:index], mutant, *tree[index + 1 :]] for mutant in _mutants(member))


# The target half


def says_or_refuses(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """Encoding is pure; it gives parts and known names, or a reason with known names, sorted."""
    ours = account(mapping)
    heard = [interaction for inbound in inbounds for interaction in ours.decode(inbound)]
    for interaction in (*interactions(), *heard, *(put(one, "user.id", None) for one in interactions())):
        before = _plain(interaction)
        encoded = ours.encode(interaction)
        _ask(_plain(interaction) == before, "encoding changed the interaction")
        _ask(_plain(ours.encode(interaction)) == _plain(encoded), "encoding twice says two things")
        if isinstance(encoded, Refusal):
            _ask(encoded.reason in _REASONS, f"reason {encoded.reason}")
            _ask(encoded.fields and list(encoded.fields) == sorted(set(encoded.fields)), f"names {encoded.fields}")
            _ask(all(_known(name) for name in encoded.fields), f"unknown names: {encoded.fields}")
        else:
            _ask(encoded.parts, "nothing is said")
            _ask(all(_known(name) for name in (encoded.said or ())), f"unknown names: {encoded.said}")
            _ask(encoded.partly <= (encoded.said or encoded.partly) | stated(interaction), "partly of what is not said")


def _known(name: str) -> bool:
    return name in LOSSES or name in _SETTINGS or name.startswith("properties.")


def says_what_it_claims(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:  # noqa: ARG001  # a check's signature
    """A name that is said leaves, for changing or dropping it shows; one that is not said shows nowhere."""
    ours = account(mapping)
    for interaction in interactions():
        encoded = ours.encode(interaction)
        if isinstance(encoded, Refusal):
            continue
        told = outbounds(ours, encoded)
        names = stated(interaction) - {"action", "type", "items.position"}
        for name in sorted(names):
            claimed = encoded.says(name, interaction)
            for value in (changed(interaction, name), None):
                other = ours.encode(put(interaction, name, value))
                shows = isinstance(other, Refusal) or outbounds(ours, other) != told
                word = "is said, but shows nowhere" if claimed else "is not said, but shows"
                _ask(shows == claimed, f"{_kind(interaction)}: {name} {word}")


def changed(interaction: Interaction, name: str) -> Any:
    """Another value for one of an interaction's facts, of the same kind."""
    value = get(interaction, name)
    if name in _OTHER:
        return _OTHER[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value}-2" if isinstance(value, str) else [*value, *value]


def _kind(interaction: Interaction) -> str:
    if not isinstance(interaction, Engagement):
        return interaction.type
    ids = [name for name in ("decision_id", "slot_id") if getattr(interaction, name)]
    return f"{interaction.action} by {' and '.join(ids) or 'nothing'}"


def goes_home_as_it_came(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:
    """What came from the vendor is told back to it in full: read again, it says the same, byte for byte."""
    ours = account(mapping)
    for inbound in inbounds:
        heard = ours.decode(inbound)
        home = _home(ours, heard)
        again = [one for back in home for one in ours.decode(_returned(inbound, back))]
        _ask([_facts(one) for one in again] == [_facts(one) for one in heard], f"{inbound.body[:200]!r} came back else")
        _ask(_home(ours, tuple(again)) == home, f"{inbound.body[:200]!r} changes each time it goes home")


def _home(ours: VendorMapping, heard: tuple[Interaction, ...]) -> list[Outbound]:
    """The outbounds back to the vendor, with everything that may travel together travelling together."""
    batches: list[list[Any]] = []
    for interaction in heard:
        encoded = ours.encode(interaction)
        if isinstance(encoded, Refusal):
            raise Broken(f"its own interaction is refused: {encoded.reason} {encoded.fields}")
        _ask(encoded.said is None, "its own interaction is not said in full")
        for part in encoded.parts:
            for batch in batches:
                first = batch[0]
                if part.envelope is not None and (first.endpoint, first.envelope) == (part.endpoint, part.envelope):
                    batch.append(part)
                    break
            else:
                batches.append([part])
    return [ours.request(batch) for batch in batches]


def _returned(inbound: Inbound, back: Outbound) -> Inbound:
    """An outbound home as the inbound that it would be."""
    query = back.url.partition("?")[2]
    pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else inbound.query
    return replace(inbound, query=pairs, body=back.body or b"")


def _facts(interaction: Interaction) -> dict[str, Any]:
    return {name: without_nulls(_plain(get(interaction, name))) for name in stated(interaction)}


# Answers


def answers_every_error(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:  # noqa: ARG001  # a check's signature
    """Success is a 2xx; every error has its status (a missing key 401 or 403) and a JSON body, never a credential."""
    ours = account(mapping)
    _ask(200 <= ours.success().status < 300, f"success is {ours.success().status}")
    for error in _errors():
        answer = ours.failure(error)
        allowed = {error.status, 403} if error.status == 401 else {error.status}
        _ask(answer.status in allowed, f"{type(error).__name__} is answered with {answer.status}")
        _ask(answer.headers.get("content-type") == "application/json", f"{type(error).__name__}: content-type")
        _ask(isinstance(msgspec.json.decode(answer.body), dict), f"{type(error).__name__}: no JSON object")
        _ask(CREDENTIAL.encode() not in answer.body, f"{type(error).__name__} shows a credential")


def _errors() -> Iterator[GatewayError]:
    """One of every class of error that a caller may be told of."""
    given: dict[type[GatewayError], tuple[Any, ...]] = {
        errors.WrongMethod: (("GET", "POST"),),
        errors.RateLimited: ("too fast", 1.5),
        errors.Overloaded: ("too much", 1.5),
        errors.UpstreamAnswered: (418, "no"),
    }
    faults = (Fault("", "of the whole"), Fault("a[0].b", "is required"), Fault("a[0].b", "is odd"))
    yield GatewayError("it failed")
    for found in vars(errors).values():
        if isinstance(found, type) and issubclass(found, _TOLD) and not found.__name__.startswith("_"):
            faulty = issubclass(found, (errors.Malformed, errors.Refused))
            yield found(*((faults,) if faulty else given.get(found, ("it failed",))))


_TOLD: Final = (errors.Rejected, errors.DeliveryFailed, errors.Refused)


def judges_every_answer(mapping: type[VendorMapping], inbounds: Sequence[Inbound]) -> None:  # noqa: ARG001  # a check's signature
    """Every status with any body has a verdict: an empty 2xx accepted, nothing else but 2xx ever."""
    ours = account(mapping)
    bodies = (b"", b"{}", b"[]", b"null", b'"x"', b"{", b"\xff", b"<html>", b'{"error":{"code":1}}', b'{"code":"x"}')
    for status in range(100, 600):
        for body in (*bodies, b'{"error":"x","errors":{},"code":503,"status":[]}', b"[" * 10_000, b'{"a":' * 10_000):
            receipt = ours.judge(Answer(status, body))
            _ask(isinstance(receipt, Receipt) and receipt.verdict in _VERDICTS, f"{status}: {receipt}")
            _ask(200 <= status < 300 or receipt.verdict != "accepted", f"{status} is accepted")
            _ask(body or not 200 <= status < 300 or receipt.verdict == "accepted", f"an empty {status}: {receipt}")
        _ask(status != 429 or ours.judge(Answer(status)).verdict == "again", "429 is not tried again")


_VERDICTS: Final = frozenset(get_args(Receipt.__annotations__["verdict"]))

CHECKS: Final[tuple[Callable[[type[VendorMapping], Sequence[Inbound]], None], ...]] = (
    names_itself,
    signs_headers_only,
    composes_requests,
    hears_the_same_again,
    hears_or_rejects,
    says_or_refuses,
    says_what_it_claims,
    goes_home_as_it_came,
    answers_every_error,
    judges_every_answer,
)
"""Every check; each takes the mapping's class and its examples."""
