"""What a forwarded click costs in one process that reads and writes no socket, with its observers and without.

`python -m bench.inside FILE COUNT ROUNDS` puts the accepting half of the gateway together twice, with what
counts and with what does nothing, gives both the same clicks in turn, and prints what it measured as JSON. What a
caller or a vendor would say comes from transports that have it ready, so that nothing varies but what Python does. Of
the file's vendor nothing is wanted but that its port listens.
"""

import asyncio
import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import uvloop
from msgspec import json
from msgspec.structs import replace

from bench.click import BODY, HEADERS, PATH
from bench.counting import Called, Executed
from bench.load import CONNECTIONS
from bench.unobserved import Uncounted
from gateway import garbage, log
from gateway.accepting import Accepting
from gateway.config import Config, load
from gateway.metrics import Metrics
from gateway.observers import Observers
from gateway.store.contract import Record
from gateway.tail import Tail
from gateway.translate import Decoded
from mappings import MAPPINGS

_CALLERS: Final = CONNECTIONS
_COUNTED: Final = 320
_WARM: Final = 3_000
_FIELDS: Final = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
_CLICK: Final = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\n{_FIELDS}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\nDate: Thu, 26 Nov 2026 03:00:00 GMT\r\n\r\n"


class _Ready(asyncio.Transport):
    """A transport whose other side says at once what it always says."""

    def __init__(self, said: bytes, sock: socket.socket | None = None) -> None:
        super().__init__({"peername": ("203.0.113.7", 4444), "socket": sock})
        self.protocol: Any = None
        self.loop = asyncio.get_running_loop()
        self.said = said

    def write(self, _data: Any) -> None:
        """It has heard this and says its own."""
        self.loop.call_soon(self.protocol.data_received, self.said)

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """All is written."""
        return 0

    def close(self) -> None:
        """Nothing is open but the vendor's socket, which ends with the process."""

    abort = close


class _Caller(_Ready):
    """A caller that sends its click again once it is answered, until there are enough."""

    def __init__(self, protocol: Any, answered: Callable[[], bool]) -> None:
        super().__init__(_CLICK)
        self.protocol, self.answered = protocol, answered
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Here is its answer."""
        assert data.startswith(b"HTTP/1.1 204"), data
        if self.answered():
            super().write(data)

    def begin(self) -> None:
        """Send the first click."""
        self.loop.call_soon(self.protocol.data_received, _CLICK)


class _Loop(uvloop.Loop):
    """A loop that opens the gateway's connections to vendors as ready transports, and notes who listens."""

    def __init__(self) -> None:
        super().__init__()
        self.listening: Callable[[], Any] | None = None

    async def create_connection(  # type: ignore[override]  # as the gateway calls it
        self, factory: Any, *_: Any, sock: Any = None, **__: Any
    ) -> Any:
        """A connection over a socket that is open but never used: the client asks the system whether it still is."""
        protocol, transport = factory(), _Ready(_ANSWER, sock)
        transport.protocol = protocol
        protocol.connection_made(transport)
        return transport, protocol

    async def create_server(  # type: ignore[override]  # whatever it is called with
        self, factory: Any, *arguments: Any, **options: Any
    ) -> Any:
        """A server as ever; callers that are in the process ask its factory."""
        self.listening = factory
        return await super().create_server(factory, *arguments, **options)


class _NoStore:
    """Forward mode with one target keeps nothing."""

    async def append(self, record: Record, decoded: Decoded | None = None) -> int:  # noqa: ARG002  # never called
        """Nothing is to be kept."""
        raise AssertionError(record.request_id)


class _Standing:
    """The accepting half of a gateway, and its callers."""

    def __init__(self, accepting: Accepting) -> None:
        self._accepting = accepting
        self._left, self._over = 0, asyncio.Event()

    async def start(self) -> None:
        """Listen, and let the callers connect."""
        await self._accepting.start(socket.create_server(("127.0.0.1", 0)))
        connected = cast("_Loop", asyncio.get_running_loop()).listening
        assert connected is not None
        self._callers = [_Caller(connected(), self._answered) for _ in range(_CALLERS)]

    async def take(self, count: int) -> None:
        """So many clicks, and a few more that were under way."""
        self._left = count
        self._over.clear()
        for one in self._callers:
            one.begin()
        await self._over.wait()

    def _answered(self) -> bool:
        """Whether there is to be another one."""
        self._left -= 1
        if self._left == 1 - _CALLERS:
            self._over.set()
        return self._left > 0


async def _measured(config: Config, count: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """What both cost per click, by name: CPU in turn, then counts."""
    found: dict[str, dict[str, list[float]]] = {}
    standing = {}
    for name, metrics in {"with": Metrics(), "without": Uncounted()}.items():
        standing[name] = _Standing(Accepting(config, MAPPINGS, _NoStore(), Observers(metrics, Tail())))
        await standing[name].start()
        await standing[name].take(_WARM)
        found[name] = {"cpu_us": []}
    garbage.settle()
    for turn in range(rounds):
        for name in sorted(standing, reverse=bool(turn % 2)):
            gc.collect()
            began = time.process_time_ns()
            await standing[name].take(count)
            found[name]["cpu_us"].append((time.process_time_ns() - began) / (count + _CALLERS - 1) / 1000)
    for name, one in standing.items():
        found[name] |= await _counts(one)
    return found


async def _counts(one: _Standing) -> dict[str, list[float]]:
    clicks = _COUNTED + _CALLERS - 1
    with Executed() as executed:
        await one.take(_COUNTED)
    with Called() as called:
        await one.take(_COUNTED)
    totals = {"bytecodes": executed.bytecodes, "functions": executed.functions, "c_functions": called.functions}
    return {name: [total / clicks] for name, total in totals.items()}


def main(file: Path, count: int, rounds: int) -> None:
    """Measure the gateway of a configuration file."""
    config = load(file, MAPPINGS, os.environ)
    log.configure("error", "json")
    # No line of the log for a click, which now and then one would have.
    config = replace(config, log=replace(config.log, requests="errors"))
    sys.stdout.buffer.write(json.encode(uvloop.run(_measured(config, count, rounds), loop_factory=_Loop)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
