"""What becomes of a leased inbound after an attempt: pure functions of what was sent and what was answered."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from gateway.config import Retry
from gateway.contract import Outbound
from gateway.delivery.sending import Sent
from gateway.store.contract import Attempt, DeadLetter, Entry
from gateway.translate import Refused, Translation

_CUT: Final = 500
"""Characters of a vendor's answer that an attempt keeps."""
_UNCOUNTED: Final = 5
"""Attempts that do not count and are remembered nevertheless: an outage makes many of them."""


class Settlement(Struct, frozen=True):
    """Which interactions the target is done with, which became dead letters, and whether the rest is tried again."""

    done: frozenset[int]
    letters: tuple[DeadLetter, ...]
    again: bool


def attempt_of(sent: Sent, at: float, masked: Callable[[str], str], *, counted: bool) -> Attempt:
    """One attempt as it is kept: the answer cut, no credential in it, nothing of the request."""
    answer = sent.answer
    told = masked(answer.body.decode("utf-8", "replace")) if answer else str(sent.failure or "")
    return Attempt(at, sent.outcome, answer.status if answer else None, told[:_CUT], counted)


def nothing(translation: Translation, at: float) -> Attempt:
    """What stands for an attempt where there was nothing to send, and why."""
    why = refused_names(translation.refused)
    why += [f"{word} {count}" for word, count in _left_out(translation) if count]
    return Attempt(at, "nothing", None, "; ".join(why)[:_CUT], counted=False)


def _left_out(translation: Translation) -> tuple[tuple[str, int], ...]:
    return ("filtered", translation.filtered), ("dropped", translation.dropped)


def remembered(attempts: Sequence[Attempt], made: Sequence[Attempt]) -> list[Attempt]:
    """The attempts with those just made: all that count, and the latest of those that do not."""
    found = [*attempts, *made]
    uncounted = [index for index, one in enumerate(found) if not one.counted]
    forgotten = frozenset(uncounted[:-_UNCOUNTED])
    return [one for index, one in enumerate(found) if index not in forgotten] if forgotten else found


def tries(entry: Entry) -> int:
    """How many rounds of attempts count towards `retry.attempts`."""
    return sum(one.counted for one in entry.attempts)


def settle(  # noqa: PLR0913  # all that a verdict rests on, given by name
    target: str,
    entry: Entry,
    requests: Sequence[Outbound],
    sent: Sequence[Sent],
    retry: Retry,
    at: float,
    *,
    blamed: bool,
) -> Settlement:
    """What a round of attempts settles; outbounds that were not sent are still to be.

    `blamed`: the vendor took other inbounds since it first doubted this one, so the doubt is not about the account.
    """
    attempts = tuple(entry.attempts)
    spent = tries(entry) >= retry.attempts
    settled: set[int] = set()
    letters: list[DeadLetter] = []
    for one in sent:
        if one.accepted:
            reason = None
        elif one.outcome == "refused" or (one.outcome == "doubt" and blamed):
            reason = "refused"
        elif one.outcome == "ambiguous" and not retry.ambiguous:
            reason = "ambiguous"
        elif one.outcome != "doubt" and spent:
            reason = "attempts"
        else:
            continue
        settled.add(id(one.outbound))
        if reason:
            letters.append(DeadLetter(target, reason, (), one.outbound.indices, at, attempts, entry.record))
    open_ = {index for one in requests if id(one) not in settled for index in one.indices}
    done = {index for one in requests for index in one.indices} - open_
    return Settlement(frozenset(done), tuple(letters), bool(open_))


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


def buried(target: str, entry: Entry, reason: str, indices: Iterable[int], at: float) -> DeadLetter:
    """The dead letter of what is given up without another attempt."""
    return DeadLetter(target, reason, (), tuple(indices), at, tuple(entry.attempts), entry.record)


def unreadable(target: str, entry: Entry, error: Exception, at: float) -> DeadLetter:
    """The dead letter of an inbound that the mappings of today cannot read or tell."""
    attempts = (*entry.attempts, Attempt(at, "unreadable", None, f"{type(error).__name__}: {error}"[:_CUT]))
    meant, done = entry.record.indices or (), tuple(sorted(entry.done))
    return DeadLetter(target, "unreadable", (), meant, at, attempts, entry.record, done=done)


def refused_names(refused: Sequence[Refused]) -> list[str]:
    """What a target could not carry, for the log: each reason with its names, once."""
    return list(dict.fromkeys(f"{one.reason} {','.join(one.fields)}" for one in refused))
