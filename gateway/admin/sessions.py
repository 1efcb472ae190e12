"""Who has shown the token: with every call, or once, for a session that a browser keeps in a cookie.

A session's value is drawn at random and remembered as its digest alone, in memory: a restart ends all sessions. Wrong
tokens are counted by address, and an address that showed too many is not listened to for a while.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from gateway.admin.problem import AdminError
from gateway.contract import Secret

_LASTS: Final = 12 * 3600.0
"""Seconds that a session lasts."""
_SESSIONS: Final = 100
"""Sessions that are open at once; the oldest ends for another."""
_WRONG: Final = 20
"""Wrong tokens from one address within a minute, after which it is not listened to."""
_MINUTE: Final = 60.0
_ADDRESSES: Final = 1000
"""Addresses that are counted; the one not seen for longest is forgotten first."""


class NotAdmitted(AdminError):
    """No token was shown, or a wrong one."""

    def __init__(self, text: str = "the admin token is asked for: Authorization: Bearer …, or a login") -> None:
        super().__init__(401, text)


class TooManyWrong(AdminError):
    """The address showed too many wrong tokens; it may come back in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "too many wrong tokens came from this address")
        self.retry_after = retry_after


class Sessions:
    """The token's keepers; without a token everybody is let in. `clock` is monotonic."""

    def __init__(self, token: Secret | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = None if token is None else _digest(token.reveal())
        self._clock = clock
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def required(self) -> bool:
        """Whether a token is asked for."""
        return self._token is not None

    def knows(self, session: str | None) -> bool:
        """Whether a session is open."""
        if not session:
            return False
        ends = self._sessions.get(_digest(session))
        return ends is not None and self._clock() < ends

    def check(self, shown: str, address: str) -> None:
        """Take a token that was shown; raises NotAdmitted or TooManyWrong."""
        now = self._clock()
        wrong = [at for at in self._wrong.get(address, ()) if now - at < _MINUTE]
        if len(wrong) >= _WRONG:
            raise TooManyWrong(max(1, round(wrong[0] + _MINUTE - now)))
        if self._token is not None and not compare_digest(_digest(shown), self._token):
            self._wrong.pop(address, None)
            self._wrong[address] = [*wrong, now]
            if len(self._wrong) > _ADDRESSES:
                self._wrong.popitem(last=False)
            raise NotAdmitted("the admin token is asked for, and this is another")

    def open(self) -> tuple[str, int]:
        """A new session's value and the seconds it lasts."""
        value = secrets.token_urlsafe(32)
        self._sessions[_digest(value)] = self._clock() + _LASTS
        if len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)
        return value, int(_LASTS)

    def close(self, session: str | None) -> None:
        """A session ends."""
        self._sessions.pop(_digest(session or ""), None)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape")).digest()
