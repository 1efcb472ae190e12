"""`gateway send`: a real test click through a running route, and what became of it at each target."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import click
from msgspec import MsgspecError, json

from gateway.cli.deliveries import told
from gateway.cli.operating import CONFIG, Ask, operated
from gateway.contract import Mappings

_LOOK: Final = 0.2
"""Seconds between two looks at what became of it."""


@click.command("send")
@click.argument("source")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--route", required=True, help="The route that is to take it.")
@CONFIG
@click.option("--path", "native", metavar="P", help="The native path; default: the first that the body fits.")
@click.option("--wait", type=click.FloatRange(0), default=10.0, show_default=True, help="Seconds to watch the targets.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    source: str,
    file: Any,
    route: str,
    path: Path,
    native: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Send one body of vendor SOURCE through a running route, with the key of the route's own client.

    The vendors receive it: it is a real click. Ends with 1 where it was not accepted or is a dead letter somewhere.
    """
    url = urlsplit(native or "")
    click_ = {"route": route, "source": source, "path": url.path or None, "query": dict(parse_qsl(url.query))}
    if url.path == "" or not native:
        click_["path"] = None
    with operated(mappings, path, running=True) as ask:
        sent = ask("POST", "/api/send", body=click_ | {"body": _document(file)})
        targets = _watched(ask, sent, wait)
    if as_json:
        click.echo(json.encode(sent | {"targets": targets}).decode())
    else:
        _print(sent, targets)
    if sent["status"] >= 400 or any(part["state"] == "dead" for part in targets.values()):
        click.get_current_context().exit(1)


def _document(file: Any) -> Any:
    text = file.read()
    try:
        return json.decode(text) if text.strip() else None
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        raise click.UsageError("FILE holds no JSON document") from None


def _watched(ask: Ask, sent: dict[str, Any], wait: float) -> dict[str, Any]:
    """What became of it at each target, once all are done with it or the time is up."""
    until = time.monotonic() + wait
    while True:
        found = ask("GET", "/api/deliveries", {"request_id": sent["request_id"]})["deliveries"]
        parts: dict[str, Any] = {}
        for one in reversed(found):
            parts |= one["targets"]
        if not _open(sent, parts) or time.monotonic() >= until:
            return parts
        time.sleep(_LOOK)


def _open(sent: dict[str, Any], parts: dict[str, Any]) -> Sequence[str]:
    """The targets of which there is more to hear."""
    if sent["status"] >= 400:
        return ()
    return [name for name in sent["targets"] if name in parts and parts[name]["state"] == "waiting"]


def _print(sent: dict[str, Any], targets: dict[str, Any]) -> None:
    click.echo(f"answered {sent['status']} to request {sent['request_id']}")
    if sent["body"] is not None:
        click.echo(f"  {json.encode(sent['body']).decode()}")
    for name in sent["targets"]:
        if name in targets:
            click.echo("\n".join(told(name, targets[name])))
        else:
            why = "" if sent["status"] >= 400 else "; in forward mode the answer above is the primary's"
            click.echo(f"  {name}: not kept for it{why}")
