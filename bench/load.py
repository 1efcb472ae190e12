"""A load of one request repeated over keep-alive connections, and the vendor that answers it: raw asyncio.

`python -m bench.load vendor PORT [DELAY_MS]` answers 204 to everything; `python -m bench.load send PORT COUNT
CONNECTIONS KEY_HEADER PATH` reads a body from standard input and prints requests per second, p50 and p99 in
milliseconds, and how many answers were no success.
"""

import asyncio
import sys
import time

import uvloop

_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Vendor(asyncio.Protocol):
    """Answers each complete request, after a delay where one is set."""

    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.transport.write, _ANSWER)
            else:
                self.transport.write(_ANSWER)


async def vendor(port: int, delay_ms: float = 0.0) -> None:
    """Answer until killed."""
    Vendor.delay = delay_ms / 1000
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", port)
    await server.serve_forever()


async def send(port: int, count: int, connections: int, request: bytes) -> str:
    """Send `count` requests over so many connections; gives the figures as one line."""
    left, taken, failed = count, [], 0

    async def one() -> None:
        nonlocal left, failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left > 0:
            left -= 1
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            mark = head.lower().find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if length:
                await reader.readexactly(length)
            taken.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 2")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[one() for _ in range(connections)])
    seconds = time.perf_counter() - started
    taken.sort()
    p50, p99 = taken[len(taken) // 2] * 1000, taken[int(len(taken) * 0.99)] * 1000
    return f"{count / seconds:.0f} {p50:.2f} {p99:.2f} {failed}"


def main(arguments: list[str]) -> None:
    """Be the vendor or the load."""
    if arguments[0] == "vendor":
        uvloop.run(vendor(int(arguments[1]), *map(float, arguments[2:])))
        return
    port, count, connections, key, path = arguments[1:]
    body = sys.stdin.buffer.read()
    head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\n{key}\r\nContent-Type: application/json\r\n"
    request = f"{head}User-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    print(uvloop.run(send(int(port), int(count), int(connections), request)))


if __name__ == "__main__":
    main(sys.argv[1:])
