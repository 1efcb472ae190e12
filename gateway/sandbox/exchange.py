"""What passes between a client and the sandbox, as plain values, and what the sandbox has handed out."""

import itertools
import time
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

MAX_BODY: Final = 1024 * 1024
"""The largest body taken, in bytes after inflating."""


class Call(Struct, frozen=True):
    """One request as it came: lower-case header names, the path still escaped, the body inflated.

    `unread` says why there is no body to judge: the status that the vendor would answer.
    """

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str | list[str]]
    body: bytes
    unread: int | None = None


class Reply(Struct, frozen=True):
    """An answer; `body` is a JSON value, None for no body at all."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Flaw(Struct, frozen=True, order=True):
    """One thing wrong with a document: where (`engagements[0].decisionId`) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        """`path: message`, or the message alone for the whole document."""
        return f"{self.path}: {self.message}" if self.path else self.message


class Refusal(Struct, frozen=True):
    """Why a vendor does not take a call; its reply is that vendor's own wording of it."""

    status: int
    message: str
    flaws: tuple[Flaw, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def causes(self) -> tuple[str, ...]:
        """Every flaw as a line, or the message where there is none."""
        return tuple(map(str, self.flaws)) or (self.message,)


class Ledger:
    """What the sandbox has handed out: ids from a counter, and bearer tokens until they expire."""

    def __init__(self, token_lifetime: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.token_lifetime = token_lifetime
        self._clock = clock
        self._numbers = itertools.count(1)
        self._tokens: dict[str, float] = {}

    def number(self) -> int:
        """The next number, from 1; each is given once."""
        return next(self._numbers)

    def issue(self) -> str:
        """A new bearer token."""
        now = self._clock()
        self._tokens = {token: until for token, until in self._tokens.items() if until > now}
        token = f"sandbox-token-{self.number()}"
        self._tokens[token] = now + self.token_lifetime
        return token

    def honours(self, token: str) -> bool:
        """Whether the token was issued here and has not expired."""
        return self._tokens.get(token, 0) > self._clock()
