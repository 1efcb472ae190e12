"""What a route's owner asks to be done with interactions on their way to a target: filter, share, hide, supply.

Pure functions over canonical names, in this order: the headers fill, `when` and `share`
choose, privacy hides, `fill` supplies (so that a fill can never bring back what privacy took away).
"""

import hmac
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.errors import NotJson
from gateway.facts import get, put, put_all, reader
from gateway.model import FIELDS, Device, Engagement, Event, Interaction, is_empty
from gateway.wire import json_text, read_json

_REFERENCE: Final = re.compile(r"\{([^{}]*)\}")
HEADER_FIELDS: Final = {"user-agent": "device.user_agent", "referer": "page.location"}
"""The kept headers that say what a canonical name does."""
_SHARE_IDS: Final = ("user.id", "user.vendor_id", "device.id", "session.id")
_SPAN: Final = 1 << 64


def from_caller(interaction: Interaction, address: str | None, agent: str | None, referer: str | None) -> Interaction:
    """The interaction with what its caller's address and headers say and its body does not."""
    device, page = interaction.device, interaction.page
    if (address and not device.ip) or (agent and not device.user_agent):
        device = Device(device.ip or address, device.user_agent or agent, device.id)
    if referer and not page.location:
        return replace(interaction, device=device, page=replace(page, location=referer))
    return interaction if device is interaction.device else replace(interaction, device=device)


class When(Struct, frozen=True):
    """A filter: each canonical name with the globs of which one must match; all names must hold."""

    patterns: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def holds(self, interaction: Interaction) -> bool:
        """Whether the interaction passes; a field that states nothing never does."""
        for name, globs in self.patterns:
            value = get(interaction, name)
            if value is None:
                return False
            texts = [text(member) for member in value] if isinstance(value, (tuple, list)) else [text(value)]
            if not any(fnmatchcase(one, glob) for one in texts for glob in globs):
                return False
        return True


class Share(Struct, frozen=True):
    """A part of a route's users, [`start`, `end`) of all, the same people wherever and whenever it is asked."""

    start: float
    end: float
    salt: str

    def holds(self, interaction: Interaction) -> bool:
        """Whether the person belongs to it; one without any id belongs to none."""
        identity = next((value for name in _SHARE_IDS if (value := get(interaction, name))), None)
        return identity is not None and self.start * _SPAN <= bucket(self.salt, identity) < self.end * _SPAN


def bucket(salt: str, identity: str) -> int:
    """Where a person falls among 2**64 places: BLAKE2b-64 of the id, keyed by the salt's own digest."""
    key = blake2b(salt.encode(), digest_size=32).digest()
    return int.from_bytes(blake2b(identity.encode(), digest_size=8, key=key).digest())


class Privacy(Struct, frozen=True):
    """What a target must not see: names to drop, and names to replace by an HMAC-SHA256 with `key`."""

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    key: bytes = b""

    @property
    def hidden(self) -> frozenset[str]:
        """The canonical names that are gone: no losses, for their owner wanted it so."""
        return frozenset(self.drop) | ({"items.position"} if "items" in self.drop else set())

    def hide(self, interaction: Interaction) -> Interaction:
        """The interaction without what is dropped and with what is hashed."""
        for name in self.drop:
            while get(interaction, name) is not None:  # a property may stand in the interaction and beside it
                interaction = put(interaction, name, None)
        for name in self.hash:
            value = get(interaction, name)
            if value is not None:
                interaction = put(interaction, name, hmac.new(self.key, text(value).encode(), sha256).hexdigest())
        return interaction


Filled = Mapping[str, tuple[str, ...]]
"""Each name that a fill has supplied, with the names that its value refers to."""
NOTHING_FILLED: Final[Filled] = {}


class Fill(Struct, frozen=True, dict=True):
    """Values for names that a source leaves unsaid; a value may hold `{page.type}`-style references."""

    values: tuple[tuple[str, Any, tuple[str, ...]], ...] = ()
    """Each name with its value, in the field's own type unless it refers to others, and the names it refers to."""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Fill":
        """The fill of a TOML table of canonical names."""
        found = [(name, value, references(value)) for name, value in table.items()]
        return cls(tuple((name, value if refers else _typed(name, value), refers) for name, value, refers in found))

    def apply(self, interaction: Interaction) -> tuple[Interaction, Filled]:
        """The interaction with its gaps filled, and what was filled."""
        values: dict[str, Any] = {}
        filled: dict[str, tuple[str, ...]] = {}
        for name, read, fixed, refers in self._gaps[type(interaction)]:
            said = read(interaction)
            if said or not (said is None or is_empty(said)):
                continue
            value = _referred(interaction, name, fixed, refers) if refers else fixed
            if value is not None:
                values[name], filled[name] = value, refers
        return (put_all(interaction, values), filled) if values else (interaction, NOTHING_FILLED)

    @cached_property
    def _gaps(self) -> dict[type, list[tuple[str, Callable[[Any], Any], Any, tuple[str, ...]]]]:
        """For each kind of interaction the values of the fields that it has, with what reads those."""
        return {
            kind: [
                (name, read, fixed, refers)
                for name, fixed, refers in self.values
                if (read := reader(kind, name)) is not None
            ]
            for kind in (Engagement, Event)
        }


def shaper(privacy: Privacy, fill: Fill) -> Callable[[Interaction], tuple[Interaction, Filled]] | None:
    """What hides from an interaction, then fills it; None where neither is asked for."""
    if not (privacy.drop or privacy.hash):
        return fill.apply if fill.values else None
    return lambda interaction: fill.apply(privacy.hide(interaction))


def _referred(source: Interaction, name: str, value: Any, refers: tuple[str, ...]) -> Any:
    """A value with its references replaced; None where one of them states nothing."""
    found = {reference: get(source, reference) for reference in refers}
    return None if None in found.values() else _typed(name, _resolved(value, found))


def references(value: object) -> tuple[str, ...]:
    """The canonical names that a fill's value refers to, in order."""
    texts = value if isinstance(value, list) else [value]
    return tuple(name for one in texts if isinstance(one, str) for name in _REFERENCE.findall(one))


def text(value: object) -> str:
    """A canonical value as text: lists join with commas, numbers and booleans are their JSON text."""
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return ",".join(text(member) for member in value)
    return json_text(value)


def _resolved(value: Any, found: Mapping[str, Any]) -> Any:
    """A fill's value with its references replaced; a value that is one whole reference keeps that value's type."""
    if isinstance(value, list):
        return [text(_resolved(member, found)) for member in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return found[whole[1]]
    return _REFERENCE.sub(lambda match: text(found[match[1]]), value)


def _typed(name: str, value: Any) -> Any:
    """The value in the type of the canonical field; None where it has no such form."""
    wanted = FIELDS.get(name)
    if wanted is None:
        return value
    if wanted is str:
        return text(value)
    if wanted is tuple:
        return tuple(text(member) for member in value) if isinstance(value, (tuple, list)) else (text(value),)
    if isinstance(value, str):
        try:
            value = read_json(value.encode())
        except NotJson:
            return None
    if wanted is bool:
        return value if isinstance(value, bool) else None
    fits = isinstance(value, int if wanted is int else (int, float)) and not isinstance(value, bool)
    return value if fits else None
