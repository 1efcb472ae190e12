"""`gateway serve`: the gateway itself."""

from pathlib import Path

import click

from gateway.cli import Mappings
from gateway.cli.configuration import DEFAULT, read


@click.command("serve")
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
@click.pass_obj
def command(mappings: Mappings, path: Path) -> None:
    """Serve the routes of a configuration until SIGTERM or SIGINT; then finish what is in flight and stop."""
    import structlog
    import uvloop

    from gateway import log
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

    uvloop.run(run(path, mappings, config, announce))
