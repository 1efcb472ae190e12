"""What survives from one vendor to another, measured by running the mappings themselves.

Every kind of interaction is filled completely, said by the source's own mapping, read back (so that only what the
source can state remains) and translated to the target. What the target needs and the source cannot say is supplied as
`fill` would, and named.
"""

from collections.abc import Iterator
from typing import Any, Final, get_args

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Endpoint, Inbound, Mappings, Outbound, Refusal, VendorMapping
from gateway.facts import applies, get
from gateway.model import (
    FIELDS,
    Action,
    CartItem,
    Device,
    Engagement,
    Event,
    EventType,
    Interaction,
    Item,
    Origin,
    Page,
    Session,
    User,
)
from gateway.shaping import Fill, When
from gateway.translate import Decoded, Refused, Target, translate

_NOON: Final = 1_795_255_200_000_000
_NEVER_FILLED: Final = frozenset({"action", "type", "items", "cart", "user.id", "session.id"})
_FROM_HEADERS: Final = frozenset({"device.ip", "device.user_agent", "page.location"})
_FACTS: Final[dict[str, Any]] = {
    "received_at": _NOON,
    "occurred_at": _NOON,
    "placement": "home:recommended",
    "items": (Item("game", "game-1", None, 1),),
    "user": User("user-1"),
    "session": Session("session-1"),
    "page": Page("PRODUCT", ("sku-1",), "https://shop.example/p/1", "https://shop.example/", "en_GB"),
    "device": Device("203.0.113.7", "Browser/1", "device-1"),
    "channel": "web",
    "brand": "shop.example",
    "consent": True,
}
_BY: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("decision", {"decision_id": "decision-1"}),
    ("slot", {"slot_id": "slot-1"}),
)
_CATALOGUE: Final[dict[str, dict[str, Any]]] = {
    "message_opt_in": {"pushId": "push-1"},
    "message_opt_out": {"pushId": "push-1"},
    "keyword_search": {"keywords": "shoes"},
    "filter_items": {"filterType": "size"},
    "change_attribute": {"attributeType": "size", "attributeValue": "L"},
    "video_watch": {"itemId": "video-1", "autoplay": True, "progress": "COMPLETED", "progressPercent": 100},
    "sort_items": {"sortBy": "price", "sortOrder": "ASC"},
    "promo_code": {"code": "NOVEMBER"},
    "inform_affinity": {"data": [{"attribute": "brand", "values": {"a": 1}}]},
}
"""What an event of a type says beside the model's fields, where catalogues ask for it."""


class Fidelity(Struct, frozen=True):
    """What a source's interactions become at a target; all names are canonical.

    `carried` are the kinds that arrive, `refused` those that do not, with reason and names; `kept` are the fields that
    always arrive with them, `lost` those that some kind loses, `copied` those that arrive as another vendor's ids;
    `needs` is what a `fill` must supply. All properties are `properties`.
    """

    source: str
    target: str
    carried: tuple[str, ...]
    refused: dict[str, str]
    kept: tuple[str, ...]
    lost: tuple[str, ...]
    copied: tuple[str, ...]
    needs: tuple[str, ...]


def matrix(mappings: Mappings) -> list[Fidelity]:
    """The fidelity of every pair of vendors, source by source, each with the account that is its example."""
    accounts = {name: mapping.example() for name, mapping in mappings.items()}
    return [measure(source, Target(name, target)) for source in accounts.values() for name, target in accounts.items()]


def measure(source: VendorMapping, target: Target) -> Fidelity:
    """The fidelity of one pair, with the target's own fill and other settings, whoever the person is.

    Of the kinds only those that the target's `when` can let through.
    """
    everyone = target.unfiltered()
    carried: list[str] = []
    refused: dict[str, str] = {}
    kept: set[str] = set()
    lost: set[str] = set()
    copied: set[str] = set()
    needs: set[str] = set()
    for kind, decoded in spoken(source):
        if not _can_hold(target.when, _EXAMPLES[kind], decoded.interactions[0]):
            continue
        translation = translate(decoded, everyone)
        if translation.refused and (lacking := _fillable(translation.refused[0])):
            translation = translate(decoded, _filled(everyone, lacking))
            if not translation.refused:
                needs |= lacking
        if translation.refused:
            one = translation.refused[0]
            refused[kind] = f"{one.reason} {', '.join(one.fields)}"
        elif translation.requests:
            carried.append(kind)
            kept |= _named(decoded.stated[0] - translation.losses)
            lost |= _named(translation.losses)
            copied |= translation.copied
    return Fidelity(
        source.NAME,
        target.mapping.NAME,
        tuple(carried),
        refused,
        tuple(sorted(kept - lost)),
        tuple(sorted(lost)),
        tuple(sorted(copied)),
        tuple(sorted(needs)),
    )


