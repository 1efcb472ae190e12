"""The gateway as a process: it serves until it is told to stop, and takes up its configuration when that changes."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from gateway import garbage
from gateway.config import Config, load
from gateway.contract import Mappings
from gateway.errors import ConfigFaults, Fault
from gateway.service import Service

_LOOK: Final = 0.5
"""Seconds between two looks at the configuration's files."""
_AT_START: Final = ("server.host", "server.port", "server.workers", "store", "admin", "traces")
"""What only a start can change."""


async def run(path: Path, mappings: Mappings, config: Config, announce: Callable[[int, int], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; `announce` hears the public and the admin port."""
    log = structlog.get_logger()
    stop, look = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, look.set)
    service = Service(config, mappings, path)
    announce(*await service.start())
    garbage.settle()
    watching = asyncio.create_task(_watch(service, path, look))
    await stop.wait()
    watching.cancel()
    log.info("draining")
    left = await service.drain()
    log.info("stopped", left=left)


async def _watch(service: Service, path: Path, look: asyncio.Event) -> None:
    """Reload when the content behind the file, or behind a secret's file, has changed and then stood still."""
    seen = _digests((path, *service.config.files))
    applied = seen | _loaded(service.config)
    while True:
        try:
            async with asyncio.timeout(_LOOK):
                await look.wait()
        except TimeoutError:
            pass
        asked = look.is_set()
        look.clear()
        found = _digests(applied)
        if asked or (found == seen != applied):
            files = await _reloaded(service, path)
            # What was there before the load, so that a change during it is still seen as one.
            applied = _digests((path, *files)) | {file: found[file] for file in (path, *files) if file in found}
            found = applied
        seen = found


async def _reloaded(service: Service, path: Path) -> tuple[Path, ...]:
    """Reload; gives the files to watch for secrets. No mistake of the gateway's own ends the watch."""
    try:
        return await reload(service, path)
    except Exception:  # noqa: BLE001  # whatever it is, the next edit may mend it
        structlog.get_logger().exception("reload failed inside the gateway")
        service.metrics.reloaded("refused")
        service.history.refused((Fault("", "the reload failed inside the gateway: see its log"),), None)
        return service.config.files


async def reload(service: Service, path: Path) -> tuple[Path, ...]:
    """Put the file's configuration in force, or tell every fault and keep the one in force.

    Gives the files that hold its secrets, or those that should.
    """
    log = structlog.get_logger()
    try:
        config = load(path, service.mappings, os.environ)
    except ConfigFaults as error:
        log.error(  # noqa: TRY400  # the faults say it all
            "configuration refused", faults=[str(fault) for fault in error.faults]
        )
        service.metrics.reloaded("refused")
        service.history.refused(error.faults, error.text)
        return tuple(dict.fromkeys((*service.config.files, *error.files)))
    waiting = [name for name in _AT_START if _value(config, name) != _value(service.config, name)]
    if waiting:
        log.warning("needs a restart", tables=waiting)
    before = service.config
    await service.apply(config)
    service.metrics.reloaded("applied")
    service.history.applied(before, config, waiting, service.mappings)
    log.info("configuration applied", routes=[route.name for route in config.routes])
    return config.files


def _value(config: Config, name: str) -> object:
    table, _, key = name.partition(".")
    return getattr(getattr(config, table), key) if key else getattr(config, table)


def _digests(files: Iterable[Path]) -> dict[Path, bytes]:
    """A digest of each file's content, whatever links lead there."""
    return {file: _digest(file) for file in files}


def _loaded(config: Config) -> dict[Path, bytes]:
    """The digest of what was loaded, which an edit during the start may have replaced in the file."""
    source = config.source
    return {} if source is None else {source.path: hashlib.blake2b(source.text.encode()).digest()}


def _digest(file: Path) -> bytes:
    try:
        return hashlib.blake2b(file.read_bytes()).digest()
    except OSError:
        return b"unreadable"
