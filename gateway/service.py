"""A running gateway, put together from its halves: accepting (here or in `workers` processes), delivering, admin."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.accepting import Accepting
from gateway.admin import AdminServer
from gateway.config import Config
from gateway.contract import VendorMapping
from gateway.delivering import Delivering
from gateway.delivery.upstream import Upstream
from gateway.delivery.worker import Worker
from gateway.fleet import Fleet
from gateway.metrics import Metrics, Reading
from gateway.store.embedded import EmbeddedStore

Mappings = Mapping[str, type[VendorMapping]]


class Service:
    """The gateway of one configuration at a time.

    With `[server] workers` above 1, `path` is the file that the accepting processes read their configuration from.
    """

    def __init__(self, config: Config, mappings: Mappings, path: Path | None = None) -> None:
        self.config = config
        self.mappings = mappings
        self.metrics = Metrics()
        self.delivering = Delivering(config, mappings, self.metrics)
        self._draining = False
        self._accepting: Accepting | Fleet = (
            Accepting(config, mappings, self.store, self.metrics)
            if path is None or config.server.workers == 1
            else Fleet(config, path, self.store, self.metrics)
        )
        self._admin = AdminServer(config.admin.host, config.admin.port, self.unready)
        self.metrics.watch(self._readings)

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
        admin_port = await self._admin.start()
        return await self._accepting.start(), admin_port

    async def apply(self, config: Config) -> None:
        """Put another configuration in force, whole: who began under the old one ends under it."""
        self.config = config
        await self.delivering.apply(config)
        await self._accepting.apply(config)

    async def drain(self) -> int:
        """Say so to balancers, stop accepting, finish what is in flight; gives the number of deliveries left."""
        self._draining = True
        await self._accepting.drain()
        left = await self.delivering.stop()
        await self._admin.stop()
        return left

    def unready(self) -> str | None:
        """Why no work should be sent here; None when it may."""
        return "draining" if self._draining else self.store.unready()

    def _readings(self) -> Iterator[Reading]:
        """The gauges of this moment, as far as they are known without asking the disk."""
        for name, upstream in self.upstreams.items():
            yield "gateway_breaker_open", name, float(upstream.pace.is_open)
            yield "gateway_upstream_held", name, float(upstream.pace.is_held)
        yield "gateway_store_bytes", "", float(self.store.size())
