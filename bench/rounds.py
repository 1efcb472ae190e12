"""Interleaved rounds: every contender in turn, again and again, so that a busy moment meets all alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles

from msgspec import Struct


class Measured(Struct, frozen=True):
    """One contender's rounds: their median and the distance between their quartiles, in the unit of the samples."""

    median: float
    spread: float
    samples: list[float]

    @classmethod
    def of(cls, samples: list[float]) -> "Measured":
        """What a contender's samples come to."""
        low, _, high = quantiles(samples, n=4)
        return cls(median(samples), high - low, samples)

    def __format__(self, spec: str) -> str:
        """`12.3 ±0.4`, both in the given format."""
        return f"{self.median:{spec}} ±{self.spread / 2:{spec}}"


def cpu_micros(contenders: Mapping[str, Callable[[], object]], rounds: int, calls: int) -> dict[str, Measured]:
    """CPU microseconds per call of each contender, by its name."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            started = time.process_time_ns()
            for _ in range(calls):
                call()
            samples[name].append((time.process_time_ns() - started) / calls / 1000)
    return {name: Measured.of(found) for name, found in samples.items()}
