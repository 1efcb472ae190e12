"""What reloads did: what is in force since when, what the last one changed, and why one was refused."""

import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from gateway.config.faults import Located, dotted
from gateway.config.lines import Path
from gateway.config.masking import Names, masked_value
from gateway.config.settings import Config
from gateway.contract import Mappings
from gateway.errors import Fault


class Change(Struct, frozen=True):
    """One value that differs, secrets masked; without `before` it is new, without `after` it is gone."""

    path: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


class Reload(Struct, frozen=True):
    """One reload: `needs_restart` are tables whose change waits for a start."""

    outcome: Literal["applied", "refused"]
    at: float
    faults: tuple[Located, ...] = ()
    changes: tuple[Change, ...] = ()
    needs_restart: tuple[str, ...] = ()


class History:
    """The last reloads of one gateway; `heard` are told of each."""

    def __init__(self, config: Config) -> None:
        self.applied_at = time.time()
        self.last = Reload("applied", self.applied_at)
        self.refused_text: str | None = None
        """The text that was refused last, with its secrets; None where the file in force is the last one read."""
        self.heard: set[Callable[[Reload], None]] = set()
        self.warnings = config.warnings

    def applied(self, before: Config, after: Config, waiting: Sequence[str], mappings: Mappings) -> None:
        """Another configuration is in force."""
        changes = tuple(_changes(before, after, Names(mappings)))
        self.applied_at, self.refused_text, self.warnings = time.time(), None, after.warnings
        self._tell(Reload("applied", self.applied_at, (), changes, tuple(waiting)))

    def refused(self, faults: Sequence[Fault], text: str | None) -> None:
        """A file was refused; what was in force stays."""
        self.refused_text = text
        located = tuple(one if isinstance(one, Located) else Located(one.path, one.message) for one in faults)
        self._tell(Reload("refused", time.time(), located))

    def _tell(self, reload: Reload) -> None:
        self.last = reload
        for hear in tuple(self.heard):
            hear(reload)


def _changes(before: Config, after: Config, names: Names) -> Iterator[Change]:
    """What differs between two files as they are written."""
    if before.source is None or after.source is None:
        return
    trees = [_named(tomllib.loads(one.text)) for one in (before.source, after.source)]
    yield from _differences(trees[0], trees[1], (), names)


def _named(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree whose routes go by their names: their order may change."""
    routes = tree.get("routes", [])
    return tree | {"routes": {str(one["name"]): one for one in routes}} if routes else tree


def _differences(before: Any, after: Any, path: Path, names: Names) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(key, UNSET), after.get(key, UNSET), (*path, key), names)
    elif _is_tables(before) and _is_tables(after):
        for index in range(max(len(before), len(after))):
            old, new = (one[index] if index < len(one) else UNSET for one in (before, after))
            yield from _differences(old, new, (*path, index), names)
    elif before is UNSET or after is UNSET or before != after or type(before) is not type(after):
        shown = (one if one is UNSET else masked_value(one, _placed(path), names) for one in (before, after))
        yield Change(dotted(path), *shown)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _placed(path: Path) -> Path:
    """The path as it stands in the file, where a route has an index for its name."""
    return ("routes", 0, *path[2:]) if path[:1] == ("routes",) and len(path) > 1 else path
