"""One inbound's whole life, in order; the one error boundary; the one log line.

take: match the route → read the body → decode → answer, and log
_forward: translate for every target → queue the others → send the primary → word its answer
"""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Answer, Inbound, VendorMapping
from gateway.delivery.forward import Sent, send_all, word
from gateway.delivery.shadow import Shadow
from gateway.delivery.upstream import Upstream
from gateway.errors import GatewayError, Overloaded, RateLimited, UpstreamAnswered, WrongContentType, WrongMethod
from gateway.limits import RateLimit
from gateway.routing import Match, Table
from gateway.translate import Decoded, Translation, decode, translate
from gateway.wire import encode_json

OPEN: Final = "*"
"""Whose limit holds, for each address, on a public route that asks no key."""
_JSON: Final = ("application/json", "text/plain")
"""The content types a body may claim: JSON, or what a browser's sendBeacon says of text."""
KEPT_HEADERS: Final = ("user-agent", "referer", "origin")
"""The caller's headers that a mapping may read or pass on; all others end here."""


class Request(Struct, frozen=True):
    """One HTTP request on the public port; `body` reads it, within its limits, when it is asked for."""

    id: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    client_ip: str | None
    body: Callable[[], Awaitable[bytes]]


class Line(Struct):
    """What the log says of one inbound."""

    request_id: str
    route: str = "-"
    vendor: str = "-"
    client: str | None = None
    interactions: int = 0
    targets: dict[str, str] | None = None
    losses: frozenset[str] = frozenset()
    copied: frozenset[str] = frozenset()
    refused: tuple[str, ...] = ()
    error: str | None = None


class Relay:
    """What happens to every inbound: `table` says where it belongs, `upstreams` are the vendors by name."""

    def __init__(
        self,
        table: Table,
        upstreams: Mapping[str, Upstream],
        limits: Mapping[str, RateLimit],
        logs: Callable[[int], bool],
    ) -> None:
        self._table = table
        self._limits = limits
        self._upstreams = upstreams
        self._logs = logs
        self._log = structlog.get_logger()
        self._shadows = {
            one.target.name: Shadow(one.target.name, upstreams[one.upstream], self._report)
            for route in table.routes
            for one in route.targets
            if not one.primary
        }

    async def take(self, request: Request) -> Answer:
        """The answer to one inbound, in its caller's dialect, whatever happens."""
        started = time.perf_counter()
        line = Line(request.id)
        dialect: VendorMapping | None = None
        try:
            place = self._table.find(request.path)
            dialect = place.dialect
            if request.method == "OPTIONS":
                answer = Answer(204, headers=self._table.preflight(place, request.headers))
            else:
                match = self._table.match(place, request.method, request.headers, request.query)
                line.route, line.vendor, line.client = match.route.name, match.route.accepts, match.client
                dialect = match.source
                self._hold_back(match, request)
                inbound = await _inbound(request, match)
                answer = await self._forward(match, decode(match.source, inbound), line)
        except GatewayError as error:
            line.error = error.code
            answer = _worded(dialect, error)
        except Exception:
            self._log.exception("inbound failed", request_id=request.id, route=line.route)
            line.error = "internal"
            answer = _worded(dialect, GatewayError("the gateway failed; the request was not sent"))
        self._write(line, request, answer.status, time.perf_counter() - started)
        return self._finished(answer, request)

    async def drain(self, seconds: float) -> int:
        """Send what waits for the targets that nobody waits for; gives the number of outbounds left."""
        return sum([await shadow.drain(seconds) for shadow in self._shadows.values()])

    async def _forward(self, match: Match, decoded: Decoded, line: Line) -> Answer:
        """Every target told, the primary's answer awaited."""
        route = match.route
        line.interactions = len(decoded.interactions)
        translations = {one.target.name: translate(decoded, one.target) for one in route.targets}
        line.losses = frozenset().union(*(each.losses for each in translations.values()))
        line.copied = frozenset().union(*(each.copied for each in translations.values()))
        line.refused = _refusals(translations)
        line.targets = {}
        primary = next(one for one in route.targets if one.primary)
        for one in route.targets:
            if not one.primary:
                line.targets[one.target.name] = self._queue(one.target.name, line.request_id, translations)
        requests = translations[primary.target.name].requests
        sent = await send_all(requests, self._upstreams[primary.upstream])
        line.targets[primary.target.name] = ",".join(one.outcome for one in sent) or "nothing"
        answer = word(match.source, primary.target.mapping, translations[primary.target.name], sent)
        if route.explain:
            answer = replace(answer, headers={**answer.headers, "x-gateway-losses": str(_count(translations))})
        return answer

    def _hold_back(self, match: Match, request: Request) -> None:
        """Raise RateLimited where the client, or on an open route the address, sends faster than it may."""
        limit = self._limits.get(match.client or (OPEN if match.route.public else ""))
        wait = 0.0 if limit is None else limit.wait(match.client or request.client_ip or "", time.monotonic())
        if wait:
            raise RateLimited("too many requests", max(1, math.ceil(wait)))

    def _queue(self, target: str, request_id: str, translations: Mapping[str, Translation]) -> str:
        """Queue what another target is to be sent; gives a word for the log."""
        requests = translations[target].requests
        taken = sum([self._shadows[target].put(request_id, outbound) for outbound in requests])
        if taken < len(requests):
            self._log.error("queue full, outbounds dropped", target=target, dropped=len(requests) - taken)
        return "queued" if taken else "dropped" if requests else "nothing"

    def _report(self, target: str, request_id: str, sent: Sent) -> None:
        """Log what became of an outbound that nobody waited for."""
        if not sent.accepted:
            self._log.warning(
                "delivery failed", target=target, request_id=request_id, outcome=sent.outcome, status=sent.status
            )

    def _finished(self, answer: Answer, request: Request) -> Answer:
        """The answer with the headers that every answer has."""
        cors = self._table.cors(request.headers)
        return replace(answer, headers={**answer.headers, **cors, "x-request-id": request.id})

    def _write(self, line: Line, request: Request, status: int, seconds: float) -> None:
        """The one canonical line of an inbound."""
        if not self._logs(status):
            return
        fields: dict[str, Any] = {
            "request_id": line.request_id,
            "route": line.route,
            "vendor": line.vendor,
            "method": request.method,
            "status": status,
            "interactions": line.interactions,
            "targets": line.targets or {},
            "losses": sorted(line.losses),
            "ms": round(seconds * 1000, 3),
        }
        optional = {
            "client": line.client,
            "copied": sorted(line.copied),
            "refused": line.refused,
            "error": line.error,
        }
        self._log.info("inbound", **fields, **{name: value for name, value in optional.items() if value})


