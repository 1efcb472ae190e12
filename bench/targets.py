"""What the gateway is to reach, and whether the last results say that it does."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bench.contenders import gateway
from bench.jobs import loads, slow_vendor
from bench.results import Result, read
from bench.tables import markdown


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
    return markdown(lines)


def _said(reached: bool | None) -> str:  # noqa: FBT001  # one answer in words
    return "–" if reached is None else "yes" if reached else "**no**"


def _pair(result: Result, other: str, figure: str = "cpu_us") -> tuple[float, float] | None:
    own, there = result.row(gateway.NAME), result.row(other)
    return (own.median(figure), there.median(figure)) if own and there else None


def _to_envoy(result: Result) -> Found | None:
    pair = _pair(result, "Envoy, transform filter")
    if pair is None:
        return None
    return Found(f"{pair[0] / pair[1]:.2f} × Envoy; {pair[0]:.0f} µs", pair[0] <= pair[1], pair[0] <= 45)


def _to_segment(result: Result) -> Found | None:
    pair = _pair(result, "Segment's action kit")
    if pair is None:
        return None
    times = pair[1] / pair[0]
    return Found(f"1/{times:.1f}", times >= 6, times >= 8)


def _to_nginx(result: Result) -> Found | None:
    pair = _pair(result, "nginx, 204")
    if pair is None:
        return None
    part = pair[1] / pair[0]
    return Found(f"{part:.3f}; {pair[0]:.0f} µs", part >= 0.11, part >= 0.16)


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


FLAT: Final = 20.0
"""Megabytes by which memory may grow and still counts as flat: what a target may have under way."""
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
)
