"""One call of the admin API: who asks whom for what, and the kinds of answers."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from gateway.admin.operated import Operated
from gateway.admin.problem import AdminError
from gateway.admin.sessions import Sessions
from gateway.errors import Fault

Said = Annotated[str, Meta(min_length=1)]
"""A text that is not empty."""
Count = Annotated[int, Meta(ge=1)]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
"""A number that the store can hold."""


class Visitor(Struct, frozen=True):
    """Who asks through the port: from where, with which session, in which cookie, and whether all the way over TLS."""

    sessions: Sessions
    address: str
    cookie: str
    session: str | None
    is_secure: bool


class Call(Struct, frozen=True):
    """Who is asked, the parts of the path that an operation names, and who asks where that is a visitor of the port."""

    gateway: Operated
    names: Mapping[str, str] = field(default_factory=dict)
    visitor: Visitor | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked where there is nothing to say."""


class Reply(Struct, frozen=True):
    """An answer that is no JSON document, or not a 200."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Text(Struct, frozen=True):
    """An answer in plain text, as a description names it."""


class Stream(Struct, frozen=True):
    """An answer that goes on: server-sent events, as they come."""

    events: AsyncGenerator[bytes, None]


def read(given: Any, kind: Any, *, strict: bool) -> Any:
    """A query (not strict: all is text) or a body as a Struct; raises AdminError."""
    try:
        return msgspec.convert(given, kind, strict=strict)
    except msgspec.ValidationError as error:
        told, _, path = str(error).partition(" - at `$")
        path = path.removesuffix("`").lstrip(".")
        raise AdminError(400, f"{path}: {told}" if path else told, (Fault(path, told),)) from None
