"""In and out: whether a login is needed, a login by token, a logout."""

from typing import Final

from msgspec import Struct

from gateway.admin.call import Call, Nothing, Reply, Visitor
from gateway.admin.problem import AdminError


class Shown(Struct, frozen=True, forbid_unknown_fields=True):
    """The admin token."""

    token: str


class Session(Struct, frozen=True):
    """Whether a token is asked for, and whether this caller has shown it."""

    required: bool
    authenticated: bool


_COOKIE: Final = "{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"


async def session(call: Call, _: Nothing) -> object:
    """Whether a login is needed."""
    if call.visitor is None:
        return Session(required=False, authenticated=True)
    sessions = call.visitor.sessions
    return Session(sessions.required, not sessions.required or sessions.knows(call.visitor.session))


async def login(call: Call, shown: Shown) -> object:
    """A session, kept by the browser in a cookie that no script can read."""
    visitor = _visitor(call)
    visitor.sessions.check(shown.token, visitor.address)
    return _with_cookie(visitor, *visitor.sessions.open())


async def logout(call: Call, _: Nothing) -> object:
    """The session's end, here and in the browser."""
    visitor = _visitor(call)
    visitor.sessions.close(visitor.session)
    return _with_cookie(visitor, "", 0)


def _visitor(call: Call) -> Visitor:
    if call.visitor is None:
        raise AdminError(409, "no gateway is running: there is nothing to log in to")
    return call.visitor


def _with_cookie(visitor: Visitor, value: str, seconds: int) -> Reply:
    secure = "; Secure" if visitor.is_secure else ""
    cookie = _COOKIE.format(name=visitor.cookie, value=value, seconds=seconds, secure=secure)
    return Reply(204, headers={"Set-Cookie": cookie})
