"""Memory over a long time: a steady load, four vendors told, one sample a minute."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop

from bench.contenders import Site, gateway, running
from bench.numbered import Load
from bench.processes import free, resident
from bench.results import Outcome, Row
from bench.vendors import answering

RATE: Final = 500


def run(samples: int, seconds: float) -> Outcome:
    """So many samples, the first after the first so many seconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Site(folder / "gateway", free(), free(), tuple(free() for _ in gateway.FOUR))
        stack.enter_context(answering(site.vendors, folder))
        process = stack.enter_context(running(gateway.storing(gateway.FOUR), site))
        row = Row(gateway.NAME, uvloop.run(_samples(site, process.pid, samples, seconds)))
    return Outcome(
        [row], conditions={"load": f"{RATE} clicks/s, each for four vendors, {samples} times {seconds:.0f} s"}
    )


async def _samples(site: Site, pid: int, samples: int, seconds: float) -> dict[str, list[float]]:
    load = Load(site.port)
    figures: dict[str, list[float]] = {"memory_mb": [], "p50_ms": [], "p99_ms": [], "failed": [], "pending": []}
    for _ in range(samples):
        found = await load.offer(RATE, seconds)
        sample = {
            "memory_mb": resident(pid),
            "p50_ms": found.percentile(0.5),
            "p99_ms": found.percentile(0.99),
            "failed": found.failed,
            "pending": await asyncio.to_thread(gateway.pending, site),
        }
        for name, one in sample.items():
            figures[name].append(one)
    return figures
