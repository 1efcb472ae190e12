"""What a connection costs that is kept alive and says nothing: memory, over ten thousand of them."""

import asyncio
from typing import Final

from bench.click import BODY, HEADERS, PATH
from bench.compare import Effort, standing
from bench.contenders import bare, gateway, nginx
from bench.load import offer
from bench.processes import allow_files, resident
from bench.results import Outcome, Row

CONNECTIONS: Final = 10_000
_AT_ONCE: Final = 64


def run(effort: Effort) -> Outcome:
    """Each contender anew in each round: its memory after a load, and again with all connections open and idle."""
    allow_files()
    # Forward mode: what a click leaves in the memory of a store is not the connection's.
    contenders = [gateway.forwarding(), bare.answer(), nginx.answer()]
    outcome = Outcome([], conditions={"connections": f"{CONNECTIONS}, each after one request"})
    rows = {one.name: Row(one.name, {"kb_per_connection": [], "memory_mb": []}, note=one.note) for one in contenders}
    for _ in range(1 if effort.quick else 3):
        with standing(contenders, 1) as (up, outcome.skipped):
            for one in up:
                offer(one.site.port, 1)
                before = resident(one.process.pid)
                after = asyncio.run(_open(one.site.port, one.process.pid))
                rows[one.contender.name].figures["kb_per_connection"].append((after - before) / CONNECTIONS * 1000)
                rows[one.contender.name].figures["memory_mb"].append(after)
    outcome.rows = [row for row in rows.values() if row.figures["memory_mb"]]
    return outcome


async def _open(port: int, pid: int) -> float:
    """Megabytes in use once all connections are open and have been answered."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\n" + "".join(f"{key}: {one}\r\n" for key, one in HEADERS.items())
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    slots = asyncio.Semaphore(_AT_ONCE)

    async def connect() -> asyncio.StreamWriter:
        async with slots:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 204"), answer
            return writer

    writers = await asyncio.gather(*[connect() for _ in range(CONNECTIONS)])
    await asyncio.sleep(1)
    found = resident(pid)
    for writer in writers:
        writer.close()
    return found
