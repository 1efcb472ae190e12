"""The vendors' contracts (JSON Schemas beside this file) and every fault of a document by them."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator, FormatChecker

from gateway.sandbox.exchange import Flaw

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_FORMATS: Final = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    """Whether a string is an RFC 3339 time; other types are the schema's `type` to judge."""
    if not isinstance(value, str):
        return True
    if not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


class Contract:
    """One contract file."""

    def __init__(self, schema: dict[str, Any]) -> None:
        # Without this, a document that lacks the property a condition asks about would meet every condition.
        for part in schema.get("allOf", ()):
            part["if"].setdefault("required", list(part["if"]["properties"]))
        self.known: Final = frozenset(schema["properties"])
        self._validator: Final = Draft202012Validator(schema, format_checker=_FORMATS)

    def flaws(self, document: object) -> tuple[Flaw, ...]:
        """Everything wrong with a document, ordered by path."""
        found = {flaw for error in self._validator.iter_errors(document) for flaw in _explain(error)}
        return tuple(sorted(found))


@cache
def contract(name: str) -> Contract:
    """The contract of that name, read once."""
    text = files(__package__).joinpath("contracts", f"{name}.json").read_bytes()
    return Contract(msgspec.json.decode(text))


def _explain(error: Any) -> Iterator[Flaw]:
    """One schema error as flaws, each at the place it concerns."""
    path = list(error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield from (Flaw(_at([*path, name]), "is required") for name in missing)
    elif error.validator == "additionalProperties":
        extra = [name for name in error.instance if name not in error.schema.get("properties", ())]
        yield from (Flaw(_at([*path, name]), "is not known here") for name in extra)
    elif error.validator == "oneOf":
        yield from _explain_branches(error)
    else:
        yield Flaw(_at(path), error.message[:200])


def _explain_branches(error: Any) -> Iterator[Flaw]:
    """The flaws by the alternative that the document's `type` names, or that it names none."""
    branches: dict[Any, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    meant = [inners for inners in branches.values() if not any(map(_concerns_type, inners))]
    if meant:
        for inner in meant[0]:
            yield from _explain(inner)
    else:
        words = [word for branch in error.validator_value for word in branch["properties"]["type"]["enum"]]
        yield Flaw(_at([*error.absolute_path, "type"]), f"must be one of {', '.join(words)}")


def _concerns_type(error: Any) -> bool:
    absent = error.validator == "required" and not error.relative_path and "type" not in error.instance
    return absent or list(error.relative_path) == ["type"]


def _at(path: Iterable[str | int]) -> str:
    """A path as people write it: `engagements[0].decisionId`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
