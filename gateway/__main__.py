"""The composition root: the commands, and the one table of mappings they work with."""

import sys

from gateway.cli import gateway
from gateway.errors import ConfigFaults
from mappings import load


def main() -> None:
    """Run the command line; end with 1 and every fault where an installed mapping cannot be used."""
    try:
        mappings = load()
    except ConfigFaults as error:
        sys.exit("\n".join(str(fault) for fault in error.faults))
    gateway(obj=mappings, prog_name="gateway")


if __name__ == "__main__":
    main()
