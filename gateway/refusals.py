"""What targets could not carry, remembered by example: ordinary traffic that a vendor has no word for fills no disk."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from gateway.store.contract import Record
    from gateway.translate import Translation

_SAMPLES: Final = 100
_KINDS: Final = 500
"""Kinds of refusal that are remembered; the one not seen for longest is forgotten first."""
_TAKEN: Final = 5
"""Samples of each kind that go to another process at a time."""
_CUT: Final = 1000
"""Bytes of a body that a sample keeps."""


class Sample(Struct, frozen=True):
    """One inbound that a target did not get whole: which of its interactions (None: of those that were filtered)."""

    request_id: str
    received_at: int
    endpoint: str
    interaction: int | None
    body: bytes


class Kind(Struct):
    """One kind of refusal at one target: how often it was met, and its latest samples."""

    target: str
    reason: str
    fields: tuple[str, ...]
    count: int
    samples: list[Sample]


class Refusals:
    """The last 100 samples of each kind, by target, reason and canonical names."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, str, tuple[str, ...]], Kind] = OrderedDict()

    def note(self, target: str, translation: "Translation", record: "Record") -> None:
        """Remember what a translation left out."""
        for one in translation.refused:
            self._add(target, one.reason, one.fields, _sample(record, one.interaction))
        if translation.filtered:
            self._add(target, "filtered", (), _sample(record, None))
        if translation.dropped:
            self._add(target, "dropped", (), _sample(record, None))

    def kinds(self, target: str | None = None, reason: str | None = None) -> Iterator[Kind]:
        """Every kind that was met, of one target or one reason where they are given."""
        return (one for one in self._kinds.values() if target in (None, one.target) and reason in (None, one.reason))

    def taken(self) -> list[Kind]:
        """All that was met, for the process that speaks for all; it is forgotten here, and of its samples few go."""
        kinds, self._kinds = self._kinds, OrderedDict()
        for kind in kinds.values():
            del kind.samples[:-_TAKEN]
        return list(kinds.values())

    def absorb(self, kinds: Iterable[Kind]) -> None:
        """Take up what another process met."""
        for one in kinds:
            kind = self._kind(one.target, one.reason, one.fields)
            kind.count += one.count
            kind.samples += one.samples
            del kind.samples[:-_SAMPLES]

    def _add(self, target: str, reason: str, fields: tuple[str, ...], sample: Sample) -> None:
        kind = self._kind(target, reason, fields)
        kind.count += 1
        kind.samples.append(sample)
        if len(kind.samples) > _SAMPLES:
            del kind.samples[0]

    def _kind(self, target: str, reason: str, fields: tuple[str, ...]) -> Kind:
        """A kind, now the one seen last."""
        key = (target, reason, fields)
        kind = self._kinds.pop(key, None) or Kind(target, reason, fields, 0, [])
        self._kinds[key] = kind
        if len(self._kinds) > _KINDS:
            self._kinds.popitem(last=False)
        return kind


def _sample(record: "Record", interaction: int | None) -> Sample:
    return Sample(record.request_id, record.received_at, record.endpoint, interaction, record.body[:_CUT])
