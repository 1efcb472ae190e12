"""Credentials where they are kept: in the environment, in a file, or in config.toml itself.

They are looked up before anything else is judged, wherever a Struct has a `Secret`, so that every one that is missing
is told at once.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from msgspec import inspect

from gateway.config.lines import Path
from gateway.contract import Secret

UNSET: Final = Secret("unset")
"""What stands for a secret that could not be had."""


class Secrets:
    """The secrets of one file, and what became of each.

    `missing` says by path why one could not be had, `literal` are the paths of those that stand in the file itself,
    `files` are the files that were looked into.
    """

    def __init__(self, env: Mapping[str, str], folder: FilePath) -> None:
        self._env = env
        self._folder = folder
        self.missing: dict[Path, str] = {}
        self.literal: list[Path] = []
        self.files: list[FilePath] = []

    def resolved(self, raw: Any, kind: inspect.Type, path: Path = ()) -> Any:
        """A copy of a TOML value of that type with each well-formed secret as `Secret`."""
        match kind:
            case inspect.CustomType(cls=cls) if cls is Secret:
                return self._secret(raw, path)
            case inspect.StructType() if isinstance(raw, dict):
                kinds = {field.encode_name: field.type for field in kind.fields}
                return {
                    key: self.resolved(value, kinds[key], (*path, key)) if key in kinds else value
                    for key, value in raw.items()
                }
            case inspect.DictType() if isinstance(raw, dict):
                return {key: self.resolved(value, kind.value_type, (*path, key)) for key, value in raw.items()}
            case inspect.ListType() | inspect.VarTupleType() if isinstance(raw, list):
                return [self.resolved(one, kind.item_type, (*path, index)) for index, one in enumerate(raw)]
            case inspect.UnionType():
                for option in kind.types:
                    raw = self.resolved(raw, option, path)
                return raw
            case _:
                return raw

    def _secret(self, raw: Any, path: Path) -> Any:
        """The secret that a value names; a value of another form stays, for the schema to refuse."""
        match raw:
            case str() if raw:
                self.literal.append(path)
                return self._sound(raw, path, "the text")
            case {"env": str(name), **rest} if name and not rest:
                text = self._env.get(name)
                if not text:
                    return self._lost(
                        path, f"the environment variable {name} is {'not set' if text is None else 'empty'}"
                    )
                return self._sound(text, path, f"the environment variable {name}")
            case {"file": str(name), **rest} if name and not rest:
                return self._from_file(name, path)
            case _:
                return raw

    def _from_file(self, name: str, path: Path) -> Secret:
        """The text of a file beside config.toml or anywhere else, less the line's end."""
        self.files.append(self._folder / name)
        try:
            text = self.files[-1].read_text().rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            return self._lost(path, f"the file {name} cannot be read: {reason}")
        return self._sound(text, path, f"the file {name}") if text else self._lost(path, f"the file {name} is empty")

    def _sound(self, text: str, path: Path, source: str) -> Secret:
        """The secret, unless it could never stand in a header."""
        return Secret(text) if text.isprintable() else self._lost(path, f"{source} holds a control character")

    def _lost(self, path: Path, why: str) -> Secret:
        self.missing[path] = why
        return UNSET
