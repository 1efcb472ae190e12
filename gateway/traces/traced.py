"""The parts of the gateway with spans around what they do."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from msgspec.structs import replace
from opentelemetry.trace import INVALID_SPAN, Span

from gateway.config import Traces
from gateway.contract import Answer, Outbound
from gateway.delivery.granted import Sending
from gateway.delivery.sending import Sent
from gateway.delivery.upstream import Upstream
from gateway.delivery.worker import Delivery, Worker
from gateway.errors import GatewayError
from gateway.relay import Keeper, Line, Relay, Request
from gateway.rules import Rules
from gateway.store.contract import Record
from gateway.traces import Parts, spans
from gateway.traces.outbox import Outbox
from gateway.traces.spans import Spans
from gateway.translate import Decoded


def parts(settings: Traces) -> Parts:
    """The parts of a gateway that makes traces."""
    outbox = Outbox(settings)
    made = Spans(outbox.tracer)
    return Parts(
        relay=partial(TracedRelay, made),
        upstream=partial(TracedUpstream, made, frozenset(settings.propagate)),
        worker=partial(TracedWorker, made),
        end=outbox.end,
    )


class TracedKeeper:
    """Keeps with each inbound the context of its span, for the deliveries to link to."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def append(self, record: Record, decoded: Decoded | None = None, /) -> Awaitable[int]:
        """Keep an inbound."""
        return self._keeper.append(replace(record, trace=spans.kept()), decoded)


class TracedRelay(Relay):
    """A span for every inbound."""

    def __init__(self, made: Spans, rules: Rules, keeper: Keeper, *more: Any) -> None:
        super().__init__(rules, TracedKeeper(keeper), *more)
        self._spans = made

    async def take(self, request: Request) -> Answer:
        """The answer to one inbound."""
        with self._spans.inbound(request, served=self._serves(request.head.path)) as span:
            answer = await super().take(request)
            spans.ended(span, answer)
        return answer

    def _tell(self, rules: Rules, line: Line, *more: Any) -> None:
        spans.told(line)
        super()._tell(rules, line, *more)

    def _serves(self, path: str) -> bool:
        try:
            self.rules.table.find(path)
        except GatewayError:
            return False
        return True


class TracedUpstream(Upstream):
    """A span for every request to a vendor; the vendor is told of it only where that is configured."""

    def __init__(self, made: Spans, propagated: Collection[str], settings: Any) -> None:
        super().__init__(settings)
        self._spans = made
        self._is_told = settings.name in propagated

    def start(self, outbound: Outbound, done: Callable[[Sent], object]) -> Sending:
        """Send once."""
        span = self._spans.attempt(outbound, self.name)
        carried = spans.carried(span) if self._is_told else {}
        told = replace(outbound, headers={**outbound.headers, **carried})

        def ended(sent: Sent) -> None:
            spans.judged(span, sent)
            done(replace(sent, outbound=outbound))

        return _Attempt(span, super().start(told, ended))


class _Attempt:
    """A request under way, with its span."""

    __slots__ = ("_sending", "_span")

    def __init__(self, span: Span, sending: Sending) -> None:
        self._span = span
        self._sending = sending

    def cancel(self) -> None:
        """Break it off."""
        spans.broken_off(self._span)
        self._sending.cancel()


class TracedWorker(Worker):
    """A span for every round of a delivery."""

    def __init__(self, made: Spans, *more: Any) -> None:
        super().__init__(*more)
        self._spans = made
        self._open: dict[int, Span] = {}

    def _deliver(self, delivery: Delivery) -> None:
        entry = delivery.entry
        span = self._spans.delivery(entry, self._name, self.upstream.name)
        if span is None:
            super()._deliver(delivery)
            return
        self._open[entry.position] = span
        try:
            with spans.under_way(span):
                super()._deliver(delivery)
        except BaseException:
            self._open.pop(entry.position, span).end()
            raise

    def _settle(self, delivery: Delivery) -> str:
        span = self._open.pop(delivery.entry.position, INVALID_SPAN)
        try:
            outcome = super()._settle(delivery)
            spans.settled(span, delivery.word(outcome))
        finally:
            span.end()
        return outcome
