"""The accepting half of a gateway: the public port, and the rules that every inbound is taken by."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config import Config
from gateway.contract import Mappings
from gateway.delivery.at_rest import privacy_at_rest
from gateway.delivery.upstream import Pulse, Upstream
from gateway.limits import RateLimit
from gateway.log import sampler
from gateway.observers import Observers
from gateway.relay import Keeper
from gateway.routing import Table
from gateway.rules import OPEN, Rules, way_of
from gateway.server import PublicServer

_OPEN_RATE: Final = 50.0
"""Requests per second that one address may send on a public route that asks no key."""
_IN_FLIGHT: Final = 10.0
"""Seconds that a drain gives to what is in flight."""


class Accepting:
    """One process's public port; what it accepts goes to `keeper` and, in forward mode, to a primary's `upstreams`.

    It `shares_limits` where other processes accept from the same clients.
    """

    def __init__(
        self, config: Config, mappings: Mappings, keeper: Keeper, seen: Observers, *, shares_limits: bool = False
    ) -> None:
        self._config = config
        self._mappings = mappings
        self._shares_limits = shares_limits
        self._limits: dict[str, RateLimit] = {}
        self._parts = seen.parts
        self._metrics = seen.metrics
        self._upstreams: dict[str, Upstream] = {}
        self._relay = seen.parts.relay(self._rules(config), keeper, seen.metrics, seen.tail)
        self._public = PublicServer(self._relay, config.server)

    async def start(self, listener: socket.socket | None = None) -> int:
        """Listen, on a socket that is shared with other processes where one is given; gives the port."""
        return await self._public.start(listener)

    async def apply(self, config: Config) -> None:
        """Take inbounds by another configuration; who began under the old one ends under it."""
        self._config = config
        old = self._upstreams
        self._relay.rules = self._rules(config)
        self._public.apply(config.server)
        for name, upstream in old.items():
            if self._upstreams.get(name) is not upstream:
                await upstream.close()

    def pulses(self) -> Iterator[tuple[str, Pulse]]:
        """How the upstreams do that callers wait for."""
        return ((name, one.pulse()) for name, one in self._upstreams.items())

    def spent(self) -> dict[str, dict[str, int]]:
        """What was allowed by the clients' limits since this was last asked: by limit, then by key."""
        return {name: spent for name, limit in self._limits.items() if (spent := limit.spent())}

    def charge(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Other processes have allowed so much; a limit that is none any more is passed over."""
        now = time.monotonic()
        for limit, spent in [(self._limits[name], spent) for name, spent in counts.items() if name in self._limits]:
            for key, count in spent.items():
                limit.charge(key, count, now)

    async def drain(self, *, at_once: bool = False) -> None:
        """Ask callers to go elsewhere, for a while unless `at_once`; then stop accepting, finish what is in flight."""
        self._public.drain()
        if not at_once:
            await asyncio.sleep(self._config.server.drain_delay)
        await self._public.stop(_IN_FLIGHT)
        for upstream in self._upstreams.values():
            await upstream.close()

    def _rules(self, config: Config) -> Rules:
        """What the configuration says of inbounds; upstreams that did not change keep their connections."""
        old = self._upstreams
        self._upstreams = {
            name: old[name] if name in old and old[name].settings == settings else self._parts.upstream(settings)
            for name, settings in config.upstreams.items()
        }
        table = Table(config.routes, config.clients.values(), self._mappings, config.server.cors_origins)
        rates = {name: client.rate_limit for name, client in config.clients.items() if client.rate_limit}
        rates[OPEN] = _OPEN_RATE
        limits = self._limits = {name: RateLimit(rate, shared=self._shares_limits) for name, rate in rates.items()}
        logs, privacy = sampler(config.log.requests), privacy_at_rest(config.privacy)
        ways = {route.name: way_of(route, self._upstreams, limits, self._metrics) for route in config.routes}
        return Rules(table, ways, logs, privacy)
