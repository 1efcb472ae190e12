"""The composition root: the commands, and the one table of mappings they work with."""

from gateway.cli import gateway
from mappings import load


def main() -> None:
    """Run the command line."""
    gateway(obj=load(), prog_name="gateway")


if __name__ == "__main__":
    main()
