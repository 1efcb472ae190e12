"""Why the admin API refuses, and how it says so: problem details (RFC 9457), whatever went wrong."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType, json

from gateway.errors import Fault, GatewayError

TYPE: Final = "application/problem+json"
NO_STORE: Final = {"Cache-Control": "no-store"}
_MOST: Final = 100
"""Mistakes that one answer names."""


class AdminError(GatewayError):
    """A call that cannot be done; its text says why."""

    code = "admin"

    def __init__(self, status: int, text: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self._faults = faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every mistake by its path, where there are several or a path applies."""
        return self._faults or super().faults


class WrongMethod(AdminError):
    """The path exists, for other methods (`allowed`)."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(405, f"this path takes {' and '.join(allowed)}")
        self.allowed = allowed


class Mistake(Struct, frozen=True):
    """One mistake of several: where it stands in what was sent, and what it is."""

    path: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal: `title` is its status in words, `detail` what is wrong this time."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] | UnsetType = UNSET


def refused(status: int, detail: str, faults: Sequence[Fault] = (), **headers: str) -> web.Response:
    """A refusal as an answer; `faults` are told one by one where they have places."""
    errors = tuple(Mistake(one.path, one.message) for one in faults[:_MOST]) if any(map(_place, faults)) else UNSET
    told = Problem(title=_title(status), status=status, detail=detail, errors=errors)
    return web.Response(body=json.encode(told), status=status, content_type=TYPE, headers=NO_STORE | headers)


def _place(fault: Fault) -> str:
    return fault.path


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
