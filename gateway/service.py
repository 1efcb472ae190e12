"""A running gateway, put together from its halves: accepting (here or in `workers` processes), delivering, admin."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gateway.accepting import Accepting
from gateway.admin.server import AdminServer
from gateway.config import Config
from gateway.config.history import History
from gateway.contract import Mappings
from gateway.delivering import Delivering
from gateway.delivery.upstream import Pulse, Upstream
from gateway.delivery.worker import Worker
from gateway.errors import CannotListen
from gateway.fleet import Fleet
from gateway.metrics import Metrics
from gateway.observers import Observers
from gateway.store.embedded import EmbeddedStore
from gateway.tail import Tail
from gateway.traces import parts


class Service:
    """The gateway of one configuration at a time; raises CannotTrace where it cannot make the traces that are wanted.

    With `[server] workers` above 1, `path` is the file that the accepting processes read their configuration from.
    `metrics` is what this process is counted by, if not by counters of its own.
    """

    def __init__(
        self, config: Config, mappings: Mappings, path: Path | None = None, metrics: Metrics | None = None
    ) -> None:
        self.config = config
        self.mappings = mappings
        self.metrics = metrics or Metrics()
        self.metrics.expect(config.routes)
        self.history = History(config)
        self.tail = Tail()
        self._observers = Observers(self.metrics, self.tail, parts(config.traces))
        self.delivering = Delivering(config, mappings, self._observers)
        self._draining = False
        self._accepting: Accepting | Fleet = (
            Accepting(config, mappings, self.delivering, self._observers)
            if path is None or config.server.workers == 1
            else Fleet(config, path, self.store, self.metrics, self.tail)
        )
        self._admin = AdminServer(self, config.admin)
        self.public_port: int | None = None

    @property
    def store(self) -> EmbeddedStore:
        """What keeps the inbounds."""
        return self.delivering.store

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Who delivers, by target."""
        return self.delivering.workers

    @property
    def upstreams(self) -> Mapping[str, Upstream]:
        """The vendor accounts that are delivered to, by name."""
        return self.delivering.upstreams

    async def start(self) -> tuple[int, int]:
        """Take up the store, deliver, listen; gives the public and the admin port.

        Raises StoreUnusable or CannotListen.
        """
        await self.delivering.start(self.config)
        try:
            admin_port = await self._admin.start()
            self.public_port = await self._accepting.start()
        except CannotListen:
            await self.delivering.stop()
            await self._admin.stop()
            raise
        return self.public_port, admin_port

    async def apply(self, config: Config) -> None:
        """Put another configuration in force, whole: who began under the old one ends under it."""
        # In this order: a route's targets are known before it accepts, and neither waits for what ends in the other.
        await asyncio.gather(self.delivering.apply(config), self._accepting.apply(config))
        self.config = config
        self.metrics.expect(config.routes)

    async def drain(self) -> int:
        """Say so to balancers, stop accepting, finish what is in flight; gives the number of deliveries left."""
        self._draining = True
        await self._accepting.drain()
        left = await self.delivering.stop()
        await self._admin.stop()
        await self._observers.parts.end()
        return left

    def pulses(self) -> Mapping[str, Pulse]:
        """How each upstream does, over all processes that send to it."""
        found = {name: one.pulse() for name, one in self.upstreams.items()}
        for name, pulse in self._accepting.pulses():
            found[name] = pulse.beside(found[name]) if name in found else pulse
        return found

    def unready(self) -> str | None:
        """Why no work should be sent here; None when it may."""
        return "draining" if self._draining else self.store.unready()

    @property
    def capacity(self) -> int | None:
        """Bytes that the store may use."""
        return self.delivering.log.max_size

    def pause(self, target: str, *, paused: bool) -> None:
        """Hold or release a target; it stays so over reloads."""
        self.delivering.pause(target, paused=paused)

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy of the store to a new file."""
        await self.delivering.log.backup(path)
