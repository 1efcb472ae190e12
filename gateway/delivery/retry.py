"""When to try again: pure functions of what happened and when."""

import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime


def backoff(attempt: int, base: float, cap: float, draw: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: exponential with full jitter, `attempt` counting from 1."""
    return draw() * min(cap, base * 2.0 ** min(attempt - 1, 60))


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header asks for, as a number or as an HTTP date (`now`: epoch seconds)."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None
