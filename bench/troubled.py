"""Vendors in changing condition, and a watch over a contender's memory meanwhile."""

import signal
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from bench.processes import LOAD_CORE, Process, await_port, module, resident, started


class Remembering:
    """A vendor that remembers, in its changing condition."""

    def __init__(self, port: int, file: Path) -> None:
        self._port, self._file = port, file
        self._process: Process | None = None

    def stand(self) -> None:
        """Be there, and healthy."""
        self._stack = ExitStack()
        command = module("bench.numbered", self._port, self._file)
        self._process = self._stack.enter_context(started(command, LOAD_CORE))
        await_port(self._port, self._process)

    def slow(self) -> None:
        """Be late with every answer from now on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def fall(self) -> None:
        """Be gone."""
        if self._process is not None:
            self._stack.close()
            self._process = None

    def told(self) -> Counter[int]:
        """How often it was told of each click; known once it is gone."""
        return Counter(map(int, self._file.read_text().split()))


class Memory:
    """The most that a tree of processes had in use since the last look."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._over = pid, 0.0, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def most(self) -> float:
        """Megabytes."""
        most, self._most = self._most, 0.0
        return most

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self._most = max(self._most, resident(self._pid))