def _named(names: frozenset[str]) -> set[str]:
    return {"properties" if name.startswith("properties.") else name for name in names}


def spoken(source: VendorMapping) -> Iterator[tuple[str, Decoded]]:
    """Every kind of interaction that a vendor's clients can state, as its own mapping reads it back."""
    for kind, interaction in examples():
        encoded = source.encode(interaction)
        if isinstance(encoded, Refusal):
            continue
        inbound = _returned(source, source.request(encoded.parts[:1]))
        said = source.decode(inbound)[0]
        known = {key: value for key, value in said.properties.items() if key in interaction.properties}
        heard = replace(said, properties=known, outside={})
        if _kind(heard) == _kind(interaction):
            yield kind, Decoded(inbound, (heard,))


def examples() -> Iterator[tuple[str, Interaction]]:
    """One fully filled interaction of every kind, by the kind's name."""
    origin = Origin("example", "example")
    facts: dict[str, Any] = {"id": "example-0", "origin": origin, **_FACTS}
    for action in get_args(Action):
        for by, ids in _BY:
            yield (
                f"{action} by {by}",
                Engagement(
                    action=action, variations=("101",), label="Buy now", properties={"size": "L"}, **ids, **facts
                ),
            )
    for type_ in get_args(EventType):
        yield (
            type_,
            Event(
                type=type_,
                name="Example",
                value=49.5,
                currency="EUR",
                quantity=2,
                product_id="sku-1",
                cart=(CartItem("sku-1", 2, 24.75),),
                transaction_id="order-1",
                properties={"size": "L", **_CATALOGUE.get(type_, {})},
                **facts,
            ),
        )


_EXAMPLES: Final = dict(examples())


def _can_hold(when: When, full: Interaction, said: Interaction) -> bool:
    """Whether some interaction of a kind passes a filter: what the source cannot say of it, `when` never finds."""
    for name, globs in when.patterns:
        unsaid = name not in _FROM_HEADERS and get(full, name) is not None and get(said, name) is None
        if unsaid or not applies(said, name):
            return False
        if name in ("action", "type") and not When(((name, globs),)).holds(said):
            return False
    return True


def _kind(interaction: Interaction) -> str:
    return interaction.action if isinstance(interaction, Engagement) else interaction.type


def _returned(source: VendorMapping, outbound: Outbound) -> Inbound:
    """The inbound that a vendor's own client would have sent to say the same."""
    path, _, query = outbound.url.removeprefix(source.base_url).partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    return Inbound("example", _endpoint(source, path), {}, pairs, outbound.body or b"", _NOON)


def _endpoint(source: VendorMapping, path: str) -> Endpoint:
    return next(endpoint for endpoint in source.ENDPOINTS if path in endpoint.paths)


def _fillable(refused: Refused) -> frozenset[str]:
    """What a fill could supply, when it could supply all that is missing."""
    fields = frozenset(refused.fields)
    fits = refused.reason == "missing" and not fields & _NEVER_FILLED and fields <= frozenset(FIELDS)
    return fields if fits else frozenset()


def _filled(target: Target, lacking: frozenset[str]) -> Target:
    """The target with a fill for what it lacks besides its own."""
    full = (_EXAMPLES["click by decision"], _EXAMPLES["click by slot"], _EXAMPLES["purchase"])
    table = {name: next(value for one in full if (value := get(one, name)) is not None) for name in lacking}
    return replace(target, fill=Fill((*target.fill.values, *Fill.of(table).values)))
