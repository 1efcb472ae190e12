"""How much room a store has: its bound, the disk's, and the ballast that is given up when the disk is full."""

import os
import shutil
import time
from pathlib import Path
from typing import Final

_BALLAST: Final = 16 << 20
_LEAST: Final = 4 << 20
"""A ballast smaller than this is none."""
_SCARCE: Final = 256 << 20
_OF_FREE: Final = 0.8
"""The part of the disk's free space that the store may use where no `max_size` is set."""
_LOOKED: Final = 0.05
"""Seconds for which what was free is taken to be so still."""
_PROBE: Final = 1.0
"""Seconds between two looks whether there is room again."""


class Room:
    """Whether more may be written to a folder, and why not."""

    def __init__(self, folder: Path, max_size: int | None) -> None:
        self.reason: str | None = None
        self.max_size = None if max_size is None else int(max_size)  # whatever kind of number a configuration holds
        self._ballast = folder / "ballast"
        self._probed_at = 0.0
        self._found, self._looked_at = 0, float("-inf")

    def measure(self, own: int) -> None:
        """Bound the store by the disk where nothing else bounds it; `own` are the bytes that it has already."""
        if self.max_size is None:
            self.max_size = int((self._free() + own) * _OF_FREE)

    def is_over(self, size: int) -> bool:
        """Whether the store has reached its bound."""
        return self.max_size is not None and size >= self.max_size

    def is_too_tight(self, size: int) -> bool:
        """Whether inbounds of so many bytes do not fit the disk: they are written to the WAL, and then to the file."""
        return self._free() < 3 * size + _LEAST

    def is_scarce(self) -> bool:
        """Whether so little is free that the WAL must stay small: what it holds must fit the file as well."""
        return self._free() < _SCARCE

    def is_stale(self) -> bool:
        """Whether it is time to look again whether there is room; looking is then up to the caller."""
        if time.monotonic() - self._probed_at < _PROBE:
            return False
        self._probed_at = time.monotonic()
        return True

    def refuse(self, reason: str) -> None:
        """Nothing more may be written but what makes room."""
        self.reason = reason
        self._probed_at = time.monotonic()

    def give_way(self, reason: str) -> None:
        """Likewise, and what makes room needs the ballast's."""
        self.refuse(reason)
        self._ballast.unlink(missing_ok=True)

    def is_back(self) -> bool:
        """Whether the ballast could be taken and there is still room."""
        return self.reserve() and not self.is_too_tight(0)

    def reserve(self) -> bool:
        """Take the ballast, as much of it as there is room for; gives whether that is enough."""
        if self._ballast.exists() and self._ballast.stat().st_size >= _LEAST:
            return True
        size = _BALLAST
        while size >= _LEAST and not self._take(size):
            size //= 2
        return size >= _LEAST

    def _free(self) -> int:
        """Bytes that are free on the disk, as it was a moment ago where there was room enough."""
        now = time.monotonic()
        if now - self._looked_at > _LOOKED or self._found < _SCARCE:
            self._found, self._looked_at = shutil.disk_usage(self._ballast.parent).free, now
        return self._found

    def _take(self, size: int) -> bool:
        try:
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            self._ballast.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True
