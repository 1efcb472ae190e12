"""Clicks that can be told apart: vendors that remember which they were told of, and a load at a fixed rate.

`python -m bench.numbered PORT FILE` answers 204 to everything; after SIGUSR1 only 300 ms later; on SIGTERM it writes
the numbers of the clicks it was told of to FILE, each as often as it was told of it.
"""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct, field

from bench.click import BODY, HEADERS, PATH, USER
from bench.plain import Vendor

DELAY: Final = 0.3
"""Seconds by which a slow vendor is late."""
_NUMBER: Final = re.compile(rb'"u-(\d+)"')
_MOST: Final = 512
_GRACE: Final = 5.0


class _Remembering(Vendor):
    """Notes the number of each click before it is answered."""

    numbers: Final[list[bytes]] = []

    def heard(self, request: bytes) -> None:
        """One whole request."""
        self.numbers.extend(_NUMBER.findall(request))


async def _answer(port: int, file: Path) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, setattr, Vendor, "delay", DELAY)
    await loop.create_server(_Remembering, "127.0.0.1", port, backlog=4096)
    await stop.wait()
    with file.open("ab") as told:
        told.write(b"\n".join([*_Remembering.numbers, b""]))


class Offered(Struct):
    """One phase of a load: its clicks' numbers, how long each waited for its answer, and how many got none."""

    first: int
    after: int = 0
    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def percentile(self, part: float) -> float:
        """Milliseconds within which that part of all was answered."""
        return sorted(self.seconds)[int(len(self.seconds) * part)] * 1000


class Load:
    """Clicks with rising numbers, over free connections or else new ones; late answers do not slow it down."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._slots = asyncio.Semaphore(_MOST)
        self._sent = 0

    async def offer(self, rate: int, seconds: float) -> Offered:
        """So many clicks per second, for so long; what is not answered soon after has failed."""
        found, waiting = Offered(self._sent), set[asyncio.Task[None]]()
        started = time.perf_counter()
        for index in range(int(rate * seconds)):
            wait = started + index / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._one(found))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        late = (await asyncio.wait(waiting, timeout=_GRACE))[1] if waiting else set()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        found.after = self._sent
        return found

    async def _one(self, found: Offered) -> None:
        self._sent += 1
        body = BODY.replace(USER.encode(), b"u-%d" % self._sent)
        fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        head = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        asked, status = time.perf_counter(), 0
        try:
            async with self._slots:
                status = await self._exchange(head.encode() + body)
        except (OSError, asyncio.IncompleteReadError):
            pass  # counted as any other failure
        finally:
            found.seconds.append(time.perf_counter() - asked)
            found.failed += status not in (200, 204)

    async def _exchange(self, request: bytes) -> int:
        reader, writer = self._idle() or await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            mark = head.lower().find(b"content-length:")
            await reader.readexactly(int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0)
        except BaseException:
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(head[9:12])

    def _idle(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The free connection that was used last; those that were idle for too long are closed on the other side."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None


if __name__ == "__main__":
    uvloop.run(_answer(int(sys.argv[1]), Path(sys.argv[2])))
