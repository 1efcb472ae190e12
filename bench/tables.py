"""A job's result as a Markdown table: what a terminal is shown, and what stands in docs/performance.md."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bench.contenders import gateway
from bench.jobs import slow_vendor
from bench.results import Result, Row

_QUIET: Final = 10.0
"""Percent of the machine that others may use."""
_Cell = Callable[[Result, Row], str]


class Column(Struct, frozen=True):
    """A figure's column: its heading, and how the median of its samples, or the most of them, is written."""

    heading: str
    figure: str
    form: str = ".0f"
    spread: bool = False
    most: bool = False


_LOAD: Final = (
    Column("CPU µs per request", "cpu_us", ".1f", spread=True),
    Column("requests/s", "per_second", ",.0f"),
    Column("p50 ms", "p50_ms", ".2f"),
    Column("p99 ms", "p99_ms", ".2f"),
    Column("memory MB", "memory_mb"),
)
COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "forward": _LOAD,
    "shadow": _LOAD,
    "tls": _LOAD,
    "accept": _LOAD,
    "console": _LOAD,
    "observers": (
        Column("CPU µs per request", "cpu_us", ".2f", spread=True),
        Column("requests/s", "per_second", ",.0f"),
        Column("bytecodes", "bytecodes", ",.0f"),
        Column("functions entered", "functions", ".0f"),
        Column("C functions called", "c_functions", ".0f"),
    ),
    "page": (
        Column("CPU µs per request", "cpu_us", ".1f", spread=True),
        Column("requests/s", "per_second", ",.0f"),
        Column("p50 ms", "p50_ms", ".2f"),
        Column("p99 ms", "p99_ms", ".2f"),
        Column("failed, most", "failed", most=True),
        Column("memory MB", "memory_mb"),
        Column("shown %", "shown_percent", ".1f"),
        Column("page: late ms, p99", "late_p99_ms", ".1f"),
        Column("most", "late_worst_ms", ".0f", most=True),
        Column("longest task ms", "longest_task_ms", most=True),
        Column("slowest key ms", "key_ms", most=True),
        Column("DOM nodes, most", "nodes", ",.0f", most=True),
    ),
    "fan-out": (
        Column("deliveries/s", "deliveries_per_second", ",.0f", spread=True),
        Column("CPU µs", "cpu_us", ".1f", spread=True),
        Column("memory MB", "memory_mb"),
    ),
    "slow-vendor": (
        Column("caller's p50 ms", "p50_ms", ".2f"),
        Column("p99 ms", "p99_ms", ".2f"),
        Column("failed", "failed"),
        Column("memory MB, most", "memory_mb"),
        Column("told, untroubled vendors", "arrived_percent", ".2f"),
        Column("told, troubled vendors", "arrived_troubled_percent", ".2f"),
        Column("told again", "told_again"),
        Column("backlog", "backlog", ",.0f"),
        Column("drained/s", "drained_per_second", ",.0f"),
    ),
    "idle": (
        Column("KB per connection", "kb_per_connection", ".1f", spread=True),
        Column("memory MB with all", "memory_mb"),
    ),
    "startup": (
        Column("ms until it listens", "start_ms", spread=True),
        Column("memory MB", "memory_mb"),
    ),
    "backlog": (
        Column("ms until it listens", "start_ms", spread=True),
        Column("memory MB", "memory_mb"),
        Column("deliveries/s", "deliveries_per_second", ",.0f"),
        Column("CPU µs per delivery", "cpu_us", ".1f"),
    ),
    "client": (
        Column("CPU µs per exchange", "cpu_us", ".1f", spread=True),
        Column("wall µs", "wall_us", ".1f", spread=True),
    ),
    "soak": (
        Column("memory MB", "memory_mb", ".1f", spread=True),
        Column("p50 ms", "p50_ms", ".2f"),
        Column("p99 ms", "p99_ms", ".2f"),
        Column("failed", "failed"),
        Column("waiting", "pending"),
    ),
}


def table(result: Result) -> str:
    """A row for each contender, or for each of its phases; for the core a row for each body."""
    if not result.rows:
        return "Not measured."
    if result.job == "core":
        return _core(result)
    columns = [one for one in COLUMNS[result.job] if any(one.figure in row.figures for row in result.rows)]
    phased = any(row.phase for row in result.rows)
    extra = _EXTRA.get(result.job)
    heads = ["contender", *(["phase"] if phased else []), *(one.heading for one in columns)]
    lines = [heads + ([extra[0]] if extra else [])]
    for row in result.rows:
        cells = [row.contender, *([row.phase] if phased else []), *(_cell(row, one) for one in columns)]
        lines.append(cells + ([extra[1](result, row)] if extra else []))
    return markdown(lines)


