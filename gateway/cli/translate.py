"""`gateway translate`: one inbound body in, the outbounds and the losses out; nothing is sent."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import click
from msgspec import json
from msgspec.structs import replace

from gateway import dryrun
from gateway.cli.configuration import DEFAULT, read
from gateway.config.faults import nearest
from gateway.contract import Endpoint, Inbound, Mappings, VendorMapping, kept
from gateway.errors import GatewayError
from gateway.times import from_iso
from gateway.translate import Decoded, Target, Translation, decode, translate


def _vendors(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """The vendors that a shell may complete to."""
    return [name for name in ctx.obj or () if name.startswith(begun)]


@click.command("translate")
@click.argument("source", shell_complete=_vendors)
@click.argument("target", shell_complete=_vendors)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("-c", "--config", "config", type=click.Path(path_type=Path), help=f"Default: {DEFAULT}, if there.")
@click.option("--path", help="The source's native path; default: the first endpoint that the body fits.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="A header of the inbound; repeatable.")
@click.option("--received-at", metavar="ISO", help="When the inbound came; default: now.")
@click.option("--mode", type=click.Choice(["forward", "store"]), default="forward", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    source: str,
    target: str,
    file: Any,
    config: Path | None,
    path: str | None,
    headers: Sequence[str],
    received_at: str | None,
    mode: str,
    as_json: bool,
) -> None:
    """Show what TARGET, an upstream's name or a vendor, would be sent for one inbound body of vendor SOURCE."""
    origin = _vendor(mappings, source, "SOURCE").example()
    aim = _target(mappings, target, config)
    url = urlsplit(path or "")
    inbound = Inbound(
        id="translate",
        endpoint=_endpoint(origin, url.path) if path else origin.ENDPOINTS[0],
        headers=_headers(headers),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        body=b"",
        received_at=_micros(received_at),
    )
    if inbound.endpoint.method != "GET":
        inbound = replace(inbound, body=file.read())
    try:
        read = decode if path else dryrun.decode_anywhere
        decoded = read(origin, inbound, stamp=mode == "store")
    except GatewayError as error:
        _fail(error)
    translation = translate(decoded, aim)
    shown = dryrun.told(translation, aim.mapping)
    click.echo(json.encode(shown).decode() if as_json else _told(decoded, translation, shown))
    if translation.refused:
        click.get_current_context().exit(1)


def _vendor(mappings: Mappings, name: str, what: str) -> type[VendorMapping]:
    if name not in mappings:
        raise click.UsageError(f"{what} {name!r} is no vendor{nearest(name, mappings)}; known: {', '.join(mappings)}")
    return mappings[name]


def _target(mappings: Mappings, name: str, config: Path | None) -> Target:
    """An upstream of the configuration by its name, else a vendor's example account."""
    if config is not None or DEFAULT.exists():
        found = read(config or DEFAULT, mappings, secrets_required=False).translate_target(name)
        if found is not None:
            return found
    return Target(name, _vendor(mappings, name, "TARGET").example())


def _endpoint(source: VendorMapping, path: str) -> Endpoint:
    endpoint = dryrun.endpoint_at(source, path)
    if endpoint is None:
        known = ", ".join(path for endpoint in source.ENDPOINTS for path in endpoint.paths)
        raise click.UsageError(f"--path {path} is none of {source.NAME}'s: {known}")
    return endpoint


def _headers(lines: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise click.UsageError(f"--header {line!r} is not of the form 'Name: value'")
        found[name.strip().lower()] = value.strip()
    return kept(found)


def _micros(received_at: str | None) -> int:
    if received_at is None:
        return time.time_ns() // 1000
    micros = from_iso(received_at)
    if micros is None:
        raise click.UsageError(f"--received-at {received_at!r} is no ISO 8601 time")
    return micros


def _fail(error: GatewayError) -> NoReturn:
    for fault in error.faults:
        click.echo(f"error: {fault}", err=True)
    raise SystemExit(1)


def _told(decoded: Decoded, translation: Translation, shown: Mapping[str, Any]) -> str:
    """The same for people: each request as it would go out, then what is lost, copied and refused."""
    lines = [f"{len(decoded.interactions)} interaction(s) in, {len(translation.requests)} request(s) out"]
    for request in shown["requests"]:
        lines += ["", f"{request['method']} {request['url']}"]
        lines += [f"{name}: {value}" for name, value in request["headers"].items()]
        if request["body"] is not None:
            lines += ["", json.format(json.encode(request["body"]), indent=2).decode()]
    lines += ["", f"lost: {', '.join(shown['losses']) or 'nothing'}"]
    if shown["copied"]:
        lines.append(f"copied, minted by another vendor: {', '.join(shown['copied'])}")
    lines += [
        f"refused: interaction {one['interaction']}, {one['reason']} {', '.join(one['fields'])}"
        for one in shown["refused"]
    ]
    if translation.dropped:
        lines.append(f'dropped, as `unsupported = "drop"` asks: {translation.dropped}')
    return "\n".join(lines)
