"""Facts by their canonical names: one read (`get`), one set (`put`), all that a source stated (`stated`)."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import replace

from gateway.model import (
    ENGAGEMENT_FIELDS,
    EVENT_FIELDS,
    FIELDS,
    NO_DEVICE,
    NO_PAGE,
    SHARED_FIELDS,
    Device,
    Engagement,
    Event,
    Interaction,
    Item,
    Page,
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
_FLAT: Final = frozenset(name for name in FIELDS if "." not in name)


def applies(interaction: Interaction, name: str) -> bool:
    """Whether this kind of interaction has the canonical field at all."""
    return name in _GETTERS[type(interaction)] or name.startswith("properties.")


def get(interaction: Interaction, name: str) -> Any:
    """The value behind a canonical name or reference, None when it states nothing or the kind has no such field."""
    getter = _GETTERS[type(interaction)].get(name)
    if getter is not None:
        value = getter(interaction)
    elif name.startswith("properties."):
        value = _property(interaction, name.removeprefix("properties."))
    else:
        return None
    return None if is_empty(value) else value


def lacks(interaction: Interaction, name: str) -> bool:
    """Whether the kind of interaction has the canonical field, and it states nothing."""
    getter = _GETTERS[type(interaction)].get(name)
    if getter is not None:
        value = getter(interaction)
        return not value and is_empty(value)
    return name.startswith("properties.") and is_empty(_property(interaction, name.removeprefix("properties.")))


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
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name in _FLAT:
            flat[name] = value
        else:
            interaction = put(interaction, name, value)
    return replace(interaction, **flat) if flat else interaction


def stated(interaction: Interaction) -> frozenset[str]:  # noqa: C901, PLR0912  # one plain test for each fact
    """The canonical names of everything that the interaction says."""
    names = _stated_engagement(interaction) if isinstance(interaction, Engagement) else _stated_event(interaction)
    user, session = interaction.user, interaction.session
    if user.id:
        names.append("user.id")
    if user.vendor_id:
        names.append("user.vendor_id")
    if user.vendor_server_id:
        names.append("user.vendor_server_id")
    if session.id:
        names.append("session.id")
    if session.vendor_id:
        names.append("session.vendor_id")
    if interaction.page is not NO_PAGE:
        _add_page(names, interaction.page)
    if interaction.device is not NO_DEVICE:
        _add_device(names, interaction.device)
    if interaction.occurred_at is not None:
        names.append("occurred_at")
    if interaction.placement:
        names.append("placement")
    if interaction.channel:
        names.append("channel")
    if interaction.brand:
        names.append("brand")
    if interaction.consent is not None:
        names.append("consent")
    if interaction.items:
        names.append("items")
        if any(not is_empty(item.position) for item in interaction.items):
            names.append("items.position")
    found = named(tuple(names))
    if interaction.properties:
        found = found.union(_stated_properties("properties.", interaction.properties))
    if any(interaction.outside.values()):
        for path, beside in interaction.outside.items():
            if beside and path != "options":
                found = found.union(_stated_properties(f"properties.{path}." if path else "properties.", beside))
    return found


@lru_cache(maxsize=4096)
def named(names: tuple[str, ...]) -> frozenset[str]:
    """A set of the model's own names, of which one combination is met again and again; never of `properties.*`."""
    return frozenset(names)


def _add_page(names: list[str], page: Page) -> None:
    if page.type:
        names.append("page.type")
    if page.data:
        names.append("page.data")
    if page.location:
        names.append("page.location")
    if page.referrer:
        names.append("page.referrer")
    if page.locale:
        names.append("page.locale")


def _add_device(names: list[str], device: Device) -> None:
    if device.ip:
        names.append("device.ip")
    if device.user_agent:
        names.append("device.user_agent")
    if device.id:
        names.append("device.id")


def _stated_engagement(interaction: Engagement) -> list[str]:
    names = ["action"]
    if interaction.decision_id:
        names.append("decision_id")
    if interaction.slot_id:
        names.append("slot_id")
    if interaction.variations:
        names.append("variations")
    if interaction.label:
        names.append("label")
    return names


def _stated_event(interaction: Event) -> list[str]:
    names = ["type"]
    if interaction.name:
        names.append("name")
    if interaction.value is not None:
        names.append("value")
    if interaction.currency:
        names.append("currency")
    if interaction.quantity is not None:
        names.append("quantity")
    if interaction.product_id:
        names.append("product_id")
    if interaction.cart:
        names.append("cart")
    if interaction.transaction_id:
        names.append("transaction_id")
    return names


def _stated_properties(prefix: str, values: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for key, value in values.items():
        if value or not is_empty(value):
            names.append(prefix + key)
    return names


def _property(interaction: Interaction, name: str) -> Any:
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
