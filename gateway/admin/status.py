"""How a gateway is doing, whole."""

import math
import time
from typing import Any

from msgspec import Struct

from gateway.admin import shown
from gateway.admin.call import Call, Nothing
from gateway.admin.masking import Masker
from gateway.admin.operated import Operated
from gateway.admin.readings import Growth, hours_left
from gateway.admin.totals import Totals
from gateway.config.masking import without_userinfo
from gateway.delivery.upstream import Pulse, Upstream
from gateway.routing import Route
from gateway.shaping import When
from gateway.version import version


class Which(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose samples: of one target, of one reason, or all."""

    target: str | None = None
    reason: str | None = None


class Status:
    """The operation that tells it; it remembers how fast the store grows, and since when the gateway runs."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._started_at = time.time()

    async def told(self, call: Call, _: Nothing) -> object:
        """Targets with their backlogs, upstreams, routes, the store, what was counted, and why it is unready, if so."""
        return await self.now(call.gateway)

    async def now(self, gateway: Operated) -> dict[str, Any]:
        """All that stands at this moment."""
        totals, pulses = Totals(gateway.metrics), gateway.pulses()
        return {
            "version": version(),
            "started_at": shown.time_text(self._started_at),
            "now": shown.time_text(time.time()),
            "running": gateway.public_port is not None,
            "unready": gateway.unready(),
            "interactions": sum(totals.interactions.values()),
            "unrouted": totals.route("-")["received"],
            "targets": [await _target(gateway, name, totals) for name in sorted(gateway.store.targets())],
            "upstreams": [_upstream(name, one, pulses[name], totals) for name, one in gateway.upstreams.items()],
            "routes": [_route(route, totals) for route in gateway.config.routes],
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


async def sampled(call: Call, which: Which) -> object:
    """What targets could not carry: each kind of refusal since the start, with its last samples."""
    masker = Masker(call.gateway.config)
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


async def _target(gateway: Operated, name: str, totals: Totals) -> dict[str, Any]:
    backlog = await gateway.store.backlog(name)
    worker, found = gateway.workers.get(name), gateway.config.placed(name)
    oldest = None if backlog.oldest is None else round(max(0.0, time.time() - backlog.oldest / 1e6), 3)
    is_paused = worker is not None and worker.paused
    when, share = (found[1].target.when, found[1].target.share) if found else (When(), None)
    return {
        "name": name,
        "route": found[0].name if found else None,
        "upstream": found[1].upstream if found else None,
        "vendor": found[1].target.mapping.NAME if found else None,
        "pending": backlog.pending,
        "oldest_seconds": oldest,
        "dead": backlog.dead,
        "orphaned": backlog.orphaned,
        "paused": is_paused,
        "state": "orphaned" if backlog.orphaned else "paused" if is_paused else "running",
        "primary": found is not None and found[1].primary,
        "share": None if share is None else {"from": share.start, "to": share.end},
        "when": {key: list(globs) for key, globs in when.patterns} or None,
        "funnel": totals.funnel(name, found[0].name if found else None),
    }


def _upstream(name: str, upstream: Upstream, pulse: Pulse, totals: Totals) -> dict[str, Any]:
    return {
        "name": name,
        "vendor": upstream.mapping.NAME,
        "base_url": without_userinfo(upstream.mapping.base_url),
        "breaker_open": pulse.is_open,
        "held": pulse.is_held,
        "concurrency": upstream.pace.concurrency,
        "max_concurrency": upstream.settings.concurrency,
        "rate_limit": upstream.settings.rate_limit,
        "in_flight": pulse.under_way,
        "paused_seconds": round(pulse.paused_seconds, 3),
        "responses": totals.upstream(name),
    }


def _route(route: Route, totals: Totals) -> dict[str, Any]:
    return {
        "name": route.name,
        "accepts": route.accepts,
        "mode": route.mode,
        "prefix": route.prefix,
        "clients": sorted(route.clients),
        "public": route.public,
        "targets": [one.target.name for one in route.targets],
        **totals.route(route.name),
    }
