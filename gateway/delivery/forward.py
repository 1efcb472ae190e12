"""Forward mode: the primary target is asked while the caller waits; its answer is the caller's."""

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import Answer, Outbound, VendorMapping
from gateway.delivery.sending import Sent
from gateway.delivery.upstream import Upstream
from gateway.errors import Fault, NotSent, Refused, UpstreamAnswered
from gateway.routing import RouteTarget
from gateway.translate import Translation


class Asked(Struct, frozen=True, gc=False):
    """What a target was told of an inbound while its caller waited, and what became of it, in how many seconds.

    Of all that was sent the vendor has everything (delivered) or not (retried), or there was nothing.
    """

    translation: Translation
    sent: Sequence[Sent]
    outcome: Literal["delivered", "retried", "nothing"]
    seconds: float

    @classmethod
    def since(cls, started: float, translation: Translation, sent: Sequence[Sent]) -> "Asked":
        """What became of it from the moment at which it `started`, on the performance counter."""
        outcome: Literal["delivered", "retried", "nothing"] = "delivered" if sent else "nothing"
        for one in sent:
            if not one.accepted:
                outcome = "retried"
        return cls(translation, sent, outcome, time.perf_counter() - started)

    @property
    def accepted(self) -> list[Sent]:
        """What the vendor has."""
        return [one for one in self.sent if one.accepted]

    @property
    def untold(self) -> list[int]:
        """The interactions that it cannot be told and that are no ordinary traffic: they end as dead letters."""
        return [one.interaction for one in self.translation.refused if one.reason != "unsupported"]


async def ask(requests: Sequence[Outbound], upstream: Upstream, inbound: str, *, spares: bool) -> list[Sent]:
    """Everything for a target, sent at once while a caller waits; who `spares` it asks none that is down or rests."""
    if len(requests) != 1:
        each = [ask((outbound,), upstream, inbound, spares=spares) for outbound in requests]
        return [sent for (sent,) in await asyncio.gather(*each)]
    outbound = requests[0]
    gate, pace = upstream.gate, upstream.pace
    began, probing = time.monotonic(), False
    if not pace.is_clear(began):
        probing = spares and (pace.is_open or pace.is_paused(began))
        if probing:
            if not pace.free(began):
                return [Sent.failed(outbound, NotSent("the upstream is down and not asked for the moment"))]
            pace.take(1, began)
        elif (wait := pace.turn(began, upstream.settings.timeout)) is None:
            return [Sent.failed(outbound, NotSent("too many requests wait for the upstream's rate_limit"))]
        elif wait:
            await asyncio.sleep(wait)
            began = time.monotonic()
    try:
        sent = await upstream.send(outbound)
    finally:
        if probing:
            gate.release()
    if sent.accepted:
        gate.accept()
        return [sent]
    gate.learn(sent.ended(inbound, began))
    pause = sent.asked_pause()
    if pause:
        gate.pause(pause)
    return [sent]


def word(source: VendorMapping, primary: RouteTarget, asked: Asked, *, kept: bool) -> Answer:
    """The caller's answer: the primary's own words where it speaks the caller's language, else its verdict's.

    Of several outbounds any that was accepted makes a success, its failed parts being `kept`; with
    `on_failure = "relay"` the worst status speaks.
    """
    if not asked.sent:
        return _unsent(source, asked.translation)
    chosen = asked.sent[0]
    if len(asked.sent) > 1:
        lenient = kept or primary.on_failure == "store"
        chosen = next((one for one in asked.sent if lenient and one.accepted), max(asked.sent, key=_badness))
    if chosen.failure is not None:
        return source.failure(chosen.failure)
    if chosen.answer is not None and source.NAME == primary.target.mapping.NAME and not _is_strange(chosen):
        return chosen.answer
    return source.success() if chosen.accepted else _failure(source, chosen)


def _badness(sent: Sent) -> tuple[bool, int]:
    return not sent.accepted, sent.status


def _is_strange(sent: Sent) -> bool:
    """Whether the answer is not the vendor's own: a redirect, or a page where the API should be."""
    return sent.outcome == "doubt" and sent.status < 400


def worth_keeping(sent: Sequence[Sent]) -> bool:
    """Whether what was not accepted is kept: the vendor failed or could not be reached, or has a part of it already."""
    return any(one.accepted or (one.outcome != "refused" and not 400 <= one.status < 500) for one in sent)


def left(sent: Sequence[Sent], *, ambiguous: bool) -> list[int]:
    """The interactions that are to be sent later; those that the vendor may have only where that is allowed."""
    failed = [one for one in sent if not one.accepted and (ambiguous or one.outcome != "ambiguous")]
    return [index for one in failed for index in one.outbound.indices]


def _unsent(source: VendorMapping, translation: Translation) -> Answer:
    """The answer when the primary was sent nothing: a success only if nothing was refused."""
    if not translation.refused:
        return source.success()
    faults = tuple(
        Fault(f"interactions[{one.interaction}]", f"{one.reason} {', '.join(one.fields)}")
        for one in translation.refused
    )
    return source.failure(Refused(faults))


def _failure(source: VendorMapping, sent: Sent) -> Answer:
    """Another vendor's refusal in the caller's dialect, with when to come back where the vendor said so."""
    reason = sent.receipt.reason if sent.receipt else ""
    answer = source.failure(UpstreamAnswered(sent.status, f"the upstream refused the request: {reason}"))
    later = sent.answer.headers.get("retry-after") if sent.answer else None
    return replace(answer, headers={**answer.headers, "retry-after": later}) if later else answer
