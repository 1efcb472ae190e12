"""The screen: the snapshots drawn anew as they come, and keys to sort and to hold a target."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final, Literal, Protocol

import click
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from gateway.top.snapshots import Snapshot, Snapshots
from gateway.top.tables import ROUTES, TARGETS, WORDS, Cell, Row, gateway_line, routes, store_line, targets

_ALARM: Final = "bold red"


class AdminPort(Protocol):
    """The admin port of a gateway; it raises ClickException where that does not answer."""

    url: str

    def read(self) -> Snapshot:
        """Read it."""

    def hold(self, target: str, *, paused: bool) -> None:
        """Pause a target, or resume it."""


class Sheet(DataTable[Text]):
    """A table whose rows are found by their first cell and keep their place on the screen while values change."""

    def __init__(self, titles: Sequence[str], id: str) -> None:  # noqa: A002  # as every widget has it
        super().__init__(
            id=id, cursor_type="row", cursor_foreground_priority="renderable", zebra_stripes=True, fixed_columns=1
        )
        self._titles = titles
        self.by = 0
        self.reverse = False

    def on_mount(self) -> None:
        """Make the columns."""
        self._head()

    def turn(self, step: int) -> None:
        """Sort by the next column: words from A, numbers from the largest."""
        self.by = (self.by + step) % len(self._titles)
        self.reverse = self._titles[self.by] not in WORDS

    @property
    def chosen(self) -> str | None:
        """The name in the row under the cursor."""
        if not self.is_valid_coordinate(self.cursor_coordinate):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def show(self, rows: Sequence[Row]) -> None:
        """Draw what changed."""
        chosen = self.chosen
        ordered = sorted(rows, key=lambda row: row[self.by].key, reverse=self.reverse)
        names = [row[0].text for row in ordered]
        for gone in {key.value for key in self.rows} - set(names):
            self.remove_row(str(gone))
        for row in ordered:
            self._draw(row)
        self._head()
        self.sort("0", key=lambda cell: names.index(cell.plain))
        if chosen in names and self.cursor_row != names.index(chosen):
            self.move_cursor(row=names.index(chosen), animate=False)

    def _draw(self, row: Row) -> None:
        name, cells = row[0].text, [self._drawn(number, cell) for number, cell in enumerate(row)]
        if name not in self.rows:
            self.add_row(*cells, key=name)
            return
        for number, cell in enumerate(cells):
            if self.get_cell(name, str(number)) != cell:
                self.update_cell(name, str(number), cell, update_width=True)

    def _drawn(self, number: int, cell: Cell) -> Text:
        return self._text(number, cell.text, _ALARM if cell.alarming else "")

    def _text(self, number: int, text: str, style: str = "") -> Text:
        """A text as it stands in a column: numbers to the right."""
        justify: Literal["left", "right"] = "left" if self._titles[number] in WORDS else "right"
        return Text(text, style=style, justify=justify, no_wrap=True)

    def _head(self) -> None:
        """Name the columns; an arrow is at the one that sorts."""
        for number, title in enumerate(self._titles):
            arrow = " " if number != self.by else "↓" if self.reverse else "↑"
            label = Text(f"{title} {arrow}" if title in WORDS else f"{arrow} {title}")
            if len(self.columns) < len(self._titles):
                self.add_column(label, key=str(number))
            else:
                self.ordered_columns[number].label = label


class Confirm(ModalScreen[bool]):
    """A question that is answered by one key."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "answer(True)", "yes"), ("n,escape,q", "answer(False)", "no")]
    CSS = """
    Confirm { align: center middle; }
    Confirm Static { width: auto; max-width: 90%; padding: 1 2; border: round $warning; background: $surface; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question."""
        yield Static(Text(f"{self._question}  y/n"))

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001  # a key's action gives its arguments by place
        """Take the answer."""
        self.dismiss(answer)


class Top(App[None]):
    """The screen of `gateway top`."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", priority=True, show=False),
        Binding("p", "hold", "pause/resume"),
        Binding("s", "sort(1)", "sort by next"),
        Binding("S", "sort(-1)", "by previous"),
        Binding("r", "reverse", "reverse"),
        Binding("tab", "app.focus_next", "other table"),
    ]
    CSS = """
    #gateway, #store { height: auto; padding: 0 1; }
    #trouble { height: auto; padding: 0 1; color: $text-error; background: $error-muted; display: none; }
    Sheet > .datatable--cursor { background: $primary 40%; }
    #routes { height: auto; max-height: 40%; margin-bottom: 1; }
    #targets { height: 1fr; }
    """

    def __init__(self, port: AdminPort, interval: float) -> None:
        super().__init__()
        self._port = port
        self._interval = interval
        self._snapshots = Snapshots()
        self._looking = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Static(Text(f"looking at {self._port.url} …"), id="gateway")
        yield Static(id="trouble")
        yield Static(id="store")
        with Vertical():
            yield Sheet(ROUTES, id="routes")
            yield Sheet(TARGETS, id="targets")
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#targets").focus()
        self.set_interval(self._interval, self._look)
        self._look()

    @work
    async def _look(self) -> None:
        """Read the port and draw it; where it does not answer say so, leave what stands and go on trying."""
        if self._looking.locked():
            return
        async with self._looking:
            try:
                self._snapshots.add(await asyncio.to_thread(self._port.read))
            except click.ClickException as error:
                self._tell(f"{error.message}; still trying")
                return
        self._tell("")
        self._show()

    def _tell(self, trouble: str) -> None:
        banner = self.query_one("#trouble", Static)
        banner.update(Text(trouble))
        banner.display = bool(trouble)

    def _show(self) -> None:
        one = self._snapshots.latest
        if one is None:
            return
        self.query_one("#gateway", Static).update(Text(f"{gateway_line(one)}   {self._port.url}"))
        self.query_one("#store", Static).update(Text(store_line(one)))
        self.query_one("#routes", Sheet).show(routes(self._snapshots))
        self.query_one("#targets", Sheet).show(targets(self._snapshots))

    def action_sort(self, step: int) -> None:
        """Sort the table that has the focus by another column."""
        if isinstance(self.focused, Sheet):
            self.focused.turn(step)
            self._show()

    def action_reverse(self) -> None:
        """Turn the order round."""
        if isinstance(self.focused, Sheet):
            self.focused.reverse = not self.focused.reverse
            self._show()

    @work
    async def action_hold(self) -> None:
        """Pause the target under the cursor, or resume it, once that was confirmed."""
        name, one = self.query_one("#targets", Sheet).chosen, self._snapshots.latest
        told = next((told for told in one.status.targets if told.name == name), None) if one else None
        if told is None:
            return
        question = f"Resume {told.name}?" if told.paused else f"Pause {told.name}? Its inbounds will wait."
        if await self.push_screen_wait(Confirm(question)):
            try:
                await asyncio.to_thread(self._port.hold, told.name, paused=not told.paused)
            except click.ClickException as error:
                self._tell(error.message)
                return
            self._look()
