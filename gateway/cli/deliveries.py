"""`gateway deliveries`: where did this click go."""

from pathlib import Path
from typing import Any

import click
from msgspec import json

from gateway.cli.operating import CONFIG, operated
from gateway.contract import Mappings


@click.command("deliveries")
@CONFIG
@click.option("--user", metavar="ID", help="A person, by any of the ids in the inbound.")
@click.option("--request-id", metavar="ID", help="A request, by the X-Request-Id that its caller was told.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    path: Path,
    user: str | None,
    request_id: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Tell where clicks went: each target, its attempts and answers, as far as `[store] keep` and dead letters know."""
    if (user is None) == (request_id is None):
        raise click.UsageError("say either --user or --request-id")
    with operated(mappings, path) as ask:
        found = ask("GET", "/api/deliveries", {"user": user, "request_id": request_id, "limit": limit})
    if as_json:
        click.echo(json.encode(found).decode())
        return
    for one in found["deliveries"]:
        click.echo("\n".join(story(one)) + "\n")
    if not found["deliveries"]:
        click.echo("nothing is kept of it")
    if not found["keep_seconds"]:
        click.echo('[store] keep is "0s": what every target is done with is forgotten at once, but for dead letters')
    if not found["complete"]:
        click.echo(f"only the newest {limit} were looked at; --limit looks at more")


def story(one: dict[str, Any]) -> list[str]:
    """One inbound and what each target has of it."""
    head = f"{one['received_at']}  {one['request_id']}  {one['route']}: {one['vendor']} {one['endpoint']}"
    lines = [head + ("  (a replay)" if one["replayed"] else "")]
    for name, part in one["targets"].items():
        lines += told(name, part)
    if not one["kept"]:
        lines.append("  the inbound itself is no longer kept; other targets may have it")
    return lines


def told(name: str, part: dict[str, Any]) -> list[str]:
    """One target's part of an inbound, with its attempts."""
    lines = [f"  {name}: {_state(part)}"]
    for attempt in part["attempts"]:
        status = f" {attempt['status']}" if attempt["status"] is not None else ""
        lines.append(f"    {attempt['at']} {attempt['outcome']}{status} {attempt['answer']}".rstrip())
    return lines


def _state(part: dict[str, Any]) -> str:
    match part["state"]:
        case "dead":
            fields = f" {', '.join(part['fields'])}" if part["fields"] else ""
            return f"dead letter {part['dead_letter']}: {part['reason']}{fields}"
        case "waiting":
            return "waiting" + (f", to be tried again at {part['again_at']}" if part.get("again_at") else "")
        case "nothing":
            return "done with it; there was nothing to send (filtered, or no word for it)"
        case "done":
            return "done with it; how is not kept"
        case state:
            return f"{state} at {part['at']}"
