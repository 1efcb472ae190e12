"""Builds the console into the package: `gateway/admin/dist`, from what stands in `console/`.

hatchling runs this for a wheel and for an editable install, the Makefile before what shows the console. Nothing is
built while what was built is newer than its sources. Where Node is missing, or npm cannot fetch, the reason is said and
all else goes on: the admin port's page then says what is missing.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONSOLE = Path(__file__).parent / "console"
BUILT = Path(__file__).parent / "gateway" / "admin" / "dist" / "index.html"
_LOCK = CONSOLE / "package-lock.json"
_INSTALLED = CONSOLE / "node_modules" / ".package-lock.json"


class CustomBuildHook(BuildHookInterface[Any]):
    """The hook of a build; a failure never ends it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Build the console before the files of the package are gathered."""
        reason = build()
        if reason is not None:
            self.app.display_warning(reason)


def build() -> str | None:
    """Build what is out of date; gives the reason where it cannot be."""
    if not _is_stale():
        return None
    npm = shutil.which("npm")
    if npm is None:
        return "The console is not built: Node 20.19 or newer, with npm, is missing."
    if _is_older(_INSTALLED, _LOCK.stat().st_mtime) and not _run(npm, "ci", "--no-progress"):
        return "The console is not built: npm could not install what it is built with."
    return None if _run(npm, "run", "--silent", "build") else "The console is not built: its build failed."


def _is_stale() -> bool:
    sources = [*(CONSOLE / "src").rglob("*"), *(one for one in CONSOLE.glob("*") if one.is_file())]
    return bool(sources) and _is_older(BUILT, max(one.stat().st_mtime for one in sources))


def _is_older(path: Path, moment: float) -> bool:
    return not path.is_file() or path.stat().st_mtime < moment


def _run(*command: str) -> bool:
    ran = subprocess.run(command, cwd=CONSOLE, check=False, capture_output=True, text=True)  # noqa: S603  # npm, found above
    if ran.returncode:
        sys.stderr.write(ran.stdout + ran.stderr)
    return ran.returncode == 0


if __name__ == "__main__":
    if (failure := build()) is not None:
        sys.stderr.write(failure + "\n")
