"""What becomes of a leased inbound after an attempt: a pure function of what was sent and what was answered."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from gateway.config import Retry
from gateway.delivery.forward import Sent
from gateway.store.contract import Attempt, DeadLetter, Entry
from gateway.translate import Refused, Translation

_CUT: Final = 500
"""Bytes of a vendor's answer that an attempt keeps."""


class Settlement(Struct, frozen=True):
    """Which interactions the target is done with, which became dead letters, and whether the rest is tried again."""

    done: frozenset[int]
    letters: tuple[DeadLetter, ...]
    again: bool


def attempt_of(sent: Sent, at: float) -> Attempt:
    """One attempt as it is kept: the answer cut, nothing of the request."""
    answer = sent.answer
    told = answer.body[:_CUT].decode("utf-8", "replace") if answer else str(sent.failure or "")
    return Attempt(at, sent.outcome, answer.status if answer else None, told)


def refusals(target: str, entry: Entry, translation: Translation, at: float) -> list[DeadLetter]:
    """Dead letters for what cannot be translated; `unsupported` is ordinary traffic and is none."""
    by_reason: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for one in translation.refused:
        if one.reason != "unsupported":
            by_reason.setdefault((one.reason, one.fields), []).append(one.interaction)
    return [
        DeadLetter(target, reason, fields, tuple(indices), at, tuple(entry.attempts), entry.record)
        for (reason, fields), indices in by_reason.items()
    ]


def settle(  # noqa: PLR0913  # all that a verdict rests on, given by name
    target: str, entry: Entry, sent: Sequence[Sent], retry: Retry, at: float, *, answered: bool, counts: bool
) -> Settlement:
    """What a round of attempts settles.

    `answered`: the vendor took something since it first put this inbound's account in doubt, so the doubt was about the
    inbound. `counts`: the attempt counts towards `retry.attempts` (not while the vendor is down).
    """
    attempts = tuple(entry.attempts)
    failed: set[int] = set()
    letters: list[DeadLetter] = []

    def bury(one: Sent, reason: str) -> None:
        letters.append(DeadLetter(target, reason, (), one.outbound.indices, at, attempts, entry.record))

    for one in sent:
        if one.outcome == "refused" or (one.outcome == "doubt" and answered):
            bury(one, "refused")
        elif one.outcome == "ambiguous" and not retry.ambiguous:
            bury(one, "ambiguous")
        elif not one.accepted and counts and len(attempts) >= retry.attempts:
            bury(one, "attempts")
        elif not one.accepted:
            failed.update(one.outbound.indices)
    done = {index for one in sent for index in one.outbound.indices} - failed
    return Settlement(frozenset(done), tuple(letters), bool(failed))


def expired(target: str, entry: Entry, indices: Iterable[int], at: float) -> DeadLetter:
    """The dead letter of what waited longer than `[store] max_age`."""
    return DeadLetter(target, "max_age", (), tuple(indices), at, tuple(entry.attempts), entry.record)


def unreadable(target: str, entry: Entry, error: Exception, at: float) -> DeadLetter:
    """The dead letter of an inbound that the mappings of today cannot read."""
    attempts = (*entry.attempts, Attempt(at, "unreadable", None, str(error)[:_CUT]))
    return DeadLetter(target, "unreadable", (), (), at, attempts, entry.record)


def refused_names(refused: Sequence[Refused]) -> list[str]:
    """What a target could not carry, for the log: each reason with its names, once."""
    return list(dict.fromkeys(f"{one.reason} {','.join(one.fields)}" for one in refused))
