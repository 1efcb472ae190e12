"""A configuration's text and values with their secrets masked, by where they stand.

What may be shown is decided by the key: a value is shown where its key is known and no credential's. All others are
masked, for a refused file may misspell the key of a secret. A text that is no TOML has no positions: there a line is
shown only where it plainly sets a known key.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

from gateway.config.lines import Lines, Path
from gateway.config.structs import TABLES
from gateway.contract import MASK, Mappings, Secret

_ANY: Final = None
_OPEN_TABLES: Final[tuple[tuple[str | None, ...], ...]] = (
    ("upstreams", _ANY, "fill"),
    ("routes", _ANY, "targets", _ANY, "fill"),
    ("routes", _ANY, "targets", _ANY, "when"),
)
"""Tables whose keys are canonical names."""
_HOLDERS: Final = frozenset({"headers"})
"""Tables whose keys are anybody's and whose values are credentials."""
_REFERENCES: Final = frozenset({"env", "file"})
"""What says where a secret is kept."""
_WORD: Final = 4
"""Characters from which on a secret is looked for beside its own place."""
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")
_ASSIGNMENT: Final = re.compile(r"""^(\s*(?:[\w.-]+|"[^"]*"|'[^']*')\s*=\s*)(\S.*)$""")
_HARMLESS: Final = re.compile(r"^\s*(#|$|\[{1,2}[^=]*\]{1,2}\s*(#.*)?$|[\]}),]*\s*(#.*)?$)")


class Names:
    """Which keys of a file hold credentials, and which are known to hold none."""

    def __init__(self, mappings: Mappings) -> None:
        found: dict[str, bool] = {}
        for kind in (*TABLES, *mappings.values()):
            for name, is_secret in _fields(inspect.type_info(kind)):
                found[name] = found.get(name, False) or is_secret
        self._plain = frozenset(name for name, is_secret in found.items() if not is_secret) | _REFERENCES
        secret = "|".join(sorted(re.escape(name) for name, is_secret in found.items() if is_secret))
        self._mention = re.compile(rf"\b({secret})\b")
        assigned = rf"(#.*?\b(?:{secret})\b[\"']?\s*=\s*)(?!\{{\s*(?:env|file)\b)"
        self._commented = re.compile(rf"{assigned}(\S.*)$", re.MULTILINE)

    def shows(self, path: Path) -> bool:
        """Whether the value at a path may be shown."""
        keys = [step for step in path if isinstance(step, str)]
        if len(path) > 1 and path[-2] in _HOLDERS:
            return False
        return not keys or keys[-1] in self._plain or any(_is_in(path, table) for table in _OPEN_TABLES)

    def shows_line(self, line: str) -> bool:
        """Whether a line of a text that is no TOML may be shown whole."""
        if _HARMLESS.match(line):
            return True
        found = _ASSIGNMENT.match(line)
        if found is None or self._mention.search(line):
            return False
        name = found[1].partition("=")[0].strip().strip("\"'").rpartition(".")[2]
        return name in self._plain and not re.search(r"[\[{]|\"\"\"|'''", found[2])

    def comments(self, text: str) -> str:
        """A text with what comments give credentials' keys masked."""
        return self._commented.sub(rf"\1{MASK}", text)


def masked_text(text: str, mappings: Mappings) -> str:
    """A file's text as it may be shown."""
    names = Names(mappings)
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        shown = _by_lines(text, names)
    else:
        shown = _by_places(text, names)
        for secret in _hidden_texts(tree, (), names):
            shown = shown.replace(secret, MASK)
    return without_userinfo(names.comments(shown))


def without_userinfo(text: str) -> str:
    """A text with what its URLs say before an `@` masked."""
    return _USERINFO.sub(MASK, text)


def masked_value(value: Any, path: Path, names: Names) -> Any:
    """A value of a file's tree as it may be shown."""
    if isinstance(value, dict):
        return {key: masked_value(member, (*path, key), names) for key, member in value.items()}
    if isinstance(value, list):
        return [masked_value(member, (*path, index), names) for index, member in enumerate(value)]
    if not names.shows(path):
        return MASK
    return without_userinfo(value) if isinstance(value, str) else value


def _fields(kind: inspect.Type) -> Iterator[tuple[str, bool]]:
    """The keys of a Struct and of those in it, and whether each holds a Secret."""
    if isinstance(kind, inspect.UnionType):
        for option in kind.types:
            yield from _fields(option)
    elif isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        yield from _fields(kind.item_type)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield field.encode_name, _is_secret(field.type)
            yield from _fields(field.type)


def _is_secret(kind: inspect.Type) -> bool:
    match kind:
        case inspect.CustomType(cls=cls):
            return cls is Secret
        case inspect.UnionType():
            return any(map(_is_secret, kind.types))
        case inspect.ListType() | inspect.VarTupleType():
            return _is_secret(kind.item_type)
        case inspect.DictType():
            return _is_secret(kind.value_type)
    return False


def _hidden(line: str) -> str:
    found = _ASSIGNMENT.match(line)
    return f"{found[1]}{MASK}" if found else MASK


def _is_in(path: Path, table: tuple[str | None, ...]) -> bool:
    return len(path) > len(table) and all(name in (_ANY, step) for name, step in zip(table, path, strict=False))


def _hidden_texts(value: Any, path: Path, names: Names) -> Iterator[str]:
    """The texts in a tree that may not be shown: they may stand in comments, too."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _hidden_texts(member, (*path, key), names)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _hidden_texts(member, (*path, index), names)
    elif isinstance(value, str) and len(value) >= _WORD and not names.shows(path):
        yield value


def _by_lines(text: str, names: Names) -> str:
    shown, held = [], False
    for line in text.split("\n"):
        if line.lstrip().startswith("["):
            held = any(name in line for name in _HOLDERS)
        is_shown = names.shows_line(line) and not (held and _ASSIGNMENT.match(line))
        shown.append(line if is_shown else _hidden(line))
    return "\n".join(shown)


def _by_places(text: str, names: Names) -> str:
    """The text of a valid file with a mask in the place of each value that may not be shown."""
    lines = Lines(text)
    if not lines.is_whole:
        return _by_lines(text, names)
    raw = text.encode()
    for path, (start, end) in sorted(lines.spans.items(), key=lambda one: one[1], reverse=True):
        if not names.shows(path):
            raw = raw[:start] + f'"{MASK}"'.encode() + raw[end:]
    return raw.decode()
