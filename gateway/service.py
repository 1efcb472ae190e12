"""A running gateway: its parts put together, started, and drained when it is told to stop."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from gateway.admin import AdminServer
from gateway.config import Config
from gateway.contract import VendorMapping
from gateway.delivery.upstream import Upstream
from gateway.limits import RateLimit
from gateway.log import sampler
from gateway.relay import OPEN, Relay
from gateway.routing import Table
from gateway.server import PublicServer

_OPEN_RATE: Final = 50.0
"""Requests per second that one address may send on a public route that asks no key."""
_IN_FLIGHT: Final = 10.0
"""Seconds that a drain gives to what is in flight."""


class Service:
    """The gateway of one configuration, in one process."""

    def __init__(self, config: Config, mappings: Mapping[str, type[VendorMapping]]) -> None:
        self._config = config
        self._upstreams = {name: Upstream(settings) for name, settings in config.upstreams.items()}
        table = Table(config.routes, config.clients.values(), mappings, config.server.cors_origins)
        limits = {name: RateLimit(client.rate_limit) for name, client in config.clients.items() if client.rate_limit}
        limits[OPEN] = RateLimit(_OPEN_RATE)
        self._relay = Relay(table, self._upstreams, limits, sampler(config.log.requests))
        self._public = PublicServer(self._relay, config.server)
        self._admin = AdminServer(config.admin.host, config.admin.port, self._unready)

    async def start(self) -> tuple[int, int]:
        """Listen on both ports; gives them, the public one first."""
        admin_port = await self._admin.start()
        return await self._public.start(), admin_port

    async def drain(self) -> int:
        """Say so to balancers, stop accepting, finish what is in flight; gives the number of outbounds left."""
        self._public.draining = True
        await asyncio.sleep(self._config.server.drain_delay)
        await self._public.stop(_IN_FLIGHT)
        left = await self._relay.drain(_IN_FLIGHT)
        for upstream in self._upstreams.values():
            await upstream.close()
        await self._admin.stop()
        return left

    def _unready(self) -> str | None:
        return "draining" if self._public.draining else None


async def run(
    config: Config, mappings: Mapping[str, type[VendorMapping]], announce: Callable[[int, int], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; `announce` hears the public and the admin port."""
    log = structlog.get_logger()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = Service(config, mappings)
    announce(*await service.start())
    await stop.wait()
    log.info("draining")
    left = await service.drain()
    log.info("stopped", left=left)
