"""Facts by their canonical names: one read (`get`), one set (`put`), all that a source stated (`stated`)."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from itertools import compress
from operator import attrgetter, not_
from typing import Any, Final

from msgspec.structs import replace

from gateway.model import (
    ENGAGEMENT_FIELDS,
    EVENT_FIELDS,
    FIELDS,
    NO_DEVICE,
    NO_PAGE,
    SHARED_FIELDS,
    Engagement,
    Event,
    Interaction,
    Item,
    is_empty,
)


def _of_first_item(key: str, interaction: Interaction) -> Any:
    return getattr(interaction.items[0], key) if interaction.items else None


def _of_items(key: str, interaction: Interaction) -> tuple[Any, ...]:
    return tuple([getattr(item, key) for item in interaction.items])


_SHARED_GETTERS: Final[dict[str, Callable[[Any], Any]]] = {
    **{name: attrgetter(name) for name in (*SHARED_FIELDS, "origin.vendor", "origin.endpoint", "origin.type")},
    **{f"item.{key}": partial(_of_first_item, key) for key in Item.__struct_fields__},
    **{f"items.{key}": partial(_of_items, key) for key in ("kind", "id")},
}
_GETTERS: Final[dict[type, dict[str, Callable[[Any], Any]]]] = {
    Engagement: {name: attrgetter(name) for name in ENGAGEMENT_FIELDS} | _SHARED_GETTERS,
    Event: {name: attrgetter(name) for name in EVENT_FIELDS} | _SHARED_GETTERS,
}


_SECTIONS: Final = {name: (name.partition(".")[0], name.partition(".")[2]) for name in SHARED_FIELDS if "." in name}

_WHOLE: Final = frozenset(name for name in FIELDS if "." not in name)
"""The fields of the model that are in no section of it."""


def applies(interaction: Interaction, name: str) -> bool:
    """Whether this kind of interaction has the canonical field at all."""
    return name in _GETTERS[type(interaction)] or name.startswith("properties.")


def get(interaction: Interaction, name: str) -> Any:
    """The value behind a canonical name or reference, None when it states nothing or the kind has no such field."""
    read = reader(type(interaction), name)
    value = None if read is None else read(interaction)
    return None if is_empty(value) else value


def reader(kind: type[Interaction], name: str) -> Callable[[Any], Any] | None:
    """What reads the canonical field or reference of a kind of interaction; None where the kind has no such field."""
    if name.startswith("properties."):
        return partial(_property, name.removeprefix("properties."))
    return _GETTERS[kind].get(name)


def put(interaction: Interaction, name: str, value: Any) -> Interaction:
    """The interaction with one canonical field set to a value, or taken away with None."""
    if name in _SECTIONS:
        section, key = _SECTIONS[name]
        return replace(interaction, **{section: replace(getattr(interaction, section), **{key: value})})
    if name.startswith("properties."):
        return _put_property(interaction, name.removeprefix("properties."), value)
    return replace(interaction, **{name: () if name == "items" and value is None else value})


def put_all(interaction: Interaction, values: Mapping[str, Any]) -> Interaction:
    """The interaction with canonical fields set to values, none of them None."""
    if _WHOLE.issuperset(values):
        return replace(interaction, **values)
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name in _SECTIONS:
            section, key = _SECTIONS[name]
            changed[section] = replace(changed.get(section) or getattr(interaction, section), **{key: value})
        elif name.startswith("properties."):
            interaction = _put_property(interaction, name.removeprefix("properties."), value)
        else:
            changed[name] = value
    return replace(interaction, **changed)


_ENGAGEMENT: Final = ("decision_id", "slot_id", "variations", "label")
_EVENT: Final = ("name", "value", "currency", "quantity", "product_id", "cart", "transaction_id")
_SHARED: Final = (
    *("user.id", "user.vendor_id", "user.vendor_server_id", "session.id", "session.vendor_id", "occurred_at"),
    *("placement", "channel", "brand", "consent", "items", "items.position"),
)
_position: Final = attrgetter("position")
_UNPLACED: Final = frozenset({None, ""})
_PAGE: Final = ("page.type", "page.data", "page.location", "page.referrer", "page.locale")
_DEVICE: Final = ("device.ip", "device.user_agent", "device.id")


def stated(interaction: Interaction) -> frozenset[str]:
    """The canonical names of everything that the interaction says."""
    return stated_fields(interaction).union(stated_properties(interaction), stated_beside(interaction))


def stated_properties(interaction: Interaction) -> list[str]:
    """The names of the properties that the interaction states."""
    return _names_of("properties.", interaction.properties)


def stated_beside(interaction: Interaction) -> list[str]:
    """The names of what stood beside the interaction; wishes to the vendor are no facts."""
    names: list[str] = []
    for path, beside in interaction.outside.items():
        if beside and path != "options":
            names += _names_of(f"properties.{path}." if path else "properties.", beside)
    return names


def _names_of(prefix: str, values: dict[str, Any]) -> list[str]:
    return [prefix + key for key, value in values.items() if value or not is_empty(value)]


def stated_fields(interaction: Interaction) -> frozenset[str]:
    """The names of the model's own fields that the interaction states, without its properties."""
    one, user, session, items = interaction, interaction.user, interaction.session, interaction.items
    page, device = one.page, one.device
    own: tuple[bool, ...]
    where: tuple[bool, ...] = ()
    thing: tuple[bool, ...] = ()
    if type(one) is Engagement:
        own = (not one.decision_id, not one.slot_id, not one.variations, not one.label)
    else:
        own = (
            not one.name,
            one.value is None,
            not one.currency,
            one.quantity is None,
            not one.product_id,
            not one.cart,
            not one.transaction_id,
        )
    shared = (
        not user.id,
        not user.vendor_id,
        not user.vendor_server_id,
        not session.id,
        not session.vendor_id,
        one.occurred_at is None,
        not one.placement,
        not one.channel,
        not one.brand,
        one.consent is None,
        not items,
        not items or _UNPLACED.issuperset(map(_position, items)),
    )
    if page is not NO_PAGE:
        where = (not page.type, not page.data, not page.location, not page.referrer, not page.locale)
    if device is not NO_DEVICE:
        thing = (not device.ip, not device.user_agent, not device.id)
    return _named(own, shared, where, thing)


