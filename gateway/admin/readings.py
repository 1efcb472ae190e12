"""What is measured when it is asked for: how far each target is, how the upstreams do, how full the store is."""

import time
from collections import deque
from typing import Final

from gateway.admin.operated import Operated
from gateway.metrics import Reading

_SPACING: Final = 5.0
_WINDOW: Final = 900.0


class Growth:
    """How fast the store grows, over the last quarter of an hour that was looked at; time is monotonic seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, size: int, now: float) -> float:
        """Bytes per second up to now; 0.0 while nothing is known or nothing grows."""
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        if not self._seen or now - self._seen[-1][0] >= _SPACING:
            self._seen.append((now, size))
        since, before = self._seen[0]
        return max(0.0, (size - before) / (now - since)) if now > since else 0.0


def hours_left(size: int, capacity: int | None, rate: float) -> float:
    """Hours until the store is full at a rate in bytes per second; infinite while it does not grow."""
    if capacity is None:
        return float("inf")
    if size >= capacity:
        return 0.0
    return (capacity - size) / rate / 3600 if rate > 0 else float("inf")


async def readings(gateway: Operated, growth: Growth) -> list[Reading]:
    """Every gauge."""
    found: list[Reading] = []
    store, now = gateway.store, time.time()
    for target in store.targets():
        backlog = await store.backlog(target)
        age = 0.0 if backlog.oldest is None else max(0.0, now - backlog.oldest / 1e6)
        found += [
            ("gateway_store_pending", target, float(backlog.pending)),
            ("gateway_store_oldest_seconds", target, age),
            ("gateway_deadletters", target, float(backlog.dead)),
        ]
    for name, pulse in gateway.pulses().items():
        found += [
            ("gateway_breaker_open", name, float(pulse.is_open)),
            ("gateway_upstream_held", name, float(pulse.is_held)),
        ]
    size = store.size()
    rate = growth.look(size, time.monotonic())
    found += [
        ("gateway_store_bytes", "", float(size)),
        ("gateway_store_hours_left", "", hours_left(size, gateway.capacity, rate)),
    ]
    return found
