"""From the vendor's body to an interaction."""

from typing import Any, Final, TypeGuard

from msgspec import UNSET, structs

from gateway.contract import Inbound
from gateway.model import NO_PAGE, NO_USER, Engagement, Event, Interaction, Item, Origin, Page, User
from mappings.vaix import wire


def interaction(inbound: Inbound) -> Interaction:
    """The one interaction of a body."""
    body, _ = wire.TRACKED.read(inbound.body)
    form, user_id, data = wire.FORMS[body.event_type], body.user_id, body.data or {}
    spelling: dict[str, Any] = {"user_id": user_id is not UNSET, "data": body.data is not None}
    items = _items(form.ids, data, spelling) if form.ids and form.ids.read else ()
    texts: dict[str, str] = {}
    for key, name in form.texts.items():
        if isinstance(data.get(key), str):
            texts[name] = data.pop(key)
    origin = Origin(wire.VENDOR, "events", body.event_type, spelling)
    user = NO_USER if user_id is None or user_id is UNSET else User(_text(user_id))
    page = NO_PAGE
    if "page.location" in texts or "page.referrer" in texts:
        page = Page(location=texts.get("page.location"), referrer=texts.get("page.referrer"))
    if form.action:
        return Engagement(
            id=f"{inbound.id}-0",
            origin=origin,
            received_at=inbound.received_at,
            action=form.action,
            label=texts.get("label"),
            placement=texts.get("placement"),
            items=items,
            user=user,
            page=page,
            channel=texts.get("channel"),
            brand=texts.get("brand"),
            properties=data,
        )
    return Event(
        id=f"{inbound.id}-0",
        origin=origin,
        received_at=inbound.received_at,
        type=form.type,
        name=body.event_type if form.type == "custom" else None,
        placement=texts.get("placement"),
        items=items,
        user=user,
        page=page,
        channel=texts.get("channel"),
        brand=texts.get("brand"),
        properties=data,
    )


def _text(user_id: str | float) -> str:
    """A user id as text: `12` for 12 and 12.0 alike."""
    return str(int(user_id)) if isinstance(user_id, float) and user_id.is_integer() else str(user_id)


def _items(ids: wire.Ids, data: dict[str, Any], spelling: dict[str, Any]) -> tuple[Item, ...]:
    """The items of a body, taken out of its data; a list whose entries say more stays there beside its items."""
    items = _listed(ids, data, spelling) if ids.many else _single(ids, data)
    if items and items[0].position is None and _is_position(data.get("position")):
        spelling["position"] = True
        items = (structs.replace(items[0], position=data.pop("position")), *items[1:])
    return items


def _single(ids: wire.Ids, data: dict[str, Any]) -> tuple[Item, ...]:
    if not _is_id(data.get(ids.key)):
        return ()
    parent = data.pop(ids.parent) if ids.parent and _is_id(data.get(ids.parent)) else None
    return (Item(ids.kind, data.pop(ids.key), parent),)


def _listed(ids: wire.Ids, data: dict[str, Any], spelling: dict[str, Any]) -> tuple[Item, ...]:
    entries = data.get(ids.key)
    if not isinstance(entries, list):
        return ()
    items = tuple([item for item in [_entry(ids, entry) for entry in entries] if item])
    if len(items) < len(entries):
        return ()
    if items and [ids.entry(item) for item in items] == entries:
        del data[ids.key]
    elif items:
        spelling["kept"] = ids.key
    return items


def _entry(ids: wire.Ids, entry: Any) -> Item | None:
    """One entry of a list, an object or a bare id; None where it has no id."""
    members = entry if isinstance(entry, dict) else {"id": entry}
    id_ = members.get("id")
    if not _is_id(id_):
        return None
    if len(members) == 1:
        return Item(ids.kind, id_)
    parent, position = members.get(ids.parent), members.get("position")
    return Item(ids.kind, id_, parent if _is_id(parent) else None, position if _is_position(position) else None)


def _is_id(value: object) -> TypeGuard[str | int]:
    return type(value) in _ID_TYPES and value != ""


def _is_position(value: object) -> TypeGuard[str | float]:
    return type(value) in _POSITION_TYPES and value != ""


_ID_TYPES: Final = frozenset({str, int})
_POSITION_TYPES: Final = _ID_TYPES | {float}
