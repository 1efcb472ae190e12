"""One outbound sent once, and what became of it."""

import time
from collections.abc import Hashable
from typing import cast

from msgspec import Struct

from gateway.contract import Answer, Outbound, Receipt
from gateway.delivery.pace import Ended, Outcome
from gateway.delivery.retry import retry_after
from gateway.errors import DeliveryFailed, TimedOut


class Sent(Struct, frozen=True, gc=False):
    """What became of one outbound: an answer with its verdict, or the failure that stood in for them.

    `outcome` is one word for logs and metrics, the vendor's verdict or how the attempt ended without one; `accepted`
    says whether the vendor has it.
    """

    outcome: Outcome
    accepted: bool
    answer: Answer | None
    receipt: Receipt | None
    failure: DeliveryFailed | None
    outbound: Outbound

    @classmethod
    def judged(cls, outbound: Outbound, answer: Answer, receipt: Receipt) -> "Sent":
        """It was answered, and its mapping gave a verdict."""
        return cls(receipt.verdict, receipt.verdict == "accepted", answer, receipt, None, outbound)

    @classmethod
    def failed(cls, outbound: Outbound, failure: DeliveryFailed) -> "Sent":
        """It was not answered."""
        return cls(
            cast("Outcome", failure.code), accepted=False, answer=None, receipt=None, failure=failure, outbound=outbound
        )

    @property
    def status(self) -> int:
        """The vendor's status, or the one that stands for its silence."""
        return self.answer.status if self.answer else self.failure.status if self.failure else 502

    def ended(self, inbound: Hashable, began: float) -> Ended:
        """What a pace learns of it."""
        status = self.answer.status if self.answer else None
        return Ended(self.outcome, inbound, began, status, isinstance(self.failure, TimedOut))

    def asked_pause(self) -> float | None:
        """The seconds for which the vendor asked to be left alone."""
        if self.outcome != "again" or self.answer is None:
            return None
        return retry_after(self.answer.headers.get("retry-after"), time.time())
