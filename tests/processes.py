"""The command line as its users have it: real processes, real signals, real exit codes."""

import asyncio
import os
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "gateway")


def environment(**variables):
    """The environment of a command: this checkout's code, nobody's settings."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"} | variables


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Serving:
    """A running `gateway serve`: its ports, and the lines of its log as they come."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.port = self.admin_port = 0
        self.stderr = b""

    async def line(self, event):
        """The next line of an event."""
        async with asyncio.timeout(20):
            while True:
                text = await self.process.stdout.readline()
                if not text:
                    self.stderr += await self.process.stderr.read()
                    raise AssertionError(f"ended without {event!r}: {self.lines} {self.stderr.decode()}")
                self.lines.append(msgspec.json.decode(text))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]

    async def ended(self):
        """The exit code, once it has ended by itself; whatever it still wrote is kept."""
        async with asyncio.timeout(20):
            rest, errors = await self.process.communicate()
        self.lines += [msgspec.json.decode(line) for line in rest.splitlines()]
        self.stderr += errors
        return self.process.returncode


@asynccontextmanager
async def serving(path, **variables):
    """`gateway serve` with a configuration, once it listens; ended by its id if the test leaves it running."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "-c", str(path), stdout=pipe, stderr=pipe, env=environment(**variables), cwd=path.parent
    )
    gateway = Serving(process)
    try:
        listening = await gateway.line("listening")
        gateway.port = int(listening["public"].rpartition(":")[2])
        gateway.admin_port = int(listening["admin"].rpartition(":")[2])
        yield gateway
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def run(*arguments, stdin=b"", cwd=None, **variables):
    """A command run to its end: exit code, standard output and standard error."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment(**variables), cwd=cwd
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate(stdin)
    return process.returncode, out.decode(), errors.decode()
