"""Times of day as vendors write them, to and from integer microseconds since the epoch.

Integer arithmetic only: `datetime.fromtimestamp` rounds through floats and fails outside a platform's range.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # its text needs no offset, and is written twice as fast
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = timedelta(seconds=1)


def from_iso(text: str) -> int | None:
    """Microseconds of an ISO 8601 time, UTC where it names no offset; None where it is no such time."""
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def moment(micros: int) -> datetime | None:
    """The UTC time of a number of microseconds; None outside the years 1 to 9999."""
    try:
        return _EPOCH + _MICROSECOND * micros
    except OverflowError:
        return None


def to_iso(micros: int, timespec: Literal["seconds", "milliseconds", "microseconds"]) -> str | None:
    """The ISO 8601 time in UTC, without its offset, cut to a unit; None outside the years 1 to 9999."""
    seconds, rest = divmod(micros, 1_000_000)
    text = _second(seconds)
    if text is None or timespec == "seconds":
        return text
    return f"{text}.{rest // 1000:03}" if timespec == "milliseconds" else f"{text}.{rest:06}"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str | None:
    """One second's text: what happens now happens in few different ones."""
    try:
        return (_NAIVE_EPOCH + _SECOND * seconds).isoformat()
    except OverflowError:
        return None
