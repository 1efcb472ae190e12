"""What a console costs that looks on: closed, open at its status, open at what passes.

Under as much load as the gateway takes, and at a steady rate of clicks, as a gateway has them.
"""

from typing import Final

from bench.compare import MAY_FAIL, Effort, Standing, measure, standing
from bench.contenders import Contender, gateway
from bench.processes import cpu, resident
from bench.results import Outcome, Row
from bench.steady import offer

RATE: Final = 5_000
FULL, STEADY = "as fast as it answers", f"{RATE:,} clicks/s"
"""The phases: all that the gateway can take, and so much."""
TAIL: Final = "gateway, console open at the tail"
_WARM: Final = 1.0
_ROUNDS: Final = 3
"""Of the steady load, which is the same whoever looks on."""


def run(effort: Effort) -> Outcome:
    """The three in turn, round by round, first the one load and then the other."""
    outcome = measure(_contenders(), effort)
    for row in outcome.rows:
        row.phase = FULL
    outcome.rows += _steady(_contenders(), effort)
    outcome.conditions["steady load"] = f"{RATE:,} clicks/s offered, whether answered or not, {_ROUNDS} rounds"
    return outcome


def _contenders() -> list[Contender]:
    views = {"gateway, console open": False, TAIL: True}
    return [gateway.forwarding(), *(gateway.watched(tail, name) for name, tail in views.items())]


def _steady(contenders: list[Contender], effort: Effort) -> list[Row]:
    with standing(contenders, 1) as (up, _):
        rows = [Row(one.contender.name, {}, STEADY, one.contender.note) for one in up]
        for one in up:
            offer(one.site.port, RATE, _WARM)
        for _ in range(min(effort.rounds, _ROUNDS)):
            for one, row in zip(up, rows, strict=True):
                for name, sample in _round(one, effort.seconds).items():
                    row.figures.setdefault(name, []).append(sample)
    return rows


def _round(one: Standing, seconds: int) -> dict[str, float]:
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
