"""The live view: server-sent events of what passes, of how the gateway does, and of reloads.

Each watcher has a bounded queue between the gateway and its browser: one that reads too slowly loses events, which are
counted, and never holds anything up.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Final

from msgspec import Struct, json

from gateway.admin import shown
from gateway.admin.call import Call, Stream
from gateway.admin.canonical import brief
from gateway.admin.configured import reload
from gateway.admin.masking import Masker
from gateway.admin.opened import read
from gateway.admin.operated import Operated
from gateway.admin.problem import AdminError
from gateway.admin.recent import KEPT, Recent
from gateway.admin.status import Status
from gateway.config.history import Reload
from gateway.delivery.settle import refused_names
from gateway.facts import get
from gateway.model import USER_IDS
from gateway.tail.seen import Seen, SeenDelivery, SeenInbound
from gateway.tail.watching import Wanted, Watcher, ended
from gateway.translate import Decoded

_WATCHERS: Final = 16
"""Who may watch at once."""
_PACE: Final = 1.0
"""Seconds between two statuses."""
_GATHER: Final = 0.1
"""Seconds for which events are gathered before they go out together."""
_AT_ONCE: Final = 50
"""Events that are made in one go, so that nothing else waits for long."""
_FORGET: Final = 60.0
"""Seconds for which what was shown can be opened after the last watcher left."""


class Filters(Struct, frozen=True, forbid_unknown_fields=True):
    """What to show of the tail: a person's, a route's, … all where nothing is said; without `tail` nothing of it."""

    user: str | None = None
    route: str | None = None
    vendor: str | None = None
    target: str | None = None
    outcome: str | None = None
    tail: bool = True


class Watching:
    """The operation: who watches, the status that all of them are told, and what they were shown lately."""

    def __init__(self, status: Status) -> None:
        self.recent = Recent()
        self._status = status
        self._watchers = 0
        self._told: tuple[float, bytes] = (float("-inf"), b"")

    async def watched(self, call: Call, filters: Filters) -> object:
        """Events until the caller goes: hello, status, reload, and inbound, delivery, tail where they are wanted."""
        if self._watchers >= _WATCHERS:
            raise AdminError(503, f"{_WATCHERS} watch already")
        return Stream(self._events(call.gateway, filters))

    async def _events(self, gateway: Operated, filters: Filters) -> AsyncGenerator[bytes, None]:
        listener = Listener(gateway, filters, self.recent)
        self._watchers += 1
        try:
            listener.start()
            hello = {"sampling": 1.0, "kept": KEPT}
            yield b"retry: 2000\n\n" + _event("hello", json.encode(hello)) + await self._status_now(gateway)
            due = time.monotonic() + _PACE
            while True:
                await listener.wait(due - time.monotonic())
                found = listener.taken()
                if time.monotonic() >= due:
                    found += listener.sampling() + await self._status_now(gateway)
                    due = time.monotonic() + _PACE
                if found:
                    yield found
        finally:
            listener.stop()
            self._watchers -= 1
            if not self._watchers:
                asyncio.get_running_loop().call_later(_FORGET, self._forget)

    async def _status_now(self, gateway: Operated) -> bytes:
        """The status event, made at most once a second for all who watch."""
        at, event = self._told
        if time.monotonic() - at >= _PACE / 2:
            event = _event("status", json.encode(await self._status.now(gateway)))
            self._told = (time.monotonic(), event)
        return event

    def _forget(self) -> None:
        if not self._watchers:
            self.recent.clear()


class Listener:
    """One who watches: its queue, and the gateway's hooks that fill it."""

    def __init__(self, gateway: Operated, filters: Filters, recent: Recent) -> None:
        self._gateway = gateway
        self._filters = filters
        self._recent = recent
        self._masker = Masker(gateway.config)
        self._queue: deque[Seen | Reload] = deque()
        self._filled = asyncio.Event()
        self._watcher = Watcher(_wanted(gateway, filters), self._hear)
        self._number: int | None = None
        self._seq = self._shown = self._lost = 0
        self._samples = False

    def start(self) -> None:
        """Hear from now on."""
        self._gateway.history.heard.add(self._push)
        if self._filters.tail:
            self._number = self._gateway.tail.watch(self._watcher)

    def stop(self) -> None:
        """Hear no more."""
        self._gateway.history.heard.discard(self._push)
        if self._number is not None:
            self._gateway.tail.leave(self._number)

    async def wait(self, seconds: float) -> None:
        """Until there is something to tell, for so long at most."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._filled.wait()
                await asyncio.sleep(_GATHER)
        except TimeoutError:
            return

    def taken(self) -> bytes:
        """What is to be told, as events."""
        count = min(len(self._queue), _AT_ONCE)
        found = [event for _ in range(count) if (event := self._told(self._queue.popleft()))]
        if not self._queue:
            self._filled.clear()
        return b"".join(found)

    def sampling(self) -> bytes:
        """How much of the last second was shown, where it was not all of it, and once when it is all again."""
        self._gateway.tail.renew()
        skipped = self._watcher.taken_skipped() + self._lost
        told = b""
        if skipped or self._samples:
            share = self._shown / (self._shown + skipped) if skipped else 1.0
            told = _event("tail", json.encode({"sampling": round(share, 4), "skipped": skipped}))
        self._samples, self._shown, self._lost = bool(skipped), 0, 0
        return told

    def _hear(self, seen: Seen) -> None:
        self._recent.add(seen)
        self._push(seen)

    def _push(self, one: Seen | Reload) -> None:
        if len(self._queue) >= KEPT:
            self._queue.popleft()
            self._lost += 1
        self._queue.append(one)
        self._filled.set()

    def _told(self, one: Seen | Reload) -> bytes:
        """One event; none for what the filter took for the person's and is not."""
        masker = self._masker = self._masker.of(self._gateway.config)
        if isinstance(one, Reload):
            return _event("reload", json.encode(reload(one, masker)))
        decoded = read(self._gateway, one.record) if one.record and self._needs_reading(one) else None
        if self._filters.user is not None and not (decoded and _is_of(decoded, self._filters.user)):
            return b""
        self._seq += 1
        self._shown += 1
        if isinstance(one, SeenInbound):
            return _event("inbound", masker.json({"seq": self._seq, **_inbound(one, decoded)}))
        return _event("delivery", masker.json({"seq": self._seq, **_delivery(one)}))

    def _needs_reading(self, seen: Seen) -> bool:
        return isinstance(seen, SeenInbound) or self._filters.user is not None


