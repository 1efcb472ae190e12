"""One target's deliveries: lease, translate, send, judge, acknowledge or try again.

Decoding and encoding happen here, at delivery, so that a mended configuration or mapping applies to what waits.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from msgspec import Struct

from gateway.clocks import Clocks
from gateway.contract import VendorMapping
from gateway.delivery.forward import Sent, send_all
from gateway.delivery.keeping import inbound_of
from gateway.delivery.pace import Pace
from gateway.delivery.retry import backoff, retry_after
from gateway.delivery.settle import attempt_of, expired, refusals, refused_names, settle, unreadable
from gateway.delivery.upstream import Upstream
from gateway.errors import GatewayError
from gateway.metrics import Metrics
from gateway.routing import RouteTarget
from gateway.store.contract import Entry, Store
from gateway.translate import Decoded, Target, Translation, decode, translate

_LEASE: Final = 256
_IDLE: Final = 5.0
_PAUSED: Final = 0.2


class Means(Struct, frozen=True):
    """What every worker works with; `max_age` is in seconds."""

    store: Store
    sources: Mapping[str, VendorMapping]
    metrics: Metrics
    clocks: Clocks
    logs: Callable[[int], bool]
    max_age: float


class Worker:
    """Delivers one target's inbounds, oldest first, as fast as its upstream bears."""

    def __init__(self, settings: RouteTarget, upstream: Upstream, means: Means) -> None:
        self.settings = settings
        self.upstream = upstream
        self.paused = False
        self._means = means
        self._name = settings.target.name
        self._under_way: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._log = structlog.get_logger()

    @property
    def _pace(self) -> Pace:
        return self.upstream.pace

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is awaited by `finish`."""
        while True:
            wait = _PAUSED if self.paused else self._pace.wait(time.monotonic())
            room = self._pace.room()
            if wait or not room:
                await self._until_ended(wait or _IDLE)
                continue
            entries = await self._means.store.lease(self._name, min(room, _LEASE))
            if not entries:
                await self._means.store.wait(self._name, _IDLE)
            for entry in entries:
                self._begin(entry)

    async def finish(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _begin(self, entry: Entry) -> None:
        delay = self._pace.start(time.monotonic())
        task = asyncio.create_task(self._deliver(entry, delay))
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._ended.set()
        if not task.cancelled() and task.exception() is not None:
            self._log.error("delivery failed inside the gateway", target=self._name, error=repr(task.exception()))

    async def _until_ended(self, seconds: float) -> None:
        """Return when a delivery has ended, at the latest after so many seconds."""
        self._ended.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass

    async def _deliver(self, entry: Entry, delay: float) -> None:
        """One leased inbound, once."""
        if delay:
            await asyncio.sleep(delay)
        translation = self._translated(entry)
        if translation is None or not translation.requests:
            self._pace.cancel()
            self._finish(entry, translation, [])
            return
        started = time.perf_counter()
        sent = await send_all(translation.requests, self.upstream)
        self._learn(entry, sent)
        outcome = self._finish(entry, translation, sent)
        seconds = time.perf_counter() - started
        self._means.metrics.delivered(self._name, self.upstream.mapping.NAME, outcome, seconds)

    def _translated(self, entry: Entry) -> Translation | None:
        """The outbounds of what is not done yet; None for an inbound that ended as a dead letter."""
        store, now = self._means.store, time.time()
        try:
            decoded = self._decoded(entry)
        except GatewayError as error:
            store.dead(self._name, [unreadable(self._name, entry, error, now)])
            return None
        if self._means.clocks.agree() and now - entry.record.received_at / 1e6 > self._means.max_age:
            left = set(range(len(decoded.interactions))) - entry.done
            store.dead(self._name, [expired(self._name, entry, sorted(left), now)])
            return None
        target = self.settings.target
        if entry.record.replayed:
            target = Target(
                target.name,
                target.mapping,
                fill=target.fill,
                privacy=target.privacy,
                unsupported=target.unsupported,
                strict_ids=target.strict_ids,
            )
        translation = translate(decoded, target, without=entry.done, only=entry.record.indices)
        self._means.metrics.translated(self._name, translation)
        letters = refusals(self._name, entry, translation, now)
        if letters:
            store.dead(self._name, letters)
            entry.done.update(index for letter in letters for index in letter.indices)
        return translation

    def _decoded(self, entry: Entry) -> Decoded:
        source, inbound = inbound_of(entry.record, self._means.sources)
        return decode(source, inbound, stamp=True)

    def _learn(self, entry: Entry, sent: list[Sent]) -> None:
        """Tell the pace how the upstream did: by its worst answer, once for each inbound."""
        now, pace = time.monotonic(), self._pace
        worst = max(sent, key=lambda one: _BADNESS[one.outcome])
        slow_down = any(one.outcome == "ambiguous" or (one.answer and one.answer.status in (429, 503)) for one in sent)
        pace.end(worst.outcome, now, entry.position, slow_down=slow_down)
        for one in sent:
            self._means.metrics.answered(self.upstream.name, one)
            asked = retry_after(one.answer.headers.get("retry-after"), time.time()) if one.answer else None
            if asked and one.outcome == "again":
                pace.pause(asked, now)
        if worst.outcome == "doubt" and entry.doubted_at is None:
            entry.doubted_at = now

    def _finish(self, entry: Entry, translation: Translation | None, sent: list[Sent]) -> str:
        """Settle what the attempts brought: acknowledge, or lease again later; gives the outcome in a word."""
        now, store, retry = time.time(), self._means.store, self.upstream.settings.retry
        counts = not self._pace.is_open
        for one in sent:
            if not one.accepted:
                entry.attempts = [*entry.attempts, attempt_of(one, now)] if counts else entry.attempts
        answered = entry.doubted_at is not None and (self._pace.answered_at or 0.0) > entry.doubted_at
        settled = settle(self._name, entry, sent, retry, now, answered=answered, counts=counts)
        entry.done |= settled.done
        if settled.letters:
            store.dead(self._name, settled.letters)
        if settled.again:
            store.nak(self._name, entry, now + backoff(max(1, len(entry.attempts)), retry.base, retry.cap))
            outcome = "retried"
        else:
            store.ack(self._name, entry)
            outcome = "dead" if settled.letters else "delivered"
        if translation is not None:
            self._tell(entry, translation, sent, outcome)
        return outcome

    def _tell(self, entry: Entry, translation: Translation, sent: list[Sent], outcome: str) -> None:
        if not self._means.logs(400 if outcome == "dead" else 200):
            return
        self._log.info(
            "delivery",
            request_id=entry.record.request_id,
            target=self._name,
            outcome=outcome,
            answers=[one.status if one.answer else one.outcome for one in sent],
            losses=sorted(translation.losses),
            refused=refused_names(translation.refused),
        )


_BADNESS: Final = {"accepted": 0, "refused": 1, "doubt": 2, "again": 3, "no_token": 4, "not_sent": 5, "ambiguous": 6}
