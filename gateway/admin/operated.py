"""What the admin API operates on: a running gateway, or the store of a stopped one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gateway.config import Config
from gateway.config.history import History
from gateway.contract import Mappings
from gateway.delivery.upstream import Pulse, Upstream
from gateway.delivery.worker import Worker
from gateway.metrics import Metrics
from gateway.store.contract import Store
from gateway.tail import Tail


class Operated(Protocol):
    """A gateway as its operators see it."""

    config: Config
    metrics: Metrics
    history: History
    tail: Tail

    @property
    def mappings(self) -> Mappings:
        """The vendors' languages."""
        ...

    @property
    def store(self) -> Store:
        """What keeps the inbounds."""
        ...

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Who delivers, by target; none when it is stopped."""
        ...

    @property
    def upstreams(self) -> Mapping[str, Upstream]:
        """The vendor accounts that are delivered to, by name; none when it is stopped."""
        ...

    def pulses(self) -> Mapping[str, Pulse]:
        """How each upstream does, over all processes that send to it."""
        ...

    @property
    def public_port(self) -> int | None:
        """The port that takes inbounds; None when it is stopped."""
        ...

    @property
    def capacity(self) -> int | None:
        """Bytes that the store may use; None where nothing bounds it."""
        ...

    def unready(self) -> str | None:
        """Why no work should be sent here; None when it may."""
        ...

    def pause(self, target: str, *, paused: bool) -> None:
        """Hold or release a target; it stays so over reloads."""
        ...

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy of the store to a new file."""
        ...
