"""Traces: what passes, as spans for OpenTelemetry.

Tracing is put around the parts of the gateway that an inbound passes through (`traced`); where none is configured, the
parts are the plain ones and nothing of OpenTelemetry is imported. `spans` makes the spans, `outbox` sends them off.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.delivery.upstream import Upstream
from gateway.delivery.worker import Worker
from gateway.errors import CannotTrace
from gateway.relay import Relay

if TYPE_CHECKING:
    from gateway.config import Traces


async def _nothing() -> None:
    """There is nothing to send off."""


class Parts(Struct, frozen=True):
    """What the gateway is put together from; `end` sends off what is still to be sent."""

    relay: Callable[..., Relay] = Relay
    upstream: Callable[..., Upstream] = Upstream
    worker: Callable[..., Worker] = Worker
    end: Callable[[], Awaitable[None]] = _nothing


PLAIN: Final = Parts()
"""The parts of a gateway that makes no traces."""


def parts(settings: "Traces | None") -> Parts:
    """The parts of a gateway with these settings; raises CannotTrace where OpenTelemetry is not installed."""
    if settings is None:
        return PLAIN
    try:
        from gateway.traces import traced
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        text = "[traces] needs OpenTelemetry, which is not installed: pip install 'interaction-gateway[otel]'"
        raise CannotTrace(text) from None
    return traced.parts(settings)
