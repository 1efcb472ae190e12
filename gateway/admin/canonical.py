"""The canonical form as JSON: each interaction by the dotted names that losses and refusals use, without empty ones."""

from typing import Any, Final

from msgspec import to_builtins

from gateway.admin.shown import time_text
from gateway.facts import get, stated
from gateway.model import FIELDS, Engagement, Interaction
from gateway.translate import Decoded

_ORDER: Final = {name: index for index, name in enumerate(FIELDS)}
_TIMES: Final = ("occurred_at",)


def canonical(decoded: Decoded) -> list[dict[str, Any]]:
    """Every interaction of an inbound."""
    return [_told(one) for one in decoded.interactions]


def brief(decoded: Decoded) -> list[dict[str, Any]]:
    """Every interaction in three words: its kind, what happened, and who it was."""
    return [{"kind": kind_of(one), "word": word_of(one), "user": _person(one)} for one in decoded.interactions]


def kind_of(one: Interaction) -> str:
    """`engagement` or `event`."""
    return "engagement" if isinstance(one, Engagement) else "event"


def word_of(one: Interaction) -> str:
    """What happened: an engagement's action, an event's type."""
    return one.action if isinstance(one, Engagement) else one.type


def _told(one: Interaction) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": kind_of(one), "id": one.id}
    for name in sorted(stated(one) - {"items.position"}, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        value = get(one, name)
        found[name] = time_text(value / 1e6) if name in _TIMES else to_builtins(value)
    return found


def _person(one: Interaction) -> str | None:
    return one.user.id or one.user.vendor_id or one.user.vendor_server_id
