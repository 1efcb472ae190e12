"""Every operation of the admin API, by method and path."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.admin import backup, deadletters, deliveries, sending, status, targets, translating
from gateway.admin.call import AdminError, Call
from gateway.admin.operated import Operated
from gateway.admin.readings import Growth

Run = Callable[[Call], Awaitable[object]]


class Operation(Struct, frozen=True):
    """What one method does at the paths of one pattern; its groups are the call's names."""

    method: str
    pattern: re.Pattern[str]
    run: Run


class Api:
    """The operations on one gateway."""

    def __init__(self, gateway: Operated, growth: Growth) -> None:
        self._gateway = gateway
        self._operations = _operations(status.Status(growth))

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: Any = None) -> object:
        """What a call gives, as JSON's own types; raises AdminError, or what the store raises."""
        found = [(one, match) for one in self._operations if (match := one.pattern.fullmatch(path))]
        if not found:
            raise AdminError(404, "the admin API has no such path")
        for operation, match in found:
            if operation.method == method:
                return await operation.run(Call(self._gateway, match.groupdict(), query, body))
        raise AdminError(405, f"this path takes {' and '.join(one.method for one, _ in found)}")


def _operations(told: status.Status) -> tuple[Operation, ...]:
    table: tuple[tuple[str, str, Run], ...] = (
        ("GET", "/api/status", told.told),
        ("GET", "/api/samples", status.sampled),
        ("GET", "/api/deadletters", deadletters.listed),
        ("DELETE", "/api/deadletters", deadletters.discarded),
        ("POST", "/api/deadletters/replay", deadletters.replayed),
        ("GET", r"/api/deadletters/(?P<id>\d{1,18})", deadletters.one),
        ("GET", "/api/deliveries", deliveries.found),
        ("POST", "/api/targets/(?P<name>.+)/pause", targets.paused),
        ("POST", "/api/targets/(?P<name>.+)/resume", targets.resumed),
        ("POST", "/api/targets/(?P<name>.+)/skip", targets.skipped),
        ("POST", "/api/translate", translating.translated),
        ("POST", "/api/send", sending.sent),
        ("POST", "/api/store/backup", backup.made),
    )
    return tuple(Operation(method, re.compile(pattern), run) for method, pattern, run in table)