def _inbound(seen: SeenInbound, decoded: Decoded | None) -> dict[str, Any]:
    record = seen.record
    return {
        "request_id": seen.request_id,
        "received_at": shown.time_text(record.received_at / 1e6 if record else seen.at),
        "route": seen.route,
        "vendor": seen.vendor,
        "endpoint": record.endpoint if record else None,
        "client": seen.client,
        "status": seen.status,
        "outcome": ended(seen.status),
        "ms": round(seen.seconds * 1000, 3),
        "error": seen.error,
        "interactions": brief(decoded) if decoded else [],
        "targets": dict(seen.targets),
        "losses": list(seen.losses),
    }


def _delivery(seen: SeenDelivery) -> dict[str, Any]:
    return {
        "request_id": seen.request_id,
        "at": shown.time_text(seen.at),
        "route": seen.record.route,
        "target": seen.target,
        "vendor": seen.vendor,
        "outcome": seen.outcome,
        "answers": [one.outcome if one.status is None else one.status for one in seen.asked],
        "losses": list(seen.losses),
        "copied": list(seen.copied),
        "refused": refused_names(seen.refused),
        "ms": round(seen.seconds * 1000, 3),
    }


def _is_of(decoded: Decoded, user: str) -> bool:
    """Whether an inbound is of a person, by any id."""
    return any(get(one, name) == user for one in decoded.interactions for name in USER_IDS)


def _wanted(gateway: Operated, filters: Filters) -> Wanted:
    """The filters as the tail knows them, with the route that a target belongs to."""
    found = None if filters.target is None else gateway.config.placed(filters.target)
    via = filters.target if found is None else found[0].name
    return Wanted(filters.user, filters.route, filters.vendor, filters.target, filters.outcome, via)


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
