"""`gateway store`: what people on call do with the store's files."""

from pathlib import Path

import click

from gateway.cli.operating import CONFIG, operated
from gateway.contract import Mappings


@click.group("store")
def command() -> None:
    """Look after the store."""


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
@click.pass_obj
def backup(mappings: Mappings, file: Path, path: Path) -> None:
    """Write a consistent copy of the store to FILE, which must be new; a running gateway writes it itself, meanwhile.

    To restore it: stop the gateway, empty the store's folder, put the copy there as gateway.db.
    """
    with operated(mappings, path) as ask:
        made = ask("POST", "/api/store/backup", body={"path": str(file.absolute())})
    click.echo(f"{made['path']}: {made['bytes']} bytes")
