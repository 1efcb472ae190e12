"""Whether the wall clock can be trusted: nothing expires while it and the monotonic clock disagree."""

import time
from collections.abc import Callable
from typing import Final

_TOLERANCE: Final = 60.0


class Clocks:
    """Both clocks since a start, in seconds."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def agree(self) -> bool:
        """Whether they went on alike, within a minute."""
        return abs(self._wall() - self._monotonic() - self._offset) <= _TOLERANCE
