"""`gateway serve`: the gateway itself."""

import contextlib
import resource
from pathlib import Path

import click

from gateway.cli.configuration import DEFAULT, read
from gateway.contract import Mappings


@click.command("serve")
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
@click.pass_obj
def command(mappings: Mappings, path: Path) -> None:
    """Serve the routes of a configuration until SIGTERM or SIGINT; then finish what is in flight and stop."""
    import structlog
    import uvloop

    from gateway import log
    from gateway.errors import GatewayError
    from gateway.serving import run

    config = read(path, mappings)
    log.configure(config.log.level, config.log.format)
    for warning in config.warnings:
        structlog.get_logger().warning("configuration", warning=str(warning))

    def announce(port: int, admin_port: int) -> None:
        structlog.get_logger().info(
            "listening",
            public=f"http://{config.server.host}:{port}",
            admin=f"http://{config.admin.host}:{admin_port}",
            routes=[route.name for route in config.routes],
        )

    _allow_connections()
    try:
        uvloop.run(run(path, mappings, config, announce))
    except GatewayError as error:
        click.echo(f"the gateway cannot start: {error}", err=True)
        raise SystemExit(1) from None


def _allow_connections() -> None:
    """Have as many files open as the system lets this process: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
