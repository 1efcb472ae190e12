"""One snapshot as text, for scripts and logs."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.top.snapshots import Snapshots
from gateway.top.tables import ROUTES, TARGETS, WORDS, Row, gateway_line, routes, store_line, targets


def text(snapshots: Snapshots) -> str:
    """The latest snapshot, whole, however wide it gets."""
    one = snapshots.latest
    if one is None:
        return ""
    console = Console(width=400, color_system=None, highlight=False)
    with console.capture() as captured:
        for shown in (
            Text(gateway_line(one)),
            Text(store_line(one) + "\n"),
            _table(ROUTES, routes(snapshots)),
            Text(),
            _table(TARGETS, targets(snapshots)),
        ):
            console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _table(titles: Sequence[str], rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, justify="left" if title in WORDS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*[Text(cell.text) for cell in row])
    return table
