"""When to try again: pure functions of what happened and when."""

import random
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime


def backoff(attempt: int, base: float, cap: float, draw: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: exponential with full jitter, `attempt` counting from 1."""
    return draw() * min(cap, base * 2.0 ** min(max(attempt - 1, 0), 60))


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header asks for, as a number or as an HTTP date (`now`: epoch seconds)."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None
