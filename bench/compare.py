"""Contenders under the same load, in turn, round by round; first each shows that it does the job."""

import http.client
import json
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from bench import vendors
from bench.click import BODY, HEADERS, PATH, TOLD_AUTHORIZATION, TOLD_PATH, told
from bench.contenders import Contender, Site, running, said
from bench.load import CONNECTIONS, offer
from bench.processes import NotListening, Process, cpu, free, resident
from bench.results import Outcome, Row, Skipped

_WARM_REQUESTS, _WARM_SECONDS = 5_000, 10.0
ALIKE = "every head alike"
HEADS = {ALIKE: "", "an id in each head": "X-Request-Id", "another browser in each head": "User-Agent"}
"""The phases of a job in which heads matter, with the header that differs: the gateway reads what comes again once."""
MAY_FAIL = 0.001
"""Which part of a round's requests may fail: a connection that one side closes just then."""


class Effort(Struct, frozen=True):
    """How long to measure: rounds, and the seconds of each."""

    rounds: int = 5
    seconds: int = 2
    quick: bool = False


QUICK = Effort(rounds=2, seconds=1, quick=True)


class Standing(Struct):
    """A contender that runs."""

    contender: Contender
    site: Site
    process: Process


@contextmanager
def standing(
    contenders: Sequence[Contender], count: int, *, tls: bool = False
) -> Iterator[tuple[list[Standing], list[Skipped]]]:
    """All contenders that can run here, with so many vendors each, which answer 204; and those that cannot."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = tuple(free() for _ in range(count))
        if tls:
            vendors.certify(folder)
        up, skipped = [], []
        with ExitStack() as first:
            heard = None if tls else first.enter_context(vendors.recording(ports))
            for index, contender in enumerate(contenders):
                site = Site(folder / str(index), free(), free(), ports)
                one = _start(stack, contender, site)
                if isinstance(one, Skipped):
                    print(f"  {contender.name}: skipped, {one.why}")
                    skipped.append(one)
                    continue
                up.append(one)
                if heard is not None:
                    _verify(one, heard)
        stack.enter_context(vendors.answering(ports, folder, tls=tls))
        yield up, skipped


def measure(
    contenders: Sequence[Contender], effort: Effort, count: int = 1, *, tls: bool = False, varied: Collection[str] = ()
) -> Outcome:
    """CPU per request, throughput, latency and memory of each, interleaved, once all have run themselves warm.

    Those whose names are `varied` are asked in all kinds of heads; the phase of a row says which.
    """
    with standing(contenders, count, tls=tls) as (up, skipped):
        asked = [
            (one, phase)
            for phase in (HEADS if varied else [""])
            for one in up
            if phase in ("", ALIKE) or one.contender.name in varied
        ]
        rows = [Row(one.contender.name, {}, phase, one.contender.note) for one, phase in asked]
        for one in up:
            warm(one, effort.seconds)
        for _ in range(effort.rounds):
            for (one, phase), row in zip(asked, rows, strict=True):
                row.add(under_load(one, effort.seconds, HEADS.get(phase, "")))
        conditions = {
            "load": f"{CONNECTIONS} keep-alive connections, as fast as they are answered",
            "rounds": f"{effort.rounds} of {effort.seconds} s, contenders in turn",
        }
        return Outcome(rows, skipped, conditions)


def _start(stack: ExitStack, contender: Contender, site: Site) -> Standing | Skipped:
    why = contender.missing()
    if why is not None:
        return Skipped(contender.name, why)
    try:
        return Standing(contender, site, stack.enter_context(running(contender, site)))
    except NotListening:
        return Skipped(contender.name, f"it does not start: {said(site)}")


def _verify(one: Standing, heard: list[vendors.Told]) -> None:
    """Send one click and look at what the vendors were told."""
    heard.clear()
    connection = http.client.HTTPConnection("127.0.0.1", one.site.port, timeout=10)
    connection.request("POST", PATH, BODY, HEADERS)
    status = connection.getresponse().status
    connection.close()
    assert status in (200, 204), (one.contender.name, status)
    one.contender.settle(one.site)
    if one.contender.variations is None:
        return
    expected = told(list(one.contender.variations))
    first = [request for request in heard if request.port == one.site.vendors[0]]
    assert len(first) == 1, (one.contender.name, heard)
    assert (first[0].path, first[0].authorization) == (TOLD_PATH, TOLD_AUTHORIZATION), (one.contender.name, first)
    for engagement in first[0].body["engagements"]:
        engagement.pop("event_time", None)  # store mode, which may tell it late, says when it was
    assert first[0].body == expected, (one.contender.name, json.dumps(first[0].body))


def warm(one: Standing, seconds: int) -> None:
    """Requests that do not count, so many that what compiles itself while it runs has done so."""
    asked, until = 0, time.monotonic() + _WARM_SECONDS
    while asked < _WARM_REQUESTS and time.monotonic() < until:
        asked += offer(one.site.port, seconds).requests
    one.contender.settle(one.site)


def under_load(one: Standing, seconds: int, numbered: str = "") -> dict[str, float]:
    """One round: a sample of each figure."""
    before, began = cpu(one.process.pid), time.perf_counter()
    offered = offer(one.site.port, seconds, numbered=numbered)
    assert offered.failed <= offered.requests * MAY_FAIL, (one.contender.name, offered)
    one.contender.settle(one.site)
    spent = time.perf_counter() - began
    return {
        "cpu_us": (cpu(one.process.pid) - before) / offered.requests * 1e6,
        "per_second": offered.requests / offered.seconds,
        "done_per_second": offered.requests / spent,
        "p50_ms": offered.p50,
        "p99_ms": offered.p99,
        "memory_mb": resident(one.process.pid),
    }
