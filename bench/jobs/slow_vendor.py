"""The test that mirrors and fan-out kits fail: the other vendors slow, then down, then back, under a steady load.

What the caller feels, how many of each phase's clicks each vendor was told of in the end, what the memory does, how
fast a backlog drains.
"""

import asyncio
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct

from bench.compare import Effort
from bench.contenders import Contender, Site, envoy, gateway, nginx, nothing, running, segment, traefik
from bench.numbered import Load, Offered
from bench.processes import free
from bench.results import Outcome, Row, Skipped
from bench.troubled import Memory, Remembering

RATE: Final = 1000
HEALTHY, SLOW, DOWN, BACK = "all healthy", "slow by 300 ms", "down", "back"
_TWO: Final = ("gravity_field", "gravity_field")


class Plan(Struct, frozen=True):
    """Who is tested: a contender with so many vendors, the last of them troubled, for so many seconds each."""

    contender: Contender
    vendors: int
    troubled: int
    phases: dict[str, float]


def run(effort: Effort) -> Outcome:
    """The gateway for long, with two vendors and with four; the others for as long as it takes to see."""
    whole = {HEALTHY: 15.0, SLOW: 15.0, DOWN: 60.0}
    short = {HEALTHY: 5.0, SLOW: 6.0, DOWN: 6.0}
    if effort.quick:
        whole = short = {HEALTHY: 3.0, SLOW: 3.0, DOWN: 3.0}
    plans = [
        Plan(gateway.storing(_TWO, "gateway, store mode"), 2, 1, whole),
        Plan(gateway.storing(gateway.FOUR, "gateway, store mode, four vendors, two troubled"), 4, 2, short),
        Plan(gateway.forwarding(_TWO, "gateway, forward mode"), 2, 1, short),
        *(Plan(one, 2, 1, short) for one in (nginx.mirror(), envoy.mirror(), traefik.mirror(), segment.kit(2))),
    ]
    outcome = Outcome([], conditions={"load": f"{RATE} clicks/s offered, whether answered or not"})
    for plan in plans:
        why = plan.contender.missing()
        if why is not None:
            print(f"  {plan.contender.name}: skipped, {why}")
            outcome.skipped.append(Skipped(plan.contender.name, why))
        else:
            outcome.rows += _tested(plan)
    return outcome


def _tested(plan: Plan) -> list[Row]:
    """All phases of one contender; gives a row for each."""
    print(f"  {plan.contender.name} …", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Site(folder / "contender", free(), free(), tuple(free() for _ in range(plan.vendors)))
        vendors = [Remembering(port, folder / str(port)) for port in site.vendors]
        for vendor in vendors:
            stack.callback(vendor.fall)
            vendor.stand()
        with running(plan.contender, site) as process:
            memory = Memory(process.pid)
            try:
                rows, offered = uvloop.run(_phases(plan, site, vendors, memory))
            finally:
                memory.stop()
        for vendor in vendors:
            vendor.fall()
        told = [vendor.told() for vendor in vendors]
    for row, found in zip(rows, offered, strict=False):
        row.figures |= _arrived(found, told, plan.troubled)
    return rows


async def _phases(
    plan: Plan, site: Site, vendors: list[Remembering], memory: Memory
) -> tuple[list[Row], list[Offered]]:
    """Every condition in turn; then all are back, and what waits is delivered."""
    load, rows, offered = Load(site.port), [], []
    await load.offer(RATE, 3)
    memory.most()
    for phase, seconds in plan.phases.items():
        for vendor in vendors[-plan.troubled :]:
            await asyncio.to_thread(_become, vendor, phase)
        found = await load.offer(RATE, seconds)
        offered.append(found)
        figures = {
            "p50_ms": [found.percentile(0.5)],
            "p99_ms": [found.percentile(0.99)],
            "failed": [float(found.failed)],
            "memory_mb": [memory.most()],
        }
        rows.append(Row(plan.contender.name, figures, phase, plan.contender.note))
    for vendor in vendors[-plan.troubled :]:
        await asyncio.to_thread(vendor.stand)
    if plan.contender.settle is not nothing:
        drained = await asyncio.to_thread(_drained, site)
        rows.append(Row(plan.contender.name, {**drained, "memory_mb": [memory.most()]}, BACK, plan.contender.note))
    else:
        await asyncio.sleep(2)
    return rows, offered


def _become(vendor: Remembering, phase: str) -> None:
    if phase == SLOW:
        vendor.slow()
    elif phase == DOWN:
        vendor.fall()


def _drained(site: Site) -> dict[str, list[float]]:
    """How much waited, and how many deliveries a second were made of it from the first that went through."""
    waited = left = gateway.pending(site)
    until, began, flowing = time.monotonic() + 120, 0.0, 0
    while left:
        assert time.monotonic() < until, "the backlog did not drain"
        time.sleep(0.05)
        left = gateway.pending(site)
        if not began and left < waited:
            began, flowing = time.perf_counter(), left
    seconds = time.perf_counter() - began
    return {"backlog": [float(waited)], "drained_per_second": [flowing / seconds]}


def _arrived(found: Offered, told: list[Counter[int]], troubled: int) -> dict[str, list[float]]:
    """Percent of a phase's clicks that the untroubled and the troubled vendors were told of, and how many twice."""
    numbers = range(found.first + 1, found.after + 1)

    def share(some: list[Counter[int]]) -> float:
        return min(sum(1 for number in numbers if one[number]) / len(numbers) * 100 for one in some)

    again = sum(max(0, one[number] - 1) for one in told for number in numbers)
    return {
        "arrived_percent": [share(told[:-troubled])],
        "arrived_troubled_percent": [share(told[-troubled:])],
        "told_again": [float(again)],
    }
