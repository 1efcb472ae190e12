"""The load: one click again and again over keep-alive connections, by wrk where it is there.

Its head is the same each time, as a shop's back end repeats it, or one header of it is numbered.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from bench.click import BODY, HEADERS, PATH
from bench.contenders import FILES, programs
from bench.processes import LOAD_CORE, module, pinned

CONNECTIONS: Final = 64


class Offered(Struct, frozen=True):
    """What came of a load: milliseconds within which half and 99 % of the requests were answered, and the failures."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


def offer(port: int, seconds: int, connections: int = CONNECTIONS, numbered: str = "") -> Offered:
    """Send the click for so many seconds, as fast as it is answered; `numbered` names a header that each has anew."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "click.json"
        file.write_bytes(BODY)
        with pinned(LOAD_CORE):
            ran = subprocess.run(  # noqa: S603  # wrk, or our own module
                _command(port, seconds, connections, file, numbered),
                capture_output=True,
                check=True,
                timeout=seconds + 60,
                env={**os.environ, **programs.environment()},
            )
    return json.decode(ran.stdout.splitlines()[-1], type=Offered)


def generator() -> str:
    """What the load is made with."""
    version = programs.version("wrk")
    return f"wrk {version}" if version else "plain asyncio"


def _command(port: int, seconds: int, connections: int, file: Path, numbered: str) -> list[str]:
    wrk = programs.found("wrk")
    if wrk is None or programs.version("wrk") is None:
        return module("bench.plain", "send", port, seconds, connections, *([numbered] if numbered else []))
    fixed = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(FILES / "wrk.lua")]
    headers = [f"{name}={value}" for name, value in HEADERS.items()]
    return [str(wrk), *fixed, f"http://127.0.0.1:{port}{PATH}", "--", str(file), numbered, *headers]
