"""The bench measures the job that it says, writes down what it measured, and says nothing else in its document."""

import platform
import re

import pytest

from bench import report, tables, targets
from bench.compare import standing
from bench.contenders import bare, gateway
from bench.jobs import slow_vendor
from bench.results import FOLDER, Result, Row, read, write


def result(job, *rows):
    """A job's outcome with these rows."""
    about = {"commit": "c0ffee", "day": "2026-11-26", "quick": False, "busy": 0.0, "machine": {}, "versions": {}}
    return Result(job=job, conditions={"rounds": "3"}, rows=list(rows), **about)


def row(name, phase="", **figures):
    """A contender's figures, one sample each."""
    return Row(name, {figure: [float(sample)] for figure, sample in figures.items()}, phase)


def judged(name, outcome):
    """Whether the target of that name is reached, and its stretch."""
    found = next(one for one in targets.TARGETS if one.name == name).judge(outcome)
    return found.target, found.stretch


def test_the_document_is_what_the_results_say():
    """No figure of docs/performance.md differs from bench/results."""
    assert report.is_current()


def test_a_changed_figure_is_put_right():
    """A block that somebody edited is generated anew; prose stays."""
    text = report.DOCUMENT.read_text()
    edited = re.sub(r"(<!-- bench/results: targets -->\n)", r"\1| made up | 1 µs |\n", text)
    assert edited != text
    assert report.generated(edited) == text


def test_results_name_no_host_and_no_path():
    """What is committed says what machine it was, not whose, and nothing of where it lies."""
    for file in FOLDER.glob("*.json"):
        text = file.read_text()
        assert platform.node() not in text
        assert not re.search(r"/(home|root|work|tmp|usr|opt)/|://", text), file.name


def test_a_result_is_read_as_it_was_written(tmp_path):
    """A job's file gives back its rows, with as many digits as mean something."""
    write(result("forward", row("gateway", cpu_us=41.23456)), tmp_path)
    assert read("forward", tmp_path).row("gateway").figures == {"cpu_us": [41.23]}
    assert read("accept", tmp_path) is None


def test_contenders_stand_beside_the_gateway():
    """Each row says how much CPU the gateway takes of what that contender takes."""
    outcome = result("forward", row("gateway", cpu_us=50), row("Envoy, transform filter", cpu_us=100))
    assert tables.table(outcome).splitlines()[2:] == [
        "| gateway | 50.0 ±0.0 | – |",
        "| Envoy, transform filter | 100.0 ±0.0 | 0.50 × |",
    ]


def test_a_busy_machine_is_told():
    """Figures that were taken beside another load, or in short rounds, say so."""
    outcome = result("idle", row("gateway", kb_per_connection=12))
    assert "**" not in tables.notes(outcome)
    outcome.busy, outcome.quick = 40.0, True
    assert tables.notes(outcome).count("**") == 4


@pytest.mark.parametrize(
    ("cpu", "reached"), [(44, (True, True)), (50, (True, False)), (56, (False, False)), (60, (False, False))]
)
def test_a_target_is_reached_or_not(cpu, reached):
    """Forwarding is judged by Envoy in the same run, its stretch by microseconds."""
    outcome = result("forward", row("gateway", cpu_us=cpu), row("Envoy, transform filter", cpu_us=55))
    assert judged("translate and forward, one vendor", outcome) == reached


@pytest.mark.parametrize(
    ("p50", "told", "memory", "reached"),
    [(1.04, 100, 60, True), (1.2, 100, 60, False), (1.0, 99.9, 60, False), (1.0, 100, 200, False)],
)
def test_a_slow_vendor_may_disturb_nothing(p50, told, memory, reached):
    """A caller that waits longer, a click that does not arrive, or memory that grows: each alone misses the target."""
    contender = "gateway, store mode"
    outcome = result(
        "slow-vendor",
        row(contender, slow_vendor.HEALTHY, p50_ms=1, memory_mb=55),
        row(
            contender,
            slow_vendor.SLOW,
            p50_ms=p50,
            memory_mb=memory,
            arrived_percent=100,
            arrived_troubled_percent=told,
        ),
    )
    assert judged("another vendor slow by 300 ms, 1,000 clicks/s", outcome) == (reached, None)


def test_what_is_not_measured_is_not_judged(tmp_path, monkeypatch):
    """Without results every target stands as not measured."""
    monkeypatch.setattr(targets, "read", lambda job: read(job, tmp_path))
    assert targets.table().count("not measured") == len(targets.TARGETS)


def test_the_contenders_do_the_job():
    """The gateway tells its vendor what every translating contender must tell it; in store mode it tells all four."""
    with standing([gateway.forwarding(), gateway.accepting(), bare.proxy()], 1) as (up, skipped):
        assert [one.contender.name for one in up] == ["gateway", "gateway", "aiohttp's server and client"]
        assert not skipped
        assert gateway.pending(up[1].site) == 1
    with standing([gateway.storing(gateway.FOUR)], 4) as ((one,), _):
        assert gateway.pending(one.site) == 0
