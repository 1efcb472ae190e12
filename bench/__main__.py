"""`python -m bench [JOB…] [--quick] [--minutes N]` measures; `python -m bench report [--check]` writes the document.

`python -m bench guard [--record]` compares what the pure core does with what is recorded.
"""

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import guard, machine, report, tables
from bench.compare import QUICK, Effort
from bench.contenders import setup
from bench.jobs import backlog, client, console, core, idle, loads, observers, page, slow_vendor, soak, startup
from bench.processes import LOAD_CORE, NotListening, pinned
from bench.results import FOLDER, Outcome, Result, write

JOBS: Final[dict[str, Callable[[Effort], Outcome]]] = {
    "forward": loads.forward,
    "shadow": loads.shadow,
    "tls": loads.tls,
    "accept": loads.accept,
    "console": console.run,
    "observers": observers.run,
    "fan-out": loads.fan_out,
    "slow-vendor": slow_vendor.run,
    "idle": idle.run,
    "startup": startup.run,
    "backlog": backlog.run,
    "client": client.run,
    "core": core.run,
}
"""Those of the default run."""
LONG: Final[dict[str, tuple[Callable[[int, float], Outcome], int]]] = {"soak": (soak.run, 20), "page": (page.run, 10)}
"""Those that take minutes, with how many: as many samples as they are given, each of so many seconds."""
_MINUTE: Final = 60.0
_ALONE: Final = frozenset({"report", "guard"})
"""What measures nothing and goes with no job."""


def main(arguments: list[str]) -> int:
    """Measure, or write the document."""
    asked = _parsed(arguments)
    if asked.jobs == ["report"]:
        return _report(check=asked.check)
    if asked.jobs == ["guard"]:
        return guard.record() if asked.record else guard.check()
    if not Path("/proc/self/stat").exists():
        sys.exit("the bench reads CPU time and memory from /proc: it needs Linux")
    setup.set_up()
    began = time.monotonic()
    with pinned(LOAD_CORE):
        failed = [name for name in asked.jobs or JOBS if not _measured(name, asked)]
    minutes = (time.monotonic() - began) / 60
    print(f"\n{minutes:.1f} minutes; `python -m bench report` brings docs/performance.md up to date")
    if failed:
        print(f"failed, so that earlier results stand: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measured(name: str, asked: argparse.Namespace) -> bool:
    """Run a job, show what came of it and write it down; gives whether it succeeded."""
    print(f"\n{name}", flush=True)
    began, busy, commit = time.monotonic(), machine.busy(), machine.commit()
    try:
        outcome = _run(name, asked)
    except (AssertionError, OSError, NotListening, subprocess.SubprocessError) as fault:
        traceback.print_exception(fault)
        return False
    result = Result(
        job=name,
        commit=commit,
        day=machine.day(),
        quick=asked.quick,
        busy=busy,
        machine=machine.described(),
        versions=machine.versions(),
        conditions=outcome.conditions,
        rows=outcome.rows,
        skipped=outcome.skipped,
    )
    write(result, asked.results)
    print(tables.table(result))
    print(f"{tables.notes(result)}\nTook {time.monotonic() - began:.0f} s.", flush=True)
    return True


def _run(name: str, asked: argparse.Namespace) -> Outcome:
    if name in LONG:
        run, minutes = LONG[name]
        return run(asked.minutes or minutes, _MINUTE / 10 if asked.quick else _MINUTE)
    return JOBS[name](QUICK if asked.quick else Effort())


def _report(*, check: bool) -> int:
    if not check:
        report.write()
    elif not report.is_current():
        print("docs/performance.md is not what bench/results says: run `python -m bench report`", file=sys.stderr)
        return 1
    return 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "jobs",
        nargs="*",
        metavar="JOB",
        help=f"{', '.join(JOBS)}; {', '.join(LONG)}; report; guard. Default: those before the first semicolon",
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, to see that it works; nothing to publish")
    parser.add_argument("--minutes", type=int, help="of soak (default: 20) and page (default: 10)")
    parser.add_argument("--results", type=Path, default=FOLDER, help="the folder that results go to")
    parser.add_argument("--check", action="store_true", help="report: only say whether the document is up to date")
    parser.add_argument("--record", action="store_true", help="guard: record what is counted as what is meant")
    asked = parser.parse_args(arguments)
    unknown = set(asked.jobs) - {*JOBS, *LONG, *_ALONE}
    if unknown or (len(asked.jobs) > 1 and not _ALONE.isdisjoint(asked.jobs)):
        parser.error(f"no such job: {', '.join(sorted(unknown))}" if unknown else "report and guard stand alone")
    return asked


sys.exit(main(sys.argv[1:]))
