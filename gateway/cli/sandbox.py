"""`gateway sandbox`: the five vendors on one port."""

import click


@click.command("sandbox")
@click.option("--port", default=9000, show_default=True, help="Where on 127.0.0.1 to listen.")
def command(port: int) -> None:
    """Run the five vendors on one port, strict about their contracts, with faults on demand."""
    import asyncio
    import contextlib

    from gateway.sandbox import serve

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(port, click.echo))
