"""Forward mode: the primary target is asked while the caller waits; its answer is the caller's."""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.contract import Answer, Outbound, Receipt, VendorMapping
from gateway.delivery.pace import Outcome
from gateway.delivery.upstream import Upstream
from gateway.errors import (
    Ambiguous,
    DeliveryFailed,
    Fault,
    GatewayError,
    NoToken,
    NotSent,
    Refused,
    UpstreamAnswered,
)
from gateway.routing import RouteTarget
from gateway.translate import Translation

_ENDED: Final[dict[type[DeliveryFailed], Outcome]] = {
    NotSent: "not_sent",
    NoToken: "no_token",
    Ambiguous: "ambiguous",
}


class Sent(Struct, frozen=True):
    """What became of one outbound: an answer with its verdict, or the failure that stood in for them."""

    outbound: Outbound
    answer: Answer | None
    receipt: Receipt | None
    failure: DeliveryFailed | None = None

    @property
    def accepted(self) -> bool:
        """Whether the vendor has it."""
        return self.receipt is not None and self.receipt.verdict == "accepted"

    @property
    def outcome(self) -> Outcome:
        """One word for logs and metrics: the vendor's verdict, or how the attempt ended without one."""
        if self.failure is not None:
            return _ENDED[type(self.failure)]
        return "refused" if self.receipt is None else self.receipt.verdict

    @property
    def status(self) -> int:
        """The vendor's status, or the one that stands for its silence."""
        return self.answer.status if self.answer else self.failure.status if self.failure else 502


async def send(outbound: Outbound, upstream: Upstream) -> Sent:
    """One outbound sent once."""
    try:
        answer, receipt = await upstream.send(outbound)
    except DeliveryFailed as failure:
        return Sent(outbound, None, None, failure)
    return Sent(outbound, answer, receipt)


async def send_all(requests: Sequence[Outbound], upstream: Upstream) -> list[Sent]:
    """Every outbound for one target, all at once."""
    if len(requests) == 1:
        return [await send(requests[0], upstream)]
    return await asyncio.gather(*[send(outbound, upstream) for outbound in requests])


def word(source: VendorMapping, primary: RouteTarget, translation: Translation, sent: Sequence[Sent]) -> Answer:
    """The caller's answer: the primary's own words where it speaks the caller's language, else its verdict's.

    Of several outbounds any that was accepted makes a success; with `on_failure = "relay"` the worst status speaks.
    """
    if not sent:
        return _unsent(source, translation)
    accepted = next((one for one in sent if one.accepted), None)
    worst = max(sent, key=lambda one: (not one.accepted, one.status))
    chosen = worst if accepted is None or primary.on_failure == "relay" else accepted
    if chosen.failure is not None:
        return source.failure(chosen.failure)
    if chosen.answer is not None and source.NAME == primary.target.mapping.NAME:
        return chosen.answer
    return source.success() if chosen.accepted else source.failure(_told(chosen))


def storable(one: Sent, *, ambiguous: bool) -> bool:
    """Whether an outbound that failed is worth keeping: unreachable or 5xx; in doubt only where that is allowed."""
    if one.accepted or one.outcome == "refused":
        return False
    if one.outcome == "ambiguous":
        return ambiguous
    return one.failure is not None or one.status >= 500


def _unsent(source: VendorMapping, translation: Translation) -> Answer:
    """The answer when the primary was sent nothing: a success only if nothing was refused."""
    if not translation.refused:
        return source.success()
    faults = tuple(
        Fault(f"interactions[{one.interaction}]", f"{one.reason} {', '.join(one.fields)}")
        for one in translation.refused
    )
    return source.failure(Refused(faults))


def _told(sent: Sent) -> GatewayError:
    """Another vendor's refusal as an error to word in the caller's dialect."""
    reason = sent.receipt.reason if sent.receipt else ""
    retry_after = sent.answer.headers.get("retry-after") if sent.answer else None
    return UpstreamAnswered(sent.status, f"the upstream refused the request: {reason}", retry_after)