def markdown(lines: list[list[str]]) -> str:
    """Lines of cells, the first of which are headings."""
    head, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "| --- " * len(lines[0]) + "|", *rest])


def notes(result: Result) -> str:
    """What the table's figures were taken under, who could not take part, and what speaks against them."""
    told = [f"{name}: {text}" for name, text in result.conditions.items()]
    said = [f"{'; '.join(told)}." if told else "", f"Measured at {result.commit}, {result.day}."]
    said += [f"Skipped: {one.contender}, {one.why}." for one in result.skipped]
    return "\n".join(line for line in [*said, *doubts(result)] if line)


def doubts(result: Result) -> list[str]:
    """What speaks against publishing a result."""
    found = ["**Short rounds: not to be published.**"] if result.quick else []
    if result.busy > _QUIET:
        found.append(f"**Others used {result.busy:.0f} % of the machine: ratios tell something, the rest does not.**")
    return found


def _cell(row: Row, column: Column) -> str:
    if column.figure not in row.figures:
        return "–"
    if column.most:
        return f"{max(row.figures[column.figure]):{column.form}}"
    middle = f"{row.median(column.figure):{column.form}}"
    return f"{middle} ±{row.spread(column.figure):{column.form}}" if column.spread else middle


def _core(result: Result) -> str:
    """Microseconds of msgspec alone, and how many times as much the rest takes, from the least target to the most."""
    lines = [["body", "msgspec µs", "decode", "decode + one encode", "µs", "decode + five encodes"]]
    for row in result.rows:
        raw, ones = row.median("raw"), sorted(map(row.median, row.figures.keys() - {"raw", "decode", "fan-out"}))
        least, most = ones[0], ones[-1]
        lines.append(
            [
                row.contender,
                f"{raw:.2f}",
                f"{row.median('decode') / raw:.1f} ×",
                f"{least / raw:.1f}–{most / raw:.1f} ×",
                f"{least:.1f}–{most:.1f}",
                f"{row.median('fan-out') / raw:.0f} ×",
            ]
        )
    return markdown(lines)


def _times(result: Result, row: Row) -> str:
    """How much CPU the gateway takes of what this contender takes."""
    own = result.row(gateway.NAME, row.phase)
    if own is None or "cpu_us" not in row.figures or row is own:
        return "–"
    return f"{own.median('cpu_us') / row.median('cpu_us'):.2f} ×"


def _of_nginx(result: Result, row: Row) -> str:
    """The speed per CPU, of nginx's that answers 204."""
    limit = result.row("nginx, 204", row.phase)
    return f"{limit.median('cpu_us') / row.median('cpu_us'):.3f}" if limit else "–"


def _throughput(result: Result, row: Row) -> str:
    """What is left of the requests a second that the gateway answers while nobody looks on."""
    alone = result.row(gateway.NAME, row.phase)
    if alone is None or alone is row:
        return "–"
    return f"{row.median('per_second') / alone.median('per_second'):.1%}"


def _change(result: Result, row: Row) -> str:
    """How the caller's p50 differs from when all vendors are healthy."""
    healthy = result.row(row.contender, slow_vendor.HEALTHY)
    if healthy is None or row is healthy or "p50_ms" not in row.figures:
        return "–"
    times = row.median("p50_ms") / healthy.median("p50_ms")
    return f"{times - 1:+.0%}" if times < 2 else f"{times:,.0f} ×"


def _observed(result: Result, row: Row) -> str:
    """What the counters take of the CPU time."""
    without = result.row(gateway.UNCOUNTED, row.phase)
    if without is None or without is row:
        return "–"
    found = difference(row, without)
    return f"{found.median('cpu_us'):.2f} ±{found.spread('cpu_us'):.2f}"


def difference(row: Row, without: Row) -> Row:
    """By how much more CPU time one takes, round by round."""
    pairs = zip(row.figures["cpu_us"], without.figures["cpu_us"], strict=True)
    return Row(row.contender, {"cpu_us": [one - other for one, other in pairs]}, row.phase)


def _heap(_result: Result, row: Row) -> str:
    """The page's heap after each minute and a collection."""
    return ", ".join(f"{one:.1f}" for one in row.figures.get("heap_mb", [])) or "–"


_EXTRA: Final[dict[str, tuple[str, _Cell]]] = {
    "forward": ("gateway's CPU of this", _times),
    "shadow": ("gateway's CPU of this", _times),
    "tls": ("gateway's CPU of this", _times),
    "fan-out": ("gateway's CPU of this", _times),
    "console": ("of the throughput with it closed", _throughput),
    "observers": ("of it for counting, µs", _observed),
    "page": ("heap MB, minute by minute", _heap),
    "accept": ("of nginx 204's speed per CPU", _of_nginx),
    "slow-vendor": ("p50 to healthy", _change),
}
