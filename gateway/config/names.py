"""Canonical names as owners use them: what `when`, `fill` and `privacy` may name, and with which values."""

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, get_args

from gateway.config.faults import Faults, nearest
from gateway.config.lines import Path
from gateway.config.structs import Hiding
from gateway.model import FIELDS, REFERENCES, Action, EventType
from gateway.shaping import When, references, text
from gateway.wire import json_text

_KIND: Final = frozenset({"action", "type"})
_FILLABLE: Final = frozenset(FIELDS) - _KIND - {"items", "cart"}
_DROPPABLE: Final = frozenset(FIELDS) - _KIND
_HASHABLE: Final = frozenset(name for name, kind in FIELDS.items() if kind is str) - _KIND
_VALUES: Final = {"action": get_args(Action), "type": get_args(EventType)}
_NEEDED: Final[dict[type | None, str]] = {
    str: "a string",
    float: 'a number, or a text such as "{properties.total}"',
    int: 'an integer, or a text such as "{properties.time}"',
    bool: 'true, false, or a text such as "{properties.consent}"',
    tuple: "a string or an array of strings",
    None: "a string, a number, a boolean, an array or a table",
}
"""What a fill's value must be, by the type of the canonical field; None is a property's."""


def when_of(table: Mapping[str, Any]) -> When:
    """The filter that a sound `when` table says."""
    return When(tuple((name, _globs(value)) for name, value in table.items()))


def check_when(table: Mapping[str, Any], path: Path, faults: Faults) -> None:
    """Find what is wrong with a `when` table: its names and its globs."""
    for name, value in table.items():
        place = (*path, name)
        if not _check_name(name, value, REFERENCES, place, faults):
            continue
        if value == [] or not all(isinstance(one, (str, bool, int, float)) for one in _several(value)):
            faults.add(place, "must be a text or an array of texts, in which * and ? may stand for anything")
        else:
            _check_values(name, _globs(value), place, faults)


def check_fill(table: Mapping[str, Any], path: Path, faults: Faults) -> None:
    """Find what is wrong with a `fill` table: its names, its values and what they refer to."""
    for name, value in table.items():
        place = (*path, name)
        if name in FIELDS and name not in _FILLABLE:
            faults.add(place, "cannot be filled: only what happened can say it")
        elif _check_name(name, value, _FILLABLE, place, faults):
            refers = references(value)
            for reference in refers:
                _check_reference(reference, place, faults)
            if not (refers and isinstance(value, str)) and not _fits(FIELDS.get(name), value):
                faults.add(place, f"must be {_NEEDED[FIELDS.get(name)]}")


def check_hiding(table: Hiding, path: Path, faults: Faults) -> None:
    """Find what is wrong with the names of a `drop` and a `hash` list."""
    for list_name, allowed, verb in (("drop", _DROPPABLE, "dropped"), ("hash", _HASHABLE, "hashed")):
        for index, name in enumerate(getattr(table, list_name) or ()):
            place = (*path, list_name, index)
            if name in FIELDS and name not in allowed:
                faults.add(place, f"{name} cannot be {verb}")
            elif not _is_name(name, allowed):
                faults.add(place, f"{json_text(name)} is no canonical name{nearest(name, allowed)}")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _globs(value: Any) -> tuple[str, ...]:
    return tuple(text(one) for one in _several(value))


def _is_name(name: str, allowed: Iterable[str]) -> bool:
    return name in allowed or (name.startswith("properties.") and len(name) > len("properties."))


def _check_name(name: str, value: object, allowed: Iterable[str], place: Path, faults: Faults) -> bool:
    """Whether a key is a canonical name; a table there is most likely a dotted name without its quotes."""
    if _is_name(name, allowed):
        return True
    if isinstance(value, dict) and value:
        inner = next(iter(value))
        faults.add(place, f"is no canonical name; a dotted name is written in quotes: {json_text(f'{name}.{inner}')}")
    else:
        faults.add(place, f"is no canonical name{nearest(name, allowed)}")
    return False


def _check_reference(name: str, place: Path, faults: Faults) -> None:
    if not _is_name(name, REFERENCES):
        faults.add(place, f"refers to {{{name}}}, which is no canonical name{nearest(name, REFERENCES)}")


def _check_values(name: str, globs: Iterable[str], place: Path, faults: Faults) -> None:
    """Where a name has a closed list of values, each glob must match one."""
    known = _VALUES.get(name)
    for glob in globs if known else ():
        if not any(fnmatchcase(value, glob) for value in known or ()):
            faults.add(place, f"{json_text(glob)} matches no {name}{nearest(glob, known or ())}")


def _fits(kind: type | None, value: object) -> bool:
    """Whether a value can stand where the canonical field has that type; None is a property."""
    if isinstance(value, list):
        return kind in (tuple, None) and all(_fits(None if kind is None else str, one) for one in value)
    if isinstance(value, dict):
        return kind is None and all(_fits(None, one) for one in value.values())
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return kind in _TAKEN_BY.get(type(value), ())


_TAKEN_BY: Final[dict[type, tuple[type | None, ...]]] = {
    bool: (bool, None),
    int: (int, float, None),
    float: (float, None),
    str: (str, tuple, None),
}
"""Which types of canonical fields take a TOML value of a type."""
