"""One target's deliveries: lease, translate, send, judge, acknowledge or try again.

Decoding and encoding happen here, at delivery, so that a mended configuration or mapping applies to what waits.

While the upstream is in trouble (its breaker open, its account in doubt) each probe is another inbound. Those that it
failed are set aside, still leased, until the trouble is over or there is no other: one inbound that a vendor cannot
stand must not keep all others from showing that it can be reached.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from gateway.clocks import Clocks
from gateway.contract import Outbound
from gateway.delivery.granted import Sending
from gateway.delivery.planning import Plan, Reader, plan
from gateway.delivery.retry import backoff
from gateway.delivery.sending import Sent
from gateway.delivery.settle import attempt_of, nothing, refused_names, remembered, settle, tries
from gateway.delivery.upstream import Upstream
from gateway.metrics import Metrics
from gateway.routing import RouteTarget
from gateway.store.contract import Attempt, Entry, Store
from gateway.tail import Tail
from gateway.tail.seen import Delivered

_LEASE: Final = 256
_IDLE: Final = 5.0
_PAUSED: Final = 0.2
"""Seconds between two looks whether a paused target is released, or trouble over."""
_CALM: Final = 1.0
"""Seconds to wait after a mistake of the gateway's own."""
_REPLAYS: Final = 100.0
"""Replayed inbounds per second, so that they never crowd out what is new."""


class Means(Struct, frozen=True):
    """What every worker works with; `max_age` is in seconds."""

    store: Store
    reader: Reader
    metrics: Metrics
    tail: Tail
    clocks: Clocks
    logs: Callable[[int], bool]
    max_age: float


class Delivery(Struct, eq=False):
    """One leased inbound under way: its plan, what has been answered, and what is waited for by its outbound's id.

    It is `whole` while the vendor took all that it was sent; `probing` while the upstream was in trouble.
    """

    entry: Entry
    plan: Plan
    probing: bool
    started: float
    sent: list[Sent] = field(default_factory=list)
    waiting: dict[int, Sending | asyncio.Task[None]] = field(default_factory=dict)
    whole: bool = True

    def word(self, outcome: str) -> str:
        """The outcome for the log and who watches: `nothing` where there was nothing to do."""
        return outcome if self.plan.requests or self.plan.letters else "nothing"


