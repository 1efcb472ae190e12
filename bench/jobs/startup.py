"""How long each contender takes from its start until it listens, beside an interpreter that does nothing."""

import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.compare import Effort
from bench.contenders import Contender, Site, bare, envoy, gateway, nginx, segment
from bench.processes import CONTENDER_CORE, Process, free, pinned, resident, started
from bench.results import Outcome, Row, Skipped

_PATIENCE: Final = 30.0
_BARE: Final = "python -c pass"


def run(effort: Effort) -> Outcome:
    """All in turn, round by round."""
    wanted = [gateway.forwarding(), bare.proxy(), nginx.proxy(), envoy.transform(), segment.kit()]
    outcome, contenders = Outcome([]), []
    for one in wanted:
        why = one.missing()
        if why is None:
            contenders.append(one)
        else:
            outcome.skipped.append(Skipped(one.name, why))
    rows = {one.name: Row(one.name, {"start_ms": [], "memory_mb": []}) for one in contenders}
    rows[_BARE] = Row(_BARE, {"start_ms": []})
    rounds = 3 if effort.quick else 5
    for _ in range(rounds):
        for one in contenders:
            for name, sample in _started(one).items():
                rows[one.name].figures[name].append(sample)
        rows[_BARE].figures["start_ms"].append(_interpreter())
    outcome.rows, outcome.conditions = list(rows.values()), {"rounds": f"{rounds}, contenders in turn"}
    return outcome


def listening(port: int, process: Process, began: float) -> float:
    """Milliseconds since `began` when something listens on the port."""
    while time.perf_counter() - began < _PATIENCE and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return (time.perf_counter() - began) * 1000
        time.sleep(0.001)
    raise AssertionError("it does not listen")


def _started(contender: Contender) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name), free(), free(), (9,))
        launch = contender.launch(site)
        began = time.perf_counter()
        with started(launch.command, CONTENDER_CORE, launch.environment) as process:
            return {"start_ms": listening(site.port, process, began), "memory_mb": resident(process.pid)}


def _interpreter() -> float:
    began = time.perf_counter()
    with pinned(CONTENDER_CORE):
        subprocess.run([sys.executable, "-c", "pass"], check=True)  # our own interpreter
    return (time.perf_counter() - began) * 1000
