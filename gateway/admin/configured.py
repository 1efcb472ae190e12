"""The configuration in force, as its file says it, and what became of the last reload; no secret in it."""

import asyncio
from typing import Any

from msgspec import to_builtins

from gateway.admin import shown
from gateway.admin.call import Call, Nothing
from gateway.admin.masking import Masker
from gateway.config import Located
from gateway.config.history import Reload
from gateway.config.masking import masked_text


async def told(call: Call, _: Nothing) -> object:
    """The text in force and, where its successor was refused, that one's too, with the faults at their lines."""
    gateway, history = call.gateway, call.gateway.history
    source, masker = gateway.config.source, Masker(gateway.config)
    texts = (None if source is None else source.text, history.refused_text)
    text, refused = await asyncio.to_thread(
        lambda: [None if one is None else masker.text(masked_text(one, gateway.mappings)) for one in texts]
    )
    return {
        "path": None if source is None else str(source.path),
        "text": text,
        "applied_at": shown.time_text(history.applied_at),
        "warnings": [_fault(one, masker) for one in history.warnings],
        "last": reload(history.last, masker),
        "refused_text": refused,
    }


def reload(one: Reload, masker: Masker) -> dict[str, Any]:
    """A reload as people read it."""
    return {
        "outcome": one.outcome,
        "at": shown.time_text(one.at),
        "faults": [_fault(fault, masker) for fault in one.faults],
        "changes": masker.tree(to_builtins(one.changes)),
        "needs_restart": list(one.needs_restart),
    }


def _fault(fault: Located, masker: Masker) -> dict[str, Any]:
    return {"line": fault.line or None, "path": fault.path, "message": masker.text(fault.message)}
