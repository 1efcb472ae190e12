"""Times of day as vendors write them, to and from integer microseconds since the epoch.

Integer arithmetic only: `datetime.fromtimestamp` rounds through floats and fails outside a platform's range.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
