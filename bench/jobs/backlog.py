"""A million inbounds that wait for four vendors: how long a start takes then, and how much memory."""

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.click import BODY, HEADERS
from bench.compare import Effort
from bench.contenders import Site, gateway, running
from bench.jobs.startup import listening
from bench.processes import CONTENDER_CORE, cpu, free, resident, started
from bench.results import Outcome, Row
from bench.vendors import answering
from gateway.store.contract import Record
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog

WAITING: Final = 1_000_000
_AT_ONCE: Final = 5_000
_SECONDS: Final = 5
EMPTY, FULL, DRAINING = "an empty store", "a million waiting", "a million waiting, the vendors back"


def run(effort: Effort) -> Outcome:
    """An empty store, then a full one whose vendors are away, then its vendors back for some seconds."""
    count = WAITING // 20 if effort.quick else WAITING
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder, free(), free(), tuple(free() for _ in gateway.FOUR))
        rows = [Row(gateway.NAME, {"start_ms": [], "memory_mb": []}, phase) for phase in (EMPTY, FULL)]
        rounds = 2 if effort.quick else 5
        for row in rows:
            for _ in range(rounds):
                for figure, sample in _start(site).items():
                    row.figures[figure].append(sample)
            if row is rows[0]:
                asyncio.run(_fill(site, count))
        rows.append(Row(gateway.NAME, _drain(site, folder, count), DRAINING))
    return Outcome(rows, conditions={"waiting": f"{count} inbounds of {len(BODY)} bytes, each for four vendors"})


def _start(site: Site) -> dict[str, float]:
    launch = gateway.storing(gateway.FOUR).launch(site)
    began = time.perf_counter()
    with started(launch.command, CONTENDER_CORE, launch.environment) as process:
        taken = listening(site.port, process, began)
        time.sleep(1)
        return {"start_ms": taken, "memory_mb": resident(process.pid)}


async def _fill(site: Site, count: int) -> None:
    """Append to the store of a gateway that is stopped, for the targets that it had."""
    store = EmbeddedStore(SqliteLog(site.folder / "store"))
    await store.open(None)
    now = time.time_ns() // 1000
    for first in range(0, count, _AT_ONCE):
        records = [
            Record(now, f"{first + one:016x}", "shop", "shop", "dynamic_yield", "engagement", HEADERS, {}, BODY)
            for one in range(_AT_ONCE)
        ]
        await asyncio.gather(*[store.append(record) for record in records])
    await store.close()


def _drain(site: Site, folder: Path, count: int) -> dict[str, list[float]]:
    """Deliveries a second and the most memory while the vendors take what waits."""
    with ExitStack() as stack:
        process = stack.enter_context(running(gateway.storing(gateway.FOUR), site))
        waiting = gateway.pending(site)
        assert waiting == 4 * count, waiting
        stack.enter_context(answering(site.vendors, folder))
        while (before := gateway.pending(site)) == waiting:
            time.sleep(0.05)
        began, spent, most = time.perf_counter(), cpu(process.pid), 0.0
        while time.perf_counter() - began < _SECONDS:
            time.sleep(0.25)
            most = max(most, resident(process.pid))
        delivered = before - gateway.pending(site)
        return {
            "deliveries_per_second": [delivered / (time.perf_counter() - began)],
            "cpu_us": [(cpu(process.pid) - spent) / delivered * 1e6],
            "memory_mb": [most],
        }
