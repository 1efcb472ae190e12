"""Letting go of what every target is done with, once it has been kept long enough; a bounded number at a time."""

import sqlite3
from collections.abc import Iterable
from typing import Final

_AT_ONCE: Final = 2000
"""How many rows one commit deletes at most."""
_FEW: Final = 256
"""Positions that may lie finished while callers wait for each commit: to delete them costs as much as ten inbounds."""


class Collector:
    """How far the deletion of finished inbounds is on each route; `keep` is how many seconds they stay."""

    def __init__(self, keep: float) -> None:
        self.behind = False
        """Whether there is more to delete at once."""
        self._keep = keep
        self._finished: dict[str, int] = {}
        self._low: dict[str, int] = {}

    def note(self, finished: dict[str, int]) -> None:
        """Routes' positions below which every target is done."""
        self._finished |= finished

    def is_due(self) -> bool:
        """Whether more than a few positions are finished."""
        return any(end - self._low.get(route, 0) > _FEW for route, end in self._finished.items())

    def collect(
        self, connection: sqlite3.Connection, now: float, unparked: Iterable[tuple[str, int]] = (), *, hurry: bool
    ) -> dict[str, int]:
        """Delete what may go, in the transaction that is open; gives how far it is when that is safe: `passed`.

        `unparked` are exceptions that ended; in a `hurry` nothing is kept any longer than it must.
        """
        self.behind = False
        keep = 0.0 if hurry else self._keep
        low: dict[str, int] = {}
        for route, end in self._finished.items():
            start = self._low.get(route, 0)
            if start < end:
                low[route] = self._route(connection, route, (start, end), int((now - keep) * 1e6) if keep else None)
        for _, position in unparked:
            self._one(connection, position, self._low | low)
        return low

    def passed(self, low: dict[str, int]) -> None:
        """What was deleted is gone for good."""
        self._low |= low

    def _route(self, connection: sqlite3.Connection, route: str, span: tuple[int, int], cutoff: int | None) -> int:
        """Delete a route's first rows that are old enough, or come from the future; gives the first that may remain."""
        end, more = self._end(connection, route, span)
        young = None if cutoff is None else self._young(connection, route, (span[0], end), cutoff)
        if young is not None:
            end, more = young, False
        self.behind = self.behind or more
        which = (
            "route = ? AND position >= ? AND position < ?"
            " AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.position = log.position)"
        )
        if self._keep:
            sql = f"DELETE FROM ends WHERE position IN (SELECT position FROM log WHERE {which})"  # noqa: S608  # fixed
            connection.execute(sql, (route, span[0], end))
        connection.execute(f"DELETE FROM log WHERE {which}", (route, span[0], end))  # noqa: S608  # fixed
        return end

    def _end(self, connection: sqlite3.Connection, route: str, span: tuple[int, int]) -> tuple[int, bool]:
        """Where one commit stops deleting, and whether there is more."""
        found = connection.execute(
            "SELECT position FROM log WHERE route = ? AND position >= ? AND position < ? ORDER BY position"
            " LIMIT 1 OFFSET ?",
            (route, *span, _AT_ONCE),
        ).fetchone()
        return (span[1], False) if found is None else (int(found[0]), True)

    def _young(self, connection: sqlite3.Connection, route: str, span: tuple[int, int], cutoff: int) -> int | None:
        """The first row that has not been kept for long enough."""
        found = connection.execute(
            "SELECT position FROM log WHERE route = ? AND position >= ? AND position < ?"
            " AND received_at > ? AND received_at <= ? ORDER BY position LIMIT 1",
            (route, *span, cutoff, cutoff + int(self._keep * 1e6)),
        ).fetchone()
        return None if found is None else int(found[0])

    def _one(self, connection: sqlite3.Connection, position: int, low: dict[str, int]) -> None:
        """Delete a row that deletion has passed because it was an exception, unless it still is another target's."""
        found = connection.execute(
            "SELECT route FROM log WHERE position = ? AND NOT EXISTS (SELECT 1 FROM parked WHERE position = ?)",
            (position, position),
        ).fetchone()
        if found is not None and position < low.get(found[0], 0):
            connection.execute("DELETE FROM log WHERE position = ?", (position,))
            self._forget_ends(connection, [(position,)])

    def _forget_ends(self, connection: sqlite3.Connection, positions: list[tuple[int]]) -> None:
        if self._keep:
            connection.executemany("DELETE FROM ends WHERE position = ?", positions)
