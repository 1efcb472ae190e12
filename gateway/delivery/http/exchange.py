"""One request under way, and the one call back that ends it."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog
from msgspec import Struct

from gateway.contract import Answer
from gateway.errors import DeliveryFailed

Outcome = Answer | DeliveryFailed
"""How an exchange ends: Unsendable and NotSent before its request was written, Ambiguous and TimedOut after."""


class _Closable(Protocol):
    def close(self) -> None: ...


class Exchange(Struct, eq=False):
    """A request that waits in a `line` for a connection, or was written to one; `began` is on the loop's clock.

    It is under way as long as it stands in `active`; `bodiless` says that its answer has no body, whatever it says.
    """

    active: "dict[Exchange, bool]"
    done: Callable[[Outcome], object]
    began: float
    request: bytes = b""
    bodiless: bool = False
    connection: _Closable | None = None
    line: "deque[Exchange] | None" = None

    __repr__ = object.__repr__  # its request holds the account's credentials

    def end(self, outcome: Outcome) -> None:
        """Call back, unless that has been done or is not wanted any more."""
        if self.active.pop(self, False):
            try:
                self.done(outcome)
            except Exception:  # noqa: BLE001  # on its way up it would break the next exchange of the connection
                structlog.get_logger().exception("a call back failed inside the gateway")

    def cancel(self) -> None:
        """Break it off without a call back; an answer that it may get yet is lost."""
        if self.active.pop(self, False):
            self.withdraw()

    def withdraw(self) -> None:
        """Leave the line, or close the connection, which nobody could use before the answer has come."""
        if self.connection is not None:
            self.connection.close()
        elif self.line is not None:
            self.line.remove(self)
        self.connection = self.line = None
