"""The log in memory, for tests of what every engine must do. Nothing survives the process."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter

from msgspec import msgpack
from msgspec.structs import replace

from gateway.store.contract import DeadGroup, DeadLetter, End, Entry, Filter, Record
from gateway.store.log import Batch, Kept, Parked, Place, Span


class MemoryLog:
    """A `Log` of plain lists; closed and opened again it still holds what it held."""

    salvages = 0

    def __init__(self) -> None:
        self._rows: list[tuple[int, Record]] = []
        self._high_water = 0
        self._places: dict[str, Place] = {}
        self._parked: dict[tuple[str, int], Parked] = {}
        self._letters: dict[int, DeadLetter] = {}
        self._letter_id = 0

    async def open(self) -> Kept:
        """Take up what is kept."""
        parked = [(one.target, one.position, one.until) for one in self._parked.values()]
        routes = {record.route for _, record in self._rows}
        return Kept(self._high_water, dict(self._places), parked, tuple(routes))

    async def commit(self, batch: Batch) -> None:
        """Apply a batch."""
        self._rows += [(row.position, row.record) for row in batch.rows]
        self._high_water = max([self._high_water, *(row.position for row in batch.rows)])
        self._places |= batch.places
        self._parked |= batch.parked
        for key in batch.unparked:
            self._parked.pop(key, None)
        for letter in batch.letters:
            self._letter_id += 1
            self._letters[self._letter_id] = replace(letter, id=self._letter_id)
        for number in (*batch.forgotten, *batch.replayed):
            self._letters.pop(number, None)
        if batch.finished:
            needed = {position for _, position in self._parked}
            finished = batch.finished
            self._rows = [row for row in self._rows if row[0] >= finished.get(row[1].route, 0) or row[0] in needed]

    async def read(self, route: str, start: int, end: int, count: int) -> list[tuple[int, Record | None]]:
        """A route's records from `start` up to `end`, in order, at most `count`."""
        return list(islice(self._of(Span(route, start, end)), count))

    async def exceptions(self, target: str, positions: Sequence[int]) -> list[Entry]:
        """Parked exceptions."""
        records = dict(self._rows)
        parked = [self._parked[target, position] for position in positions]
        return [Entry(one.position, records[one.position], set(one.done), list(one.attempts)) for one in parked]

    async def count(self, target: str, spans: Sequence[Span]) -> int:
        """How many records are for the target."""
        return sum(1 for span in spans for _ in self._meant(target, span))

    async def ahead(self, target: str, span: Span, count: int) -> tuple[int, int]:
        """Of the first so many records for the target: how many there are, and the position of the last."""
        positions = [position for position, _ in islice(self._meant(target, span), count)]
        return len(positions), max(positions, default=0)

    async def oldest(self, target: str, spans: Sequence[Span]) -> int | None:
        """When the first record for the target, or its first exception, was received."""
        records = dict(self._rows)
        times = [records[position].received_at for name, position in self._parked if name == target]
        times += [record.received_at for span in spans for _, record in islice(self._meant(target, span), 1)]
        return min(times, default=None)

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        return list(islice((one for one in self._letters.values() if _fits(one, chosen)), chosen.limit))

    async def count_dead(self) -> dict[str, int]:
        """How many dead letters each target has."""
        counts: dict[str, int] = {}
        for letter in self._letters.values():
            counts[letter.target] = counts.get(letter.target, 0) + 1
        return counts

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        return sum(1 for letter in self._letters.values() if _fits(letter, chosen))

    async def dead_groups(self) -> list[DeadGroup]:
        """All dead letters, counted by target, reason and names."""
        found: dict[tuple[str, str, tuple[str, ...]], list[float]] = {}
        for one in self._letters.values():
            found.setdefault((one.target, one.reason, one.fields), []).append(one.at)
        return [DeadGroup(*key, len(times), min(times), max(times)) for key, times in found.items()]

    @property
    def keeps(self) -> bool:
        """False: what every target is done with goes at once."""
        return False

    async def search(self, texts: Sequence[str], limit: int) -> list[tuple[int, Record]]:
        """Records in which one of these texts stands, newest first."""
        return list(islice((row for row in reversed(self._rows) if _holds(row[1], texts)), limit))

    async def ends(self, positions: Sequence[int]) -> list[End]:  # noqa: ARG002  # as the contract has it
        """None: nothing is kept."""
        return []

    async def purge(self, before: float, max_size: int) -> dict[str, int]:
        """Forget dead letters that died before a time or exceed a size, oldest first; how many of each target."""
        purged: dict[str, int] = {}
        size = sum(len(letter.record.body) for letter in self._letters.values())
        for number, letter in list(self._letters.items()):
            if letter.at < before or size > max_size:
                size -= len(letter.record.body)
                purged[letter.target] = purged.get(letter.target, 0) + 1
                del self._letters[number]
        return purged

    def unready(self) -> str | None:
        """None: memory is always there."""
        return None

    def size(self) -> int:
        """Bytes of all bodies kept."""
        return sum(len(record.body) for _, record in self._rows)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _of(self, span: Span) -> Iterator[tuple[int, Record]]:
        first = bisect_left(self._rows, span.start, key=itemgetter(0))
        last = bisect_left(self._rows, span.end, key=itemgetter(0))
        return (row for row in islice(self._rows, first, last) if row[1].route == span.route)

    def _meant(self, target: str, span: Span) -> Iterator[tuple[int, Record]]:
        return (row for row in self._of(span) if row[1].to is None or target in row[1].to)


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
