"""What an embedded store writes to and reads from: a log that commits batches, all or nothing."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, Protocol

from msgspec import Struct, field

from gateway.store.contract import Attempt, DeadGroup, DeadLetter, End, Entry, Filter, Record

_blob = attrgetter("blob")
FOREVER: Final = (1 << 63) - 1
"""A position beyond all others."""


class Row(Struct, frozen=True, gc=False):
    """An inbound to be appended; `blob` is its record as msgpack, made where a failure is its own caller's alone."""

    position: int
    record: Record
    blob: bytes


class Span(Struct, frozen=True):
    """A route's positions from `start` up to `end`, without it."""

    route: str
    start: int
    end: int


class Stretch(Struct, frozen=True, array_like=True):
    """From which position on a target reads which route; None: none, while it is orphaned."""

    start: int
    route: str | None


class Place(Struct, frozen=True, array_like=True):
    """How far a target is: its lowest unfinished position, and the routes it reads from there on."""

    cursor: int
    stretches: tuple[Stretch, ...]


class Parked(Struct, frozen=True):
    """An exception: an unfinished position below its target's cursor, when it is due, and what attempts left of it."""

    target: str
    position: int
    until: float
    done: tuple[int, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        """What names it."""
        return self.target, self.position


class Batch(Struct):
    """What one commit writes, all or nothing; `parked` before `unparked`, and deletions last.

    `replayed` are dead letters that go with the rows that were made of them; `finished` gives for routes the position
    below which every target is done.
    """

    rows: list[Row] = field(default_factory=list)
    replayed: list[int] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    parked: dict[tuple[str, int], Parked] = field(default_factory=dict)
    unparked: set[tuple[str, int]] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    finished: dict[str, int] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)

    def size(self) -> int:
        """Bytes of its inbounds."""
        return sum(map(len, map(_blob, self.rows)))

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(getattr(self, name) for name in self.__struct_fields__)

    def before(self, newer: "Batch") -> "Batch":
        """This batch without its rows, which were refused, and then a newer one: it may make room for more."""
        parked = {key: one for key, one in (self.parked | newer.parked).items() if key not in newer.unparked}
        return Batch(
            newer.rows,
            newer.replayed,
            self.places | newer.places,
            parked,
            self.unparked | newer.unparked,
            self.letters + newer.letters,
            self.forgotten + newer.forgotten,
            self.finished | newer.finished,
            self.ends + newer.ends,
        )


class Kept(Struct, frozen=True):
    """What a log holds when it is opened: its highest position ever, each target's place, exceptions, and its routes.

    `parked` are targets, positions and the times they are due. In a `salvaged` log places may be missing.
    """

    high_water: int
    places: dict[str, Place]
    parked: list[tuple[str, int, float]]
    routes: tuple[str, ...] = ()
    salvaged: bool = False


class Log(Protocol):
    """Commits are ordered, reads see what is committed. A None in place of a record: it is there but unreadable."""

    salvages: int
    """How many times, since it was opened, it had to be salvaged: what was counted before may be fewer now."""

    async def open(self) -> Kept:
        """Take up what is kept; raises StoreUnusable."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Write a batch for good; raises StoreFull, then nothing of it is written."""
        ...

    async def read(self, route: str, start: int, end: int, count: int) -> list[tuple[int, Record | None]]:
        """A route's records from `start` up to `end`, in order: at most `count`, of no great many bytes, but one."""
        ...

    async def exceptions(self, target: str, positions: Sequence[int]) -> list[Entry]:
        """Parked exceptions; those that cannot be read are missing."""
        ...

    async def count(self, target: str, spans: Sequence[Span]) -> int:
        """How many records are for the target."""
        ...

    async def ahead(self, target: str, span: Span, count: int) -> tuple[int, int]:
        """Of the first so many records for the target: how many there are, and the position of the last."""
        ...

    async def oldest(self, target: str, spans: Sequence[Span]) -> int | None:
        """When the first record for the target, or its first exception, was received."""
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

    async def dead_groups(self) -> list[DeadGroup]:
        """All dead letters, counted by target, reason and names."""
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

    async def purge(self, before: float, max_size: int) -> dict[str, int]:
        """Forget some dead letters that died before a time or exceed a size, oldest first; how many of each target."""
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
