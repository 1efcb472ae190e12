"""What an embedded store writes to: a log that commits whole batches, and reads what is committed."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.store.contract import DeadLetter, End, Entry, Filter, Record


class Batch(Struct):
    """What one commit writes, all or nothing."""

    appended: list[tuple[int, Record]] = field(default_factory=list)
    cursors: dict[str, tuple[str, int]] = field(default_factory=dict)
    parked: list[tuple[str, Entry, float]] = field(default_factory=list)
    unparked: list[tuple[str, int]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    finished: dict[str, int] = field(default_factory=dict)
    """For each route the position below which every target is done."""
    ends: list[End] = field(default_factory=list)

    def without_appends(self) -> "Batch":
        """What is to be written even when there is no room for more: it makes room."""
        return replace(self, appended=[])

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


class Kept(Struct, frozen=True):
    """What a log holds when it is opened: its highest position ever, each target's route and cursor, and exceptions."""

    high_water: int
    cursors: dict[str, tuple[str, int]]
    parked: list[tuple[str, Entry, float]]


class Log(Protocol):
    """What an embedded store writes to and reads from; commits are ordered, reads see what is committed."""

    async def open(self) -> Kept:
        """Take up what is kept."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Write a batch for good; raises StoreFull, then nothing of it is written."""
        ...

    async def read(self, route: str, start: int, count: int) -> list[tuple[int, Record]]:
        """A route's records from a position on, in order."""
        ...

    async def count(self, target: str, route: str, start: int) -> int:
        """How many records from a position on are for the target."""
        ...

    async def oldest(self, target: str, route: str, start: int) -> int | None:
        """When the first record from a position on, or the first exception, was received."""
        ...

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        ...

    async def count_dead(self) -> dict[str, int]:
        """How many dead letters each target has."""
        ...

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether inbounds, and how they ended, stay for a while after every target is done with them."""
        ...

    async def search(self, texts: Sequence[str], limit: int) -> list[tuple[int, Record]]:
        """Records in which one of these texts stands, newest first."""
        ...

    async def ends(self, positions: Sequence[int]) -> list[End]:
        """How targets ended with these records, as far as that is kept."""
        ...

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        ...

    def size(self) -> int:
        """Bytes in use."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...