async def _inbound(request: Request, match: Match) -> Inbound:
    headers = request.headers
    body = b""
    if match.endpoint.method != "GET":
        claimed = headers.get("content-type", _JSON[0])
        if claimed.partition(";")[0].strip().lower() not in _JSON:
            raise WrongContentType("the body must be application/json")
        body = await request.body()
    received_at = time.time_ns() // 1000
    return Inbound(
        id=f"{request.id}.{received_at}",
        endpoint=match.endpoint,
        headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
        query=request.query,
        body=body,
        received_at=received_at,
        client_ip=request.client_ip,
    )


def _worded(dialect: VendorMapping | None, error: GatewayError) -> Answer:
    """An error in the dialect of the path, or in plain JSON where no route serves it."""
    if dialect is None:
        answer = Answer(error.status, encode_json({"error": str(error)}), {"content-type": "application/json"})
    else:
        answer = dialect.failure(error)
    extra: dict[str, str] = {}
    if isinstance(error, WrongMethod):
        extra["allow"] = ", ".join(error.allowed)
    elif isinstance(error, (RateLimited, Overloaded)):
        extra["retry-after"] = str(error.retry_after)
    elif isinstance(error, UpstreamAnswered) and error.retry_after:
        extra["retry-after"] = error.retry_after
    return replace(answer, headers={**answer.headers, **extra})


def _refusals(translations: Mapping[str, Translation]) -> tuple[str, ...]:
    """What targets cannot carry, each as `target: reason fields`, once."""
    return tuple(
        dict.fromkeys(
            f"{name}: {one.reason} {','.join(one.fields)}"
            for name, each in translations.items()
            for one in each.refused
        )
    )


def _count(translations: Mapping[str, Translation]) -> int:
    """How many named losses the inbound had, over all targets."""
    return sum(len(each.losses) for each in translations.values())
