"""A gateway that is not running, as its operators see it: its configuration, and its store opened by a command."""

from collections.abc import Mapping
from pathlib import Path

from gateway.config import Config
from gateway.config.history import History
from gateway.contract import Mappings
from gateway.delivery.upstream import Pulse, Upstream
from gateway.delivery.worker import Worker
from gateway.metrics import Metrics
from gateway.store.contract import Lane
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog
from gateway.tail import Tail


class Halted:
    """What `gateway.admin.operated.Operated` asks for, with nothing under way."""

    def __init__(self, config: Config, mappings: Mappings) -> None:
        self.config = config
        self.mappings = mappings
        self.metrics = Metrics()
        self.history = History(config)
        self.tail = Tail()
        self.workers: Mapping[str, Worker] = {}
        self.upstreams: Mapping[str, Upstream] = {}
        self.public_port: int | None = None
        self._log = SqliteLog(Path(config.store.path), config.store.max_size, config.store.keep)
        self.store = EmbeddedStore(self._log)

    async def open(self) -> None:
        """Take up the store, adding no target to it; raises StoreUnusable when a gateway holds it."""
        await self.store.open(None)
        known = self.store.targets()
        lanes = [Lane(one.target.name, route.name) for route in self.config.routes for one in route.targets]
        self.store.serve([lane for lane in lanes if lane.target in known])

    async def close(self) -> None:
        """Write what is decided and let go."""
        await self.store.close()

    @property
    def capacity(self) -> int | None:
        """Bytes that the store may use."""
        return self._log.max_size

    def pulses(self) -> Mapping[str, Pulse]:
        """None: nothing is sent."""
        return {}

    def unready(self) -> str | None:
        """That it is stopped."""
        return "stopped"

    def pause(self, target: str, *, paused: bool) -> None:
        """Nothing: nobody delivers."""

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy of the store to a new file."""
        await self._log.backup(path)
