"""From interactions to the vendor's body: another vendor's composed, Vaix's own as it came."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct, structs

from gateway.contract import PROPERTIES, Encoded, Part, Refusal, said_with
from gateway.facts import applies
from gateway.model import (
    ENGAGEMENT_FIELDS,
    EVENT_FIELDS,
    SHARED_FIELDS,
    USUAL_NAMES,
    Engagement,
    Event,
    Interaction,
    Item,
    is_empty,
)
from gateway.wire import are_plain, without_nulls
from mappings.vaix import wire

_Reader = tuple[str, str, Callable[[Any], Any]]


def _readers(fields: Iterable[str]) -> dict[str, tuple[_Reader, ...]]:
    """For each event type its keys that hold text, with the names and the values of these fields in the model."""
    return {
        word: tuple([(key, name, attrgetter(name)) for key, name in form.texts.items() if name in fields])
        for word, form in wire.FORMS.items()
    }


_ENGAGEMENT_TEXTS: Final = _readers(SHARED_FIELDS | ENGAGEMENT_FIELDS)
_EVENT_TEXTS: Final = _readers(SHARED_FIELDS | EVENT_FIELDS)

# What every event type says of an interaction from elsewhere, where it is known.
_ENGAGEMENT_FACTS: Final = ("decision_id", "slot_id", "variations", "label")
_EVENT_FACTS: Final = ("value", "currency", "quantity", "product_id", "cart", "transaction_id")
_ENGAGEMENT_SAID: Final = frozenset({"user.id", "action", *_ENGAGEMENT_FACTS})
_EVENT_SAID: Final = frozenset({"user.id", "type", "name", *_EVENT_FACTS})
_NOTHING: Final[frozenset[str]] = frozenset()
_CART: Final = frozenset({"cart"})
_ITEMS: Final = frozenset({"items"})
_PLACED_ITEMS: Final = frozenset({"items", "items.position"})
_extras: Final = attrgetter("extras")


# Another vendor's interactions


def engagement_word(interaction: Engagement) -> wire.EventWord:
    """The documented type that says the engagement's items; `custom` where none does."""
    items = interaction.items
    if not items or any(item.kind != items[0].kind or is_empty(item.id) for item in items):
        return "custom"
    kind = items[0].kind
    if interaction.action == "view":
        return wire.IMPRESSIONS.get(kind, "custom")
    if interaction.action != "click" or (kind == "outcome" and any(is_empty(item.parent_id) for item in items)):
        return "custom"
    if len(items) > 1:
        return "clicks:combination" if kind == "outcome" else "custom"
    return wire.CLICKS.get(kind, "custom")


def foreign(interaction: Interaction, word: wire.EventWord, items: tuple[Item, ...]) -> Encoded | Refusal:
    """Another vendor's interaction under an event type; `items` may be made of its product."""
    form = wire.FORMS[word]
    data = _what(interaction, documented=word != "custom")
    partly = _add_facts(data, interaction)
    told: list[str] = []
    if items:
        members, names, in_part = _say_items(form.ids, items)
        if items is not interaction.items and "items" not in members:
            del data["product_id"]
        data.update(members)
        told.extend(names)
        partly |= in_part
    is_engagement = type(interaction) is Engagement
    for key, name, read in (_ENGAGEMENT_TEXTS if is_engagement else _EVENT_TEXTS)[word]:
        value = read(interaction)
        if value:
            data[key] = value
            told.append(name)
    if word != "custom" and (missing := _missing(interaction, word, data)):
        return Refusal("missing", tuple(sorted(missing)))
    each = _add_properties(data, interaction.properties, form) if interaction.properties else ()
    if each is None:
        told.append(PROPERTIES)
    said = said_with(_ENGAGEMENT_SAID if is_engagement else _EVENT_SAID, tuple(told))
    if each:
        said = said.union(each)
    content: dict[str, Any] = {"event_type": word, "user_id": interaction.user.id or None}
    if data:
        content["data"] = data
    return Encoded((Part("events", content),), said, partly)


def _what(interaction: Interaction, *, documented: bool) -> dict[str, Any]:
    """What happened: a documented type says it by itself, and adds only a name that the source stated."""
    if type(interaction) is Engagement:
        return {} if documented else {"action": interaction.action}
    if documented:
        return {"name": interaction.name} if interaction.name else {}
    name = interaction.name or USUAL_NAMES.get(interaction.type)
    return {"event": interaction.type, "name": name} if name else {"event": interaction.type}


class _CartLine(Struct, frozen=True, omit_defaults=True):
    """One line of a cart under its canonical keys."""

    product_id: str | None = None
    quantity: float | None = None
    item_price: float | None = None


def _add_facts(data: dict[str, Any], interaction: Interaction) -> frozenset[str]:
    """Adds what the model knows of the campaign or the business, by its canonical names; gives what it says in part."""
    if type(interaction) is Event:
        return _add_business(data, interaction)
    if interaction.decision_id:
        data["decision_id"] = interaction.decision_id
    if interaction.slot_id:
        data["slot_id"] = interaction.slot_id
    if interaction.variations:
        data["variations"] = interaction.variations
    if interaction.label:
        data["label"] = interaction.label
    return _NOTHING


