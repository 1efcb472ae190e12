"""Which version of the gateway this is."""

from importlib import metadata


def version(otherwise: str = "not installed") -> str:
    """The installed distribution's version; a checkout that is not installed has none."""
    try:
        return metadata.version("interaction-gateway")
    except metadata.PackageNotFoundError:
        return otherwise
