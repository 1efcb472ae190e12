"""The commands: each a few lines over the parts below, in a module of its own name.

A command's module, and what it needs, is imported when the command runs, so that every command starts fast.
"""

from importlib import import_module
from typing import Final

import click

from gateway.version import version

_COMMANDS: Final = (
    *("accept", "check", "deadletters", "deliveries", "demo", "matrix", "sandbox", "schema", "send", "serve", "store"),
    *("target", "top", "translate"),
)


class _Lazy(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"gateway.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None


def _tell_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the installed distribution's version; a bare checkout has none."""
    if wanted and not ctx.resilient_parsing:
        click.echo(f"gateway {version('unknown: a checkout that is not installed')}")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def gateway() -> None:
    """Accept any of five personalization wire formats; send each click on to one vendor or many."""
