"""`gateway sandbox`: the five vendors on one port."""

import os

import click


@click.command("sandbox")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="Where on 127.0.0.1 to listen."
)
def command(port: int) -> None:
    """Run the five vendors on one port, strict about their contracts, with faults on demand."""
    import asyncio

    from gateway.sandbox import serve

    try:
        asyncio.run(serve(port, click.echo))
    except KeyboardInterrupt:
        return
    except OSError as error:
        click.echo(f"the sandbox cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0)}", err=True)
        raise SystemExit(1) from None
