"""One call of the admin API, and how it can fail."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from gateway.admin.operated import Operated
from gateway.errors import GatewayError

T = TypeVar("T")


class AdminError(GatewayError):
    """A call that cannot be done; its text says why."""

    code = "admin"

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Call(Struct, frozen=True):
    """Who is asked, the parts of the path that an operation names, the query, and the body's JSON object."""

    gateway: Operated
    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def read(self, kind: type[T]) -> T:
        """The query (of a GET) or the body as a Struct; raises AdminError."""
        given = self.query if self.body is None else self.body
        try:
            return msgspec.convert(given, kind, strict=self.body is not None)
        except msgspec.ValidationError as error:
            raise AdminError(400, str(error).replace("`$.", "`").removesuffix(" - at `$`")) from None
