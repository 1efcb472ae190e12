"""`gateway deadletters`: what will not be tried again by itself, looked at, sent again, or forgotten."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct, json

from gateway.cli.deliveries import told
from gateway.cli.operating import CONFIG, Ask, operated
from gateway.config.units import PerSecond, PositiveSeconds, Quantity
from gateway.contract import Mappings

_PAGE: Final = 500


class _Chosen(Struct, frozen=True):
    """Which dead letters, as the options say."""

    ids: tuple[int, ...]
    target: str | None
    reason: str | None
    older_than: float | None
    all: bool = False

    def body(self) -> dict[str, Any]:
        """The same for the admin API."""
        if not (self.ids or self.target or self.reason or self.older_than is not None or self.all):
            raise click.UsageError("say which: IDs, --target, --reason, --older-than, or --all")
        now = time.time()
        given = {
            "ids": self.ids or None,
            "target": self.target,
            "reason": self.reason,
            "before": now if self.older_than is None else now - self.older_than,
            "all": self.all or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """A duration as config.toml writes it, in seconds."""
    return None if value is None else float(_quantity(PositiveSeconds, value))


def _per_second(_: click.Context, __: click.Parameter, value: str) -> float:
    """A rate as config.toml writes it."""
    return float(_quantity(PerSecond, value))


def _quantity(unit: type[Quantity], text: str) -> Any:
    try:
        return unit.of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("deadletters")
def command() -> None:
    """Dead letters of a running gateway, or of the store of a stopped one."""


_TARGET: Final = click.option("--target", metavar="NAME", help="Of this target, such as shop/auxia.")
_REASON: Final = click.option("--reason", help="With this reason: refused, missing, unknown_id, max_age, attempts, …")
_OLDER: Final = click.option("--older-than", callback=_seconds, metavar="1h", help="Dead for longer.")
_ALL: Final = click.option("--all", "all_", is_flag=True, help="All of them.")
_DRY: Final = click.option("--dry-run", is_flag=True, help="Only say how many are meant.")
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@command.command("list")
@CONFIG
@_TARGET
@_REASON
@_OLDER
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@_JSON
@click.pass_obj
def listing(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    path: Path,
    target: str | None,
    reason: str | None,
    older_than: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List dead letters, oldest first."""
    query = {"target": target, "reason": reason, "before": _before(older_than), "limit": min(limit, _PAGE)}
    with operated(mappings, path) as ask:
        page = ask("GET", "/api/deadletters", query)
        total, letters = page["total"], page["deadletters"]
        while len(letters) < limit and page["next"] is not None:
            page = ask("GET", "/api/deadletters", query | {"after": page["next"]})
            letters += page["deadletters"]
    if as_json:
        click.echo(json.encode({"total": total, "deadletters": letters[:limit]}).decode())
        return
    for letter in letters[:limit]:
        click.echo(_line(letter))
    click.echo(f"{total} dead letters" + (f"; {limit} shown" if total > limit else ""))


@command.command("show")
@CONFIG
@click.argument("number", metavar="ID", type=int)
@_JSON
@click.pass_obj
def show(mappings: Mappings, path: Path, number: int, as_json: bool) -> None:
    """Show one dead letter: its attempts, its inbound, and what a replay would send today."""
    with operated(mappings, path) as ask:
        letter = ask("GET", f"/api/deadletters/{number}")
    if as_json:
        click.echo(json.encode(letter).decode())
        return
    part = {"state": "dead", "dead_letter": number, **{key: letter[key] for key in ("reason", "fields", "attempts")}}
    click.echo("\n".join(told(letter["target"], part)))
    for word in ("inbound", "today"):
        click.echo(f"{word}:\n{json.format(json.encode(letter[word]), indent=2).decode()}")


@command.command("replay")
@CONFIG
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@_TARGET
@_REASON
@_OLDER
@_ALL
@_DRY
@click.option("--rate", callback=_per_second, default="500/s", show_default=True, help="How fast to queue them.")
@click.pass_obj
def replay(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    path: Path,
    ids: Sequence[int],
    target: str | None,
    reason: str | None,
    older_than: float | None,
    all_: bool,
    dry_run: bool,
    rate: float,
) -> None:
    """Send dead letters again, each to its own target, with today's configuration; a broken replay can be repeated."""
    chosen = _Chosen(tuple(ids), target, reason, older_than, all_).body()
    with operated(mappings, path) as ask:
        if dry_run:
            _dry_run(ask, "POST", "/api/deadletters/replay", chosen)
            return
        done, step = 0, max(1, min(_PAGE, int(rate)))
        while True:
            answer = ask("POST", "/api/deadletters/replay", body=chosen | {"limit": step})
            done += answer["replayed"]
            if not answer["more"]:
                break
            time.sleep(step / rate)
    click.echo(f"{done} dead letters are sent again")


@command.command("discard")
@CONFIG
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@_TARGET
@_REASON
@_OLDER
@_ALL
@_DRY
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def discard(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings,
    path: Path,
    ids: Sequence[int],
    target: str | None,
    reason: str | None,
    older_than: float | None,
    all_: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Forget dead letters for good."""
    chosen = _Chosen(tuple(ids), target, reason, older_than, all_).body()
    with operated(mappings, path) as ask:
        if dry_run:
            _dry_run(ask, "DELETE", "/api/deadletters", chosen)
            return
        if not yes:
            count = ask("DELETE", "/api/deadletters", body=chosen | {"dry_run": True})["would"]
            click.confirm(f"Forget {count} dead letters for good?", abort=True)
        done, more = 0, True
        while more:
            answer = ask("DELETE", "/api/deadletters", body=chosen)
            done, more = done + answer["discarded"], answer["more"]
    click.echo(f"{done} dead letters are forgotten")


@command.command("export")
@CONFIG
@_TARGET
@_REASON
@_OLDER
@click.option("-o", "--output", type=click.File("wb"), default="-", help="Default: standard output.")
@click.pass_obj
def export(  # noqa: PLR0913  # a command line has as many parameters as it has options
    mappings: Mappings, path: Path, target: str | None, reason: str | None, older_than: float | None, output: Any
) -> None:
    """Write dead letters with their inbounds and attempts as JSON Lines, oldest first."""
    query: dict[str, Any] = {"target": target, "reason": reason, "before": _before(older_than), "full": True}
    with operated(mappings, path) as ask:
        after: int | None = 0
        while after is not None:
            page = ask("GET", "/api/deadletters", query | {"after": after, "limit": 100})
            output.write(b"".join([json.encode(letter) + b"\n" for letter in page["deadletters"]]))
            after = page["next"]


def _dry_run(ask: Ask, method: str, path: str, chosen: dict[str, Any]) -> None:
    click.echo(f"{ask(method, path, body=chosen | {'dry_run': True})['would']} dead letters are meant")


def _line(letter: dict[str, Any]) -> str:
    why = " ".join([letter["reason"], ",".join(letter["fields"])]).strip()
    last = letter["last"]
    answer = f"; last {last['outcome']} {last['status'] or ''}".rstrip() if last else ""
    return (
        f"{letter['id']:>8}  {letter['at']}  {letter['target']}  {why}"
        f"  ({letter['vendor']} {letter['endpoint']}, request {letter['request_id']},"
        f" {letter['attempts']} attempts{answer})"
    )


def _before(older_than: float | None) -> float | None:
    return None if older_than is None else time.time() - older_than
