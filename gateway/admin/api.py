"""Every operation of the admin API, by method and path: the one table that serves it and describes it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.admin import (
    backup,
    configured,
    deadletters,
    deliveries,
    knowledge,
    login,
    sending,
    targets,
    translating,
)
from gateway.admin.answers import kept, known, standing
from gateway.admin.call import Call, Nothing, Reply, Stream, Text, Visitor, read
from gateway.admin.description import document
from gateway.admin.events import Filters, Watching
from gateway.admin.health import Health
from gateway.admin.opened import Opening
from gateway.admin.operated import Operated
from gateway.admin.operation import Operation
from gateway.admin.problem import AdminError, WrongMethod
from gateway.admin.readings import Growth
from gateway.admin.status import Status, Which, sampled
from gateway.fidelity import Fidelity
from gateway.version import version

_NAME: Final = re.compile(r"\{(\w+)\}")
_PARTS: Final = {"id": r"\d{1,18}", "name": ".+", "request_id": ".+"}
"""What stands in a path for each name."""


class Api:
    """The operations on one gateway."""

    def __init__(self, gateway: Operated, growth: Growth) -> None:
        self._gateway = gateway
        self.operations = (
            Operation("GET", "/openapi.json", self._described, dict[str, Any]),
            *_operations(growth),
        )
        self._patterns = [(_pattern(one.path), one) for one in self.operations]

    def is_open(self, path: str) -> bool:
        """Whether a path asks no token."""
        return any(one.open and pattern.fullmatch(path) for pattern, one in self._patterns)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation that is meant, and the parts of the path that it names; raises AdminError."""
        found = [(one, match.groupdict()) for pattern, one in self._patterns if (match := pattern.fullmatch(path))]
        if not found:
            raise AdminError(404, "the admin API has no such path")
        for operation, names in found:
            if operation.method == method:
                return operation, names
        raise WrongMethod(tuple(dict.fromkeys(one.method for one, _ in found)))

    async def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, visitor: Visitor | None = None
    ) -> object:
        """What a call gives: JSON's own types, a Reply or a Stream; raises AdminError, or what the store raises."""
        operation, names = self.find(method, path)
        asked = read(dict(query) if method == "GET" else body, operation.asks, strict=method != "GET")
        return await operation.run(Call(self._gateway, names, visitor), asked)

    async def _described(self, _: Call, __: Nothing) -> object:
        """This description."""
        return document(self.operations, version())


def _pattern(path: str) -> re.Pattern[str]:
    """A path's pattern as an expression with a group for each name."""
    return re.compile(_NAME.sub(lambda found: f"(?P<{found[1]}>{_PARTS[found[1]]})", path))


def _operations(growth: Growth) -> tuple[Operation, ...]:
    """The table; of those that fit a path the first is meant."""
    status, probes = Status(growth), Health(growth)
    watching = Watching(status)
    opening = Opening(watching.recent)
    return (
        Operation("GET", "/healthz", probes.alive, standing.Alive, open=True),
        Operation("GET", "/readyz", probes.ready, standing.Ready, open=True),
        Operation("GET", "/metrics", probes.metrics, Text),
        Operation("GET", "/api/session", login.session, login.Session, open=True),
        Operation("POST", "/api/login", login.login, Reply, login.Shown, open=True),
        Operation("POST", "/api/logout", login.logout, Reply),
        Operation("GET", "/api/status", status.told, standing.StatusNow),
        Operation("GET", "/api/events", watching.watched, Stream, Filters),
        Operation("GET", "/api/tail/{request_id}", opening.one, kept.Opened),
        Operation("GET", "/api/samples", sampled, standing.Samples, Which),
        Operation("GET", "/api/deadletters", deadletters.listed, kept.Letters, deadletters.Page),
        Operation("DELETE", "/api/deadletters", deadletters.discarded, kept.Moved, deadletters.Chosen),
        Operation("POST", "/api/deadletters/replay", deadletters.replayed, kept.Moved, deadletters.Chosen),
        Operation("GET", "/api/deadletters/groups", deadletters.grouped, kept.Groups),
        Operation("GET", "/api/deadletters/{id}", deadletters.one, kept.Letter),
        Operation("GET", "/api/deliveries", deliveries.found, kept.Stories, deliveries.Asked),
        Operation("POST", "/api/targets/{name}/pause", targets.paused, standing.Paused),
        Operation("POST", "/api/targets/{name}/resume", targets.resumed, standing.Paused),
        Operation("POST", "/api/targets/{name}/skip", targets.skipped, standing.Skipped),
        Operation("POST", "/api/translate", translating.translated, known.Translated, translating.Asked),
        Operation("GET", "/api/examples", knowledge.examples, known.Examples),
        Operation("GET", "/api/vendors", knowledge.vendors, known.Vendors),
        Operation("GET", "/api/matrix", knowledge.matrix, list[Fidelity]),
        Operation("GET", "/api/config", configured.told, known.Configured),
        Operation("POST", "/api/send", sending.sent, known.ClickSent, sending.Click),
        Operation("POST", "/api/store/backup", backup.made, known.Copied, backup.Copy),
    )
