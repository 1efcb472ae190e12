"""The sandbox's sockets: receives calls, answers them as judged, or does the damage that was asked for."""

import asyncio
import signal
import socket
import struct
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from gateway.sandbox.admin import Admin
from gateway.sandbox.exchange import MAX_BODY, Call, Ledger, Refusal, Reply
from gateway.sandbox.faults import Fault, FaultPlan, parse
from gateway.sandbox.judge import Verdict, judge, refused
from gateway.sandbox.record import Received, Record, masked

FAULT_HEADER: Final = "x-sandbox-fault"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_RAW: Final = {
    "not-http": b"\x15\x03\x01 this is no HTTP\r\n\r\n",
    "cut-off": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n{"half":',
}
_GARBAGE: Final = b'<html>{"\xff\xfe'


class Sandbox:
    """The five vendors on one port.

    `seed` decides which calls a fault's rate hits, `token_lifetime` (seconds) when issued tokens expire, `kept` how
    many calls are remembered. `faults` and `received` are also there for tests in the same process.
    """

    def __init__(self, *, seed: int = 0, token_lifetime: float = 3600, kept: int = 50_000) -> None:
        self.faults: Final = FaultPlan(seed)
        self.received: Final = Record(kept)
        self._ledger = Ledger(token_lifetime)
        self._runner: web.AppRunner | None = None
        self._host, self.port = "", 0

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return f"http://{self._host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; with port 0 on a free one, which `port` then names."""
        app = web.Application(client_max_size=MAX_BODY)
        Admin(self.faults, self.received).install(app)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A hanging call ends when its client goes; at the end nothing that still hangs is waited for.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        self._host, self.port = host, runner.addresses[0][1]

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """One call, from bytes to answer or damage."""
        call = await _receive(request)
        verdict = judge(call, self._ledger)
        vendor = verdict.vendor
        wish = call.headers.get(FAULT_HEADER) or (self.faults.draw(vendor.name) if vendor else None)
        fault, reply = _outcome(wish, verdict)
        self.received.add(_entry(call, verdict, reply, wish))
        response = await _perform(request, fault, reply)
        if call.unread:
            response.force_close()
        return response


async def serve(port: int, announce: Callable[[str], None]) -> None:
    """Runs the sandbox on the loopback address until SIGINT, SIGTERM or cancellation; announces where it listens."""
    sandbox, over = Sandbox(), asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, over.set)
    try:
        await sandbox.start("127.0.0.1", port)
        announce(f"sandbox: five vendors on {sandbox.url} (open it for credentials, faults and what was received)")
        await over.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
        await sandbox.stop()


async def _receive(request: web.Request) -> Call:
    """The request as a value; a body that is too large or does not inflate is marked, not raised."""
    body, unread = b"", None
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        unread = 413
    except web.RequestPayloadError:
        unread = 400
        request.content.feed_eof()  # aiohttp would read on after the answer, into the same error
    headers = {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}
    query: dict[str, str | list[str]] = {}
    for name in request.query:
        values = request.query.getall(name)
        query[name] = values[0] if len(values) == 1 else values
    return Call(request.method, request.rel_url.raw_path, headers, query, body, unread)


def _outcome(wish: str | None, verdict: Verdict) -> tuple[Fault | None, Reply | None]:
    """The fault wished for, and what the call is answered under it."""
    if not wish:
        return None, verdict.reply
    try:
        fault = parse(wish)
    except ValueError as error:
        return None, Reply(400, {"error": str(error)})
    return fault, _faulty_reply(fault, verdict)


def _faulty_reply(fault: Fault, verdict: Verdict) -> Reply | None:
    """What a call is answered under a fault; None where the connection ends without a status."""
    if fault.kind == "slow":
        return verdict.reply
    if fault.kind not in {"status", "ok-error", "garbage"}:
        return None
    if fault.kind == "garbage":
        return Reply(200, msgspec.Raw(_GARBAGE))
    headers = {"Location": "/elsewhere"} if 300 <= fault.number < 400 else {}
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    refusal = Refusal(fault.number or 500, "failure on demand", headers=headers)
    reply = refused(verdict.vendor, refusal) if verdict.vendor else Reply(refusal.status, headers=headers)
    return msgspec.structs.replace(reply, status=200) if fault.kind == "ok-error" else reply


def _entry(call: Call, verdict: Verdict, reply: Reply | None, injected: str | None) -> Received:
    vendor, endpoint = verdict.vendor, verdict.endpoint
    return Received(
        vendor=vendor.name if vendor else None,
        endpoint=endpoint.name if endpoint else None,
        status=reply.status if reply else None,
        faults=verdict.faults,
        injected=injected,
        **masked(call, verdict.document),
    )


async def _perform(request: web.Request, fault: Fault | None, reply: Reply | None) -> web.StreamResponse:
    """Sends the reply, or ends the call as the fault says."""
    if fault and fault.kind == "slow":
        await asyncio.sleep(fault.number / 1000)
    if reply:
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        body = msgspec.json.encode(reply.body)
        return web.Response(status=reply.status, headers=reply.headers, body=body, content_type="application/json")
    if fault and fault.kind == "hang":
        await asyncio.Event().wait()
    _end(request, _RAW.get(fault.kind) if fault else None)
    return web.Response()


def _end(request: web.Request, last_words: bytes | None) -> None:
    """Ends the connection: after some raw bytes, or at once with a reset."""
    transport = request.transport
    if transport is None:
        return
    if last_words is not None:
        transport.write(last_words)
        transport.close()
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
