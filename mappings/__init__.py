"""The vendors that the gateway speaks to: one module each, whole, and this one table of their names.

A third party adds a mapping from its own distribution through the entry-point group `interaction_gateway.mappings`:
each entry point is called as its class's `NAME` and names a class that keeps `gateway.contract.VendorMapping`.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final

from gateway.contract import VendorMapping
from gateway.errors import ConfigFaults, Fault

GROUP: Final = "interaction_gateway.mappings"


class _Table(Mapping[str, type[VendorMapping]]):
    """Each vendor's class by its name; a module is imported when its class is first asked for."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        self._classes = classes

    def __getitem__(self, name: str) -> type[VendorMapping]:
        found: type[VendorMapping] = getattr(import_module(f"mappings.{name}"), self._classes[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


MAPPINGS: Final = _Table(
    {
        "gravity_field": "GravityField",
        "gravity_field_sdk": "GravityFieldSdk",
        "dynamic_yield": "DynamicYield",
        "vaix": "Vaix",
        "auxia": "Auxia",
    }
)
"""The mappings that ship with the gateway: the class in the module of that name."""


def load() -> dict[str, type[VendorMapping]]:
    """The shipped mappings and those of installed distributions; raises ConfigFaults with every one that cannot be."""
    table = dict(MAPPINGS)
    faults: list[Fault] = []
    for entry in entry_points(group=GROUP):
        found = _third_party(entry, table)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            table[entry.name] = found
    if faults:
        raise ConfigFaults(tuple(faults))
    return table


def _third_party(entry: EntryPoint, taken: Mapping[str, type[VendorMapping]]) -> type[VendorMapping] | Fault:
    """The class that an entry point names, or what is wrong with it."""
    where = f"mapping {entry.name} ({entry.dist.name if entry.dist else 'no distribution'}, {entry.value})"
    if entry.name in taken:
        owner = taken[entry.name]
        return Fault(where, f"the name is taken by {owner.__module__}.{owner.__qualname__}")
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        return Fault(where, f"cannot be imported: {error}")
    lacking = sorted(name for name in _MEMBERS if not hasattr(found, name))
    if lacking:
        return Fault(where, f"does not keep the mapping contract: it lacks {', '.join(lacking)}")
    if entry.name != found.NAME:
        return Fault(where, f"is called {found.NAME} by its class: both names must be the same")
    mapping: type[VendorMapping] = found
    return mapping


_MEMBERS: Final = frozenset(
    name for name in VendorMapping.__annotations__ | vars(VendorMapping) if not name.startswith("_")
)

if TYPE_CHECKING:  # what an untyped table cannot show: mypy names here the member that a mapping lacks
    from mappings.auxia import Auxia
    from mappings.dynamic_yield import DynamicYield
    from mappings.gravity_field import GravityField
    from mappings.gravity_field_sdk import GravityFieldSdk
    from mappings.vaix import Vaix

    _GRAVITY_FIELD: VendorMapping = GravityField.example()
    _GRAVITY_FIELD_SDK: VendorMapping = GravityFieldSdk.example()
    _DYNAMIC_YIELD: VendorMapping = DynamicYield.example()
    _VAIX: VendorMapping = Vaix.example()
    _AUXIA: VendorMapping = Auxia.example()
