"""A load at a steady rate, as a process of its own: late answers do not slow it down.

`python -m bench.steady PORT RATE SECONDS PERIODS` offers so many clicks a second and prints a line of JSON after each
period of so many seconds.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import uvloop
from msgspec import json

from bench.load import Offered
from bench.numbered import Load
from bench.processes import LOAD_CORE, end, module, pinned


def offer(port: int, rate: int, seconds: float) -> Offered:
    """One period of it."""
    with offering(port, rate, seconds, 1) as lines:
        return period(lines)


@contextmanager
def offering(port: int, rate: int, seconds: float, periods: int) -> Iterator[IO[bytes]]:
    """The load while it goes on, its lines to be read by `period`."""
    command = module("bench.steady", port, rate, seconds, periods)
    with pinned(LOAD_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  # our own module
    try:
        assert process.stdout is not None
        with process.stdout:
            yield process.stdout
    finally:
        end(process)


def period(lines: IO[bytes]) -> Offered:
    """What came of the next period."""
    return json.decode(lines.readline(), type=Offered)


async def _offer(load: Load, rate: int, seconds: float) -> Offered:
    started = time.perf_counter()
    found = await load.offer(rate, seconds)
    spent = time.perf_counter() - started
    return Offered(len(found.seconds), spent, found.percentile(0.5), found.percentile(0.99), found.failed)


async def _main(port: int, rate: int, seconds: float, periods: int) -> None:
    load = Load(port)
    for _ in range(periods):
        print(json.encode(await _offer(load, rate, seconds)).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
