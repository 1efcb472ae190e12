"""The contract between the gateway and what keeps its inbounds; every engine passes one conformance suite.

A store is a log with consumers. An inbound is appended once, however many targets its route has. Each target reads the
log in order from its own cursor, holds what it reads under a lease, and ends each lease with `ack`, `nak` or `dead`.
Times are seconds since the epoch, but for `received_at` (microseconds).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field


class Record(Struct, frozen=True, gc=False, array_like=True):
    """An inbound as it is kept, without any credential.

    `to` names the targets it is for (None: all of its route); `indices` the interactions that are meant (None: all),
    less `done`, which its target has already; a `replayed` one asks neither `when` nor `share` again. `trace` is the
    traceparent of its span, where one was made.
    """

    received_at: int
    request_id: str
    client: str | None
    route: str
    vendor: str
    endpoint: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    client_ip: str | None = None
    to: tuple[str, ...] | None = None
    indices: tuple[int, ...] | None = None
    replayed: bool = False
    done: tuple[int, ...] = ()
    trace: str = ""


class Attempt(Struct, frozen=True, array_like=True):
    """One attempt at a delivery: when, how it ended, and the vendor's answer, its body cut and its secrets masked.

    One that does not count (`counted`) towards `retry.attempts` was made while the upstream was down or in doubt.
    """

    at: float
    outcome: str
    status: int | None = None
    answer: str = ""
    counted: bool = True


class Entry(Struct):
    """A leased inbound: its position in the log, and what earlier attempts left.

    `done` are the indices of interactions that the target has; `doubted_at` is when its vendor first put the account
    rather than the request in question.
    """

    position: int
    record: Record
    done: set[int] = field(default_factory=set)
    attempts: list[Attempt] = field(default_factory=list)
    doubted_at: float | None = None


class DeadLetter(Struct, frozen=True, array_like=True):
    """What will not be tried again by itself: which interactions of which inbound, for which target, and why.

    `fields` are the canonical names that a refusal concerns; no `indices` are all of the inbound's less `done`; `id` is
    given by the store.
    """

    target: str
    reason: str
    fields: tuple[str, ...]
    indices: tuple[int, ...]
    at: float
    attempts: tuple[Attempt, ...]
    record: Record
    id: int = 0
    done: tuple[int, ...] = ()


class DeadGroup(Struct, frozen=True):
    """How many dead letters of a target died of the same, and when the first and the last of them did."""

    target: str
    reason: str
    fields: tuple[str, ...]
    count: int
    oldest: float
    newest: float


class Filter(Struct, frozen=True):
    """Which dead letters are meant: all that fit every given condition.

    `before` is a time of death, `after` an id, for paging; one of `texts` stands in what is kept of the letter.
    """

    ids: tuple[int, ...] | None = None
    target: str | None = None
    reason: str | None = None
    before: float | None = None
    after: int | None = None
    texts: tuple[str, ...] | None = None
    limit: int = 1000


class End(Struct, frozen=True, array_like=True):
    """How a target came to be done with an inbound: when, and after which attempts."""

    position: int
    target: str
    at: float
    attempts: tuple[Attempt, ...]


class Standing(Struct, frozen=True):
    """How far a target is with an inbound: done with it, or it waits, to be tried again at `until` where that is known.

    `attempts` are those that are still known.
    """

    target: str
    done: bool
    attempts: tuple[Attempt, ...] = ()
    at: float | None = None
    until: float | None = None


class Trail(Struct, frozen=True):
    """An inbound that is still kept, and how far each of its targets is with it."""

    position: int
    record: Record
    standings: tuple[Standing, ...]


class Backlog(Struct, frozen=True):
    """How far a target is: inbounds not finished, the receipt time of the oldest (µs), and its dead letters.

    An orphaned target has left the configuration; its backlog waits for its return.
    """

    pending: int
    oldest: int | None
    dead: int
    orphaned: bool = False


class Lane(Struct, frozen=True):
    """A target as the store knows it; a new one starts with what comes next, or `from_start` with what is kept.

    With `max_backlog` inbounds unfinished its route refuses more, or it `sheds` the oldest of them.
    """

    target: str
    route: str
    from_start: bool = False
    max_backlog: int | None = None
    sheds: bool = False


class Store(Protocol):
    """What keeps inbounds. Every method is called from the event loop."""

    tracing: bool
    """Whether anything at all is traced: see `traces`."""

    async def open(self, lanes: Sequence[Lane] | None) -> None:
        """Take up what is kept, and serve these targets (None: all as they were); raises StoreUnusable."""
        ...

    async def close(self) -> None:
        """Write what is decided and let go."""
        ...

    def serve(self, lanes: Sequence[Lane]) -> None:
        """Serve these targets from now on; those that are gone keep their backlog, orphaned, and hear no more."""
        ...

    async def append(self, record: Record) -> int:
        """Keep an inbound for good and give its position; raises StoreFull, then it is not kept."""
        ...

    async def lease(self, target: str, count: int) -> list[Entry]:
        """Up to so many inbounds that are due, oldest first; who is cancelled meanwhile has leased none."""
        ...

    async def wait(self, target: str, seconds: float) -> None:
        """Return when there may be something to lease, at the latest after so many seconds."""
        ...

    def ack(self, target: str, entry: Entry) -> None:
        """The target is done with it."""
        ...

    def nak(self, target: str, entry: Entry, until: float) -> None:
        """Lease it again, no sooner than `until`, with what it now says of its attempts."""
        ...

    def dead(self, target: str, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters; their inbound is still to be acknowledged."""
        ...

    async def backlog(self, target: str) -> Backlog:
        """How far a target is."""
        ...

    def targets(self) -> Sequence[str]:
        """Every target with a cursor, orphaned ones too."""
        ...

    async def deadletters(self, chosen: Filter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        ...

    async def tally(self, chosen: Filter) -> int:
        """How many dead letters fit, whatever the limit."""
        ...

    async def dead_groups(self) -> list[DeadGroup]:
        """All dead letters, counted by target, reason and names."""
        ...

    def watch(self, request_id: str) -> None:
        """Remember how the targets end with the inbounds of this request id, also when nothing is kept of them."""
        ...

    def traces(self, record: Record) -> bool:
        """Whether all attempts are to be told when a target is done with it: they are kept, or watched."""
        ...

    async def trails(self, texts: Sequence[str], limit: int) -> list[Trail]:
        """Inbounds in which one of these texts stands, as far as they are kept, newest first."""
        ...

    async def replay(self, chosen: Filter) -> int:
        """Send dead letters again, to their own target; gives their number. Each is moved for good or untouched.

        Those of an orphaned target stay.
        """
        ...

    async def discard(self, chosen: Filter) -> int:
        """Forget dead letters; gives their number."""
        ...

    async def skip(self, target: str) -> int:
        """Move a target past its backlog of this moment, into dead letters; gives the number of inbounds.

        What is being delivered at the moment is left to its delivery.
        """
        ...

    def unready(self) -> str | None:
        """Why nothing can be appended; None when it can."""
        ...

    def size(self) -> int:
        """Bytes in use."""
        ...
