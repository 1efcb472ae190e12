"""The bench measures the job that it says, writes down what it measured, and says nothing else in its document."""

import platform
import re
import urllib.request

import pytest

from bench import compare, report, steady, tables, targets
from bench.compare import standing
from bench.contenders import bare, gateway
from bench.counting import Called, Executed
from bench.jobs import console, observers, page, slow_vendor
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


def scraped(admin):
    """What an admin port tells Prometheus."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics") as answer:
        return answer.read()


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


def test_a_result_of_another_machine_says_so(monkeypatch):
    """What takes minutes may have been measured elsewhere than the rest: its block names the machine."""
    elsewhere = result("idle", row("gateway", kb_per_connection=6))
    elsewhere.machine = {"processor": "a slower one"}
    results = {"forward": result("forward", row("gateway", cpu_us=41)), "idle": elsewhere}
    monkeypatch.setattr(report, "read", results.get)
    text = "\n".join(f"<!-- bench/results: {job} -->\n<!-- end -->" for job in results)
    first, second = report.generated(text).split("<!-- bench/results: idle -->")
    assert "On another machine: a slower one." in second
    assert "another machine" not in first


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
    """Forwarding is judged by Envoy in the same run, its stretch by microseconds; heads that differ stand beside."""
    rows = [
        row(name, phase, cpu_us=micros)
        for phase, own in zip(compare.HEADS, (cpu, 50, 61.6), strict=True)
        for name, micros in (("gateway", own), ("Envoy, transform filter", 55))
    ]
    found = next(one for one in targets.TARGETS if one.job == "forward").judge(result("forward", *rows))
    assert (found.target, found.stretch) == reached
    assert found.text.endswith(
        "; an id in each head: 0.91 × Envoy, 50 µs; another browser in each head: 1.12 × Envoy, 62 µs"
    )


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


@pytest.mark.parametrize(("full", "steady", "reached"), [(960, 4990, True), (940, 4990, False), (960, 4700, False)])
def test_who_looks_on_may_not_cost_throughput(full, steady, reached):
    """The console at the tail leaves 95 % and more of the requests a second, under either load."""
    outcome = result(
        "console",
        row("gateway", console.FULL, per_second=1000),
        row(console.TAIL, console.FULL, per_second=full),
        row("gateway", console.STEADY, per_second=5000),
        row(console.TAIL, console.STEADY, per_second=steady),
    )
    assert judged("the console open at the tail", outcome) == (reached, None)


@pytest.mark.parametrize(("without", "reached"), [(39.0, True), (38.5, False)])
def test_counting_is_judged_by_a_whole_clicks_cpu(without, reached):
    """The microseconds of the run in one process, of those that a click takes over sockets."""
    outcome = result(
        "observers",
        row("gateway", observers.SOCKETS, cpu_us=60),
        row("gateway", observers.INSIDE, cpu_us=40),
        row(gateway.UNCOUNTED, observers.INSIDE, cpu_us=without),
    )
    assert judged("metrics and hooks, console closed", outcome) == (reached, None)


@pytest.mark.parametrize(
    ("heap", "key", "rate", "reached"),
    [(4.9, 40, 4990, True), (6.0, 40, 4990, False), (4.9, 250, 4990, False), (4.9, 40, 4000, False)],
)
def test_a_page_stays_as_it_is(heap, key, rate, reached):
    """A heap that grows, a key that shows late, a gateway that answers less: each alone misses the target."""
    looked_at = row("gateway", page.OPEN, per_second=rate, key_ms=key)
    looked_at.figures["heap_mb"] = [4.5, 4.6, heap]
    outcome = result("page", row("gateway", page.CLOSED, per_second=5000), looked_at)
    assert judged("its page, 5,000 clicks/s passing", outcome) == (reached, None)


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


def test_what_python_does_is_counted_exactly():
    """Bytecodes and functions of a piece of code, and nothing of the counting."""

    def code():
        return len([1])

    with Executed() as nothing:
        pass
    with Executed() as executed:
        code()
    with Called() as called:
        code()
    assert (nothing.bytecodes, nothing.functions) == (0, 0)
    assert executed.functions == 1
    assert 3 < executed.bytecodes < 20
    assert called.functions == 1


def test_the_gateway_without_counters_does_the_job_and_counts_nothing():
    """It tells its vendor the same; its metrics stand at nothing. A steady load finds all answered."""
    with standing([gateway.uncounted(), gateway.forwarding()], 1) as (up, _):
        offered = [steady.offer(one.site.port, 50, 1) for one in up]
        counted = [b"gateway_inbound_total{" in scraped(one.site.admin) for one in up]
    assert [(one.requests, one.failed) for one in offered] == [(50, 0)] * 2
    assert counted == [False, True]


def test_counting_is_found_in_one_process():
    """The same clicks, through the same gateway: with counters it executes more bytecodes than without."""
    with_, without = observers.inside(rounds=1)
    assert with_.contender == gateway.NAME
    assert 20 < with_.median("bytecodes") - without.median("bytecodes") < 300
