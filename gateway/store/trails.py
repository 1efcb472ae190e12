"""Where an inbound went, as far as it is known: what the log keeps, what is watched, what waits."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.store.consumer import Consumer
from gateway.store.contract import End, Entry, Record, Standing, Trail
from gateway.store.log import Log

_WATCHED: Final = 100
"""Request ids that are watched at most; the first is forgotten first."""


class Trails:
    """How targets end with inbounds, for who asks; `elapse` turns a monotonic time into one on the wall clock."""

    def __init__(self, log: Log, consumers: Mapping[str, Consumer], elapse: Callable[[float], float]) -> None:
        self._log = log
        self._keeps = log.keeps
        self._consumers = consumers
        self._elapse = elapse
        self._watched: dict[str, list[tuple[Record, End]]] = {}

    def watch(self, request_id: str) -> None:
        """Remember how the targets end with the inbounds of this request id, also when nothing is kept of them."""
        self._watched[request_id] = []
        if len(self._watched) > _WATCHED:
            del self._watched[next(iter(self._watched))]

    def traces(self, record: Record) -> bool:
        """Whether all attempts are to be told when a target is done with it: they are kept, or watched."""
        return self._keeps or record.request_id in self._watched

    def end(self, target: str, entry: Entry, at: float) -> list[End]:
        """Note that a target is done with an inbound that is traced; gives what is to be kept of that."""
        end = End(entry.position, target, at, tuple(entry.attempts))
        watched = self._watched.get(entry.record.request_id)
        if watched is not None:
            watched.append((entry.record, end))
        return [end] if self._keeps else []

    async def find(self, texts: Sequence[str], limit: int) -> list[Trail]:
        """Inbounds in which one of these texts stands, as far as they are kept, newest first."""
        records = dict(await self._log.search(texts, limit))
        ends = {(end.position, end.target): end for end in await self._log.ends(list(records))}
        for text in texts:
            for record, end in self._watched.get(text, ()):
                records.setdefault(end.position, record)
                ends[end.position, end.target] = end
        return [self._trail(position, records[position], ends) for position in sorted(records, reverse=True)]

    def _trail(self, position: int, record: Record, ends: Mapping[tuple[int, str], End]) -> Trail:
        meant = [
            one
            for one in self._consumers.values()
            if one.is_meant(record) and (one.window.reads(record.route, position) or (position, one.target) in ends)
        ]
        return Trail(position, record, tuple(self._standing(one, position, ends) for one in meant))

    def _standing(self, consumer: Consumer, position: int, ends: Mapping[tuple[int, str], End]) -> Standing:
        end = ends.get((position, consumer.target))
        if end is not None:
            return Standing(consumer.target, done=True, attempts=end.attempts, at=end.at)
        waiting = consumer.window.waits(position)
        if waiting is None:
            return Standing(consumer.target, done=consumer.window.is_done(position))
        entry, due = waiting
        attempts = tuple(entry.attempts) if entry else ()
        return Standing(consumer.target, done=False, attempts=attempts, until=self._elapse(due))
