"""Every operation of the admin API, by method and path: the one table that serves it and describes it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from gateway.admin import (
    backup,
    configured,
    deadletters,
    deliveries,
    entering,
    knowledge,
    sending,
    targets,
    translating,
)
from gateway.admin.call import AdminError, Call, Nothing, Reply, Stream, Visitor, WrongMethod, read
from gateway.admin.events import Filters, Watching
from gateway.admin.health import Health
from gateway.admin.opened import Opening
from gateway.admin.operated import Operated
from gateway.admin.readings import Growth
from gateway.admin.status import Status, Which, sampled

Run = Callable[[Call, Any], Awaitable[object]]
_NAME: Final = re.compile(r"\{(\w+)\}")
_PARTS: Final = {"id": r"\d{1,18}", "name": ".+", "request_id": ".+"}
"""What stands in a path for each name."""


class Operation(Struct, frozen=True):
    """What one method does at the paths of one pattern; `asks` is the query of a GET, else the body.

    `gives` is what it answers; an `open` one asks no token.
    """

    method: str
    path: str
    run: Run
    asks: type[Struct] = Nothing
    gives: Any = dict[str, Any]
    open: bool = False


class Api:
    """The operations on one gateway."""

    def __init__(self, gateway: Operated, growth: Growth) -> None:
        self._gateway = gateway
        self.operations = _operations(growth)
        self._patterns = [(_pattern(one.path), one) for one in self.operations]

    def is_open(self, path: str) -> bool:
        """Whether a path asks no token."""
        return any(one.open and pattern.fullmatch(path) for pattern, one in self._patterns)

    async def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, visitor: Visitor | None = None
    ) -> object:
        """What a call gives: JSON's own types, a Reply or a Stream; raises AdminError, or what the store raises."""
        found = [(one, match) for pattern, one in self._patterns if (match := pattern.fullmatch(path))]
        if not found:
            raise AdminError(404, "the admin API has no such path")
        for operation, match in found:
            if operation.method == method:
                asked = read(dict(query) if method == "GET" else body, operation.asks, strict=method != "GET")
                return await operation.run(Call(self._gateway, match.groupdict(), visitor), asked)
        raise WrongMethod(tuple(dict.fromkeys(one.method for one, _ in found)))


def _pattern(path: str) -> re.Pattern[str]:
    """A path's pattern as an expression with a group for each name."""
    return re.compile(_NAME.sub(lambda found: f"(?P<{found[1]}>{_PARTS[found[1]]})", path))


def _operations(growth: Growth) -> tuple[Operation, ...]:
    """The table; of those that fit a path the first is meant."""
    status, probes = Status(growth), Health(growth)
    watching = Watching(status)
    return (
        Operation("GET", "/healthz", probes.alive, open=True),
        Operation("GET", "/readyz", probes.ready, open=True),
        Operation("GET", "/metrics", probes.metrics, gives=Reply),
        Operation("GET", "/api/session", entering.session, gives=entering.Session, open=True),
        Operation("POST", "/api/login", entering.login, entering.Shown, Reply, open=True),
        Operation("POST", "/api/logout", entering.logout, gives=Reply),
        Operation("GET", "/api/status", status.told),
        Operation("GET", "/api/events", watching.watched, Filters, Stream),
        Operation("GET", "/api/tail/{request_id}", Opening(watching.recent).one),
        Operation("GET", "/api/samples", sampled, Which),
        Operation("GET", "/api/deadletters", deadletters.listed, deadletters.Page),
        Operation("DELETE", "/api/deadletters", deadletters.discarded, deadletters.Chosen),
        Operation("POST", "/api/deadletters/replay", deadletters.replayed, deadletters.Chosen),
        Operation("GET", "/api/deadletters/groups", deadletters.grouped),
        Operation("GET", "/api/deadletters/{id}", deadletters.one),
        Operation("GET", "/api/deliveries", deliveries.found, deliveries.Asked),
        Operation("POST", "/api/targets/{name}/pause", targets.paused),
        Operation("POST", "/api/targets/{name}/resume", targets.resumed),
        Operation("POST", "/api/targets/{name}/skip", targets.skipped),
        Operation("POST", "/api/translate", translating.translated, translating.Asked),
        Operation("GET", "/api/examples", knowledge.examples),
        Operation("GET", "/api/vendors", knowledge.vendors),
        Operation("GET", "/api/matrix", knowledge.matrix, gives=list[dict[str, Any]]),
        Operation("GET", "/api/config", configured.told),
        Operation("POST", "/api/send", sending.sent, sending.Click),
        Operation("POST", "/api/store/backup", backup.made, backup.Copy),
    )
