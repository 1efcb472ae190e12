"""Where spans are sent off from: in batches, by a thread of its own, to the collector that is configured.

What cannot be sent is dropped; at most 2,048 spans wait. Nothing here is waited for but by the end of the process.
"""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Tracer
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from gateway.config import Traces
from gateway.version import version

_LONGEST: Final = 256
"""Characters of an attribute's text."""
_PATIENCE: Final = 5.0
"""Seconds that one batch may take, and that the end of the process waits for the last ones."""
_SILENCE: Final = 60.0
"""Seconds between two lines of the log about a collector that takes nothing."""


class Outbox:
    """The spans of one process on their way."""

    def __init__(self, settings: Traces) -> None:
        headers = {name: secret.reveal() for name, secret in settings.headers.items()}
        logging.getLogger(trace_exporter.__name__).addFilter(_Seldom())
        exporter = trace_exporter.OTLPSpanExporter(endpoint=settings.endpoint, headers=headers, timeout=_PATIENCE)
        limits = SpanLimits(max_span_attribute_length=_LONGEST)
        self._provider = TracerProvider(
            sampler=ParentBased(_Share(settings.share)),
            resource=Resource.create(
                {
                    "service.name": settings.service,
                    "service.version": version(),
                    "service.instance.id": str(uuid.uuid4()),
                }
            ),
            shutdown_on_exit=False,
            span_limits=limits,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    @property
    def tracer(self) -> Tracer:
        """What makes spans that are sent off from here."""
        return self._provider.get_tracer("interaction-gateway", version())

    async def end(self) -> None:
        """Send off what is left, as far as that is quickly done."""
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        await asyncio.to_thread(thread.join, _PATIENCE)


class _Seldom(logging.Filter):
    """Lets one line pass in a while: a collector that is down is known after the first."""

    def __init__(self) -> None:
        super().__init__()
        self._next = float("-inf")

    def filter(self, _: logging.LogRecord) -> bool:
        """Whether it is time for a line."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _SILENCE
        return True


class _Share(Sampler):
    """A share of what begins a trace; what is linked to a sampled span is sampled, for it is a part of its story."""

    def __init__(self, share: float) -> None:
        self._share = TraceIdRatioBased(share)

    def should_sample(  # noqa: PLR0913  # the library's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether a span without a parent is made."""
        chosen = ALWAYS_ON if links else self._share
        return chosen.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """The sampler in words."""
        return f"links, else {self._share.get_description()}"
