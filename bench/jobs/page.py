"""The console's page, open at the tail for minutes while far more passes than it shows."""

import asyncio
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Final

from bench import looking
from bench.contenders import Site, gateway, programs, running
from bench.jobs.console import RATE
from bench.processes import Process, cpu, free, resident
from bench.results import Outcome, Row, Skipped
from bench.steady import offering, period
from bench.vendors import answering

CLOSED, OPEN = "console closed", "the page open at the tail"
_SHARE: Final = re.compile(r"about ([\d.]+) %")


def run(samples: int, seconds: float) -> Outcome:
    """So many seconds without the page, then with it, again and again; a sample after each time."""
    why = looking.missing()
    if why is not None:
        return Outcome([], [Skipped(gateway.NAME, why)])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Site(folder / "gateway", free(), free(), (free(),))
        stack.enter_context(answering(site.vendors, folder))
        process = stack.enter_context(running(gateway.forwarding(), site))
        # One more than is looked at: the page is asked while it goes on.
        lines = stack.enter_context(offering(site.port, RATE, seconds, samples + 2))
        rows = asyncio.run(_looked_at(site, process, lines, samples))
    conditions = {
        "load": f"{RATE:,} clicks/s offered, whether answered or not",
        "browser": f"Chromium {programs.version('chromium')}, headless",
        "samples": f"{samples}, each of {seconds:.0f} s; load, vendor and browser share a core",
    }
    return Outcome(rows, conditions=conditions)


async def _looked_at(site: Site, process: Process, lines: IO[bytes], samples: int) -> list[Row]:
    closed, opened = Row(gateway.NAME, {}, CLOSED), Row(gateway.NAME, {}, OPEN)
    passing = _Passing(process, lines)
    closed.add(await passing.period())
    async with looking.looking(site.admin) as page:
        await page.health()  # what the beginning was like
        for _ in range(samples):
            opened.add(await passing.period() | _figures(await page.health()))
    return [closed, opened]


class _Passing:
    """What becomes of the clicks, period by period, one after the other without a pause."""

    def __init__(self, process: Process, lines: IO[bytes]) -> None:
        self._process, self._lines = process, lines
        self._spent = cpu(process.pid)

    async def period(self) -> dict[str, float]:
        """The figures of the period that ends next."""
        offered = await asyncio.to_thread(period, self._lines)
        before, self._spent = self._spent, cpu(self._process.pid)
        return {
            "cpu_us": (self._spent - before) / offered.requests * 1e6,
            "per_second": offered.requests / offered.seconds,
            "p50_ms": offered.p50,
            "p99_ms": offered.p99,
            "failed": offered.failed,
            "memory_mb": resident(self._process.pid),
        }


def _figures(health: looking.Health) -> dict[str, float]:
    shares = [float(found[1]) for one in health.said if (found := _SHARE.search(one))]
    assert shares, f"the page does not say that it samples: {health.said}"
    return {
        "heap_mb": health.heap_mb,
        "nodes": health.nodes,
        "rows": health.rows,
        "shown_percent": median(shares),
        "late_p99_ms": quantiles(health.late, n=100, method="inclusive")[-1],
        "late_worst_ms": max(health.late),
        "longest_task_ms": max(health.tasks, default=0.0),
        "key_ms": max(health.keys),
    }
