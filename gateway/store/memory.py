"""The log in memory: for tests, and to measure what the disk costs. Nothing survives a restart."""

from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

from msgspec import msgpack
from msgspec.structs import replace

from gateway.store.contract import DeadLetter, End, Entry, Filter, Record
from gateway.store.log import Batch, Kept


class MemoryLog:
    """A `Log` of plain lists; closed and opened again it still holds what it held."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, Record]] = []
        self._high_water = 0
        self._cursors: dict[str, tuple[str, int]] = {}
        self._parked: dict[tuple[str, int], tuple[Entry, float]] = {}
        self._letters: dict[int, DeadLetter] = {}
        self._letter_id = 0

    async def open(self) -> Kept:
        """Take up what is kept."""
        parked = [(target, entry, until) for (target, _), (entry, until) in self._parked.items()]
        return Kept(self._high_water, dict(self._cursors), parked)

    async def commit(self, batch: Batch) -> None:
        """Apply a batch."""
        self._rows += batch.appended
        self._high_water = max([self._high_water, *(position for position, _ in batch.appended)])
        self._cursors |= batch.cursors
        for target, entry, until in batch.parked:
            self._parked[target, entry.position] = (entry, until)
        for key in batch.unparked:
            self._parked.pop(key, None)
        for letter in batch.letters:
            self._letter_id += 1
            self._letters[self._letter_id] = replace(letter, id=self._letter_id)
        for number in batch.forgotten:
            self._letters.pop(number, None)
        if not batch.finished:
            return
        kept = {position for _, position in self._parked}
        self._rows = [
            (position, record)
            for position, record in self._rows
            if position >= batch.finished.get(record.route, 0) or position in kept
        ]

    async def read(self, route: str, start: int, count: int) -> list[tuple[int, Record]]:
        """A route's records from a position on, in order."""
        first = bisect_left(self._rows, start, key=itemgetter(0))
        found = ((position, record) for position, record in self._rows[first:] if record.route == route)
        return [row for row, _ in zip(found, range(count), strict=False)]

    async def count(self, target: str, route: str, start: int) -> int:
        """How many records from a position on are for the target."""
        rows = await self.read(route, start, len(self._rows))
        return sum(1 for _, record in rows if record.to is None or target in record.to)

    async def oldest(self, target: str, route: str, start: int) -> int | None:
        """When the first record from a position on, or the first exception, was received."""
        times = [entry.record.received_at for (name, _), (entry, _) in self._parked.items() if name == target]
        times += [record.received_at for _, record in await self.read(route, start, 1)]
        return min(times, default=None)

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        fitting = [letter for letter in self._letters.values() if _fits(letter, chosen)]
        return fitting[: chosen.limit]

    async def count_dead(self) -> dict[str, int]:
        """How many dead letters each target has."""
        counts: dict[str, int] = {}
        for letter in self._letters.values():
            counts[letter.target] = counts.get(letter.target, 0) + 1
        return counts

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        return sum(1 for letter in self._letters.values() if _fits(letter, chosen))

    @property
    def keeps(self) -> bool:
        """False: what every target is done with goes at once."""
        return False

    async def search(self, texts: Sequence[str], limit: int) -> list[tuple[int, Record]]:
        """Records in which one of these texts stands, newest first."""
        found = [row for row in reversed(self._rows) if _holds(row[1], texts)]
        return found[:limit]

    async def ends(self, positions: Sequence[int]) -> list[End]:  # noqa: ARG002  # as the contract has it
        """None: nothing is kept."""
        return []

    def unready(self) -> str | None:
        """None: memory is always there."""
        return None

    def size(self) -> int:
        """Bytes of all bodies kept."""
        return sum(len(record.body) for _, record in self._rows)

    async def close(self) -> None:
        """Nothing to let go of."""


def _fits(letter: DeadLetter, chosen: Filter) -> bool:
    return (
        (chosen.ids is None or letter.id in chosen.ids)
        and chosen.target in (None, letter.target)
        and chosen.reason in (None, letter.reason)
        and (chosen.before is None or letter.at < chosen.before)
        and (chosen.after is None or letter.id > chosen.after)
        and (chosen.texts is None or _holds(letter.record, chosen.texts))
    )


def _holds(record: Record, texts: Sequence[str]) -> bool:
    kept = msgpack.encode(record)
    return any(text.encode() in kept for text in texts)
