"""What is written to the SQLite file and asked of it: functions of a connection."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, msgpack
from msgspec.structs import replace

from gateway.store.contract import Attempt, DeadGroup, DeadLetter, End, Entry, Filter, Record
from gateway.store.log import Batch, Place, Row, Span, Stretch
from gateway.wire import json_text


class Head(Struct, array_like=True):
    """The beginning of a dead letter."""

    target: str
    reason: str
    fields: tuple[str, ...]


_READ: Final = 4 << 20
"""Bytes that one read brings at most, but for one record that is larger."""
_PURGED: Final = 1000
"""How many dead letters one purge forgets at most."""
_encode: Final = msgpack.Encoder().encode
decode_record: Final = msgpack.Decoder(Record).decode
decode_letter: Final = msgpack.Decoder(DeadLetter).decode
decode_stretches: Final = msgpack.Decoder(tuple[Stretch, ...]).decode
decode_progress: Final = msgpack.Decoder(tuple[tuple[int, ...], list[Attempt]]).decode
_decode_head: Final = msgpack.Decoder(Head).decode
_decode_end: Final = msgpack.Decoder(End).decode
_MEANT: Final = "route = ? AND position >= ? AND position < ? AND (recipients IS NULL OR instr(recipients, ?) > 0)"


def apply(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write a batch, but for what its `finished` lets go."""
    many = connection.executemany
    put_rows(connection, batch.rows)
    put_places(connection, batch.places)
    put_parked(
        connection,
        [(one.target, one.position, one.until, _encode((one.done, one.attempts))) for one in batch.parked.values()],
    )
    many("DELETE FROM parked WHERE target = ? AND position = ?", batch.unparked)
    letters = [(letter, _encode(letter)) for letter in batch.letters]
    many(
        "INSERT INTO dead (target, reason, at, size, letter) VALUES (?, ?, ?, ?, ?)",
        [(letter.target, letter.reason, letter.at, len(blob), blob) for letter, blob in letters],
    )
    many("DELETE FROM dead WHERE id = ?", [(number,) for number in (*batch.forgotten, *batch.replayed)])
    many(
        'INSERT INTO ends (position, target, "end") VALUES (?, ?, ?)',
        [(end.position, end.target, _encode(end)) for end in batch.ends],
    )


