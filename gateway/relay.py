"""One inbound's whole life, in order; the one error boundary; the one log line.

take        match the route, let in, read; word every error, count, log
_accept     keep it (store mode) or forward it
_forward    keep the others' copy, ask the primary, word its answer
_introduce  keep a new visitor's inbound, ask its own vendor who it is
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Answer, Inbound, VendorMapping
from gateway.delivery.at_rest import hidden
from gateway.delivery.forward import Asked, ask, left, word, worth_keeping
from gateway.delivery.keeping import inbound_id, record_of
from gateway.delivery.settle import refused_names
from gateway.errors import GatewayError, Overloaded, RateLimited, WrongContentType, WrongMethod
from gateway.heads import Head
from gateway.metrics import Metrics
from gateway.model import Interaction, identified
from gateway.routing import Match, RouteTarget
from gateway.rules import OPEN, Found, Rules, Waited, Way
from gateway.shaping import Privacy
from gateway.store.contract import Record
from gateway.tail import Tail
from gateway.tail.seen import Delivered
from gateway.translate import Decoded, Refused, decode, translate
from gateway.turns import next_turn
from gateway.wire import encode_json

_NOTHING: Final[Mapping[str, str]] = {}


class Request(Struct, frozen=True):
    """One HTTP request on the public port; `trace` is where its caller's trace context stands.

    `body` is the body itself where it has come whole, else it reads the body, within its limits, when it is asked for.
    """

    id: str
    head: Head
    trace: Mapping[str, str]
    client_ip: str | None
    body: bytes | Callable[[], Awaitable[bytes]]


class Taken(Struct, frozen=True, gc=False):
    """An inbound that was read: its id, by whom, what it says; and its record where that hides something."""

    request_id: str
    match: Match
    decoded: Decoded
    hidden: Record | None

    @property
    def source(self) -> VendorMapping:
        """The mapping that read it."""
        return self.match.source

    @property
    def record(self) -> Record:
        """How it is kept."""
        return self.hidden or record_of(self.decoded.inbound, self.request_id, self.match)

    @property
    def kept(self) -> Decoded | None:
        """What the record says, where that is the same."""
        return None if self.hidden else self.decoded


class Line(Struct, gc=False):
    """What the log, the tail and traces say of an inbound: noted as it passes, put in words once somebody asks.

    `kept` says what became of the targets that nobody asked (kept, lost), `is_kept` that what the one that was asked
    could not take is kept for it. Losses are those towards the target whose answer the caller got.
    """

    request_id: str
    dialect: VendorMapping | None = None
    found: Found | None = None
    taken: Taken | None = None
    told: Waited | None = None
    asked: Asked | None = None
    kept: Mapping[str, str] = _NOTHING
    is_kept: bool = False
    error: str | None = None
    accepted: tuple[Interaction, ...] = ()

    @property
    def route(self) -> str:
        """The route's name, `-` where none took it."""
        return self.found.match.route.name if self.found else "-"

    @property
    def vendor(self) -> str:
        """The vendor in whose language it was answered, `-` where that is none."""
        if self.found:
            return self.found.match.route.accepts
        return self.dialect.NAME if self.dialect and self.error else "-"

    @property
    def client(self) -> str | None:
        """The key's owner."""
        return self.found.match.client if self.found else None

    @property
    def record(self) -> Record | None:
        """The inbound as it is kept; none of one that was not read."""
        return self.taken.record if self.taken else None

    @property
    def interactions(self) -> int:
        """How many there are in it."""
        return len(self.taken.decoded.interactions) if self.taken else 0

    @property
    def targets(self) -> Mapping[str, str]:
        """What became of each target."""
        if self.told is None or self.asked is None:
            return self.kept
        outcomes = ",".join([one.outcome for one in self.asked.sent]) or "nothing"
        return {**self.kept, self.told.settings.target.name: outcomes + (",kept" if self.is_kept else "")}

    @property
    def losses(self) -> frozenset[str]:
        """The canonical names that were lost."""
        return self.asked.translation.losses if self.asked else frozenset()

    @property
    def copied(self) -> frozenset[str]:
        """The ids of another vendor that were copied."""
        return self.asked.translation.copied if self.asked else frozenset()

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The interactions that the target cannot carry."""
        return self.asked.translation.refused if self.asked else ()


class Keeper(Protocol):
    """What keeps inbounds: the store, or the way to it."""

    def append(self, record: Record, decoded: Decoded | None = None, /) -> Awaitable[int]:
        """Keep an inbound for good and give its position; raises StoreFull when there is no room.

        `decoded` is what it says, for who delivers it soon.
        """
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
        rules, line, head = self.rules, Line(request.id), request.head
        try:
            if head.method == "OPTIONS":
                answer = _preflight(rules, head, line)
            else:
                found = _find(rules, head, line)
                _let_in(found, request)
                body = request.body if isinstance(request.body, bytes) else await request.body()
                await next_turn()
                taken = line.taken = _read(found.match, request, body, rules.at_rest)
                answer = await self._accept(found.way, taken, line)
                line.accepted = taken.decoded.interactions
        except Exception as error:  # noqa: BLE001  # the one error boundary: whatever fails, the caller gets an answer
            answer = self._failed(line, error)
        self._tell(rules, line, request, answer.status, time.perf_counter() - started)
        if head.is_pages:
            return replace(answer, headers={**answer.headers, **rules.table.cors(head.headers)})
        return answer

    def _accept(self, way: Way, taken: Taken, line: Line) -> Awaitable[Answer]:
        """Keep an inbound or forward it, as its route says."""
        if way.primary is not None:
            return self._forward(way, way.primary, taken, line)
        if way.minting is not None and not any(map(identified, taken.decoded.interactions)):
            return self._introduce(way, way.minting, taken, line)
        return self._store(taken)

    async def _store(self, taken: Taken) -> Answer:
        """An inbound kept for all its targets."""
        await self._keeper.append(taken.record, taken.kept)
        return taken.source.success()

    async def _forward(self, way: Way, primary: Waited, taken: Taken, line: Line) -> Answer:
        """The others' copy kept, the primary asked, its answer worded; what it could not take is kept too."""
        keeping = asyncio.create_task(self._keep(taken, way.others)) if way.others else None
        started = time.perf_counter()
        await next_turn()
        translation = translate(taken.decoded, primary.settings.target)
        await next_turn()
        sent = await ask(translation.requests, primary.upstream, line.request_id, spares=primary.spares)
        asked = self._noted(primary, taken, line, Asked.since(started, translation, sent))
        if keeping is not None:
            line.kept = dict.fromkeys([one.target.name for one in way.others], "kept" if await keeping else "lost")
        if asked.outcome == "delivered" and not translation.refused:
            answer = word(taken.source, primary.settings, asked, kept=False)
        else:
            answer = await self._fall_back(primary, taken, asked, line)
        if way.route.explain:
            losses = sum(len(translate(taken.decoded, one.target).losses) for one in way.route.targets)
            answer = replace(answer, headers={**answer.headers, "x-gateway-losses": str(losses)})
        return answer

    async def _fall_back(self, primary: Waited, taken: Taken, asked: Asked, line: Line) -> Answer:
        """Keep what the primary could not take, and word what became of the rest."""
        later: list[int] = []
        if primary.settings.on_failure == "store" and worth_keeping(asked.sent):
            later = left(asked.sent, ambiguous=primary.upstream.settings.retry.ambiguous)
        untold = asked.untold if later or asked.outcome == "delivered" else []
        is_kept = bool(later or untold) and await self._keep(taken, [primary.settings], [*later, *untold])
        if later and is_kept:
            line.is_kept = True
            if not asked.accepted:
                return taken.source.success()
        return word(taken.source, primary.settings, asked, kept=is_kept and bool(later))

    async def _introduce(self, way: Way, minting: Waited, taken: Taken, line: Line) -> Answer:
        """A new visitor in store mode: all is kept but for what its own vendor takes at once and answers with ids."""
        others, source, record = tuple(one.target.name for one in way.others), taken.source, taken.record
        if others:
            await self._keeper.append(replace(record, to=others))
        line.kept = dict.fromkeys(others, "kept")
        started, translation = time.perf_counter(), translate(taken.decoded, minting.settings.target)
        sent = await ask(translation.requests, minting.upstream, line.request_id, spares=minting.spares)
        asked = self._noted(minting, taken, line, Asked.since(started, translation, sent))
        later = left(asked.sent, ambiguous=minting.upstream.settings.retry.ambiguous)
        indices = tuple(sorted({*later, *asked.untold}))
        if asked.accepted:
            if indices:
                await self._keep(taken, [minting.settings], indices)
            return word(source, minting.settings, asked, kept=True)
        if asked.sent and not later:
            return word(source, minting.settings, asked, kept=False)
        if indices:
            await self._keeper.append(replace(record, to=(minting.settings.target.name,), indices=indices))
            line.is_kept = True
        return source.success()

    def _noted(self, told: Waited, taken: Taken, line: Line, asked: Asked) -> Asked:
        """A target that was asked while the caller waited: counted, shown to those who watch, noted for the log."""
        line.told, line.asked = told, asked
        told.counts.translated(asked.translation, taken)
        for one in asked.sent:
            told.answers.answered(one)
        if asked.sent:
            told.counts.delivered(asked.outcome, asked.seconds)
        if self._tail.is_watched and self._tail.deliveries.admits(line.request_id):
            target = told.settings.target
            passed = (told.upstream, asked.translation, asked.sent, asked.outcome, asked.seconds)
            self._tail.delivery(Delivered(taken.record, target.name, target.mapping.NAME, *passed))
        return asked

    async def _keep(self, taken: Taken, targets: Sequence[RouteTarget], indices: Sequence[int] | None = None) -> bool:
        """Keep a copy that the caller does not wait for; a failure is loud and counted, but not the caller's."""
        names = tuple(one.target.name for one in targets)
        meant = None if indices is None else tuple(sorted(set(indices)))
        try:
            await self._keeper.append(replace(taken.record, to=names, indices=meant), taken.kept)
        except Exception as error:  # noqa: BLE001  # whatever the store fails of, the primary's answer still goes out
            self._log.error("copy lost", request_id=taken.request_id, targets=names, reason=str(error))
            for one in targets:
                self._metrics.target(one.target.name, one.target.mapping.NAME).given_up("lost")
            return False
        return True

    def _failed(self, line: Line, error: Exception) -> Answer:
        """The answer to an inbound that could not be taken."""
        if not isinstance(error, GatewayError):
            self._log.exception("inbound failed", request_id=line.request_id, route=line.route)
            error = GatewayError("the gateway failed")
        line.error = error.code
        return _worded(line.dialect, error)

    def _tell(self, rules: Rules, line: Line, request: Request, status: int, seconds: float) -> None:
        """Count an inbound that is answered, show it to those who watch, write its line."""
        counts = line.found.way.counts if line.found else self._metrics.route("-", line.vendor)
        counts.inbound(status, seconds, line.accepted)
        if self._tail.is_watched and self._tail.inbounds.admits(line.request_id):
            self._tail.inbound(line, status, seconds)
        if rules.logs(status):
            self._write(line, request, status, seconds)

    def _write(self, line: Line, request: Request, status: int, seconds: float) -> None:
        """The one canonical line of an inbound."""
        fields: dict[str, Any] = {
            "request_id": line.request_id,
            "route": line.route,
            "vendor": line.vendor,
            "method": request.head.method,
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


def _preflight(rules: Rules, head: Head, line: Line) -> Answer:
    """What a browser asks before its request; raises NoSuchPath."""
    place = rules.table.find(head.path)
    line.dialect = place.dialect
    return Answer(204, headers=rules.table.preflight(place, head.headers))


def _find(rules: Rules, head: Head, line: Line) -> Found:
    """The route that takes a request; raises NoSuchPath, WrongMethod, NoKey or Forbidden.

    The same rules find the same for the same head, so that it is sought once for one that comes again.
    """
    found: Found | None = head.taken
    if found is None or found.rules is not rules:
        place = rules.table.find(head.path)
        line.dialect = place.dialect
        match = rules.table.match(place, head.method, head.headers, head.query)
        way = rules.ways[match.route.name]
        limit = way.limits.get(match.client or OPEN) if way.limits else None
        found = head.taken = Found(rules, match, way, limit)
    line.found, line.dialect = found, found.match.source
    return found


def _let_in(found: Found, request: Request) -> None:
    """Raise RateLimited for who sends faster than it may, WrongContentType for a body that claims not to be JSON."""
    if found.limit is not None:
        wait = found.limit.wait(found.match.client or request.client_ip or "", time.monotonic())
        if wait:
            raise RateLimited("too many requests", max(1, math.ceil(wait)))
    if not request.head.claims_json and request.head.method != "GET":
        raise WrongContentType("the body must be application/json")


def _read(match: Match, request: Request, body: bytes, at_rest: Privacy | None) -> Taken:
    """What an inbound says, and how it is kept."""
    at, head = time.time_ns() // 1000, request.head
    inbound = Inbound(inbound_id(request.id, at), match.endpoint, head.kept, head.query, body, at, request.client_ip)
    decoded = decode(match.source, inbound)
    if at_rest is None:
        return Taken(request.id, match, decoded, None)
    record = record_of(inbound, request.id, match)
    return Taken(request.id, match, decoded, hidden(record, decoded, match.source, at_rest))


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
