"""One inbound's whole life, in order; the one error boundary; the one log line.

take        match the route, hold back who is too fast, read the body, word every error, log
_accept     decode; keep it (store mode) or forward it
_forward    keep the others' copy, ask the primary, word its answer
_introduce  keep a new visitor's inbound, ask its own vendor who it is
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from gateway.contract import Answer, Inbound, VendorMapping, kept
from gateway.delivery.at_rest import hidden
from gateway.delivery.forward import Asked, ask, left, word, worth_keeping
from gateway.delivery.keeping import inbound_id, record_of
from gateway.delivery.sending import Sent
from gateway.delivery.settle import refused_names
from gateway.delivery.upstream import Upstream
from gateway.errors import GatewayError, Overloaded, RateLimited, WrongContentType, WrongMethod
from gateway.limits import RateLimit
from gateway.metrics import Metrics, RouteCounts, TargetCounts, UpstreamCounts
from gateway.model import identified
from gateway.routing import Match, Route, RouteTarget, Table
from gateway.shaping import Privacy
from gateway.store.contract import Record
from gateway.tail import Tail
from gateway.tail.seen import Delivered
from gateway.translate import Decoded, Refused, Translation, decode, translate
from gateway.wire import encode_json

OPEN: Final = "*"
"""Whose limit holds, for each address, on a public route that asks no key."""
_JSON: Final = ("application/json", "text/plain")
"""The content types a body may claim: JSON, or what a browser's sendBeacon says of text."""


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
    """What the log says of one inbound; losses are those towards the target whose answer the caller got."""

    request_id: str
    route: str = "-"
    vendor: str = "-"
    client: str | None = None
    interactions: int = 0
    targets: dict[str, str] = field(default_factory=dict)
    losses: frozenset[str] = frozenset()
    copied: frozenset[str] = frozenset()
    refused: tuple[Refused, ...] = ()
    error: str | None = None
    record: Record | None = None

    def tell(self, target: str, translation: Translation, sent: list[Sent]) -> None:
        """Note what became of the target whose answer the caller gets."""
        self.targets[target] = sent[0].outcome if len(sent) == 1 else ",".join(one.outcome for one in sent) or "nothing"
        self.losses, self.copied, self.refused = translation.losses, translation.copied, translation.refused


class Counts(Struct, frozen=True):
    """What inbounds are counted by, each by the name of its route, target or upstream."""

    routes: Mapping[str, RouteCounts]
    targets: Mapping[str, TargetCounts]
    upstreams: Mapping[str, UpstreamCounts]


class Rules(Struct, frozen=True):
    """What a configuration says of inbounds; a reload replaces it whole, and who began under the old ends under it."""

    table: Table
    upstreams: Mapping[str, Upstream]
    limits: Mapping[str, RateLimit]
    logs: Callable[[int], bool]
    at_rest: Privacy | None
    counts: Counts


class Keeper(Protocol):
    """What keeps inbounds: the store, or the way to it."""

    async def append(self, record: Record) -> int:
        """Keep an inbound for good and give its position; raises StoreFull when there is no room."""
        ...


