"""The log: one canonical line per inbound, in JSON or for a console.

Never a body, a map of headers, a key or a query string. Values come from closed lists or are cut to a bound; losses
stand by name. What libraries say through `logging` takes the same form.
"""

import logging
import random
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal

import structlog
from msgspec import json

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_LONGEST: Final = 200
"""Characters of one text: names can be as long as a caller likes to make them."""
_MOST: Final = 100
"""Members of one list, likewise."""
_TRACEBACK: Final = 20_000
"""Characters of a traceback, its end being what matters."""


def configure(level: str, form: Literal["auto", "json", "console"]) -> None:
    """Set up the process's log: its lowest level and its form (auto: console on a terminal, else JSON)."""
    console = form == "console" or (form == "auto" and sys.stdout.isatty())
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        bounded,
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()) if console else as_json,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_console if console else _json,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING)


def bounded(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line with every text and list cut to its bound, and nothing in it that a terminal would obey."""
    for name, value in event.items():
        if name == "exception":
            event[name] = value[-_TRACEBACK:]
        elif isinstance(value, str):
            event[name] = _cut(value)
        elif isinstance(value, (list, tuple)) and value:
            rest = len(value) - _MOST
            event[name] = [_cut(str(one)) for one in value[:_MOST]] + ([f"… and {rest} more"] if rest > 0 else [])
    return event


def as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
    """A line as JSON; what JSON cannot hold stands as its `repr`."""
    try:
        return _encode(event)
    except (TypeError, ValueError):
        plain = (str, int, float, type(None))
        return _encode({name: value if isinstance(value, plain) else ascii(value) for name, value in event.items()})


def sampler(requests: str | float, draw: Callable[[], float] = random.random) -> Callable[[int], bool]:
    """Whether an inbound of a status gets its line: `all` do, `errors` (400 and up) always, of the rest a share."""
    share = float({"all": 1.0, "errors": 0.0}.get(requests, requests) if isinstance(requests, str) else requests)
    if share == 1.0:
        return lambda _: True
    return lambda status: status >= 400 or draw() < share


_encode: Final = json.Encoder(enc_hook=repr).encode


def _cut(text: str) -> str:
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]


class _JsonLines(structlog.BytesLogger):
    """Lines on standard output; that nobody reads them must not end what they tell of."""

    def msg(self, message: bytes) -> None:
        """Write one line."""
        try:
            super().msg(message)
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


class _ConsoleLines(structlog.PrintLogger):
    """Likewise, for people."""

    def msg(self, message: str) -> None:
        """Write one line."""
        try:
            super().msg(message)
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


def _json(*_: Any) -> _JsonLines:
    return _JsonLines(sys.stdout.buffer)


def _console(*_: Any) -> _ConsoleLines:
    return _ConsoleLines(sys.stdout)


class _Libraries(logging.Handler):
    """What libraries log, as lines of this log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        structlog.get_logger().log(
            record.levelno, "library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info
        )
