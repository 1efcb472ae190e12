"""Where the contenders' programs are, and their versions: those that were set up here, else those of the machine."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.contenders import Launch

HOME: Final = Path(__file__).parent.parent.parent / ".bench"
"""Everything that is set up, and nothing else; git ignores it."""
DEBIAN: Final = HOME / "debian"
PYTHON: Final = HOME / "python"
NODE: Final = HOME / "node"
_OWN: Final = {
    "nginx": DEBIAN / "usr/sbin/nginx",
    "wrk": DEBIAN / "usr/bin/wrk",
    "envoy": PYTHON / "envoy/_bin/envoy",
    "traefik": PYTHON / "bin/traefik",
}
_VERSION: Final = {
    "nginx": ("-v", r"nginx/([\d.]+)"),
    "wrk": ("-v", r"wrk (?:debian/)?([\d.]+)"),
    "envoy": ("--version", r"/([\d.]+)/"),
    "traefik": ("version", r"Version:\s+([\d.]+)"),
    "node": ("--version", r"v([\d.]+)"),
    "openssl": ("version", r"OpenSSL ([\d.]+)"),
    "chromium": ("--version", r"Chromium ([\d.]+)"),
}


def found(name: str) -> Path | None:
    """The program."""
    own = _OWN.get(name)
    if own is not None and own.is_file():
        return own
    there = shutil.which(name)
    return Path(there) if there else None


def missing(name: str) -> str | None:
    """Why a program cannot be run here, where it cannot."""
    return None if version(name) else f"{name} is not installed"


def launch(name: str, *arguments: object) -> Launch:
    """How a program that is there is started."""
    program = found(name)
    assert program is not None, name
    return Launch([str(program), *map(str, arguments)], environment())


def environment() -> dict[str, str]:
    """What programs of Debian's need outside their usual place."""
    folders = [str(folder) for place in ("usr/lib", "lib") for folder in DEBIAN.glob(f"{place}/*-linux-gnu")]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def version(name: str) -> str | None:
    """A program's version, None where it does not run."""
    program, (argument, pattern) = found(name), _VERSION[name]
    if program is None:
        return None
    ran = subprocess.run(  # noqa: S603  # a contender's own program
        [program, argument], capture_output=True, text=True, check=False, env={**os.environ, **environment()}
    )
    told = re.search(pattern, ran.stdout + ran.stderr)
    return told.group(1) if told else None


def lua() -> Path | None:
    """The folder of nginx's modules, where its Lua module and what that needs are there."""
    for root in (DEBIAN, Path("/")):
        folder = root / "usr/lib/nginx/modules"
        if (folder / "ngx_http_lua_module.so").is_file() and list(root.glob("usr/lib/*/lua/5.1/cjson.so")):
            return folder
    return None


def kit() -> str | None:
    """The version of Segment's kit."""
    package = NODE / "node_modules/@segment/actions-core/package.json"
    told = re.search(r'"version": "([^"]+)"', package.read_text()) if package.is_file() else None
    return told.group(1) if told else None
