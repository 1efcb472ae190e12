"""config.toml: read strictly, every mistake told at once with its line and path.

One file's way: text → tree → tables (`structs`, by `tables` and `schema`) → agreement (`checks`, `routes`, `names`) →
the values that the gateway runs on (`build`, `settings`).
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from gateway.config.build import build
from gateway.config.checks import check_tables, hashing
from gateway.config.faults import Faults, Located, located
from gateway.config.lines import Path as Steps
from gateway.config.routes import check_routes, shadowed
from gateway.config.schema import json_schema
from gateway.config.secrets import Secrets
from gateway.config.settings import Config, Upstream
from gateway.config.source import Source
from gateway.config.structs import Admin, DeadLetters, Log, PrivacySettings, Retry, Server, Store, Traces
from gateway.config.tables import read_tables
from gateway.contract import Mappings
from gateway.errors import ConfigFaults
from gateway.routing import Client, Route, RouteTarget

__all__ = [
    "Admin",
    "Client",
    "Config",
    "DeadLetters",
    "Located",
    "Log",
    "PrivacySettings",
    "Retry",
    "Route",
    "RouteTarget",
    "Server",
    "Store",
    "Traces",
    "Upstream",
    "json_schema",
    "load",
]

_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


def load(
    path: Path,
    mappings: Mappings,
    env: Mapping[str, str],
    *,
    secrets_required: bool = True,
) -> Config:
    """The configuration in a file; raises ConfigFaults with every fault.

    With `secrets_required` false a secret that cannot be had is a warning: enough for what sends nothing.
    """
    text = _text(path)
    try:
        return _loaded(path, text, mappings, env, secrets_required=secrets_required)
    except ConfigFaults as error:
        error.text = text
        raise


def _loaded(  # as `load` has them, and the text
    path: Path,
    text: str,
    mappings: Mappings,
    env: Mapping[str, str],
    *,
    secrets_required: bool,
) -> Config:
    """The configuration that a text says; raises ConfigFaults."""
    tree = _tree(path, text)
    faults, secrets = Faults(), Secrets(env, path.parent)
    read = read_tables(tree, mappings, secrets, faults)
    known = _known(tree, mappings)
    check_tables(read, known["vendors"], path.parent, faults)
    check_routes(read.tables, known, faults)
    missing = {
        place: why for place, why in secrets.missing.items() if place != ("privacy", "key") or hashing(read.tables)
    }
    if secrets_required:
        for place, why in missing.items():
            faults.add(place, why)
    if faults:
        raise ConfigFaults(located(faults, str(path), text), tuple(secrets.files))
    warnings = [*_literals(secrets), *shadowed(read.tables), *(() if secrets_required else missing.items())]
    config = build(read, path.parent)
    told = located(warnings, str(path), text)
    return replace(config, source=Source(path, text), warnings=told, files=tuple(secrets.files))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ConfigFaults((Located("", f"cannot be read: {error.strerror}", str(path)),)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigFaults((Located("", "is no UTF-8 text", str(path), line),)) from None


def _tree(path: Path, text: str) -> dict[str, Any]:
    """The text as TOML; beyond a mistake of syntax nothing can be told apart, so the first is the only one."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigFaults((Located("", "is nested too deeply", str(path)),)) from None
    except tomllib.TOMLDecodeError as error:
        message, at_line = str(error), _AT_LINE.search(str(error))
        line = int(at_line[1]) if at_line and at_line[1] else text.count("\n") + 1
        message = message[: at_line.start()] if at_line else message
        raise ConfigFaults((Located("", f"is no TOML: {message}", str(path), line),)) from None


def _known(tree: Mapping[str, Any], mappings: Mappings) -> dict[str, Collection[str]]:
    """What routes may name: also clients and upstreams whose own tables have faults."""
    tables = {name: tree.get(name) for name in ("clients", "upstreams")}
    return {"vendors": sorted(mappings)} | {
        name: list(table) if isinstance(table, dict) else [] for name, table in tables.items()
    }


def _literals(secrets: Secrets) -> Iterator[tuple[Steps, str]]:
    for place in secrets.literal:
        yield place, 'stands in the file itself; safer: { env = "NAME" } or { file = "PATH" }'
