"""`gateway top`: what a running gateway does at the moment."""

import os
import sys
import time
from pathlib import Path
from typing import Final

import click
from msgspec import MsgspecError

from gateway.cli.operating import CONFIG, Port, admin_port, target_path
from gateway.contract import Mappings
from gateway.top.snapshots import Snapshot, Snapshots, snapshot

_PATIENCE: Final = 3.0


@click.command("top")
@CONFIG
@click.option("--once", is_flag=True, help="Print one snapshot as text; so it is where there is no terminal.")
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 60.0),
    default=1.0,
    show_default=True,
    help="Seconds between two snapshots.",
)
@click.pass_obj
def command(mappings: Mappings, path: Path, once: bool, interval: float) -> None:
    """Show rates, errors and lag of each route and target of a running gateway, live."""
    port = _AdminPort(admin_port(mappings, path, _PATIENCE))
    if not once and _on_terminal():
        from gateway.top.live import Top

        Top(port, interval).run()
        return
    from gateway.top.plain import text

    snapshots = Snapshots()
    snapshots.add(port.read())
    time.sleep(interval)
    snapshots.add(port.read())
    click.echo(text(snapshots))


class _AdminPort:
    """The admin port as `gateway top` uses it; it raises ClickException where the port does not answer."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.url = port.url

    def read(self) -> Snapshot:
        """Read it."""
        if not self._port.answers():
            raise click.ClickException(f"no gateway answers on {self.url}")
        status, metrics = self._port.ask("GET", "/api/status"), self._port.text("/metrics")
        try:
            return snapshot(time.monotonic(), status, metrics)
        except (MsgspecError, ValueError, KeyError):
            raise click.ClickException(f"{self.url} does not tell what this version's gateway does") from None

    def hold(self, target: str, *, paused: bool) -> None:
        """Pause a target, or resume it."""
        self._port.ask("POST", target_path(target, "pause" if paused else "resume"))


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
