"""Letting go of what every target is done with, once it has been kept long enough; a bounded number at a time."""

import sqlite3
from collections.abc import Iterable
from typing import Final

_AT_ONCE: Final = 2000
"""How many rows one commit deletes at most."""


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
        rows = connection.execute(
            "SELECT position, received_at FROM log WHERE route = ? AND position >= ? AND position < ?"
            " ORDER BY position LIMIT ?",
            (route, *span, _AT_ONCE),
        ).fetchall()
        end = rows[-1][0] + 1 if len(rows) == _AT_ONCE else span[1]
        if cutoff is not None:
            end = next((position for position, at in rows if cutoff < at <= cutoff + self._keep * 1e6), end)
        self.behind = self.behind or (len(rows) == _AT_ONCE and end > rows[-1][0])
        gone = connection.execute(
            "DELETE FROM log WHERE position IN (SELECT position FROM log WHERE route = ? AND position >= ?"
            " AND position < ? AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.position = log.position))"
            " RETURNING position",
            (route, span[0], end),
        ).fetchall()
        self._forget_ends(connection, gone)
        return end

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