class Relay:
    """What happens to every inbound, by the `rules` in force."""

    def __init__(self, rules: Rules, keeper: Keeper, metrics: Metrics, tail: Tail) -> None:
        self.rules = rules
        self._keeper = keeper
        self._metrics = metrics
        self._tail = tail
        self._log = structlog.get_logger()

    async def take(self, request: Request) -> Answer:
        """The answer to one inbound, in its caller's dialect, whatever happens."""
        started = time.perf_counter()
        rules, line = self.rules, Line(request.id)
        dialect: VendorMapping | None = None
        try:
            place = rules.table.find(request.path)
            dialect = place.dialect
            if request.method == "OPTIONS":
                answer = Answer(204, headers=rules.table.preflight(place, request.headers))
            else:
                match = rules.table.match(place, request.method, request.headers, request.query)
                line.route, line.vendor, line.client = match.route.name, match.route.accepts, match.client
                dialect = match.source
                _hold_back(rules, match, request)
                answer = await self._accept(rules, match, await _inbound(request, match), line)
        except GatewayError as error:
            line.error = error.code
            if dialect is not None:
                line.vendor = dialect.NAME
            answer = _worded(dialect, error)
        except Exception:  # noqa: BLE001  # the one error boundary: whatever fails, the caller gets an answer
            self._log.exception("inbound failed", request_id=request.id, route=line.route)
            line.error = "internal"
            answer = _worded(dialect, GatewayError("the gateway failed"))
        seconds = time.perf_counter() - started
        counts = rules.counts.routes.get(line.route) or self._metrics.route(line.route, line.vendor)
        counts.inbound(answer.status, seconds)
        if self._tail.is_watched and self._tail.inbounds.admits(line.request_id):
            self._tail.inbound(line, answer.status, seconds)
        if rules.logs(answer.status):
            self._write(line, request, answer.status, seconds)
        return _finished(rules, answer, request)

    async def _accept(self, rules: Rules, match: Match, inbound: Inbound, line: Line) -> Answer:
        """Read the inbound, then keep it or forward it, as its route says."""
        decoded = decode(match.source, inbound)
        line.interactions = len(decoded.interactions)
        record = record_of(inbound, line.request_id, match)
        if rules.at_rest is not None:
            record = hidden(record, decoded, match.source, rules.at_rest)
        line.record = record
        minting = _minting(match.route, decoded)
        if match.route.mode == "forward":
            answer = await self._forward(rules, match, decoded, record, line)
        elif minting is not None:
            answer = await self._introduce(rules, match, minting, Kept(record, decoded), line)
        else:
            await self._keeper.append(record)
            answer = match.source.success()
        rules.counts.routes[match.route.name].interactions(decoded.interactions)
        return answer

    async def _forward(self, rules: Rules, match: Match, decoded: Decoded, record: Record, line: Line) -> Answer:
        """The others' copy kept, the primary asked, its answer worded; what it could not take is kept too."""
        primary = next(one for one in match.route.targets if one.primary)
        others = [one for one in match.route.targets if not one.primary]
        keeping = asyncio.create_task(self._keep(rules, record, others)) if others else None
        asked = await self._ask(rules, primary, Kept(record, decoded), line)
        if keeping is not None:
            line.targets |= dict.fromkeys([one.target.name for one in others], "kept" if await keeping else "lost")
        if asked.is_taken:
            answer = word(match.source, primary, asked, kept=False)
        else:
            answer = await self._fall_back(rules, match.source, primary, asked, record, line)
        if match.route.explain:
            losses = sum(len(translate(decoded, one.target).losses) for one in match.route.targets)
            answer = replace(answer, headers={**answer.headers, "x-gateway-losses": str(losses)})
        return answer

    async def _fall_back(  # noqa: PLR0913  # all that an answer rests on
        self, rules: Rules, source: VendorMapping, primary: RouteTarget, asked: Asked, record: Record, line: Line
    ) -> Answer:
        """Keep what the primary could not take, and word what became of the rest."""
        later: list[int] = []
        if primary.on_failure == "store" and worth_keeping(asked.sent):
            later = left(asked.sent, ambiguous=rules.upstreams[primary.upstream].settings.retry.ambiguous)
        untold = asked.untold if later or len(asked.accepted) == len(asked.sent) > 0 else []
        is_kept = bool(later or untold) and await self._keep(rules, record, [primary], [*later, *untold])
        if later and is_kept:
            line.targets[primary.target.name] += ",kept"
            if not asked.accepted:
                return source.success()
        return word(source, primary, asked, kept=is_kept and bool(later))

    async def _introduce(self, rules: Rules, match: Match, minting: RouteTarget, kept: "Kept", line: Line) -> Answer:
        """A new visitor in store mode: all is kept but for what its own vendor takes at once and answers with ids."""
        others = [one.target.name for one in match.route.targets if one.target.name != minting.target.name]
        if others:
            await self._keeper.append(replace(kept.record, to=tuple(others)))
        line.targets = dict.fromkeys(others, "kept")
        asked = await self._ask(rules, minting, kept, line)
        later = left(asked.sent, ambiguous=rules.upstreams[minting.upstream].settings.retry.ambiguous)
        indices = sorted({*later, *asked.untold})
        if asked.accepted:
            if indices:
                await self._keep(rules, kept.record, [minting], indices)
            return word(match.source, minting, asked, kept=True)
        if asked.sent and not later:
            return word(match.source, minting, asked, kept=False)
        if indices:
            await self._keeper.append(replace(kept.record, to=(minting.target.name,), indices=tuple(indices)))
            line.targets[minting.target.name] += ",kept"
        return match.source.success()

    async def _ask(self, rules: Rules, primary: RouteTarget, kept: "Kept", line: Line) -> Asked:
        """The target whose answer the caller waits for, asked; counted and noted."""
        started, upstream, target = time.perf_counter(), rules.upstreams[primary.upstream], primary.target
        translation = translate(kept.decoded, target)
        counts = rules.counts.targets[target.name]
        counts.translated(translation, kept.record)
        spare = primary.on_failure == "store"
        sent = await ask(translation.requests, upstream, kept.record.request_id, spare=spare)
        answers = rules.counts.upstreams[upstream.name]
        for one in sent:
            answers.answered(one)
        outcome, seconds = "nothing", time.perf_counter() - started
        if sent:
            outcome = "delivered" if all(one.accepted for one in sent) else "retried"
            counts.delivered(outcome, seconds)
        if self._tail.is_watched and self._tail.deliveries.admits(kept.record.request_id):
            told = (kept.record, target.name, target.mapping.NAME, upstream, translation, sent, outcome, seconds)
            self._tail.delivery(Delivered(*told))
        line.tell(target.name, translation, sent)
        return Asked(translation, sent)

    async def _keep(
        self, rules: Rules, record: Record, targets: Sequence[RouteTarget], indices: Sequence[int] | None = None
    ) -> bool:
        """Keep a copy that the caller does not wait for; a failure is loud and counted, but not the caller's."""
        names = tuple(one.target.name for one in targets)
        meant = None if indices is None else tuple(sorted(set(indices)))
        try:
            await self._keeper.append(replace(record, to=names, indices=meant))
        except Exception as error:  # noqa: BLE001  # whatever the store fails of, the primary's answer still goes out
            self._log.error("copy lost", request_id=record.request_id, targets=names, reason=str(error))
            for name in names:
                rules.counts.targets[name].given_up("lost")
            return False
        return True

    def _write(self, line: Line, request: Request, status: int, seconds: float) -> None:
        """The one canonical line of an inbound."""
        fields: dict[str, Any] = {
            "request_id": line.request_id,
            "route": line.route,
            "vendor": line.vendor,
            "method": request.method,
            "status": status,
            "interactions": line.interactions,
            "targets": line.targets,
            "losses": sorted(line.losses),
            "ms": round(seconds * 1000, 3),
        }
        optional = {
            "client": line.client,
            "copied": sorted(line.copied),
            "refused": refused_names(line.refused),
            "error": line.error,
        }
        self._log.info("inbound", **fields, **{name: value for name, value in optional.items() if value})