class Worker:
    """Delivers one target's inbounds, oldest first, as fast as its upstream bears."""

    def __init__(self, settings: RouteTarget, upstream: Upstream, means: Means) -> None:
        self.settings = settings
        self.upstream = upstream
        self.paused = False
        self.means = means
        self._store = means.store
        self._gate = upstream.gate
        self._name = settings.target.name
        self._counts = means.metrics.target(self._name, upstream.mapping.NAME)
        self._answers = means.metrics.upstream(upstream.name)
        self._under_way: set[Delivery] = set()
        self._calm: asyncio.Event | None = None
        """Where it finishes: set when nothing is under way any more."""
        self._aside: deque[Entry] = deque()
        self._idle = False
        self._replays_at = 0.0
        self._their_turn: set[int] = set()
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is awaited by `finish`."""
        while True:
            try:
                await self._step()
            except Exception:  # noqa: BLE001  # a target must never fall silent
                self._log.exception("delivering failed inside the gateway", target=self._name)
                await asyncio.sleep(_CALM)

    async def finish(self, seconds: float = 10.0) -> None:
        """Give back what is set aside and wait for what is under way; what takes longer is broken off."""
        self._take_back()
        if self._under_way:
            self._calm = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._calm.wait()
        for delivery in tuple(self._under_way):
            self._break_off(delivery)
        self._take_back()

    async def _step(self) -> None:
        """Start as many deliveries as there are slots for, or wait until there is something to deliver."""
        if self.paused:
            await asyncio.sleep(_PAUSED)
            return
        slots = await self._gate.some(_LEASE)
        entries: list[Entry] = []
        try:
            if not self.paused:
                entries = await self._next(slots)
        finally:
            if len(entries) < slots:
                self._gate.give_back(slots - len(entries))
        if entries:
            # All are planned before any is sent: see `gateway.turns`.
            for delivery in self._planned(entries):
                self._deliver(delivery)
        else:
            self._idle = True
            try:
                await self._store.wait(self._name, _PAUSED if self._aside else _IDLE)
            finally:
                self._idle = False

    async def _next(self, count: int) -> list[Entry]:
        """Up to so many inbounds to deliver now: of those that failed in trouble, one when there is no other."""
        if not self._gate.pace.in_trouble:
            self._take_back()
        entries = await self._store.lease(self._name, count)
        if not entries and self._aside:
            entries = [self._aside.popleft()]
        return [entry for entry in entries if not (entry.record.replayed and self._awaits_turn(entry))]

    def _take_back(self) -> None:
        """Lease again what was set aside."""
        retry = self.upstream.settings.retry
        while self._aside:
            entry = self._aside.popleft()
            self._store.nak(self._name, entry, time.time() + backoff(tries(entry), retry.base, retry.cap))

    def _awaits_turn(self, entry: Entry) -> bool:
        """Whether a replayed inbound must wait yet, so that replays keep to their rate."""
        if entry.position in self._their_turn:
            self._their_turn.discard(entry.position)
            return False
        now = time.monotonic()
        self._replays_at = max(self._replays_at, now) + 1.0 / _REPLAYS
        self._their_turn.add(entry.position)
        self._store.nak(self._name, entry, time.time() + self._replays_at - now)
        return True

    def _planned(self, entries: Sequence[Entry]) -> list[Delivery]:
        """What to do with what was leased."""
        settings, means, now, probing = self.settings, self.means, time.time(), self._gate.pace.in_trouble
        reader, max_age = means.reader, means.max_age if means.clocks.agree() else None
        return [
            Delivery(entry, plan(entry, settings, reader, now, max_age), probing, time.monotonic()) for entry in entries
        ]

    def _deliver(self, delivery: Delivery) -> None:
        """Begin with one delivery, in a slot of its own; the answers do the rest."""
        if not delivery.plan.requests:
            self._gate.give_back()
            self._end(delivery)
            return
        first, *others = delivery.plan.requests
        self._under_way.add(delivery)
        self._send(delivery, first, delivery.started)
        for outbound in others:
            task = asyncio.create_task(self._send_another(delivery, outbound))
            delivery.waiting[id(outbound)] = task
            task.add_done_callback(self._look_after)

    def _send(self, delivery: Delivery, outbound: Outbound, began: float) -> None:
        """Send one outbound, in a slot that is taken."""
        sending = self.upstream.start(outbound, partial(self._answered, delivery, began))
        delivery.waiting[id(outbound)] = sending

    async def _send_another(self, delivery: Delivery, outbound: Outbound) -> None:
        """Send a further outbound, as the pace lets it; not at all where the upstream should be left alone."""
        if await self._gate.one():
            self._send(delivery, outbound, time.monotonic())
            return
        delivery.whole = False
        del delivery.waiting[id(outbound)]
        if not delivery.waiting:
            self._end(delivery)

    def _answered(self, delivery: Delivery, began: float, sent: Sent) -> None:
        """What became of one outbound, told to the pace; the last one settles the delivery."""
        delivery.sent.append(sent)
        self._gate.pace.release()
        self._answers.answered(sent)
        if sent.accepted:
            self._gate.accept()
        else:
            delivery.whole = False
            ended = sent.ended(delivery.entry.position, began)
            if ended.outcome == "doubt" and self._is_blamed(delivery.entry):
                ended = replace(ended, outcome="refused")  # of this inbound alone, it tells nothing of the account
            self._gate.learn(ended)
            pause = sent.asked_pause()
            if pause:
                self._gate.pause(pause)
        del delivery.waiting[id(sent.outbound)]
        if not delivery.waiting:
            self._end(delivery)

    def _end(self, delivery: Delivery) -> None:
        """Settle a delivery; a mistake of the gateway's own costs one inbound its turn, never the queue."""
        self._under_way.discard(delivery)
        if self._calm is not None and not self._under_way:
            self._calm.set()
        try:
            outcome = self._settle(delivery)
            self._tell(delivery, outcome, time.monotonic() - delivery.started)
        except Exception:  # noqa: BLE001  # whoever called must go on
            self._log.exception("delivery failed inside the gateway", target=self._name)

    def _look_after(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._log.error("delivery failed inside the gateway", target=self._name, exc_info=task.exception())

    def _break_off(self, delivery: Delivery) -> None:
        """Wait no longer for what is under way; what has been answered counts."""
        for sending in delivery.waiting.values():
            sending.cancel()
            if not isinstance(sending, asyncio.Task):
                self._gate.release()
        delivery.waiting.clear()
        delivery.whole = False
        self._end(delivery)

    def _settle(self, delivery: Delivery) -> str:
        """Acknowledge a delivery of which nothing more is to be told; gives the outcome in a word."""
        entry, store = delivery.entry, self._store
        if delivery.whole and not delivery.plan.letters and not (store.tracing and store.traces(entry.record)):
            store.ack(self._name, entry)
            return "delivered"
        return self._settle_in_part(delivery)

    def _settle_in_part(self, delivery: Delivery) -> str:
        """Acknowledge what the attempts brought, or have it leased again later, and keep what is to be told of it."""
        entry, todo, sent = delivery.entry, delivery.plan, delivery.sent
        now, store, retry = time.time(), self._store, self.upstream.settings.retry
        self._remember(entry, sent, now, probing=delivery.probing)
        if todo.translation is not None and not (sent or todo.letters) and store.traces(entry.record):
            entry.attempts = [*entry.attempts, nothing(todo.translation, now)]
        settled = settle(self._name, entry, todo.requests, sent, retry, now, blamed=self._is_blamed(entry))
        entry.done |= settled.done
        letters = settled.letters if settled.again else (*todo.letters, *settled.letters)
        if letters:
            store.dead(self._name, letters)
        if not settled.again:
            store.ack(self._name, entry)
            return "dead" if letters else "delivered"
        if self._gate.pace.in_trouble and not self._idle:
            self._aside.append(entry)
        else:
            store.nak(self._name, entry, now + backoff(tries(entry), retry.base, retry.cap))
        return "retried"

    def _remember(self, entry: Entry, sent: list[Sent], now: float, *, probing: bool) -> None:
        """Note the attempts; a round counts once, and not while the upstream was in trouble or doubts the account."""
        traced, probing = self._store.traces(entry.record), probing or self._gate.pace.in_trouble
        made: list[Attempt] = []
        for one in sent:
            counted = not (one.accepted or probing or one.outcome == "doubt" or any(past.counted for past in made))
            if traced or not one.accepted:
                made.append(attempt_of(one, now, self.upstream.masked, counted=counted))
            if one.outcome == "doubt" and entry.doubted_at is None:
                entry.doubted_at = now
        if made:
            entry.attempts = remembered(entry.attempts, made)

    def _is_blamed(self, entry: Entry) -> bool:
        """Whether the vendor took other inbounds since it first doubted this one."""
        if entry.doubted_at is None or self._gate.pace.is_held:
            return False
        return self._gate.accepted_at > entry.doubted_at

    def _tell(self, delivery: Delivery, outcome: str, seconds: float) -> None:
        """Count a delivery, show it to those who watch, and write the one line of one that is finished."""
        todo, means = delivery.plan, self.means
        if todo.requests:
            self._counts.delivered(outcome, seconds)
        elif outcome == "dead":
            self._counts.given_up(outcome)
        record, tail = delivery.entry.record, means.tail
        if tail.is_watched and tail.deliveries.admits(record.request_id):
            told = (self.upstream.mapping.NAME, self.upstream, todo.translation, delivery.sent)
            tail.delivery(Delivered(record, self._name, *told, delivery.word(outcome), seconds))
        if outcome == "retried":
            return
        if todo.translation is not None:
            self._counts.translated(todo.translation, delivery.entry)
        if means.logs(400 if outcome == "dead" else 200):
            self._write(delivery, delivery.word(outcome))

    def _write(self, delivery: Delivery, outcome: str) -> None:
        translation = delivery.plan.translation
        self._log.info(
            "delivery",
            request_id=delivery.entry.record.request_id,
            target=self._name,
            outcome=outcome,
            answers=[one.status if one.answer else one.outcome for one in delivery.sent],
            losses=sorted(translation.losses) if translation else [],
            refused=refused_names(translation.refused) if translation else [],
        )
