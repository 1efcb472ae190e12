"""`gateway accept`: one accepting process of `gateway serve`, which alone starts it."""

from pathlib import Path

import click

from gateway.cli.configuration import read
from gateway.contract import Mappings


@click.command("accept", hidden=True)
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), required=True)
@click.option("--channel", type=int, required=True, help="The descriptor of the parent's channel.")
@click.option("--listener", type=int, required=True, help="The descriptor of the listening socket.")
@click.pass_obj
def command(mappings: Mappings, path: Path, channel: int, listener: int) -> None:
    """Accept for `gateway serve` in a process of its own."""
    import socket

    import uvloop

    from gateway import log
    from gateway.member import run

    config = read(path, mappings)
    log.configure(config.log.level, config.log.format)
    uvloop.run(run(path, mappings, config, socket.socket(fileno=channel), socket.socket(fileno=listener)))
