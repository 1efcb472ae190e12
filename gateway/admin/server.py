"""The listener on the admin port: aiohttp in, plain values out."""

from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.admin.api import Api
from gateway.admin.call import AdminError
from gateway.admin.guard import NO_STORE, only_json, only_own_names, only_with, refused
from gateway.admin.operated import Operated
from gateway.admin.readings import Growth, readings
from gateway.config import Admin
from gateway.errors import GatewayError
from gateway.ports import listen


class AdminServer:
    """The admin port of a gateway."""

    def __init__(self, gateway: Operated, settings: Admin) -> None:
        self._gateway = gateway
        self._settings = settings
        self._growth = Growth()
        self._api = Api(gateway, self._growth)
        guards = [_worded, only_own_names(settings.host), only_with(settings.token), only_json()]
        application = web.Application(middlewares=guards)
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.route("*", "/api/{rest:.*}", self._call),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> int:
        """Listen; gives the port, of use where the settings say 0; raises CannotListen."""
        return await listen(self._runner, "admin", self._settings.host, self._settings.port)

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"}, headers=NO_STORE)

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._gateway.unready()
        if reason is None:
            return web.json_response({"status": "ready"}, headers=NO_STORE)
        return web.json_response({"status": "unready", "reason": reason}, status=503, headers=NO_STORE)

    async def _metrics(self, _: web.Request) -> web.Response:
        text = self._gateway.metrics.text(await readings(self._gateway, self._growth))
        return web.Response(body=text, headers=NO_STORE | {"Content-Type": CONTENT_TYPE_LATEST})

    async def _call(self, request: web.Request) -> web.Response:
        body = None if request.method in ("GET", "HEAD") else _object(await request.read())
        answer = await self._api.answer(request.method, request.path, dict(request.query), body)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json", headers=NO_STORE)


@web.middleware
async def _worded(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every refusal as JSON that says why."""
    try:
        answer: web.StreamResponse = await handler(request)
    except GatewayError as error:
        return refused(error.status, str(error))
    except web.HTTPException as error:
        return refused(error.status, error.reason)
    return answer


def _object(body: bytes) -> Any:
    """The JSON object in a body; raises AdminError."""
    try:
        found = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AdminError(400, "the body is no JSON document") from None
    if not isinstance(found, dict):
        raise AdminError(400, "the body must be a JSON object")
    return found
