"""From a file's tree to its tables: fast when all is well, with every fault of its shape when not.

msgspec decides; only when it refuses is the JSON Schema of the same Structs asked to name every fault. What is wrong is
then left out, so that the rest can still be searched for faults of its meaning.
"""

from typing import Any, Final

import msgspec
from msgspec import inspect

from gateway.config.faults import Faults
from gateway.config.lines import Path
from gateway.config.schema import shape_faults
from gateway.config.secrets import Secrets
from gateway.config.structs import Tables, UpstreamTable
from gateway.config.units import QUANTITIES
from gateway.contract import Mappings, Secret, VendorMapping

_COMMON: Final = frozenset(UpstreamTable.__struct_encode_fields__) - {"base_url"}
_ARRAYS_OF_TABLES: Final = frozenset({"routes", "targets"})


class Read(msgspec.Struct, frozen=True):
    """A file's tables, and the accounts of those of its upstreams that are sound."""

    tables: Tables
    accounts: dict[str, VendorMapping]


def read_tables(tree: dict[str, Any], mappings: Mappings, secrets: Secrets, faults: Faults) -> Read:
    """The tables of a file; what is wrong with their shape is told and left out."""
    sound = secrets.resolved(tree, inspect.type_info(Tables))
    accounts, unsound = _accounts(sound.get("upstreams"), mappings, secrets)
    try:
        tables = _convert(sound, Tables)
    except msgspec.ValidationError:
        tables = None
    if tables is None or unsound:
        for path, message in shape_faults(tree, mappings):
            faults.misshapen(path, message)
        for name, message in unsound.items():
            if faults.shaped(("upstreams", name)):
                faults.misshapen(("upstreams", name), message)
    return Read(tables or _rest(sound, faults), accounts)


def _convert(raw: object, kind: Any) -> Any:
    return msgspec.convert(raw, kind, dec_hook=_custom)


def _custom(kind: type, raw: Any) -> Any:
    """A value of a type that TOML does not have: a quantity from its text; a secret is resolved already."""
    if kind is Secret and isinstance(raw, Secret):
        return raw
    for quantity in QUANTITIES:
        if kind is quantity and isinstance(raw, str):
            return quantity.of(raw)
    raise ValueError(f"expected a {kind.__name__}")


def _accounts(upstreams: Any, mappings: Mappings, secrets: Secrets) -> tuple[dict[str, VendorMapping], dict[str, str]]:
    """Each upstream's account by its name, or what its mapping says against it."""
    accounts: dict[str, VendorMapping] = {}
    unsound: dict[str, str] = {}
    for name, table in upstreams.items() if isinstance(upstreams, dict) else ():
        mapping = mappings.get(str(table.get("vendor"))) if isinstance(table, dict) else None
        if mapping is None:
            continue
        kind = inspect.type_info(mapping)
        settings = {key: value for key, value in table.items() if key not in _COMMON}
        settings = secrets.resolved(settings, kind, ("upstreams", name))
        if isinstance(url := settings.get("base_url"), str):
            settings["base_url"] = url.rstrip("/")
        try:
            accounts[name] = _convert(settings, mapping)
        except msgspec.ValidationError as error:
            unsound[name] = str(error).partition(" - at `$")[0]
        else:
            if not _knows(kind, settings):
                unsound[name] = "has a key that is not known here"
    return accounts, unsound


def _knows(kind: inspect.Type, value: object) -> bool:
    """Whether a mapping's settings know every key of a table: their Structs need not forbid others by themselves."""
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            kinds = {field.encode_name: field.type for field in kind.fields}
            return all(key in kinds and _knows(kinds[key], inner) for key, inner in value.items())
        case inspect.UnionType() if isinstance(value, dict):
            return any(_knows(one, value) for one in kind.types if not isinstance(one, inspect.NoneType))
        case _:
            return True


def _rest(sound: dict[str, Any], faults: Faults) -> Tables:
    """The tables without what is misshapen."""
    for path, _ in sorted(faults, reverse=True):
        _leave_out(sound, path)
    try:
        found: Tables = _convert(sound, Tables)
    except msgspec.ValidationError as error:
        faults.misshapen((), str(error))
        return Tables()
    return found


def _leave_out(tree: dict[str, Any], path: Path) -> None:
    """Take one value away; an element of an array of tables is emptied, so that the others keep their index."""
    *above, last = path
    holder: Any = tree
    for step in above:
        if isinstance(holder, dict) and step not in holder:
            return
        holder = holder[step]
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif above[-1] in _ARRAYS_OF_TABLES:
        holder[last] = {}
    else:
        del holder[last]
        if not holder:
            _leave_out(tree, tuple(above))
