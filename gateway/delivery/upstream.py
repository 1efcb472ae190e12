"""One vendor account on the wire: an outbound sent, its answer and verdict, or what became of it instead."""

import asyncio
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from gateway.contract import MASK, Answer, Outbound, credentials
from gateway.delivery.gate import Gate
from gateway.delivery.granted import ByToken, Granted, Sending
from gateway.delivery.http.client import Client, Limits
from gateway.delivery.http.exchange import Outcome
from gateway.delivery.http.tls import Trust
from gateway.delivery.pace import Pace, Trouble
from gateway.delivery.sending import Sent
from gateway.errors import Ambiguous, DeliveryFailed

if TYPE_CHECKING:
    from gateway.config import Upstream as Settings


class Pulse(Struct, frozen=True, array_like=True):
    """How an upstream does in one process."""

    is_open: bool
    is_held: bool
    under_way: int
    paused_seconds: float

    def beside(self, other: "Pulse") -> "Pulse":
        """How it does in two."""
        return Pulse(
            self.is_open or other.is_open,
            self.is_held or other.is_held,
            self.under_way + other.under_way,
            max(self.paused_seconds, other.paused_seconds),
        )


class Upstream:
    """A vendor account: its connections, its credentials, its limits."""

    def __init__(self, settings: "Settings") -> None:
        self.name = settings.name
        self.mapping = settings.mapping
        self.settings = settings
        retry = settings.retry
        self.pace = Pace(settings.concurrency, settings.rate_limit, retry.retry_after_cap, retry.base, retry.cap)
        self.pace.told = self._trouble_changed
        self.gate = Gate(self.pace)
        trust = Trust(settings.ca_file, settings.client_cert)
        limits = Limits(settings.timeout, settings.concurrency, settings.keepalive)
        self._client = Client(limits, trust.context, settings.proxy)
        self._secrets = tuple(one.reveal() for one in credentials(settings.mapping))
        grant = settings.mapping.grant
        self._tokens = None if grant is None else Granted(grant, settings.timeout, trust, settings.proxy)
        self._answer: Answer | None = None
        self._answered: Callable[[Outbound], Sent]
        """What became of an outbound that had the last answer, which has been judged."""
        self._log = structlog.get_logger()

    def start(self, outbound: Outbound, done: Callable[[Sent], object]) -> Sending:
        """Send once; `done` is called once, later, with whatever becomes of it, unless it is cancelled before."""
        ended = partial(self._ended, outbound, done)
        if self._tokens is None:
            return self._post(outbound, None, ended)
        return ByToken(self._tokens, partial(self._post, outbound), ended)

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to: asking for it each time would cost a system call."""
        return asyncio.get_running_loop()

    async def send(self, outbound: Outbound) -> Sent:
        """Send once, and wait for what becomes of it."""
        future: asyncio.Future[Sent] = self._loop.create_future()
        sending = self.start(outbound, partial(_tell, future))
        try:
            return await future
        except BaseException:
            sending.cancel()
            raise

    def masked(self, text: str) -> str:
        """A text without the account's credentials, which an answer may repeat."""
        token = () if self._tokens is None else (self._tokens.current,)
        for secret in (*self._secrets, *token):
            if secret:
                text = text.replace(secret, MASK)
        return text

    def pulse(self) -> Pulse:
        """How it does at this moment."""
        pace = self.pace
        under_way = self._client.under_way + (0 if self._tokens is None else self._tokens.waiting)
        return Pulse(pace.is_open, pace.is_held, under_way, pace.paused_for(time.monotonic()))

    async def close(self) -> None:
        """Close every connection, once what is under way has ended."""
        self.gate.close()
        await self._client.close()
        while self._tokens is not None and self._tokens.fetching:
            await asyncio.wait([self._tokens.fetching])
            await self._client.close()

    def _trouble_changed(self, trouble: Trouble | None, outcome: str, status: int | None) -> None:
        """Tell whoever reads the log that deliveries wait, and that they go on."""
        if trouble is None:
            self._log.info("upstream recovered", upstream=self.name)
        else:
            self._log.warning("upstream in trouble", upstream=self.name, why=trouble, last=outcome, status=status)

    def _post(self, outbound: Outbound, token: str | None, ended: Callable[[Outcome], object]) -> Sending:
        """Sign and send; a mapping's mistake must cost neither the lease nor the caller's answer."""
        try:
            return self._client.send(self.mapping.sign(outbound, token), ended)
        except Exception:  # noqa: BLE001  # whatever a mapping does wrong
            return self._loop.call_soon(ended, self._own_mistake())

    def _ended(self, outbound: Outbound, done: Callable[[Sent], object], outcome: Outcome) -> None:
        if outcome is self._answer:
            done(self._answered(outbound))
        elif isinstance(outcome, DeliveryFailed):
            done(Sent.failed(outbound, outcome))
        else:
            done(self._judged(outbound, outcome))

    def _judged(self, outbound: Outbound, answer: Answer) -> Sent:
        """An answer with its verdict, which is kept for it: the client gives the same answer for the same bytes."""
        try:
            sent = Sent.judged(outbound, answer, self.mapping.judge(answer))
        except Exception:  # noqa: BLE001  # likewise
            return Sent.failed(outbound, self._own_mistake())
        self._answer = answer
        self._answered = partial(Sent, sent.outcome, sent.accepted, answer, sent.receipt, None)
        return sent

    def _own_mistake(self) -> Ambiguous:
        """What stands for an answer where the gateway failed, logged with the exception that is being handled."""
        self._log.exception("sending failed inside the gateway", upstream=self.name)
        return Ambiguous("the gateway failed")


def _tell(future: asyncio.Future[Sent], sent: Sent) -> None:
    if not future.done():
        future.set_result(sent)
