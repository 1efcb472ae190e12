"""The jobs under as much load as each contender takes: forward, shadow, TLS, accept, fan-out."""

import time
from typing import Final

from bench.compare import Effort, Standing, measure, standing
from bench.contenders import bare, envoy, gateway, nginx, programs, segment, traefik
from bench.load import offer
from bench.processes import cpu, resident
from bench.results import Outcome, Row, Skipped

_TWO: Final = ("gravity_field", "gravity_field")
SUSTAINED, DRAINED = "sustained", "a backlog drained"
"""The phases of a fan-out: all that is accepted is delivered meanwhile; nothing is accepted."""


def forward(effort: Effort) -> Outcome:
    """One click, one vendor, the caller waits for it."""
    contenders = [gateway.forwarding(), envoy.transform(), segment.kit(), nginx.translating()]
    return measure([*contenders, bare.proxy(), nginx.proxy()], effort, varied=[one.name for one in contenders])


def shadow(effort: Effort) -> Outcome:
    """One vendor that the caller waits for, and a second one told besides."""
    contenders = [gateway.forwarding(_TWO), envoy.mirror(), traefik.mirror(), segment.kit(2), nginx.mirror()]
    return measure(contenders, effort, 2)


def tls(effort: Effort) -> Outcome:
    """Forward, to a vendor that speaks TLS."""
    if programs.version("openssl") is None:
        return Outcome([], [Skipped(gateway.NAME, "openssl, which makes the vendor's certificate, is not installed")])
    contenders = [gateway.forwarding(tls=True), envoy.transform(tls=True), nginx.proxy(tls=True)]
    return measure(contenders, effort, tls=True)


def accept(effort: Effort) -> Outcome:
    """Store mode: with its one target held, and with deliveries going on."""
    both = gateway.storing(("gravity_field",), "gateway, delivering meanwhile")
    own, limit = gateway.accepting(), nginx.answer()
    return measure([own, both, limit, bare.answer()], effort, varied=[own.name, limit.name])


def fan_out(effort: Effort) -> Outcome:
    """One click, four vendors: sustained, and a backlog drained."""
    contenders = [gateway.storing(gateway.FOUR), segment.kit(4), bare.proxy()]
    outcome = measure(contenders, effort, 4)
    for row in outcome.rows:
        row.phase = SUSTAINED
        row.figures["deliveries_per_second"] = [4 * one for one in row.figures["done_per_second"]]
    outcome.rows.append(_drained(effort))
    return outcome


def _drained(effort: Effort) -> Row:
    """Deliveries alone: clicks are taken while the four targets are held, which are then released."""
    row = Row(gateway.NAME, {"deliveries_per_second": [], "cpu_us": [], "memory_mb": []}, DRAINED)
    with standing([gateway.storing(gateway.FOUR)], 4) as ((one,), _):
        for _ in range(effort.rounds + 1):
            for name, sample in _drain(one, effort.seconds).items():
                row.figures[name].append(sample)
    row.figures = {name: samples[1:] for name, samples in row.figures.items()}
    return row


def _drain(one: Standing, seconds: int) -> dict[str, float]:
    gateway.hold(one.site)
    offer(one.site.port, seconds)
    waiting, before, began = gateway.pending(one.site), cpu(one.process.pid), time.perf_counter()
    gateway.release(one.site)
    gateway.drain(one.site)
    return {
        "deliveries_per_second": waiting / (time.perf_counter() - began),
        "cpu_us": (cpu(one.process.pid) - before) / waiting * 1e6,
        "memory_mb": resident(one.process.pid),
    }
