"""Processes under measurement: pinned to a core, ended by their id, their whole tree's CPU time and memory."""

import contextlib
import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
CONTENDER_CORE: Final = _CORES[0]
"""The core that contenders have for themselves, where there is more than one."""
LOAD_CORE: Final = _CORES[-1]
"""The core of the load and the vendors."""
_PORTS: Final = range(16_000, 32_000)
Process = subprocess.Popen[bytes]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started meanwhile runs on this core, with all that it starts."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: Sequence[str], core: int, environment: Mapping[str, str] | None = None, told: IO[bytes] | None = None
) -> Iterator[Process]:
    """A process on a core; what it prints goes to `told`, or nowhere."""
    allow_files()
    with pinned(core):
        process = subprocess.Popen(  # noqa: S603  # the contenders' programs and our own modules
            command,
            stdout=told or subprocess.DEVNULL,
            stderr=subprocess.STDOUT if told else subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        end(process)


def end(process: Process) -> None:
    """Ask a process to stop, and end it when it does not."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs one of our own modules."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def allow_files() -> None:
    """Have as many files open as the system lets this process and its children."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def cpu(pid: int) -> float:
    """User and system seconds that a tree of processes has used, with those of it that have ended."""
    fields = (text.rpartition(")")[2].split() for text in _told(pid, "stat"))
    return sum(sum(map(int, one[11:15])) for one in fields) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Megabytes of memory that a tree of processes has in use; what they share counts once for each."""
    pages = sum(int(text.split()[1]) for text in _told(pid, "statm"))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _told(pid: int, name: str) -> Iterator[str]:
    """What the system tells of each process of a tree that has not ended meanwhile."""
    for one in tree(pid):
        with contextlib.suppress(OSError):
            yield Path(f"/proc/{one}/{name}").read_text()


def await_port(port: int, process: Process | None = None) -> None:
    """Wait until something listens; the process that should has not ended meanwhile."""
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    raise NotListening(port)


class NotListening(Exception):
    """What should listen on a port does not."""

    def __init__(self, port: int) -> None:
        super().__init__(f"nothing listens on port {port}")


def free() -> int:
    """A port that nobody listens on, below those that the system gives to connections: none takes it meanwhile."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
