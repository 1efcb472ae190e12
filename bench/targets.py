"""What the gateway is to reach, and whether the last results say that it does."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bench import tables
from bench.compare import HEADS
from bench.contenders import gateway
from bench.jobs import console, loads, observers, page, slow_vendor
from bench.results import Result, read


class Found(Struct, frozen=True):
    """What was measured, and whether the target and the stretch are reached."""

    text: str
    target: bool
    stretch: bool | None


class Target(Struct, frozen=True):
    """One line: the job, what is asked in words, and how a result is judged."""

    name: str
    job: str
    target: str
    stretch: str
    judge: Callable[[Result], Found | None]


def table() -> str:
    """All targets with what was measured."""
    lines = [["job", "target", "stretch", "measured", "target reached", "stretch reached"]]
    for one in TARGETS:
        result = read(one.job)
        found = one.judge(result) if result else None
        measured = (
            ["not measured", "–", "–"] if found is None else [found.text, _said(found.target), _said(found.stretch)]
        )
        lines.append([one.name, one.target, one.stretch, *measured])
    return tables.markdown(lines)


def _said(reached: bool | None) -> str:  # noqa: FBT001  # one answer in words
    return "–" if reached is None else "yes" if reached else "**no**"


def _beside(result: Result, other: str, told: Callable[[float, float], str]) -> tuple[float, float, str] | None:
    """The gateway's CPU and another's where every head is alike, and what they are with any heads in words."""
    pairs = {
        phase: (own.median("cpu_us"), there.median("cpu_us"))
        for phase in HEADS
        if (own := result.row(gateway.NAME, phase)) and (there := result.row(other, phase))
    }
    if len(pairs) < len(HEADS):
        return None
    (_, alike), *others = pairs.items()
    return *alike, "; ".join([told(*alike), *(f"{phase}: {told(*pair)}" for phase, pair in others)])


def _to_envoy(result: Result) -> Found | None:
    found = _beside(result, "Envoy, transform filter", lambda own, there: f"{own / there:.2f} × Envoy, {own:.0f} µs")
    if found is None:
        return None
    own, there, text = found
    return Found(text, own <= there, own <= 45)


def _to_segment(result: Result) -> Found | None:
    found = _beside(result, "Segment's action kit", lambda own, there: f"1/{there / own:.1f}")
    if found is None:
        return None
    own, there, text = found
    return Found(text, there / own >= 6, there / own >= 8)


def _to_nginx(result: Result) -> Found | None:
    found = _beside(result, "nginx, 204", lambda own, there: f"{there / own:.3f}, {own:.0f} µs")
    if found is None:
        return None
    own, there, text = found
    return Found(text, there / own >= 0.11, there / own >= 0.16)


def _sustained(result: Result) -> Found | None:
    row = result.row(gateway.NAME, loads.SUSTAINED)
    if row is None:
        return None
    rate = row.median("deliveries_per_second")
    return Found(f"{rate:,.0f}", rate >= 25_000, rate >= 45_000)


def _undisturbed(result: Result) -> Found | None:
    two, four = (_disturbed(result, *one) for one in ((_STORE, slow_vendor.SLOW), (_FOUR, slow_vendor.DOWN)))
    if two is None:
        return None
    text = "; ".join(
        f"p50 {change:+.0%}, {arrived:.0f} % arrive, memory {more:+.0f} MB" for change, arrived, more in _all(two, four)
    )
    return Found(text, _is_calm(two), None if four is None else _is_calm(four))


def _disturbed(result: Result, contender: str, phase: str) -> tuple[float, float, float] | None:
    """The change of the p50, the percent that arrived, and the megabytes more, from all healthy to a phase."""
    healthy, row = result.row(contender, slow_vendor.HEALTHY), result.row(contender, phase)
    if healthy is None or row is None:
        return None
    arrived = min(row.median("arrived_percent"), row.median("arrived_troubled_percent"))
    change = row.median("p50_ms") / healthy.median("p50_ms") - 1
    return change, arrived, row.median("memory_mb") - healthy.median("memory_mb")


def _all(*found: tuple[float, float, float] | None) -> list[tuple[float, float, float]]:
    return [one for one in found if one is not None]


def _is_calm(found: tuple[float, float, float]) -> bool:
    change, arrived, more = found
    return change <= 0.05 and arrived == 100 and more <= FLAT


def _drained(result: Result) -> Found | None:
    row = result.row(_STORE, slow_vendor.BACK)
    if row is None:
        return None
    rate = row.median("drained_per_second")
    return Found(f"{rate:,.0f}/s", rate >= 5_000, None)


def _idle(result: Result) -> Found | None:
    row = result.row(gateway.NAME)
    if row is None:
        return None
    size = row.median("kb_per_connection")
    return Found(f"{size:.1f} KB", size <= 15, size <= 12)


def _watched(result: Result) -> Found | None:
    """What the console at the tail leaves of the throughput."""
    found = []
    for phase in (console.FULL, console.STEADY):
        alone, row = result.row(gateway.NAME, phase), result.row(console.TAIL, phase)
        if alone is None or row is None:
            return None
        found.append((phase, row.median("per_second") / alone.median("per_second") - 1))
    text = "; ".join(f"{change:+.1%} {phase}" for phase, change in found)
    return Found(text, all(change > -0.05 for _, change in found), None)


def _uncounted(result: Result) -> Found | None:
    """The microseconds that counting takes, by the run that has least noise, of all that a click takes over sockets."""
    whole, inside = (result.row(gateway.NAME, one) for one in (observers.SOCKETS, observers.INSIDE))
    without = result.row(gateway.UNCOUNTED, observers.INSIDE)
    if whole is None or inside is None or without is None:
        return None
    micros = tables.difference(inside, without).median("cpu_us")
    part = micros / whole.median("cpu_us")
    return Found(f"{part:.1%}: {micros:.1f} of {whole.median('cpu_us'):.0f} µs", part < 0.02, None)


def _page(result: Result) -> Found | None:
    closed, row = result.row(gateway.NAME, page.CLOSED), result.row(gateway.NAME, page.OPEN)
    if closed is None or row is None:
        return None
    heap = row.figures["heap_mb"]
    more, key = heap[-1] - heap[0], max(row.figures["key_ms"])
    change = row.median("per_second") / closed.median("per_second") - 1
    text = f"throughput {change:+.1%}, heap {more:+.1f} MB in {len(heap)} minutes, slowest key {key:.0f} ms"
    return Found(text, change > -0.05 and more <= FLAT_HEAP and key <= PROMPT, None)


FLAT: Final = 20.0
"""Megabytes by which memory may grow and still counts as flat: what a target may have under way."""
FLAT_HEAP: Final = 1.0
"""Likewise for the heap of a page, from the first minute to the last."""
PROMPT: Final = 200.0
"""Milliseconds within which a key must show for a page to count as responsive (as INP has it)."""
_STORE: Final = "gateway, store mode"
_FOUR: Final = "gateway, store mode, four vendors, two troubled"
TARGETS: Final = (
    Target("translate and forward, one vendor", "forward", "≤ 1.0 × Envoy's transform filter", "≤ 45 µs", _to_envoy),
    Target("the same against Segment's kit", "forward", "≤ 1/6", "≤ 1/8", _to_segment),
    Target("store-mode accept, fsync'd", "accept", "≥ 0.11 of nginx 204", "≥ 0.16", _to_nginx),
    Target("sustained fan-out, deliveries a second", "fan-out", "≥ 25,000", "≥ 45,000", _sustained),
    Target(
        "another vendor slow by 300 ms, 1,000 clicks/s",
        "slow-vendor",
        "caller's p50 within 5 % of healthy, 100 % arrive, memory flat",
        "the same with four vendors, two of them down",
        _undisturbed,
    ),
    Target("a backlog drained once its vendor is back", "slow-vendor", "≥ 5,000/s", "–", _drained),
    Target("an idle keep-alive connection", "idle", "≤ 15 KB", "≤ 12 KB", _idle),
    Target("metrics and hooks, console closed", "observers", "< 2 % of a forwarded click's CPU", "–", _uncounted),
    Target("the console open at the tail", "console", "throughput falls by < 5 %", "–", _watched),
    Target(
        "its page, 5,000 clicks/s passing",
        "page",
        "throughput falls by < 5 %, it says that it samples, its heap is flat, it stays responsive",
        "–",
        _page,
    ),
)
