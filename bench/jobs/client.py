"""The HTTP client that deliveries go by, beside aiohttp's, without anything around them."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from bench.compare import Effort
from bench.processes import CONTENDER_CORE, free, module, pinned
from bench.results import Outcome, Row
from bench.vendors import answering

_COUNT: Final = 30_000
_KINDS: Final = {"gateway": "the gateway's client", "aiohttp": "aiohttp's client"}
ALIKE, NUMBERED = "every answer alike", "a number in each answer"
"""The phases: the gateway's client reads an answer that it knows only once."""


def run(effort: Effort) -> Outcome:
    """Both in turn, each a process of its own in each round, with a vendor of each kind."""
    with tempfile.TemporaryDirectory() as name:
        ports = {ALIKE: free(), NUMBERED: free()}
        with (
            answering((ports[ALIKE],), Path(name)),
            answering((ports[NUMBERED],), Path(name), kind="numbering"),
        ):
            rows = [Row(told, {"cpu_us": [], "wall_us": []}, phase) for phase in ports for told in _KINDS.values()]
            asked = [(kind, port) for port in ports.values() for kind in _KINDS]
            for _ in range(effort.rounds):
                for (kind, port), row in zip(asked, rows, strict=True):
                    for figure, sample in zip(row.figures, _round(kind, port, effort), strict=True):
                        row.figures[figure].append(sample)
    conditions = {
        "exchanges": f"{_COUNT} in each of {effort.rounds} rounds, 64 at a time, to a vendor that answers 204"
    }
    return Outcome(rows, conditions=conditions)


def _round(kind: str, port: int, effort: Effort) -> list[float]:
    count = _COUNT // 10 if effort.quick else _COUNT
    with pinned(CONTENDER_CORE):
        ran = subprocess.run(  # noqa: S603  # our own module
            module("bench.client", kind, port, count), capture_output=True, check=True, timeout=120
        )
    return list(map(float, ran.stdout.split()))
