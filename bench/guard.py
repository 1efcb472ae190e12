"""Guards what the pure core does for fixed bodies, in numbers that are the same on every machine.

Counted are the bytecodes that Python executes and the functions of C that it calls, for the bodies and the targets of
`bench.core`, once all caches are warm. Only the minor version of Python tells one machine from another. This guards
against work that creeps into the hot path; it says nothing about time, memory or what happens inside a function of C
(such as msgspec's decoding): `python -m bench core` measures these.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench import core
from bench.counting import Called, Executed

_FIGURES: Final = Path(__file__).parent / "guard.json"
_TOLERANCE: Final = 0.03
"""How far a count may move, up or down, before it must be recorded anew."""
_WARM: Final = 3
_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


class Count(Struct, frozen=True, array_like=True):
    """What one call does: bytecodes executed, functions of C called; two numbers in a list where it is recorded."""

    bytecodes: int
    calls: int


Counts = dict[str, dict[str, Count]]
"""By body, then by what is done with it."""


def check() -> int:
    """Compare with the recorded figures of this minor version of Python; 0 when all is as recorded."""
    recorded = _recorded().get(_VERSION)
    if recorded is None:
        print(f"guard: no figures for Python {_VERSION} in {_FIGURES.name}; `python -m bench guard --record` adds them")
        return 0
    faults = _moved(recorded, _counted())
    if not faults:
        print(f"guard: the pure core does what is recorded for Python {_VERSION}, within {_TOLERANCE:.0%}")
        return 0
    print("\n".join(faults), file=sys.stderr)
    print(
        f"guard: the pure core does not do what bench/{_FIGURES.name} says. If that is meant, record it anew with"
        " `python -m bench guard --record` and say in the commit why; if it does less, record that, too.",
        file=sys.stderr,
    )
    return 1


def record() -> int:
    """Record what is counted as the figures of this minor version of Python."""
    figures = _recorded() | {_VERSION: _counted()}
    versions = [f"{_text(version)}: {{\n{_lines(counts)}\n}}" for version, counts in sorted(figures.items())]
    _FIGURES.write_text("{\n" + ",\n".join(versions) + "\n}\n")
    print(f"guard: recorded for Python {_VERSION}")
    return 0


def _lines(counts: Counts) -> str:
    """A line for each body."""
    return ",\n".join(f"  {_text(body)}: {_text(found)}" for body, found in counts.items())


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _recorded() -> dict[str, Counts]:
    return msgspec.json.decode(_FIGURES.read_bytes(), type=dict[str, Counts]) if _FIGURES.exists() else {}


def _moved(recorded: Counts, counted: Counts) -> list[str]:
    """A line for each count that is not where it was."""
    faults: list[str] = []
    for body in sorted(recorded.keys() | counted.keys()):
        was, found = recorded.get(body, {}), counted.get(body, {})
        for what in sorted(was.keys() | found.keys()):
            if what not in was or what not in found:
                faults.append(f"{body}, {what}: {'not recorded' if what in found else 'recorded, but not there'}")
                continue
            for name in Count.__struct_fields__:
                before, now = getattr(was[what], name), getattr(found[what], name)
                if abs(now - before) > _TOLERANCE * before:
                    faults.append(f"{body}, {what}: {now} {name}, recorded {before} ({now / before - 1:+.1%})")
    return faults


def _counted() -> Counts:
    return {
        body: {what: _count(call) for what, call in calls.items() if what != "raw"}
        for body, calls in core.everything().items()
    }


def _count(call: Callable[[], object]) -> Count:
    """What one call does when it has been called before."""
    for _ in range(_WARM):
        call()
    with Executed() as executed:
        call()
    with Called() as called:
        call()
    return Count(executed.bytecodes, called.functions)