def _add_business(data: dict[str, Any], event: Event) -> frozenset[str]:
    if event.value is not None:
        data["value"] = event.value
    if event.currency:
        data["currency"] = event.currency
    if event.quantity is not None:
        data["quantity"] = event.quantity
    if event.product_id:
        data["product_id"] = event.product_id
    cart = event.cart
    if cart:
        data["cart"] = [_CartLine(line.product_id or None, line.quantity, line.item_price) for line in cart]
    if event.transaction_id:
        data["transaction_id"] = event.transaction_id
    return _CART if cart and any(map(_extras, cart)) else _NOTHING


def _say_items(ids: wire.Ids | None, items: tuple[Item, ...]) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    """The items under the event type's own keys, or else under `items`; with the names that says, and says in part."""
    fitting = _fitting(ids, items) if ids else ()
    if ids is None or not fitting:
        return {"items": [_canonical(item) for item in items]}, _PLACED_ITEMS, _NOTHING
    data = ids.write([Item(item.kind, str(item.id), _id_text(item.parent_id)) for item in fitting])
    first, *others = fitting
    if not is_empty(first.position):
        data["position"] = first.position
    whole = len(fitting) == len(items) and (ids.parent or all(is_empty(item.parent_id) for item in fitting))
    placed = all(is_empty(item.position) for item in others)
    return data, _PLACED_ITEMS if placed else _ITEMS, _NOTHING if whole else _ITEMS


def _fitting(ids: wire.Ids, items: tuple[Item, ...]) -> list[Item]:
    """The items that an event type's own keys can say."""
    fitting = [item for item in items if item.kind == ids.kind and not is_empty(item.id)]
    if ids.paired:
        fitting = [item for item in fitting if not is_empty(item.parent_id)]
    return fitting if ids.many else fitting[:1]


def _canonical(item: Item) -> dict[str, Any]:
    members = {"kind": item.kind, "id": str(item.id), "parent_id": _id_text(item.parent_id), "position": item.position}
    return {key: value for key, value in members.items() if not is_empty(value)}


def _id_text(id_: str | int | None) -> str | None:
    """An id as text; None where it states nothing."""
    return None if is_empty(id_) else str(id_)


def _missing(interaction: Interaction, word: wire.EventWord, data: dict[str, Any]) -> set[str]:
    """What the type's documentation asks for and nobody knows: a text property serves for what the model lacks."""
    form = wire.FORMS[word]
    ids = form.ids
    missing = set() if interaction.user.id or word in wire.ANYBODYS else {"user.id"}
    for key in form.required:
        if key in data:
            continue
        name, value = form.texts.get(key), interaction.properties.get(key)
        if name and applies(interaction, name):
            missing.add(name)
        elif (ids and ids.many) or not (value and isinstance(value, str)):
            missing.add("items" if ids and key in (ids.key, ids.parent) else f"properties.{key}")
    return missing


def _add_properties(data: dict[str, Any], properties: dict[str, Any], form: wire.Form) -> list[str] | None:
    """Adds the properties whose keys are free, and gives their names, None for all of them."""
    if are_plain(properties) and data.keys().isdisjoint(properties) and form.texts.keys().isdisjoint(properties):
        data.update(properties)
        return None
    told: list[str] = []
    for key, value in properties.items():
        if key in data or (not value and is_empty(value)):
            continue
        if isinstance(value, str):
            data[key] = value
        elif form.texts.get(key) != "page.referrer":
            data[key] = without_nulls(value)
        else:
            continue
        told.append(f"properties.{key}")
    return told


# Back to Vaix itself: as it came


def own(interaction: Interaction) -> Encoded:
    """A Vaix interaction as its body stood, nulls in `data` and all."""
    word, spelling = interaction.origin.type or "custom", interaction.origin.spelling
    form = wire.FORMS[word]  # type: ignore[index]  # Vaix's own word
    facts: dict[str, Any] = {}
    _add_facts(facts, interaction)
    if "item" in form.texts:
        facts.pop("label", None)
    data = interaction.properties | facts
    if form.ids and interaction.items:
        data |= _own_items(form.ids, interaction.items, spelling)
    elif "kept" in spelling:
        data.pop(spelling["kept"], None)
    texts = _ENGAGEMENT_TEXTS if type(interaction) is Engagement else _EVENT_TEXTS
    for key, _, read in texts[word]:
        value = read(interaction)
        if value is not None:
            data[key] = value
    content: dict[str, Any] = {"event_type": word}
    if interaction.user.id is not None or spelling.get("user_id"):
        content["user_id"] = interaction.user.id
    if data or spelling.get("data"):
        content["data"] = data
    return Encoded((Part("events", content),), None)


def _own_items(ids: wire.Ids, items: tuple[Item, ...], spelling: dict[str, Any]) -> dict[str, Any]:
    """The data keys of the items; a list that was kept as it came stands there already."""
    data: dict[str, Any] = {}
    if not ids.many or spelling.get("position"):
        data = {} if items[0].position is None else {"position": items[0].position}
        items = (structs.replace(items[0], position=None), *items[1:])
    return data if "kept" in spelling else ids.write(items) | data