class Kept(Struct, frozen=True):
    """An inbound as it is kept and as it is read."""

    record: Record
    decoded: Decoded


def _minting(route: Route, decoded: Decoded) -> RouteTarget | None:
    """Who is asked at once in store mode: for a visitor without any id the target of the same vendor that mints them.

    Only its answer can tell the client who it is.
    """
    if route.mode == "forward":
        return None
    for one in decoded.interactions:
        if identified(one):
            return None
    own = (one for one in route.targets if route.accepts == one.target.mapping.NAME)
    minting = next((one for one in own if one.target.mapping.MINTS_USERS), None)
    return None if minting is None else replace(minting, on_failure="store")


def _hold_back(rules: Rules, match: Match, request: Request) -> None:
    """Raise RateLimited where the client, or on an open route the address, sends faster than it may."""
    limit = rules.limits.get(match.client or (OPEN if match.route.public else ""))
    wait = 0.0 if limit is None else limit.wait(match.client or request.client_ip or "", time.monotonic())
    if wait:
        raise RateLimited("too many requests", max(1, math.ceil(wait)))


def _finished(rules: Rules, answer: Answer, request: Request) -> Answer:
    """The answer with the headers that every answer has."""
    headers = {**answer.headers, "x-request-id": request.id}
    if "origin" in request.headers:
        headers |= rules.table.cors(request.headers)
    return Answer(answer.status, answer.body, headers)


async def _inbound(request: Request, match: Match) -> Inbound:
    headers = request.headers
    body = b""
    if match.endpoint.method != "GET":
        claimed = headers.get("content-type", _JSON[0])
        if claimed not in _JSON and claimed.partition(";")[0].strip().lower() not in _JSON:
            raise WrongContentType("the body must be application/json")
        body = await request.body()
    received_at = time.time_ns() // 1000
    return Inbound(
        inbound_id(request.id, received_at),
        match.endpoint,
        kept(headers),
        request.query,
        body,
        received_at,
        request.client_ip,
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
    return replace(answer, headers={**answer.headers, **extra})
