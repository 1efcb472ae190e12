"""`gateway check`: every fault of a configuration, or what its routes do to what passes through them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.configuration import DEFAULT, read
from gateway.config import Config
from gateway.contract import Mappings, VendorMapping
from gateway.fidelity import measure
from gateway.routing import Route, RouteTarget


@click.command("check")
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
@click.option(
    "--live", is_flag=True, help="Also ask each upstream, without telling it anything, whether it lets us in."
)
@click.pass_obj
def command(mappings: Mappings, path: Path, live: bool) -> None:
    """Check a configuration: all its faults and exit status 1, or what each route keeps, fills, loses and refuses.

    With --live each upstream is sent its credentials and a body that no vendor can read, so that nothing is created.
    """
    config = read(path, mappings)
    click.echo(f"{path}: valid; routes: {len(config.routes)}, upstreams: {len(config.upstreams)}")
    for warning in config.warnings:
        click.echo(f"warning: {warning}")
    for route in config.routes:
        click.echo("\n" + "\n".join(_route(route, mappings)))
    if live and not asyncio.run(_all_alive(config)):
        click.get_current_context().exit(1)


async def _all_alive(config: Config) -> bool:
    """Ask every upstream, all at once; tell what each answer proves."""
    from gateway.delivery.probe import probe

    upstreams = list(config.upstreams.values())
    found = await asyncio.gather(*[probe(one) for one in upstreams])
    for upstream, findings in zip(upstreams, found, strict=True):
        click.echo(f"\n{upstream.name}: {upstream.mapping.NAME} at {upstream.mapping.base_url}")
        for one in findings:
            click.echo(f"  {'ok' if one.ok else 'FAULT'}  {one.endpoint}: {one.text}")
    return all(one.ok for findings in found for one in findings)


def _route(route: Route, mappings: Mappings) -> Iterator[str]:
    source = mappings[route.accepts].example()
    callers = ", ".join(sorted(route.clients)) or "anyone, no key asked"
    yield f"{route.name}: {route.accepts} ({route.mode}) from {callers}"
    for endpoint in source.ENDPOINTS:
        for path in endpoint.paths:
            yield f"  {endpoint.method} {route.prefix}{path}"
    for one in route.targets:
        yield from _target(one, source)
    if route.mode == "store" and source.MINTS_USERS:
        yield (
            "  note: answers before any vendor does; ids that the vendor mints, and campaigns that it serves, come back"
            " only where a new visitor's first inbound is sent on at once; clients that need more want"
            ' mode = "forward"'
        )


def _target(one: RouteTarget, source: VendorMapping) -> Iterator[str]:
    target = one.target
    vendor = target.mapping.NAME
    yield f"  → {target.name}: {vendor}{', primary' if one.primary else ''}"
    for name, globs in target.when.patterns:
        yield f"      only where {name} is {' or '.join(globs)}"
    if target.share:
        yield f"      only for the share {target.share.start:g} to {target.share.end:g} of users"
    found = measure(source, target)
    if not found.carried and not found.refused:
        yield f"      gets nothing of what {source.NAME} can say"
        return
    if vendor == source.NAME:
        yield "      keeps everything as it came"
        return
    filled = [name for name, _, _ in target.fill.values]
    total = len(found.carried) + len(found.refused)
    whole = f"all {total} kinds of interaction" if total > 1 and not found.refused else ", ".join(found.carried)
    yield f"      carries {whole or 'nothing'}"
    for word, names in (
        ("keeps", found.kept),
        ("fills", filled),
        ("needs a fill of", found.needs),
        ("loses", found.lost),
        ("copies another vendor's", found.copied),
    ):
        if names:
            yield f"      {word} {', '.join(names)}"
    for kind, why in found.refused.items():
        yield f"      refuses {kind}: {why}"
    if "device.user_agent" in target.privacy.drop or "device.ip" in target.privacy.drop:
        yield "      hides the device: the vendor will see the gateway's own address or browser instead"
