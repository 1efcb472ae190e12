"""The delivering half of a gateway: the store, and one worker for every target."""

import asyncio
import contextlib
from collections.abc import Awaitable
from pathlib import Path

from gateway.clocks import Clocks
from gateway.config import Config
from gateway.contract import Mappings
from gateway.delivery.planning import Reader
from gateway.delivery.upstream import Upstream
from gateway.delivery.worker import Means, Worker
from gateway.log import sampler
from gateway.observers import Observers
from gateway.store.contract import Lane, Record
from gateway.store.embedded import DeadBounds, EmbeddedStore
from gateway.store.sqlite import SqliteLog
from gateway.translate import Decoded


class Delivering:
    """The one process that owns the store and every upstream's pace."""

    def __init__(self, config: Config, mappings: Mappings, seen: Observers) -> None:
        self.log = SqliteLog(Path(config.store.path), config.store.max_size, config.store.keep)
        self.store = EmbeddedStore(self.log)
        self.workers: dict[str, Worker] = {}
        self.upstreams: dict[str, Upstream] = {}
        self.paused: set[str] = set()
        self._reader = Reader({name: mapping.example() for name, mapping in mappings.items()})
        self._seen = seen
        self._clocks = Clocks()
        self._running: dict[str, asyncio.Task[None]] = {}
        self.store.shed = self._shed

    async def start(self, config: Config) -> None:
        """Take up the store and deliver what it keeps; raises StoreUnusable."""
        await self.store.open(_lanes(config))
        await self.apply(config)

    async def apply(self, config: Config) -> None:
        """Deliver by another configuration: targets and upstreams that did not change go on undisturbed."""
        self.store.serve(_lanes(config))
        self.store.bounds = DeadBounds(config.deadletters.max_age, config.deadletters.max_size)
        for name, settings in config.upstreams.items():
            if name not in self.upstreams or self.upstreams[name].settings != settings:
                self.upstreams[name] = self._seen.parts.upstream(settings)
        await self._retire(config)
        self._begin(config)

    async def stop(self) -> int:
        """Finish what is under way and close the store; gives the number of deliveries left in it."""
        await self._stop(list(self.workers))
        left = sum([(await self.store.backlog(target)).pending for target in self.store.targets()])
        await self.store.close()
        for upstream in self.upstreams.values():
            await upstream.close()
        return left

    def append(self, record: Record, decoded: Decoded | None = None, /) -> Awaitable[int]:
        """Keep an inbound, as the store does; what it says, where that is known, need not be read out of it again."""
        if decoded is not None:
            self._reader.foresee(record, decoded)
        return self.store.append(record)

    def pause(self, target: str, *, paused: bool) -> None:
        """Hold or release a target; it stays so over reloads."""
        (self.paused.add if paused else self.paused.discard)(target)
        if target in self.workers:
            self.workers[target].paused = paused

    def _shed(self, target: str, count: int) -> None:
        """Count what a target passed over."""
        if target in self.workers:
            vendor = self.workers[target].upstream.mapping.NAME
            self._seen.metrics.target(target, vendor).given_up("shed", count)

    def _begin(self, config: Config) -> None:
        """Start a worker for every target that has none."""
        means = Means(
            store=self.store,
            reader=self._reader,
            metrics=self._seen.metrics,
            tail=self._seen.tail,
            clocks=self._clocks,
            logs=sampler(config.log.requests),
            max_age=config.store.max_age,
        )
        for route in config.routes:
            for one in route.targets:
                name = one.target.name
                if name not in self.workers:
                    self.workers[name] = self._seen.parts.worker(one, self.upstreams[one.upstream], means)
                    self.workers[name].paused = name in self.paused
                    self._running[name] = asyncio.create_task(self.workers[name].run())
                self.workers[name].means = means

    async def _retire(self, config: Config) -> None:
        """Stop the workers whose target is gone or changed, and close upstreams that nobody uses."""
        wanted = {one.target.name: one for route in config.routes for one in route.targets}
        gone = [
            name
            for name, worker in self.workers.items()
            if name not in wanted
            or worker.settings != wanted[name]
            or worker.upstream is not self.upstreams[wanted[name].upstream]
        ]
        old = {self.workers[name].upstream for name in gone}
        await self._stop(gone)
        for name in [name for name in self.upstreams if name not in config.upstreams]:
            old.add(self.upstreams.pop(name))
        for upstream in old.difference(self.upstreams.values()):
            await upstream.close()

    async def _stop(self, names: list[str]) -> None:
        """Stop leasing for these targets and wait for what is under way."""
        for name in names:
            self._running[name].cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running.pop(name)
        await asyncio.gather(*[self.workers.pop(name).finish() for name in names])


def _lanes(config: Config) -> list[Lane]:
    return [
        Lane(one.target.name, route.name, one.from_ == "start", one.max_backlog, one.overflow == "shed")
        for route in config.routes
        for one in route.targets
    ]
