"""`gateway matrix`: what survives between every pair of vendors, measured from the mappings themselves."""

from collections.abc import Mapping, Sequence

import click
from msgspec import json, to_builtins

from gateway.contract import Mappings
from gateway.fidelity import Fidelity, matrix, spoken


@click.command("matrix")
@click.option("--format", "form", type=click.Choice(["table", "md", "json"]), default="table", show_default=True)
@click.pass_obj
def command(mappings: Mappings, form: str) -> None:
    """Show what survives from every vendor (rows) to every vendor (columns)."""
    kinds = {name: len(list(spoken(mapping.example()))) for name, mapping in mappings.items()}
    pairs = matrix(mappings)
    if form == "json":
        click.echo(json.format(json.encode([to_builtins(pair) for pair in pairs]), indent=2).decode())
    elif form == "md":
        click.echo(markdown(list(mappings), pairs, kinds))
    else:
        _print(list(mappings), pairs, kinds)


def cell(pair: Fidelity, kinds: int) -> str:
    """One pair in a few words: how many kinds of interaction arrive, what must be filled, how many fields are lost."""
    if pair.source == pair.target:
        return "as it came"
    if not pair.carried:
        return "nothing"
    words = [f"{len(pair.carried)} of {kinds} kinds"]
    if pair.needs:
        words.append(f"fill {', '.join(pair.needs)}")
    words.append(f"{len(pair.lost)} fields lost")
    return "; ".join(words)


def markdown(names: Sequence[str], pairs: Sequence[Fidelity], kinds: Mapping[str, int]) -> str:
    """The matrix as a Markdown table."""
    lines = ["| from ↓ to → | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for name in names:
        cells = [cell(pair, kinds[name]) for pair in pairs if pair.source == name]
        lines.append(f"| **{name}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _print(names: Sequence[str], pairs: Sequence[Fidelity], kinds: Mapping[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("from ↓ to →", *names, show_lines=True)
    for name in names:
        table.add_row(name, *[cell(pair, kinds[name]) for pair in pairs if pair.source == name])
    Console().print(table)
    for pair in pairs:
        if pair.source != pair.target:
            click.echo(f"{pair.source} → {pair.target}")
            click.echo(f"  lost: {', '.join(pair.lost) or 'nothing'}")
            for kind, why in pair.refused.items():
                click.echo(f"  refused: {kind} ({why})")
