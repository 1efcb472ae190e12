"""One accepting process: the public port here, the store at the parent."""

import asyncio
import itertools
import os
import signal
import socket
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import structlog

from gateway import garbage
from gateway.accepting import Accepting
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
from gateway.config import Config, load
from gateway.contract import Mappings
from gateway.errors import ConfigFaults, Overloaded, StoreFull
from gateway.metrics import Metrics
from gateway.observers import Observers
from gateway.store.contract import Record
from gateway.tail import Tail
from gateway.tail.seen import Seen
from gateway.tail.watching import Wanted, Watcher
from gateway.traces import parts
from gateway.translate import Decoded

_COUNT: Final = 0.5
"""Seconds between two reports of what was counted."""
_SHARE: Final = 0.1
"""Seconds between two reports of what was allowed by the clients' limits."""


class Member:
    """The store as an accepting process sees it, and what its parent tells it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._channel: Channel | None = None
        self.tail = Tail()
        self.charge: Callable[[Mapping[str, Mapping[str, int]]], None] = lambda _: None
        """Told what other processes have allowed by the clients' limits."""
        self.reload = asyncio.Event()
        self.drain = asyncio.Event()

    async def connect(self, end: socket.socket) -> Channel:
        """Take up the channel; a parent that is gone ends the process: without it nothing can be kept."""
        self._channel = await Channel.over(end, self._heard)
        self._channel.closed.add_done_callback(self._orphaned)
        return self._channel

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to: asking for it each time would cost a system call."""
        return asyncio.get_running_loop()

    async def append(self, record: Record, _: Decoded | None = None, /) -> int:
        """Have the parent keep an inbound for good; raises StoreFull or Overloaded."""
        if self._channel is None or self._channel.closed.done():
            raise Overloaded("the gateway is stopping", 1)
        number = next(self._numbers)
        waiter: asyncio.Future[int] = self._loop.create_future()
        self._waiting[number] = waiter
        self._channel.send(Append(number, record))
        try:
            return await waiter
        finally:
            del self._waiting[number]

    def _heard(self, message: Message) -> None:
        match message:
            case Kept(number, position):
                if number in self._waiting and not self._waiting[number].done():
                    self._waiting[number].set_result(position)
            case NotKept(number, reason):
                if number in self._waiting and not self._waiting[number].done():
                    self._waiting[number].set_exception(StoreFull(reason))
            case Reload():
                self.reload.set()
            case Drain():
                self.drain.set()
            case Spent(counts):
                self.charge(counts)
            case Watch(wanted):
                self._watch(wanted)
            case _:
                pass

    def skipped(self) -> dict[int, int]:
        """What each watcher was not shown since it was last asked."""
        self.tail.renew()
        return {number: count for number, one in self.tail.watchers.items() if (count := one.taken_skipped())}

    def _watch(self, wanted: dict[int, Wanted]) -> None:
        """Show to these and no others what passes; who watched already goes on as it was."""
        old = self.tail.watchers
        self.tail.put(
            {number: old.get(number) or Watcher(one, partial(self._show, number)) for number, one in wanted.items()}
        )

    def _show(self, number: int, seen: Seen) -> None:
        if self._channel is not None:
            self._channel.send(Shown(number, seen))

    def _orphaned(self, _: object) -> None:
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(Overloaded("the gateway is stopping", 1))
        self.drain.set()


async def run(path: Path, mappings: Mappings, config: Config, channel: socket.socket, listener: socket.socket) -> None:
    """Accept until the parent says otherwise or is gone."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    metrics, member = Metrics(), Member()
    parent = await member.connect(channel)
    observers = Observers(metrics, member.tail, parts(config.traces))
    accepting = Accepting(config, mappings, member, observers, shares_limits=True)
    member.charge = accepting.charge
    await accepting.start(listener)
    garbage.settle()
    tasks = [
        asyncio.create_task(_count(parent, metrics, accepting, member)),
        asyncio.create_task(_share(parent, accepting)),
        asyncio.create_task(_reload(member, accepting, path, mappings)),
    ]
    await member.drain.wait()
    await accepting.drain(at_once=parent.closed.done())
    for task in tasks:
        task.cancel()
    parent.send(_counted(metrics, accepting))
    parent.close()
    await parent.closed
    await observers.parts.end()


def _counted(metrics: Metrics, accepting: Accepting) -> Counted:
    return Counted(list(metrics.samples()), dict(accepting.pulses()), metrics.refusals.taken())


async def _count(parent: Channel, metrics: Metrics, accepting: Accepting, member: Member) -> None:
    while True:
        await asyncio.sleep(_COUNT)
        parent.send(_counted(metrics, accepting))
        if skipped := member.skipped():
            parent.send(Skipped(skipped))


async def _share(parent: Channel, accepting: Accepting) -> None:
    while True:
        await asyncio.sleep(_SHARE)
        if spent := accepting.spent():
            parent.send(Spent(spent))


async def _reload(member: Member, accepting: Accepting, path: Path, mappings: Mappings) -> None:
    while True:
        await member.reload.wait()
        member.reload.clear()
        try:
            await accepting.apply(load(path, mappings, os.environ))
        except ConfigFaults as error:
            structlog.get_logger().error(  # the faults say it all
                "configuration refused", faults=[str(fault) for fault in error.faults]
            )
