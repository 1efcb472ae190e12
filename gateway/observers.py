"""Who observes one process of a gateway: its counters, its tail, and the parts that make traces."""

from msgspec import Struct

from gateway.metrics import Metrics
from gateway.tail import Tail
from gateway.traces import PLAIN, Parts


class Observers(Struct, frozen=True):
    """What all that passes is counted by and shown to."""

    metrics: Metrics
    tail: Tail
    parts: Parts = PLAIN