@lru_cache(maxsize=4096)
def _named(own: tuple[bool, ...], *unsaid: tuple[bool, ...]) -> frozenset[str]:
    """The names of what is said, by which are unsaid; most interactions say one of a few combinations."""
    kind, fields = ("action", _ENGAGEMENT) if len(own) == len(_ENGAGEMENT) else ("type", _EVENT)
    found = {kind}
    for names, are_unsaid in zip((fields, _SHARED, _PAGE, _DEVICE), (own, *unsaid), strict=True):
        found.update(compress(names, map(not_, are_unsaid)))
    return frozenset(found)


def _property(name: str, interaction: Interaction) -> Any:
    if name in interaction.properties:
        return interaction.properties[name]
    path, _, key = name.rpartition(".")
    return interaction.outside.get(path, {}).get(key)


def _put_property(interaction: Interaction, name: str, value: Any) -> Interaction:
    """Set a property wherever it stands: the interaction's own, beside it, or both."""
    path, _, key = name.rpartition(".")
    beside = key in interaction.outside.get(path, {})
    if beside:
        outside = interaction.outside | {path: _with(interaction.outside[path], key, value)}
        interaction = replace(interaction, outside=outside)
    if beside and name not in interaction.properties:
        return interaction
    return replace(interaction, properties=_with(interaction.properties, name, value))


def _with(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {other: kept for other, kept in values.items() if other != key}
    return values | {key: value}
