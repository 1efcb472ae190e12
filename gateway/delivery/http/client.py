"""The client of one upstream: a pool for each origin, and one sweep over all that is under way instead of timers."""

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from msgspec import Struct

from gateway.contract import Outbound
from gateway.delivery.http.dial import Dialer
from gateway.delivery.http.exchange import Exchange, Outcome
from gateway.delivery.http.pool import Pool
from gateway.delivery.http.proxy import Proxy
from gateway.delivery.http.request import Origin, head_of
from gateway.errors import DeliveryFailed, NotSent, TimedOut, Unsendable

_CONNECT: Final = 0.8
"""The part of the timeout after which a request that has no connection yet is known as not sent."""
_TICKS: Final = 20
"""Sweeps in one timeout at least: an exchange may outlast it by one of them."""
_SLOWEST: Final = 0.1
"""Seconds between two sweeps at most."""


class Limits(Struct, frozen=True):
    """How long an exchange may take, how many connections an origin gets, and how long an idle one lasts; seconds."""

    timeout: float
    concurrency: int
    keepalive: float


class Client:
    """Sends outbounds over pooled connections; belongs to one event loop."""

    def __init__(self, limits: Limits, tls: Callable[[], ssl.SSLContext], proxy: str | None = None) -> None:
        self._limits = limits
        self._proxy = None if proxy is None else Proxy.of(proxy)
        self._lines = None if self._proxy is None else self._proxy.lines
        self._dialer = Dialer(tls, limits.timeout * _CONNECT, self._proxy)
        self._pools: dict[Origin, Pool] = {}
        self._way = lru_cache(maxsize=512)(self._find_way)
        self._active: dict[Exchange, bool] = {}
        self._tick = min(limits.timeout / _TICKS, _SLOWEST)
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._over = asyncio.Event()

    def send(self, outbound: Outbound, done: Callable[[Outcome], object]) -> Exchange:
        """Send once; `done` is called once, later, unless the exchange is cancelled."""
        body = outbound.body
        try:
            pool, head = self._way(outbound.method, outbound.url, tuple(outbound.headers.items()))
        except Unsendable as failure:
            return self._refuse(failure, done)
        if body is None:
            request = head + (b"\r\n" if outbound.method == "GET" else b"content-length: 0\r\n\r\n")
        else:
            request = b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        exchange = Exchange(self._active, done, pool.time(), request, outbound.method == "HEAD")
        self._active[exchange] = True
        if self._timer is None:
            self._watch()
        pool.take(exchange)
        return exchange

    @property
    def under_way(self) -> int:
        """Exchanges that have not ended."""
        return len(self._active)

    async def close(self) -> None:
        """Close every connection, once what is under way has ended; what is sent later still goes out."""
        self._closing = True
        while self._active:
            self._over.clear()
            await self._over.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*[pool.close() for pool in self._pools.values()])

    def _refuse(self, failure: Unsendable, done: Callable[[Outcome], object]) -> Exchange:
        """Call back that an outbound cannot be sent."""
        loop = asyncio.get_running_loop()
        exchange = Exchange(self._active, done, loop.time())
        self._active[exchange] = True
        if self._timer is None:
            self._watch()
        loop.call_soon(exchange.end, failure)
        return exchange

    def _watch(self) -> None:
        """Have a sweep come as long as something is under way."""
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._sweep)

    def _find_way(self, method: str, url: str, headers: tuple[tuple[str, str], ...]) -> tuple[Pool, bytes]:
        """Where an outbound goes, and all of its head but the length: most of what goes to an upstream has the same."""
        origin, head = head_of(method, url, headers, self._lines)
        return self._pools.get(origin) or self._pool(origin), head

    def _pool(self, origin: Origin) -> Pool:
        pool = Pool(partial(self._dialer.connect, origin), self._limits.concurrency, self._limits.keepalive)
        self._pools[origin] = pool
        return pool

    def _sweep(self) -> None:
        """End what takes too long, retire what is idle too long, and come back while there is either."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for exchange, failure in self._late(now):
            exchange.withdraw()
            loop.call_soon(exchange.end, failure)
        idle = [pool.retire(now) for pool in self._pools.values()]
        if self._closing and not self._active:
            self._over.set()
            for pool in self._pools.values():
                pool.drop()
        self._timer = None
        if self._active or any(idle):
            self._watch()

    def _late(self, now: float) -> list[tuple[Exchange, DeliveryFailed]]:
        """What has waited too long for a connection, or was written and not answered in time; oldest come first."""
        late: list[tuple[Exchange, DeliveryFailed]] = []
        timeout = self._limits.timeout
        for exchange in self._active:
            took = now - exchange.began
            if took < timeout * _CONNECT:
                break
            if exchange.connection is None:
                late.append((exchange, NotSent("the upstream cannot be reached: no connection in time")))
            elif took >= timeout:
                late.append((exchange, TimedOut("the upstream did not answer in time")))
        return late
