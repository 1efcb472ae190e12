"""What the sandbox received: a bounded list, newest last, that a test can wait on."""

import asyncio
from collections import Counter, deque
from typing import Any, Final

from msgspec import Struct

from gateway.sandbox.exchange import Call

_MASK: Final = "***"
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "dy-api-key", "x-api-key"})
_SECRET_PARAMETERS: Final = frozenset({"api-key", "api_key"})
_SECRET_MEMBERS: Final = frozenset({"client_secret"})


class Received(Struct, frozen=True):
    """One call as it came, credentials masked, and what became of it.

    `vendor` and `endpoint` are None for a path that no vendor serves, `body` for one that is no JSON, `status` where
    the connection ended without one. `faults` are the call's own mistakes; `injected` is the failure on demand.
    """

    vendor: str | None
    endpoint: str | None
    method: str
    path: str
    query: dict[str, str | list[str]]
    headers: dict[str, str]
    body: Any
    status: int | None
    faults: tuple[str, ...]
    injected: str | None


def masked(call: Call, body: Any) -> dict[str, Any]:
    """The parts of a record that come from the call, without its credentials."""
    return {
        "method": call.method,
        "path": call.path,
        "query": _masked(call.query, _SECRET_PARAMETERS),
        "headers": _masked(call.headers, _SECRET_HEADERS),
        "body": _masked(body, _SECRET_MEMBERS) if isinstance(body, dict) else body,
    }


def _masked(members: dict[str, Any], secret: frozenset[str]) -> dict[str, Any]:
    return {name: _MASK if name in secret else value for name, value in members.items()}


class Record:
    """The latest calls, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Received] = deque()
        self._size = size
        self._counts: Counter[str | None] = Counter()
        self._changed = asyncio.Event()

    def add(self, entry: Received) -> None:
        """Appends an entry and wakes who waits."""
        self._entries.append(entry)
        self._counts[entry.vendor] += 1
        if len(self._entries) > self._size:
            self._counts[self._entries.popleft().vendor] -= 1
        self._changed.set()
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._counts.clear()

    def entries(self, vendor: str | None = None) -> list[Received]:
        """What was received, oldest first, of one vendor or of all."""
        return [entry for entry in self._entries if vendor is None or entry.vendor == vendor]

    async def wait(self, count: int, vendor: str | None = None, seconds: float = 5) -> list[Received]:
        """What was received, once that is at least `count` entries or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while (len(self._entries) if vendor is None else self._counts[vendor]) < count:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self.entries(vendor)
