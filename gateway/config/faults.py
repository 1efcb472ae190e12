"""Mistakes of a file, gathered with their paths and told with their lines."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from gateway.config.lines import Lines, Path
from gateway.config.structs import LATER, LATER_VALUES
from gateway.errors import Fault
from gateway.wire import json_text

_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_NOT_YET: Final = "is not there yet: a later version brings it"


class Located(Fault, frozen=True, order=True):
    """A fault of a file, at a line; 0 where the file as a whole is meant."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """`config.toml:12: routes[0].mode: …`."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {super().__str__()}"


class Faults:
    """What is wrong with one file, by path: first its shape (unknown keys, wrong types), then its meaning."""

    def __init__(self) -> None:
        self._shape: dict[Path, str] = {}
        self._meaning: list[tuple[Path, str]] = []

    def __bool__(self) -> bool:
        return bool(self._shape or self._meaning)

    def __iter__(self) -> Iterator[tuple[Path, str]]:
        yield from self._shape.items()
        yield from self._meaning

    def misshapen(self, path: Path, message: str) -> None:
        """Add a fault of the shape."""
        self._shape.setdefault(path, message)

    def add(self, path: Path, message: str) -> None:
        """Add a fault of the meaning, unless the shape there is wrong already."""
        if not any(path[:length] in self._shape for length in range(1, len(path) + 1)):
            self._meaning.append((path, message))

    def shaped(self, path: Path) -> bool:
        """Whether the shape is right at a path and all below it."""
        return not any(told[: len(path)] == path for told in self._shape)


def located(told: Iterable[tuple[Path, str]], file: str, text: str) -> tuple[Located, ...]:
    """Faults or warnings with their lines, in the file's order."""
    lines = Lines(text)
    found = {Located(dotted(path), message, file, lines.of(path)) for path, message in told}
    return tuple(sorted(found, key=lambda one: (one.line, one.path, one.message)))


def dotted(path: Path) -> str:
    """A path as TOML writes it: `routes[0].fill."page.location"`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if step and _BARE.issuperset(step) else json_text(step)
            text += f".{key}" if text else key
    return text


def unknown_key(name: str, known: Iterable[str]) -> str:
    """What to say of a key that a table does not have."""
    return _NOT_YET if name in LATER else f"is not known here{nearest(name, known)}"


def not_among(value: object, known: Iterable[str]) -> str:
    """What to say of a value that is none of those allowed."""
    if not isinstance(value, str):
        return f"must be one of {_listed(known)}"
    if value in LATER_VALUES:
        return f"{json_text(value)} {_NOT_YET}"
    return f"must be one of {_listed(known)}, not {json_text(value)}{nearest(value, known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where something known is near enough."""
    found = get_close_matches(name, list(known), 1)
    return f"; did you mean {json_text(found[0])}?" if found else ""


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(json_text, values)) or "none, for there is none"
