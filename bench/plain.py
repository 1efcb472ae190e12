"""A vendor in plain asyncio, and a load where wrk is not there.

`python -m bench.plain vendor PORT… [CERTIFICATE KEY]` answers 204 to everything that it has read whole, `numbering` the
same with a number in each answer;
`python -m bench.plain send PORT SECONDS CONNECTIONS [HEADER]` sends the click again and again, each time with another
value of that header, and prints its figures as JSON.
"""

import asyncio
import itertools
import json
import ssl
import sys
import time
from typing import cast

import uvloop

from bench.click import BODY, HEADERS, PATH

_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Vendor(asyncio.Protocol):
    """Answers each complete request, after a delay where one is set."""

    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        self.transport, self.buffer = cast("asyncio.Transport", transport), b""

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            size = _size(self.buffer, end)
            if size is None or len(self.buffer) < size:
                return
            self.heard(self.buffer[:size])
            self.buffer = self.buffer[size:]
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._answer)
            else:
                self._answer()

    def heard(self, request: bytes) -> None:
        """One whole request."""

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.answer())

    def answer(self) -> bytes:
        """The answer."""
        return _ANSWER


class Numbering(Vendor):
    """Gives each answer a number, as vendors do that put a request's id into a header."""

    numbers = itertools.count()

    def answer(self) -> bytes:
        """The next answer."""
        return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX-Request-Id: %d\r\n\r\n" % next(self.numbers)


def _size(buffer: bytes, end: int) -> int | None:
    """How long the first request is, whose head ends there; None while its chunks are not all there."""
    head = buffer[:end].lower()
    if b"transfer-encoding: chunked" in head:
        last = buffer.find(b"0\r\n\r\n", end)
        return last + 5 if last >= 0 else None
    mark = head.find(b"content-length:")
    return end + 4 + (int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0)


async def vendor(kind: type[Vendor], ports: list[int], secret: list[str]) -> None:
    """Answer until killed; over TLS with a certificate and its key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if secret else None
    if context is not None:
        context.load_cert_chain(*secret)
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_server(kind, "127.0.0.1", port, backlog=4096, ssl=context)
    await asyncio.Event().wait()


async def send(port: int, seconds: int, connections: int, numbered: str = "") -> dict[str, float]:
    """Send the click again and again over so many connections; gives the figures."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    head = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\n{fields}Content-Length: {len(BODY)}\r\n"
    alike, numbers, taken, failed = f"{head}\r\n".encode() + BODY, itertools.count(), [], 0
    started = time.perf_counter()

    async def one() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (asked := time.perf_counter()) < started + seconds:
            writer.write(f"{head}{numbered}: c{next(numbers)}\r\n\r\n".encode() + BODY if numbered else alike)
            answer = await reader.readuntil(b"\r\n\r\n")
            mark = answer.lower().find(b"content-length:")
            length = int(answer[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            await reader.readexactly(length)
            taken.append(time.perf_counter() - asked)
            failed += not answer.startswith(b"HTTP/1.1 2")
        writer.close()

    await asyncio.gather(*[one() for _ in range(connections)])
    spent = time.perf_counter() - started
    taken.sort()
    p50, p99 = taken[len(taken) // 2] * 1000, taken[int(len(taken) * 0.99)] * 1000
    return {"requests": len(taken), "seconds": spent, "p50": p50, "p99": p99, "failed": failed}


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    if kind in ("vendor", "numbering"):
        ports = [int(one) for one in arguments if one.isdecimal()]
        uvloop.run(vendor(Numbering if kind == "numbering" else Vendor, ports, arguments[len(ports) :]))
    else:
        port, seconds, connections = map(int, arguments[:3])
        print(json.dumps(uvloop.run(send(port, seconds, connections, "".join(arguments[3:])))))
