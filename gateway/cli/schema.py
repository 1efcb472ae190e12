"""`gateway schema`: the JSON Schema of config.toml, for editors."""

import click

from gateway.contract import Mappings


@click.command("schema")
@click.pass_obj
def command(mappings: Mappings) -> None:
    """Print the JSON Schema of config.toml, for editors."""
    from msgspec import json

    from gateway.config import json_schema

    click.echo(json.format(json.encode(json_schema(mappings)), indent=2).decode())
