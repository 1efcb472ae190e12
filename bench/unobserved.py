"""The gateway with counters that count nothing: what metrics cost is what it is cheaper by.

`python -m bench.unobserved FILE` serves a configuration until SIGTERM. Each call of a counter is still there and does
nothing, in C; so is the look at whether somebody watches the tail.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import uvloop

from gateway import garbage, log
from gateway.config import load
from gateway.metrics import Metrics, RouteCounts, TargetCounts, UpstreamCounts
from gateway.routing import Route
from gateway.service import Service
from mappings import MAPPINGS


class _Idle:
    """What is bound to a route, a target or an upstream: takes whatever it is told, and that is all."""

    inbound = translated = delivered = given_up = answered = "".format


_IDLE: Final = _Idle()


class Uncounted(Metrics):
    """Counts nothing of what passes."""

    def expect(self, routes: Sequence[Route]) -> None:
        """Nothing."""

    def route(self, name: str, vendor: str) -> RouteCounts:  # noqa: ARG002  # one for all
        """What does nothing for a route."""
        return cast("RouteCounts", _IDLE)

    def target(self, name: str, vendor: str) -> TargetCounts:  # noqa: ARG002  # likewise
        """What does nothing for a target."""
        return cast("TargetCounts", _IDLE)

    def upstream(self, name: str) -> UpstreamCounts:  # noqa: ARG002  # likewise
        """What does nothing for an upstream."""
        return cast("UpstreamCounts", _IDLE)


async def _serve(file: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = load(file, MAPPINGS, os.environ)
    log.configure(config.log.level, config.log.format)
    service = Service(config, MAPPINGS, metrics=Uncounted())
    await service.start()
    garbage.settle()
    await stop.wait()
    await service.drain()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
