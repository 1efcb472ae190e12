"""The pure core, body by body, as `bench.core` measures it."""

from bench import core
from bench.compare import Effort
from bench.processes import CONTENDER_CORE, pinned
from bench.results import Outcome, Row


def run(_effort: Effort) -> Outcome:
    """A row for each body; a figure for msgspec alone, the decoding, each target, and all of them."""
    with pinned(CONTENDER_CORE):
        measured = core.main()
    rows = [Row(body, {name: one.samples for name, one in found.items()}, note="") for body, found in measured.items()]
    return Outcome(rows, conditions={"figures": "CPU µs per event, medians; × are times msgspec's decode and encode"})
