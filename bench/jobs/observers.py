"""What metrics and hooks cost while no console looks: the gateway beside itself with counters that do nothing.

Over sockets as the other jobs have it, and in one process without any, where bytecodes are counted and little but the
gateway's own work is in the CPU time.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from msgspec import json

from bench.compare import Effort, measure
from bench.contenders import Site, gateway
from bench.processes import CONTENDER_CORE, free, module, pinned
from bench.results import Outcome, Row
from bench.vendors import answering

SOCKETS, INSIDE = "over sockets", "in one process, no sockets"
_SHORT: Final = Effort(rounds=8, seconds=1)
"""Many short rounds: the two differ by less than one round does from the next."""
_CLICKS: Final = 2_000
_ROUNDS: Final = 30


def run(effort: Effort) -> Outcome:
    """Both in turn, round by round, under each condition."""
    outcome = measure([gateway.forwarding(), gateway.uncounted()], effort if effort.quick else _SHORT)
    for row in outcome.rows:
        row.phase = SOCKETS
    rounds = 6 if effort.quick else _ROUNDS
    outcome.rows += inside(rounds)
    outcome.conditions["in one process"] = f"{rounds} rounds of {_CLICKS:,} clicks, in turn"
    return outcome


def inside(rounds: int) -> list[Row]:
    """The two in one process: CPU round by round, then counts."""
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name), free(), free(), (free(),))
        gateway.forwarding().launch(site)
        with answering(site.vendors, site.folder), pinned(CONTENDER_CORE):
            ran = subprocess.run(  # noqa: S603  # our own module
                module("bench.inside", site.folder / "config.toml", _CLICKS, rounds),
                capture_output=True,
                check=True,
                timeout=300,
            )
    found = json.decode(ran.stdout, type=dict[str, dict[str, list[float]]])
    names = {"with": gateway.NAME, "without": gateway.UNCOUNTED}
    return [Row(names[one], figures, INSIDE) for one, figures in found.items()]
