"""How every command reads the configuration: with all its faults printed, or not at all."""

import os
from pathlib import Path
from typing import Final

import click

from gateway.config import Config, load
from gateway.contract import Mappings
from gateway.errors import ConfigFaults

DEFAULT: Final = Path("config.toml")


def read(path: Path, mappings: Mappings, *, secrets_required: bool = True) -> Config:
    """The configuration in a file; every fault is printed and the command ends with 1."""
    try:
        return load(path, mappings, os.environ, secrets_required=secrets_required)
    except ConfigFaults as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        raise SystemExit(1) from None
