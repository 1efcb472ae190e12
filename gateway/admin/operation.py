"""One operation of the admin API, as the table has it."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from gateway.admin.call import Call, Nothing

Run = Callable[[Call, Any], Awaitable[object]]


class Operation(Struct, frozen=True):
    """What one method does at the paths of one pattern.

    `asks` is the query of a GET, else the body; `gives` is the answer; an `open` one asks no token.
    """

    method: str
    path: str
    run: Run
    gives: Any
    asks: type[Struct] = Nothing
    open: bool = False
