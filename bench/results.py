"""What was measured, as data: one file for each job, with the machine, the versions and the commit it belongs to."""

from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

FOLDER: Final = Path(__file__).parent / "results"


class Row(Struct):
    """One contender's figures, each with a sample for each round; `phase` tells apart the conditions of one job."""

    contender: str
    figures: dict[str, list[float]]
    phase: str = ""
    note: str = ""

    def add(self, samples: dict[str, float]) -> None:
        """One more round, or another sample of each figure."""
        for figure, sample in samples.items():
            self.figures.setdefault(figure, []).append(sample)

    def median(self, figure: str) -> float:
        """The middle of a figure's samples."""
        return median(self.figures[figure])

    def spread(self, figure: str) -> float:
        """Half the distance between the quartiles of a figure's samples."""
        samples = self.figures[figure]
        if len(samples) < 2:
            return 0.0
        low, _, high = quantiles(samples, n=4, method="inclusive")
        return (high - low) / 2


class Skipped(Struct):
    """A contender that could not run, and why."""

    contender: str
    why: str


class Outcome(Struct):
    """What came of a job: figures, who could not take part, and the conditions it ran under."""

    rows: list[Row]
    skipped: list[Skipped] = field(default_factory=list)
    conditions: dict[str, str] = field(default_factory=dict)


class Result(Struct):
    """One job's outcome; `quick` says that its rounds were too short to publish.

    `busy` is how many percent of the machine others used just before.
    """

    job: str
    commit: str
    day: str
    quick: bool
    busy: float
    machine: dict[str, str]
    versions: dict[str, str]
    conditions: dict[str, str]
    rows: list[Row]
    skipped: list[Skipped] = field(default_factory=list)

    def row(self, contender: str, phase: str = "") -> Row | None:
        """A contender's row, where it ran."""
        return next((row for row in self.rows if (row.contender, row.phase) == (contender, phase)), None)


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Keep a result; gives its file."""
    file = folder / f"{result.job}.json"
    folder.mkdir(exist_ok=True)
    about = msgspec.json.format(msgspec.json.encode(replace(result, rows=[])), indent=1).decode()
    rows = ",\n  ".join(msgspec.json.encode(row).decode() for row in _rounded(result.rows))
    file.write_text(about.replace('"rows": []', f'"rows": [\n  {rows}\n ]') + "\n")
    return file


def read(job: str, folder: Path = FOLDER) -> Result | None:
    """A job's last result."""
    file = folder / f"{job}.json"
    return msgspec.json.decode(file.read_bytes(), type=Result) if file.is_file() else None


def _rounded(rows: list[Row]) -> list[Row]:
    """As many digits as mean something."""
    return [
        replace(row, figures={name: [float(f"{one:.4g}") for one in samples] for name, samples in row.figures.items()})
        for row in rows
    ]
