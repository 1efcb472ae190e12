"""Quantities as people write them in TOML: durations, sizes and rates, each a number at run time.

Each class is both the type of a Struct's field and the form of its text, so that the file's schema and its reading
cannot disagree.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)"


class Quantity(Protocol):
    """A number that is written with its unit: `of` reads it, `PATTERN` and `TITLE` describe it."""

    PATTERN: ClassVar[str]
    TITLE: ClassVar[str]

    @classmethod
    def of(cls, text: str) -> Any:
        """The quantity that a text says; raises ValueError."""
        ...


class Seconds(float):
    """A duration, zero or more."""

    PATTERN: ClassVar[str] = rf"^{_NUMBER}(ms|s|m|h|d)$"
    TITLE: ClassVar[str] = 'a duration such as "500ms", "10s", "5m", "12h" or "3d"'
    UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

    @classmethod
    def of(cls, text: str) -> "Seconds":
        """The seconds in `10s`, `500ms` or `3d`."""
        number, unit = _parts(cls, text)
        return cls(float(number) * cls.UNITS[unit])


class PositiveSeconds(Seconds):
    """A duration above zero."""

    PATTERN: ClassVar[str] = rf"^(?=.*[1-9]){_NUMBER}(ms|s|m|h|d)$"
    TITLE: ClassVar[str] = 'a duration above zero, such as "500ms", "10s", "5m", "12h" or "3d"'


class Bytes(int):
    """A size above zero."""

    PATTERN: ClassVar[str] = rf"^(?=.*[1-9]){_NUMBER}([KMGT]i?B|B)$"
    TITLE: ClassVar[str] = 'a size such as "256KiB", "20GiB" or "1MB"'

    @classmethod
    def of(cls, text: str) -> "Bytes":
        """The bytes in `256KiB` (1024 each) or `1MB` (1000 * 1000)."""
        number, unit = _parts(cls, text)
        power = " KMGT".index(unit[0]) if unit != "B" else 0
        return cls(float(number) * (1024 if "i" in unit else 1000) ** power)


class PerSecond(float):
    """A rate above zero."""

    PATTERN: ClassVar[str] = rf"^(?=.*[1-9]){_NUMBER}/(s|m|h|d)$"
    TITLE: ClassVar[str] = 'a rate such as "500/s" or "30/m"'

    @classmethod
    def of(cls, text: str) -> "PerSecond":
        """The rate per second in `500/s` or `30/m`."""
        number, unit = _parts(cls, text)
        return cls(float(number) / Seconds.UNITS[unit])


QUANTITIES: Final[tuple[type[Quantity], ...]] = (Seconds, PositiveSeconds, Bytes, PerSecond)


class Written:
    """A field's default as it would be written in the file."""

    def __init__(self, unit: type[Quantity], text: str) -> None:
        self.unit = unit
        self.text = text

    def __call__(self) -> Any:
        """The quantity itself."""
        return self.unit.of(self.text)


def _parts(unit: type[Quantity], text: str) -> tuple[str, str]:
    """The number and the unit of a text."""
    found = re.fullmatch(unit.PATTERN, text)
    if found is None or text.endswith("\n"):
        raise ValueError(f"must be {unit.TITLE}")
    return found[1], found[2]
