"""The log: one canonical line per inbound, in JSON or for a console.

Never a body, a map of headers, a key or a query string. Values come from closed lists or are bounded in length; losses
stand by name.
"""

import random
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal

import structlog
from msgspec import json

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str, form: Literal["auto", "json", "console"]) -> None:
    """Set up the process's log: its lowest level and its form (auto: console on a terminal, else JSON)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    console = form == "console" or (form == "auto" and sys.stdout.isatty())
    structlog.configure(
        processors=[*shared, structlog.dev.ConsoleRenderer() if console else _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory() if console else structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=False,
    )


def _as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
    return json.encode(event)


def sampler(requests: str | float, draw: Callable[[], float] = random.random) -> Callable[[int], bool]:
    """Whether an inbound answered with a status gets its line: `all`, `errors` (400, up), or a share beside those."""
    share = {"all": 1.0, "errors": 0.0}.get(requests, requests) if isinstance(requests, str) else requests
    return lambda status: status >= 400 or share == 1.0 or draw() < float(share)
