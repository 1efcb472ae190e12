"""What a console costs that looks on: closed, open at its status, open at what passes.

Under as much load as the gateway takes, and at a steady rate of clicks, as a gateway has them. It is one process that
is looked at and not, in turn: two of them differ by as much as is measured here.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from bench.compare import MAY_FAIL, Effort, Standing, standing, under_load, warm
from bench.contenders import gateway
from bench.load import CONNECTIONS
from bench.processes import cpu, resident
from bench.results import Outcome, Row
from bench.steady import offer

RATE: Final = 5_000
FULL, STEADY = "as fast as it answers", f"{RATE:,} clicks/s"
"""The phases: all that the gateway can take, and so much."""
TAIL: Final = "gateway, console open at the tail"
_VIEWS: Final = {gateway.NAME: None, "gateway, console open": "/api/events?tail=0", TAIL: "/api/events"}
"""What it is called, and where the console reads."""
_WARM: Final = 1.0
_ROUNDS: Final = 3
"""Of the steady load, which is the same whoever looks on."""


def run(effort: Effort) -> Outcome:
    """The three in turn, round by round, first the one load and then the other."""
    full, steady = ([Row(name, {}, phase) for name in _VIEWS] for phase in (FULL, STEADY))
    with standing([gateway.forwarding()], 1) as ((one,), _):
        warm(one, effort.seconds)
        for _ in range(effort.rounds):
            for row in full:
                with _looking(one, row):
                    row.add(under_load(one, effort.seconds))
        offer(one.site.port, RATE, _WARM)
        for _ in range(min(effort.rounds, _ROUNDS)):
            for row in steady:
                with _looking(one, row):
                    row.add(_at_a_rate(one, effort.seconds))
    conditions = {
        "load": f"{CONNECTIONS} keep-alive connections, as fast as they are answered",
        "rounds": f"{effort.rounds} of {effort.seconds} s, one gateway, the console opened and closed in turn",
        "steady load": f"{RATE:,} clicks/s offered, whether answered or not, {_ROUNDS} rounds",
    }
    return Outcome([*full, *steady], conditions=conditions)


def _looking(one: Standing, row: Row) -> AbstractContextManager[None]:
    path = _VIEWS[row.contender]
    return nullcontext() if path is None else gateway.watching(one.site, path)


def _at_a_rate(one: Standing, seconds: int) -> dict[str, float]:
    before = cpu(one.process.pid)
    offered = offer(one.site.port, RATE, seconds)
    assert offered.failed <= offered.requests * MAY_FAIL, (one.contender.name, offered)
    return {
        "cpu_us": (cpu(one.process.pid) - before) / offered.requests * 1e6,
        "per_second": offered.requests / offered.seconds,
        "p50_ms": offered.p50,
        "p99_ms": offered.p99,
        "memory_mb": resident(one.process.pid),
    }
