"""A damaged SQLite file read page by page, without its trees: whatever leaf is whole gives its rows.

Of each page the newest version that was committed counts: the WAL's frames up to its last whole commit, then the file.
Pages on the free list hold what was deleted and are left out, as far as the list itself can be read.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

_PAGE: Final = 4096
_MAGIC: Final = b"SQLite format 3\0"
_TABLE_LEAF: Final = 0x0D
_INDEX_PAGES: Final = {0x0A: 8, 0x02: 12}
"""The kinds of index pages, which WITHOUT ROWID tables are made of too, with the length of their headers."""
_FRAME: Final = 24
_WAL_HEADER: Final = 32
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of the integer types."""

Value = int | float | str | bytes | None


class Cell(Struct, frozen=True):
    """One row of a table (`rowid` set) or one entry of an index or WITHOUT ROWID table."""

    rowid: int | None
    values: tuple[Value, ...]


class Pages:
    """The pages of a file and its WAL; `damaged` counts pages and rows that were there but could not be read."""

    def __init__(self, path: Path, wal: Path) -> None:
        self.damaged = 0
        self._closing = ExitStack()
        self._file = self._mapped(path)
        self._wal = self._mapped(wal)
        self._size = _page_size(self._file, self._wal)
        self._frames = _frames(self._wal, self._size)
        self._count = max(len(self._file) // self._size, *self._frames, 0)
        self._usable = self._size

    def close(self) -> None:
        """Let go of the files."""
        self._closing.close()

    def cells(self) -> Iterator[Cell]:
        """Every row and entry that can be read."""
        free = self._free().union(self._maps())
        for number in range(1, self._count + 1):
            if number not in free:
                yield from self._page_cells(self._page(number), 100 if number == 1 else 0)

    def _mapped(self, path: Path) -> bytes | mmap.mmap:
        if not path.exists() or path.stat().st_size == 0:
            return b""
        file = self._closing.enter_context(path.open("rb"))
        return self._closing.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _page(self, number: int) -> bytes:
        """A page's newest committed version; empty beyond the end."""
        if number in self._frames:
            start = self._frames[number]
            return self._wal[start : start + self._size]
        page = self._file[(number - 1) * self._size : number * self._size]
        return page if len(page) == self._size else b""

    def _free(self) -> set[int]:
        """The pages on the free list."""
        free: set[int] = set()
        head = self._page(1)
        trunk = struct.unpack_from(">I", head, 32)[0] if head.startswith(_MAGIC) else 0
        while 0 < trunk <= self._count and trunk not in free:
            page = self._page(trunk)
            if not page:
                break
            free.add(trunk)
            trunk, leaves = struct.unpack_from(">II", page)
            leaves = min(leaves, self._size // 4 - 2)
            free.update(struct.unpack_from(f">{leaves}I", page, 8))
        return free

    def _maps(self) -> range:
        """The pages that say where all others hang, in a file that can shrink, as ours can."""
        head = self._page(1)
        if head.startswith(_MAGIC) and not struct.unpack_from(">I", head, 52)[0]:
            return range(0)
        return range(2, self._count + 1, self._usable // 5 + 1)

    def _page_cells(self, page: bytes, start: int) -> Iterator[Cell]:
        kind = page[start] if page else 0
        header = 8 if kind == _TABLE_LEAF else _INDEX_PAGES.get(kind, 0)
        if not header:
            return
        count = struct.unpack_from(">H", page, start + 3)[0]
        if start + header + 2 * count > len(page):
            self.damaged += 1
            return
        for offset in struct.unpack_from(f">{count}H", page, start + header):
            try:
                yield self._cell(page, offset + (4 if header == 12 else 0), is_table=kind == _TABLE_LEAF)
            except (IndexError, struct.error, ValueError, UnicodeDecodeError):
                self.damaged += 1

    def _cell(self, page: bytes, at: int, *, is_table: bool) -> Cell:
        size, at = _varint(page, at)
        rowid = None
        if is_table:
            rowid, at = _varint(page, at)
        usable = self._usable
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        local = size
        if size > most:
            least = (usable - 12) * 32 // 255 - 23
            fitting = least + (size - least) % (usable - 4)
            local = fitting if fitting <= most else least
        payload = page[at : at + local]
        if local < size:
            payload += self._overflow(struct.unpack_from(">I", page, at + local)[0], size - local)
        if len(payload) != size:
            raise ValueError("cut off")
        return Cell(rowid, _values(payload))

    def _overflow(self, number: int, size: int) -> bytes:
        """The rest of a payload, from a chain of pages."""
        parts: list[bytes] = []
        while size > 0:
            page = self._page(number) if 0 < number <= self._count else b""
            if not page:
                raise ValueError("the chain is broken")
            number = struct.unpack_from(">I", page)[0]
            parts.append(page[4 : 4 + min(size, self._usable - 4)])
            size -= len(parts[-1])
        return b"".join(parts)


def _page_size(file: bytes | mmap.mmap, wal: bytes | mmap.mmap) -> int:
    """The size of a page as the file's header has it, else as the WAL's, else the usual one."""
    found = 0
    if file[:16] == _MAGIC:
        found = struct.unpack_from(">H", file, 16)[0]
        found = 65536 if found == 1 else found
    elif len(wal) >= _WAL_HEADER:
        found = struct.unpack_from(">I", wal, 8)[0]
    return found if found in {1 << bits for bits in range(9, 17)} else _PAGE


def _frames(wal: bytes | mmap.mmap, size: int) -> dict[int, int]:
    """Where in the WAL the newest version of each page begins: whole frames of whole commits only."""
    committed: dict[int, int] = {}
    if len(wal) < _WAL_HEADER:
        return committed
    magic, _, _, _, *salts = struct.unpack_from(">IIIIII", wal)[:6]
    order = {0x377F0682: "<", 0x377F0683: ">"}.get(magic)
    if order is None:
        return committed
    sums = _checksum(wal[:24], (0, 0), order)
    under_way: dict[int, int] = {}
    for start in range(_WAL_HEADER, len(wal) - _FRAME - size + 1, _FRAME + size):
        number, commits, *rest = struct.unpack_from(">IIIIII", wal, start)
        sums = _checksum(wal[start : start + 8], sums, order)
        sums = _checksum(wal[start + _FRAME : start + _FRAME + size], sums, order)
        if rest[:2] != salts or tuple(rest[2:]) != sums:
            break
        under_way[number] = start + _FRAME
        if commits:
            committed |= under_way
            under_way.clear()
    return committed


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and where it ends."""
    value = 0
    for offset in range(8):
        byte = data[at + offset]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + offset + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def _values(payload: bytes) -> tuple[Value, ...]:
    """The columns of a record."""
    length, at = _varint(payload, 0)
    body, found = length, list[Value]()
    while at < length:
        kind, at = _varint(payload, at)
        value, body = _value(payload, body, kind)
        found.append(value)
    if body > len(payload):
        raise ValueError("cut off")
    return tuple(found)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind in _INTEGERS:
        size = _INTEGERS[kind]
        return int.from_bytes(payload[at : at + size], signed=True), at + size
    if kind == 7:
        return struct.unpack_from(">d", payload, at)[0], at + 8
    if kind >= 12:
        size = (kind - 12) // 2
        part = payload[at : at + size]
        return part.decode() if kind % 2 else part, at + size
    return {0: None, 8: 0, 9: 1}[kind], at
