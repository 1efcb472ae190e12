"""How a gateway is doing, whole."""

import math
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from msgspec import Struct

from gateway.admin import shown
from gateway.admin.call import Call
from gateway.admin.masking import Masker
from gateway.admin.operated import Operated
from gateway.admin.readings import Growth, hours_left
from gateway.delivery.upstream import Upstream
from gateway.routing import Route, RouteTarget


class Which(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose samples: of one target, of one reason, or all."""

    target: str | None = None
    reason: str | None = None


class Status:
    """The operation that tells it; it remembers how fast the store grows."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    async def told(self, call: Call) -> object:
        """Targets with their backlogs, upstreams, routes, the store, and why the gateway is unready, if it is."""
        gateway = call.gateway
        return {
            "version": _version(),
            "running": gateway.public_port is not None,
            "unready": gateway.unready(),
            "targets": [await _target(gateway, name) for name in sorted(gateway.store.targets())],
            "upstreams": [_upstream(name, one) for name, one in gateway.upstreams.items()],
            "routes": [_route(route) for route in gateway.config.routes],
            "store": self._store(gateway),
        }

    def _store(self, gateway: Operated) -> dict[str, Any]:
        size = gateway.store.size()
        left = hours_left(size, gateway.capacity, self._growth.look(size, time.monotonic()))
        settings = gateway.config.store
        return {
            "kind": settings.kind,
            "bytes": size,
            "max_bytes": gateway.capacity,
            "hours_left": round(left, 2) if math.isfinite(left) else None,
            "keep_seconds": float(settings.keep),
            "max_age_seconds": float(settings.max_age),
        }


def _version() -> str:
    """The installed distribution's version; a checkout that is not installed has none."""
    try:
        return version("interaction-gateway")
    except PackageNotFoundError:
        return "not installed"


async def sampled(call: Call) -> object:
    """What targets could not carry: each kind of refusal since the start, with its last samples."""
    which, masker = call.read(Which), Masker(call.gateway.config)
    return {
        "kinds": [
            {
                "target": kind.target,
                "reason": kind.reason,
                "fields": list(kind.fields),
                "inbounds": kind.count,
                "samples": [
                    {
                        "received_at": shown.time_text(one.received_at / 1e6),
                        "request_id": one.request_id,
                        "endpoint": one.endpoint,
                        "interaction": one.interaction,
                        "body": masker.tree(shown.document(one.body)),
                    }
                    for one in kind.samples
                ],
            }
            for kind in call.gateway.metrics.refusals.kinds(which.target, which.reason)
        ]
    }


async def _target(gateway: Operated, name: str) -> dict[str, Any]:
    backlog = await gateway.store.backlog(name)
    worker, found = gateway.workers.get(name), _configured(gateway, name)
    oldest = None if backlog.oldest is None else round(max(0.0, time.time() - backlog.oldest / 1e6), 3)
    return {
        "name": name,
        "route": found[0].name if found else None,
        "upstream": found[1].upstream if found else None,
        "vendor": found[1].target.mapping.NAME if found else None,
        "pending": backlog.pending,
        "oldest_seconds": oldest,
        "dead": backlog.dead,
        "orphaned": backlog.orphaned,
        "paused": worker is not None and worker.paused,
    }


def _configured(gateway: Operated, name: str) -> tuple[Route, RouteTarget] | None:
    return next(
        ((route, one) for route in gateway.config.routes for one in route.targets if one.target.name == name), None
    )


def _upstream(name: str, upstream: Upstream) -> dict[str, Any]:
    pace = upstream.pace
    return {
        "name": name,
        "vendor": upstream.mapping.NAME,
        "base_url": upstream.mapping.base_url,
        "breaker_open": pace.is_open,
        "held": pace.is_held,
        "concurrency": pace.concurrency,
        "max_concurrency": upstream.settings.concurrency,
        "rate_limit": upstream.settings.rate_limit,
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "accepts": route.accepts,
        "mode": route.mode,
        "prefix": route.prefix,
        "clients": sorted(route.clients),
        "targets": [one.target.name for one in route.targets],
    }
