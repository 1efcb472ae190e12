"""Accepting in several processes on one port: the parent starts them, keeps what they accept, and speaks for all.

Every process accepts from the same listening socket, so that a crash loses no connection that waits. What they accept
is kept by the parent, which alone owns the store and the upstreams' pace: nothing is to be adopted when one dies or
when their number changes.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from gateway.channel import (
    Append,
    Channel,
    Counted,
    Drain,
    Kept,
    Message,
    NotKept,
    Reload,
    Shown,
    Skipped,
    Spent,
    Watch,
)
from gateway.config import Config
from gateway.delivery.upstream import Pulse
from gateway.errors import StoreFull
from gateway.metrics import Metrics
from gateway.ports import listening
from gateway.store.contract import Store
from gateway.tail import Tail

_CALM: Final = 1.0
"""Seconds between a crash and the next start."""
_FAREWELL: Final = 15.0
"""Seconds that a process has to drain beyond `drain_delay` before it is killed."""


class Fleet:
    """The accepting processes."""

    def __init__(self, config: Config, path: Path, store: Store, metrics: Metrics, tail: Tail) -> None:
        self._config = config
        self._path = path
        self._store = store
        self._metrics = metrics
        self._tail = tail
        self._tail.changed = self._watched
        self._log = structlog.get_logger()
        self._channels: dict[int, Channel] = {}
        self._minders: list[asyncio.Task[None]] = []
        self._keeping: set[asyncio.Task[None]] = set()
        self._pulses: dict[int, dict[str, Pulse]] = {}
        self._draining = False
        self._manned = asyncio.Event()
        self._listener: socket.socket | None = None

    async def start(self) -> int:
        """Listen and start the processes; gives the port; raises CannotListen."""
        server = self._config.server
        self._listener = listening("server", server.host, server.port)
        self._minders = [asyncio.create_task(self._mind(number)) for number in range(server.workers)]
        await self._manned.wait()
        return int(self._listener.getsockname()[1])

    async def apply(self, config: Config) -> None:
        """Have every process take up the configuration file."""
        self._config = config
        for channel in self._channels.values():
            channel.send(Reload())

    def pulses(self) -> Iterator[tuple[str, Pulse]]:
        """How the upstreams do that callers wait for, in every process."""
        return ((name, pulse) for found in self._pulses.values() for name, pulse in found.items())

    async def drain(self) -> None:
        """Have every process finish and go."""
        self._draining = True
        for channel in self._channels.values():
            channel.send(Drain())
        await asyncio.gather(*self._minders)
        if self._keeping:
            await asyncio.wait(self._keeping)
        if self._listener is not None:
            self._listener.close()

    async def _mind(self, number: int) -> None:
        """Keep one process alive until the drain."""
        generation = 0
        while not self._draining:
            generation += 1
            status = await self._run(number, generation)
            if not self._draining:
                self._log.error("accepting process ended", number=number, status=status)
                await asyncio.sleep(_CALM)

    async def _run(self, number: int, generation: int) -> int:
        """One process from start to end; gives its exit status."""
        ours, theirs = socket.socketpair()
        assert self._listener is not None  # noqa: S101  # `start` made it
        fds = (theirs.fileno(), self._listener.fileno())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway", "accept", "--config", os.fspath(self._path)),
            *("--channel", str(fds[0]), "--listener", str(fds[1])),
            pass_fds=fds,
            start_new_session=True,
        )
        theirs.close()
        channel = await Channel.over(ours, partial(self._heard, f"{number}.{generation}", number))
        self._channels[number] = channel
        if self._tail.is_watched:
            channel.send(self._watch())
        if len(self._channels) == self._config.server.workers:
            self._manned.set()
        if self._draining:
            channel.send(Drain())
        await channel.closed
        self._pulses.pop(number, None)
        try:
            async with asyncio.timeout(self._config.server.drain_delay + _FAREWELL):
                return await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return await process.wait()

    def _watched(self) -> None:
        """Have every process show what it accepts to those who watch now."""
        for channel in self._channels.values():
            channel.send(self._watch())

    def _watch(self) -> Watch:
        return Watch({number: one.wanted for number, one in self._tail.watchers.items()})

    def _show(self, message: Shown | Skipped) -> None:
        """Pass on what a process showed; its watcher may have gone meanwhile."""
        counts = message.counts if isinstance(message, Skipped) else {}
        for number, count in counts.items():
            if number in self._tail.watchers:
                self._tail.watchers[number].elsewhere += count
        if isinstance(message, Shown):
            watcher = self._tail.watchers.get(message.number)
            if watcher is not None and watcher.takes_seen(message.seen):
                watcher.hear(message.seen)

    def _heard(self, source: str, number: int, message: Message) -> None:
        match message:
            case Append():
                task = asyncio.create_task(self._keep(self._channels[number], message))
                self._keeping.add(task)
                task.add_done_callback(self._keeping.discard)
            case Counted():
                self._metrics.absorb(source, message.samples)
                self._metrics.refusals.absorb(message.refused)
                self._pulses[number] = message.pulses
            case Spent():
                for other, channel in self._channels.items():
                    if other != number:
                        channel.send(message)
            case Shown() | Skipped():
                self._show(message)
            case _:
                self._log.error("unexpected message", number=number, message=type(message).__name__)

    async def _keep(self, channel: Channel, message: Append) -> None:
        try:
            position = await self._store.append(message.record)
        except StoreFull as error:
            channel.send(NotKept(message.number, str(error)))
        else:
            channel.send(Kept(message.number, position))
