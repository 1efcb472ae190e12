"""A port had or not: where every listener of the gateway starts."""

import os

from aiohttp.web import TCPSite
from aiohttp.web_runner import BaseRunner

from gateway.errors import CannotListen


async def listen(runner: BaseRunner, table: str, host: str, port: int) -> int:
    """Listen where a table of the configuration says; gives the port, of use where it says 0; raises CannotListen."""
    await runner.setup()
    try:
        await TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        known = error.errno is not None and error.errno > 0
        why = os.strerror(error.errno) if known and error.errno else error.strerror or str(error)
        raise CannotListen(f"[{table}] cannot listen on {host}:{port}: {why}") from None
    return int(runner.addresses[0][1])
