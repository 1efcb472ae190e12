"""The machine, the versions and the commit that a result belongs to: nothing that names a host or a path."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.contenders import programs
from bench.load import generator
from bench.processes import CONTENDER_CORE, LOAD_CORE

_LIBRARIES: Final = ("aiohttp", "msgspec", "uvloop")


def described() -> dict[str, str]:
    """The machine."""
    alone = CONTENDER_CORE != LOAD_CORE
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {_distribution()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "pinned": "contender on one core, load and vendors on another" if alone else "no: one core for all",
    }


def versions() -> dict[str, str]:
    """What took part."""
    found = {name: version(name) for name in _LIBRARIES}
    found |= {name: there for name in ("nginx", "envoy", "traefik", "node") if (there := programs.version(name))}
    if kit := programs.kit():
        found["@segment/actions-core"] = kit
    return found | {"load": generator()}


def commit() -> str:
    """The last commit that changed the gateway, and whether anything of it differs from that."""
    own = ("--", "gateway", "mappings")
    changed = _git("status", "--porcelain", *own)
    return _git("log", "-1", "--format=%h", *own) + (" with changes" if changed else "")


def day() -> str:
    """Today."""
    return datetime.now(tz=UTC).date().isoformat()


def busy() -> float:
    """How many percent of the machine are in use while the bench does nothing."""
    idle, total = _times()
    time.sleep(1)
    later, after = _times()
    return round(100 - (later - idle) / (after - total) * 100, 1)


def _times() -> tuple[int, int]:
    """Ticks that all cores were idle, and all ticks."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _git(*arguments: str) -> str:
    ran = subprocess.run(  # noqa: S603  # the checkout's own git
        ["git", "-C", str(Path(__file__).parent.parent), *arguments],  # noqa: S607  # wherever it is
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
