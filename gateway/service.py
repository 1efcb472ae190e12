"""A running gateway: its parts put together, started, reloaded, and drained when it is told to stop."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.admin import AdminServer
from gateway.clocks import Clocks
from gateway.config import Config
from gateway.contract import VendorMapping
from gateway.delivery.upstream import Upstream
from gateway.delivery.worker import Means, Worker
from gateway.limits import RateLimit
from gateway.log import sampler
from gateway.metrics import Metrics, Reading
from gateway.relay import OPEN, Relay, Rules
from gateway.routing import Table
from gateway.server import PublicServer
from gateway.store.contract import Lane
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog

Mappings = Mapping[str, type[VendorMapping]]

_OPEN_RATE: Final = 50.0
"""Requests per second that one address may send on a public route that asks no key."""
_IN_FLIGHT: Final = 10.0
"""Seconds that a drain gives to what is in flight."""
_OF_FREE: Final = 0.8
"""The part of the disk's free space that the store may use where no `max_size` is set."""


class Service:
    """The gateway of one configuration at a time, in one process."""

    def __init__(self, config: Config, mappings: Mappings) -> None:
        self.config = config
        self.mappings = mappings
        self.metrics = Metrics()
        self.log = _log_of(config)
        self.store = EmbeddedStore(self.log)
        self.workers: dict[str, Worker] = {}
        self.upstreams: dict[str, Upstream] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._clocks = Clocks()
        self._relay = Relay(self._rules(config), self.store, self.metrics)
        self._public = PublicServer(self._relay, config.server)
        self._admin = AdminServer(config.admin.host, config.admin.port, self.unready)
        self.metrics.watch(self._readings)

    async def start(self) -> tuple[int, int]:
        """Take up the store, deliver, listen; gives the public and the admin port. Raises StoreUnusable."""
        await self.store.open(_lanes(self.config))
        self._deliver(self.config)
        admin_port = await self._admin.start()
        return await self._public.start(), admin_port

    async def apply(self, config: Config) -> None:
        """Put another configuration in force, whole: who began under the old one ends under it."""
        rules = self._rules(config)
        self.store.serve(_lanes(config))
        self.config = config
        self._relay.rules = rules
        await self._retire(config)
        self._deliver(config)

    async def drain(self) -> int:
        """Say so to balancers, stop accepting, finish what is in flight; gives the number of deliveries left."""
        self._public.draining = True
        await asyncio.sleep(self.config.server.drain_delay)
        await self._public.stop(_IN_FLIGHT)
        await self._stop(list(self.workers))
        left = sum([(await self.store.backlog(target)).pending for target in self.store.targets()])
        await self.store.close()
        for upstream in self.upstreams.values():
            await upstream.close()
        await self._admin.stop()
        return left

    def unready(self) -> str | None:
        """Why no work should be sent here; None when it may."""
        return "draining" if self._public.draining else self.store.unready()

    def _rules(self, config: Config) -> Rules:
        """What the configuration says of inbounds; upstreams that did not change keep their connections and pace."""
        for name, settings in config.upstreams.items():
            if name not in self.upstreams or self.upstreams[name].settings != settings:
                self.upstreams[name] = Upstream(settings)
        table = Table(config.routes, config.clients.values(), self.mappings, config.server.cors_origins)
        limits = {name: RateLimit(client.rate_limit) for name, client in config.clients.items() if client.rate_limit}
        limits[OPEN] = RateLimit(_OPEN_RATE)
        return Rules(table, dict(self.upstreams), limits, sampler(config.log.requests))

    def _deliver(self, config: Config) -> None:
        """Start a worker for every target that has none."""
        means = Means(
            store=self.store,
            sources={name: mapping.example() for name, mapping in self.mappings.items()},
            metrics=self.metrics,
            clocks=self._clocks,
            logs=sampler(config.log.requests),
            max_age=config.store.max_age,
        )
        for route in config.routes:
            for one in route.targets:
                name = one.target.name
                if name not in self.workers:
                    self.workers[name] = Worker(one, self.upstreams[one.upstream], means)
                    self._running[name] = asyncio.create_task(self.workers[name].run())

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
        await self._stop(gone)
        for name in [name for name in self.upstreams if name not in config.upstreams]:
            await self.upstreams.pop(name).close()

    async def _stop(self, names: list[str]) -> None:
        """Stop leasing for these targets and wait for what is under way."""
        for name in names:
            self._running[name].cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running.pop(name)
        for name in names:
            await self.workers.pop(name).finish()

    def _readings(self) -> Iterator[Reading]:
        """The gauges of this moment, as far as they are known without asking the disk."""
        for name, upstream in self.upstreams.items():
            yield "gateway_breaker_open", name, float(upstream.pace.is_open)
            yield "gateway_upstream_held", name, float(upstream.pace.is_held)
        yield "gateway_store_bytes", "", float(self.store.size())


def _lanes(config: Config) -> list[Lane]:
    return [Lane(one.target.name, route.name, one.from_ == "start") for route in config.routes for one in route.targets]


def _log_of(config: Config) -> SqliteLog:
    folder = Path(config.store.path)
    folder.mkdir(parents=True, exist_ok=True)
    max_size = config.store.max_size or int(shutil.disk_usage(folder).free * _OF_FREE)
    return SqliteLog(folder, max_size, config.store.keep)