def put_rows(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write inbounds, many with one statement: after each statement the interpreter's lock must be had again."""
    start = 0
    for size, statement in _INSERTS:
        while len(rows) - start >= size:
            values: list[Any] = []
            for row in rows[start : start + size]:
                record = row.record
                recipients = "" if record.to is None else recipients_of(record)
                # A bytearray and a text are bound as they are; for bytes and None the driver looks for adapters first.
                values += (row.position, record.route, record.received_at, recipients, bytearray(row.blob))
            connection.execute(statement, values)
            start += size


_INSERT: Final = "INSERT INTO log (position, route, received_at, recipients, record) VALUES "
_INSERTS: Final = tuple(
    (size, _INSERT + ",".join(["(?,?,?,nullif(?,''),?)"] * size)) for size in (64, 32, 16, 8, 4, 2, 1)
)
"""Statements for so many inbounds each, the largest first."""


def put_places(connection: sqlite3.Connection, places: dict[str, Place]) -> None:
    """Write how far targets are."""
    connection.executemany(
        "INSERT INTO targets (name, cursor, stretches) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, stretches = excluded.stretches",
        [(name, place.cursor, _encode(place.stretches)) for name, place in places.items()],
    )


def put_parked(connection: sqlite3.Connection, rows: Iterable[tuple[str, int, float, bytes]]) -> None:
    """Write exceptions: target, position, when it is due, and its progress."""
    connection.executemany(
        "INSERT INTO parked (target, position, until, progress) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (target, position) DO UPDATE SET until = excluded.until, progress = excluded.progress",
        rows,
    )


def recipients_of(record: Record) -> str | None:
    """Whom a record is for, as JSON; None: all targets of its route."""
    return None if record.to is None else json_text(record.to)


def read(connection: sqlite3.Connection, span: Span, count: int) -> list[tuple[int, Record | None]]:
    """A span's first records, some megabytes at most; None for one that cannot be read."""
    found: list[tuple[int, Record | None]] = []
    size = 0
    sql = (
        "SELECT position, record FROM log WHERE route = ? AND position >= ? AND position < ? ORDER BY position LIMIT ?"
    )
    for position, record in connection.execute(sql, (span.route, span.start, span.end, count)):
        found.append((position, _readable(record)))
        size += len(record)
        if size > _READ:
            break
    return found


def exceptions(connection: sqlite3.Connection, target: str, positions: Sequence[int]) -> list[Entry]:
    """A target's exceptions; those that cannot be read are missing."""
    which = f"target = ? AND position IN ({_marks(positions)})"
    sql = f"SELECT position, progress, record FROM parked JOIN log USING (position) WHERE {which}"  # noqa: S608  # question marks
    found: list[Entry] = []
    for position, progress, record in connection.execute(sql, (target, *positions)):
        kept = _readable(record)
        if kept is not None:
            done, attempts = _progress(progress)
            found.append(Entry(position, kept, set(done), attempts))
    return found


def count(connection: sqlite3.Connection, target: str, spans: Sequence[Span]) -> int:
    """How many records are for the target."""
    sql = f"SELECT count(*) FROM log WHERE {_MEANT}"  # noqa: S608  # a fixed condition
    return sum(connection.execute(sql, _meant(target, span)).fetchone()[0] for span in spans)


def ahead(connection: sqlite3.Connection, target: str, span: Span, limit: int) -> tuple[int, int]:
    """Of the first so many records for the target: how many there are, and the position of the last."""
    sql = f"SELECT position FROM log WHERE {_MEANT} ORDER BY position LIMIT ?"  # noqa: S608  # a fixed condition
    found, last = connection.execute(
        f"SELECT count(*), max(position) FROM ({sql})",  # noqa: S608  # likewise
        (*_meant(target, span), limit),
    ).fetchone()
    return found, last or 0


def oldest(connection: sqlite3.Connection, target: str, spans: Sequence[Span]) -> int | None:
    """When the first record for the target, or its first exception, was received."""
    sql = "SELECT received_at FROM log WHERE position = (SELECT min(position) FROM parked WHERE target = ?)"
    times = connection.execute(sql, (target,)).fetchall()
    sql = f"SELECT received_at FROM log WHERE {_MEANT} ORDER BY position LIMIT 1"  # noqa: S608  # a fixed condition
    for span in spans:
        times += connection.execute(sql, _meant(target, span)).fetchall()
    return min((time for (time,) in times), default=None)


def deadletters(connection: sqlite3.Connection, chosen: Filter) -> list[DeadLetter]:
    """Dead letters, oldest first."""
    conditions, values = _conditions(chosen)
    sql = f"SELECT id, letter FROM dead WHERE {conditions} ORDER BY id LIMIT ?"  # noqa: S608  # fixed conditions
    return [
        replace(decode_letter(letter), id=number) for number, letter in connection.execute(sql, (*values, chosen.limit))
    ]


def tally(connection: sqlite3.Connection, chosen: Filter) -> int:
    """How many dead letters fit, whatever the limit."""
    conditions, values = _conditions(chosen)
    sql = f"SELECT count(*) FROM dead WHERE {conditions}"  # noqa: S608  # fixed conditions
    return int(connection.execute(sql, values).fetchone()[0])


def dead_groups(connection: sqlite3.Connection) -> list[DeadGroup]:
    """All dead letters, counted by target, reason and names; only those of a refusal have names."""
    connection.create_function("names", 1, _names, deterministic=True)
    rows = connection.execute(
        "SELECT target, reason, CASE WHEN reason IN ('missing', 'unknown_id', 'late') THEN names(letter) ELSE '[]' END,"
        " count(*), min(at), max(at) FROM dead GROUP BY 1, 2, 3"
    )
    return [
        DeadGroup(target, reason, tuple(msgspec.json.decode(names)), count, oldest, newest)
        for target, reason, names, count, oldest, newest in rows
    ]


def count_dead(connection: sqlite3.Connection) -> dict[str, int]:
    """How many dead letters each target has."""
    return dict(connection.execute("SELECT target, count(*) FROM dead GROUP BY target").fetchall())


def purge(connection: sqlite3.Connection, before: float, max_size: int) -> dict[str, int]:
    """Forget some dead letters that died before a time or exceed a size, oldest first; how many of each target."""
    size: int = connection.execute("SELECT coalesce(sum(size), 0) FROM dead").fetchone()[0]
    gone: list[tuple[int]] = []
    purged: dict[str, int] = {}
    for number, target, at, its in connection.execute(
        "SELECT id, target, at, size FROM dead ORDER BY id LIMIT ?", (_PURGED,)
    ).fetchall():
        if at < before or size > max_size:
            size -= its
            gone.append((number,))
            purged[target] = purged.get(target, 0) + 1
    connection.executemany("DELETE FROM dead WHERE id = ?", gone)
    return purged


def routes(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The routes of which something is kept, each found by one step in the index."""
    sql = (
        "WITH RECURSIVE routes (name) AS (SELECT min(route) FROM log UNION ALL"
        " SELECT (SELECT min(route) FROM log WHERE route > name) FROM routes WHERE name IS NOT NULL)"
        " SELECT name FROM routes WHERE name IS NOT NULL"
    )
    return tuple([name for (name,) in connection.execute(sql)])


def bounds(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """The lowest and the highest position kept."""
    lowest, highest = connection.execute("SELECT min(position), max(position) FROM log").fetchone()
    return None if lowest is None else (lowest, highest)


def search(
    connection: sqlite3.Connection, texts: Sequence[str], span: tuple[int, int], limit: int
) -> list[tuple[int, Record]]:
    """Records above one position and up to another in which one of these texts stands, newest first."""
    conditions, values = _holding("record", texts)
    sql = (
        f"SELECT position, record FROM log WHERE position > ? AND position <= ? AND ({conditions})"  # noqa: S608  # fixed conditions
        " ORDER BY position DESC LIMIT ?"
    )
    rows = connection.execute(sql, (*span, *values, limit))
    return [(position, kept) for position, record in rows if (kept := _readable(record)) is not None]


def ends(connection: sqlite3.Connection, positions: Sequence[int]) -> list[End]:
    """How targets ended with these records, as far as that is kept."""
    sql = f'SELECT "end" FROM ends WHERE position IN ({_marks(positions)})'  # noqa: S608  # question marks
    return [_decode_end(end) for (end,) in connection.execute(sql, tuple(positions))]


def _meant(target: str, span: Span) -> tuple[str, int, int, str]:
    return span.route, span.start, span.end, json_text(target)


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _names(letter: bytes) -> str:
    """The canonical names that a dead letter concerns; none where it cannot be read."""
    try:
        return json_text(_decode_head(letter).fields)
    except msgspec.MsgspecError:
        return "[]"


def _readable(record: bytes) -> Record | None:
    try:
        return decode_record(record)
    except msgspec.MsgspecError:
        return None


def _progress(progress: bytes) -> tuple[tuple[int, ...], list[Attempt]]:
    """What attempts left; nothing where it cannot be read, so that the inbound goes again."""
    try:
        return decode_progress(progress)
    except msgspec.MsgspecError:
        return (), []


def _conditions(chosen: Filter) -> tuple[str, list[Any]]:
    """The filter as SQL: fixed text, and the values for its question marks."""
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if chosen.ids is not None:
        conditions.append(f"id IN ({_marks(chosen.ids)})")
        values += chosen.ids
    for column, operator, value in (
        ("target", "=", chosen.target),
        ("reason", "=", chosen.reason),
        ("at", "<", chosen.before),
        ("id", ">", chosen.after),
    ):
        if value is not None:
            conditions.append(f"{column} {operator} ?")
            values.append(value)
    if chosen.texts is not None:
        holding, texts = _holding("letter", chosen.texts)
        conditions.append(f"({holding})")
        values += texts
    return " AND ".join(conditions), values


def _holding(column: str, texts: Sequence[str]) -> tuple[str, list[bytes]]:
    """Whether one of some texts stands in a column, as SQL and the values for its question marks."""
    return " OR ".join([f"instr({column}, ?) > 0"] * len(texts)) or "0", [text.encode() for text in texts]
