"""A vendor that remembers who it was told of, and a load that is offered at a fixed rate, answered or not.

`python -m bench.vendor PORT FILE [DELAY_MS]` answers 204 to everything; on SIGTERM it adds to FILE a line with how many
requests it took, and the numbers of all clicks in them.
"""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct

from bench.load import Vendor

_NUMBER: Final = re.compile(rb'"u-(\d+)"')


class _Remembering(Vendor):
    """Notes the number of each click before it is answered."""

    taken = 0
    numbers: Final[set[int]] = set()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        found = _NUMBER.findall(data)
        _Remembering.taken += len(found)
        self.numbers.update(map(int, found))
        super().data_received(data)


async def _answer(port: int, file: Path, delay_ms: float = 0.0) -> None:
    _Remembering.delay = delay_ms / 1000
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.get_running_loop().create_server(_Remembering, "127.0.0.1", port)
    await stop.wait()
    with file.open("a") as told:
        told.write(f"{_Remembering.taken} {' '.join(map(str, _Remembering.numbers))}\n")


class Offered(Struct):
    """One phase of a load: when each answer came after the moment it was due to be asked for, and what went wrong."""

    seconds: list[float]
    failed: int = 0

    def percentile(self, part: float) -> float:
        """Milliseconds within which that part of all was answered."""
        return sorted(self.seconds)[int(len(self.seconds) * part)] * 1000


class Load:
    """Clicks with rising numbers over keep-alive connections; late answers do not slow it down."""

    def __init__(self, port: int, head: str, body: bytes, connections: int) -> None:
        self._port, self._head, self._body = port, head, body
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._connections = connections
        self.sent = 0

    async def open(self) -> None:
        """Connect."""
        for _ in range(self._connections):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def offer(self, rate: int, seconds: float) -> Offered:
        """So many clicks per second, for so long; times count from when each was due."""
        found, tasks = Offered([]), []
        started = time.perf_counter()
        for index in range(int(rate * seconds)):
            due = started + index / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self._one(due, found)))
        await asyncio.gather(*tasks)
        return found

    async def _one(self, due: float, found: Offered) -> None:
        self.sent += 1
        body = self._body.replace(b"yaexono4ohphania", b"u-%d" % self.sent)
        head = f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode()
        reader, writer = await self._free.get()
        writer.write(head + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        self._free.put_nowait((reader, writer))
        found.seconds.append(time.perf_counter() - due)
        found.failed += not answer.startswith(b"HTTP/1.1 204")


if __name__ == "__main__":
    port, file, *delay = sys.argv[1:]
    uvloop.run(_answer(int(port), Path(file), *map(float, delay)))
