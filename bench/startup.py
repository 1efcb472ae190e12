"""How long `gateway serve` takes from its start until it listens, beside an interpreter that does nothing."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.http import CONFIG, free
from bench.rounds import Measured

_ROUNDS: Final = 9


def main() -> None:
    """Print both, in milliseconds."""
    found: dict[str, list[float]] = {"gateway serve, until it listens": [], "python -c pass": []}
    for _ in range(_ROUNDS):
        found["gateway serve, until it listens"].append(_serve())
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)  # our own interpreter
        found["python -c pass"].append((time.perf_counter() - started) * 1000)
    print(f"\nStart-up, milliseconds: medians of {_ROUNDS} interleaved rounds")
    for name, samples in found.items():
        print(f"{name:34}{Measured.of(samples):8.0f}")


def _serve() -> float:
    """Milliseconds until a fresh gateway says that it listens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = {"port": free(), "admin": free(), "vendor": 9, "folder": folder / "store"}
        (folder / "config.toml").write_text(CONFIG.format(**ports, mode="store", primary=""))
        arguments = [sys.executable, "-m", "gateway", "serve", "-c", str(folder / "config.toml")]
        started = time.perf_counter()
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:  # noqa: S603  # our own module
            assert process.stdout is not None
            for line in process.stdout:
                if b"listening" in line:
                    break
            taken = time.perf_counter() - started
            process.terminate()
            process.stdout.read()
        return taken * 1000
