"""docs/performance.md: its prose is written, every figure in it is generated from `bench/results`."""

import re
from pathlib import Path
from typing import Final

from bench import tables, targets
from bench.contenders import gateway
from bench.results import FOLDER, Result, read

DOCUMENT: Final = Path(__file__).parent.parent / "docs/performance.md"
_BLOCK: Final = re.compile(r"(<!-- bench/results: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated(text: str) -> str:
    """The document with every block as the results have it."""
    return _BLOCK.sub(lambda block: f"{block[1]}{_block(block[2])}\n{block[3]}", text)


def write() -> None:
    """Bring the document up to date."""
    DOCUMENT.write_text(generated(DOCUMENT.read_text()))


def is_current() -> bool:
    """Whether the document is what the results say."""
    text = DOCUMENT.read_text()
    return generated(text) == text


def _block(name: str) -> str:
    if name == "targets":
        doubted = sorted({one.job for one in _all() if tables.doubts(one)})
        return targets.table() + (f"\n\n**Not to be published: {', '.join(doubted)}; see there.**" if doubted else "")
    if name == "machine":
        return _machine()
    if name == "contenders":
        return _contenders()
    result = read(name)
    if result is None:
        return "Not measured yet."
    elsewhere = "" if _processor(result) == _processor(_usual()) else f"\nOn another machine: {_processor(result)}."
    return f"{tables.table(result)}\n\n{tables.notes(result)}{elsewhere}"


def _contenders() -> str:
    """What each does for a click."""
    names: dict[str, list[str]] = {}
    for row in (row for result in _all() for row in result.rows if row.note):
        known = names.setdefault(row.note, [])
        if row.contender not in known and not row.contender.startswith(f"{gateway.NAME},"):
            known.append(row.contender)
    return tables.markdown([["contender", "does"], *(["; ".join(all_), note] for note, all_ in names.items() if all_)])


def _machine() -> str:
    """The machine and the versions of the last run."""
    usual = _usual()
    if usual is None:
        return "Not measured yet."
    told = {**usual.machine, "versions": ", ".join(f"{name} {one}" for name, one in usual.versions.items())}
    return "\n".join(f"- {name}: {one}" for name, one in told.items())


def _usual() -> Result | None:
    """The result that says on which machine `make bench` ran last; what takes minutes may be older than that."""
    return read("forward") or next(iter(_all()), None)


def _processor(result: Result | None) -> str:
    return "" if result is None else result.machine.get("processor", "")


def _all() -> list[Result]:
    """Every job's last result."""
    return [one for file in sorted(FOLDER.glob("*.json")) if (one := read(file.stem))]
