"""A port had or not: where every listener of the gateway starts."""

import os
import socket
from typing import Final

from aiohttp.web import TCPSite
from aiohttp.web_runner import BaseRunner

from gateway.errors import CannotListen

_BACKLOG: Final = 1024
"""Connections that wait to be accepted."""


async def listen(runner: BaseRunner, table: str, host: str, port: int) -> int:
    """Listen where a table of the configuration says; gives the port, of use where it says 0; raises CannotListen."""
    await runner.setup()
    try:
        await TCPSite(runner, host, port, backlog=_BACKLOG).start()
    except OSError as error:
        raise _cannot(table, host, port, error) from None
    return int(runner.addresses[0][1])


def listening(table: str, host: str, port: int) -> socket.socket:
    """A socket that listens there and can be handed on to other processes; raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise _cannot(table, host, port, error) from None
    listener.setblocking(False)
    return listener


def _cannot(table: str, host: str, port: int, error: OSError) -> CannotListen:
    known = error.errno is not None and error.errno > 0
    why = os.strerror(error.errno) if known and error.errno else error.strerror or str(error)
    return CannotListen(f"[{table}] cannot listen on {host}:{port}: {why}")
