"""The listener on the admin port: aiohttp in, plain values out."""

import asyncio
from contextlib import aclosing
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from gateway.admin.api import Api
from gateway.admin.call import Reply, Stream, Visitor
from gateway.admin.guard import only_own_names, only_with
from gateway.admin.operated import Operated
from gateway.admin.page import Page
from gateway.admin.problem import NO_STORE, AdminError, WrongMethod, refused
from gateway.admin.readings import Growth
from gateway.admin.sessions import NotAdmitted, Sessions, TooManyWrong
from gateway.config import Admin
from gateway.errors import GatewayError
from gateway.ports import listen

_INERT: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer tells a browser."""
_PATIENCE: Final = 30.0
"""Seconds that a stream waits for a reader that takes nothing."""
_FAREWELL: Final = 5.0
"""Seconds that a stop gives to calls under way."""


class AdminServer:
    """The admin port of a gateway."""

    def __init__(self, gateway: Operated, settings: Admin) -> None:
        self._settings = settings
        self._port = settings.port
        self._api = Api(gateway, Growth())
        self._page = Page()
        self._sessions = Sessions(settings.token)
        self._streams: set[asyncio.Task[Any]] = set()
        guards = [
            _worded,
            only_own_names(settings.host),
            only_with(self._sessions, self._cookie, self._is_open),
        ]
        application = web.Application(middlewares=guards)
        application.add_routes(
            [
                web.get("/", self._served),
                web.get("/console/{rest:.*}", self._served),
                web.route("*", "/{rest:.*}", self._called),
            ]
        )
        application.on_shutdown.append(self._end_streams)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_FAREWELL)

    async def start(self) -> int:
        """Listen; gives the port, of use where the settings say 0; raises CannotListen."""
        self._port = await listen(self._runner, "admin", self._settings.host, self._settings.port)
        return self._port

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    def _cookie(self) -> str:
        """The session cookie's name: a browser sends cookies to every port of a host."""
        return f"gateway-{self._port}"

    def _is_open(self, path: str) -> bool:
        """Whether anybody may ask for a path."""
        return path == "/" or path.startswith("/console/") or self._api.is_open(path)

    async def _served(self, request: web.Request) -> web.StreamResponse:
        known, zips = request.headers.get("if-none-match"), "gzip" in request.headers.get("accept-encoding", "")
        return _replied(self._page.get(request.path, known=known, zips=zips))

    async def _called(self, request: web.Request) -> web.StreamResponse:
        method = "GET" if request.method == "HEAD" else request.method
        operation, _ = self._api.find(method, request.path)
        if request.method == "HEAD" and operation.gives is Stream:
            raise WrongMethod(("GET",))
        body = None if method == "GET" else await _object(request)
        visitor = Visitor(
            self._sessions,
            request.remote or "",
            self._cookie(),
            request.cookies.get(self._cookie()),
            request.secure or request.headers.get("x-forwarded-proto", "").lower() == "https",
        )
        answer = await self._api.answer(method, request.path, request.query, body, visitor)
        match answer:
            case Stream():
                return await self._streamed(request, answer)
            case Reply():
                return _replied(answer)
        headers = NO_STORE | {"Content-Type": "application/json"}
        return web.Response(body=msgspec.json.encode(answer), headers=headers)

    async def _streamed(self, request: web.Request, stream: Stream) -> web.StreamResponse:
        """Server-sent events to a reader, at its own pace; one that takes nothing for long is let go."""
        headers = NO_STORE | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        session = request.cookies.get(self._cookie())
        by_session, task = self._sessions.knows(session), asyncio.current_task()
        assert task is not None  # noqa: S101  # a handler runs in one
        self._streams.add(task)
        try:
            async with aclosing(stream.events) as events:
                await response.prepare(request)
                async for event in events:
                    if by_session and not self._sessions.knows(session):
                        break
                    async with asyncio.timeout(_PATIENCE):
                        await response.write(event)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._streams.discard(task)
        return response

    async def _end_streams(self, _: web.Application) -> None:
        for task in self._streams:
            task.cancel()


@web.middleware
async def _worded(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every refusal as problem details, every answer inert in a browser."""
    try:
        answer: web.StreamResponse = await handler(request)
    except GatewayError as error:
        answer = refused(error.status, str(error), error.faults, **_headers(error))
    except web.HTTPException as error:
        answer = refused(error.status, error.reason)
    except Exception:  # noqa: BLE001  # whatever fails, who asks gets an answer without a traceback
        structlog.get_logger().exception("admin call failed", path=request.path)
        answer = refused(500, "the gateway failed")
    if not answer.prepared:
        answer.headers.update(_INERT)
    return answer


def _headers(error: GatewayError) -> dict[str, str]:
    match error:
        case WrongMethod():
            return {"Allow": ", ".join(error.allowed)}
        case NotAdmitted():
            return {"WWW-Authenticate": "Bearer"}
        case TooManyWrong():
            return {"Retry-After": str(error.retry_after)}
    return {}


def _replied(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=NO_STORE | dict(reply.headers))


async def _object(request: web.Request) -> Any:
    """The JSON object in a body, which must say so: other sites' pages cannot, unasked; raises AdminError."""
    if request.content_type != "application/json":
        raise AdminError(415, "content-type must be application/json")
    try:
        found = msgspec.json.decode(await request.read() or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AdminError(400, "the body is no JSON document") from None
    if not isinstance(found, dict):
        raise AdminError(400, "the body must be a JSON object")
    return found
