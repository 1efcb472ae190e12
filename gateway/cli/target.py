"""`gateway target`: one target held, released, or moved past its backlog."""

from pathlib import Path

import click

from gateway.cli.operating import CONFIG, operated, target_path
from gateway.contract import Mappings


@click.group("target")
def command() -> None:
    """Hold, release or skip one target, such as shop/auxia; `gateway deadletters` has what was skipped."""


@command.command("pause")
@CONFIG
@click.argument("name")
@click.pass_obj
def pause(mappings: Mappings, path: Path, name: str) -> None:
    """Hold a target: what comes is kept, nothing is sent, until it is resumed or the gateway restarts."""
    with operated(mappings, path, running=True) as ask:
        ask("POST", target_path(name, "pause"))
    click.echo(f"{name} is paused; its inbounds wait")


@command.command("resume")
@CONFIG
@click.argument("name")
@click.pass_obj
def resume(mappings: Mappings, path: Path, name: str) -> None:
    """Release a target that was paused."""
    with operated(mappings, path, running=True) as ask:
        ask("POST", target_path(name, "resume"))
    click.echo(f"{name} delivers again")


@command.command("skip")
@CONFIG
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def skip(mappings: Mappings, path: Path, name: str, yes: bool) -> None:
    """Move a target past its backlog, which becomes dead letters (reason: skipped) that can be replayed."""
    if not yes:
        click.confirm(f"Move {name} past its whole backlog?", abort=True)
    with operated(mappings, path) as ask:
        count = ask("POST", target_path(name, "skip"))["skipped"]
    click.echo(f"{count} inbounds of {name} became dead letters")
