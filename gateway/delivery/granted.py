"""Sending by an OAuth token: at once while there is a good one, else when it has been fetched."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import aiohttp
import structlog

from gateway.contract import Answer, ClientCredentials
from gateway.delivery.http.exchange import Outcome
from gateway.delivery.http.tls import Trust
from gateway.delivery.tokens import TokenSource
from gateway.errors import DeliveryFailed, NoToken, NotSent

_CONNECT: Final = 0.8
"""The part of the timeout within which the token endpoint must be reached."""

Post = Callable[[str, Callable[[Outcome], object]], "Sending"]
"""Signs an outbound with a token and sends it; its last argument is called back."""


class Sending(Protocol):
    """An outbound under way."""

    def cancel(self) -> object:
        """Break it off; nobody is called back then."""


class Granted:
    """An account's tokens. They are fetched one at a time, in a session that lasts no longer than that."""

    def __init__(self, grant: ClientCredentials, timeout: float, trust: Trust, proxy: str | None) -> None:
        self._source = TokenSource(grant)
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout * _CONNECT)
        self._trust = trust
        self._proxy = proxy
        self.fetching: asyncio.Task[str] | None = None
        """The fetch that is under way."""
        self.waiting = 0
        """Outbounds that wait for it."""

    @property
    def current(self) -> str:
        """The token in use; empty when there is none."""
        return self._source.current

    @property
    def usable(self) -> str:
        """The token in use where it is valid for some time yet, else empty."""
        return self._source.usable

    def forget(self, token: str) -> None:
        """The vendor refused this token."""
        self._source.forget(token)

    def fetch(self) -> asyncio.Task[str]:
        """The fetch of a token, shared by all who wait for it; raises DeliveryFailed."""
        if self.fetching is None:
            self.fetching = asyncio.get_running_loop().create_task(self._fetch())
            self.fetching.add_done_callback(self._fetched)
        return self.fetching

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self.fetching = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, DeliveryFailed):
            structlog.get_logger().error("fetching a token failed inside the gateway", exc_info=error)

    async def _fetch(self) -> str:
        try:
            connector = aiohttp.TCPConnector(ssl=self._trust.context() if self._trust != Trust() else True)
        except OSError as error:
            raise NotSent(f"the upstream's TLS files cannot be used: {error.strerror}") from None
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            proxy=self._proxy,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        ) as session:
            return await self._source.token(session)


class ByToken:
    """One outbound on its way: with the token at hand, a fetched one, or a new one where the vendor forgot it."""

    __slots__ = ("_cancelled", "_done", "_granted", "_post", "_renewed", "_sending", "_token")

    def __init__(self, granted: Granted, post: Post, done: Callable[[Outcome], object]) -> None:
        self._granted = granted
        self._post = post
        self._done = done
        self._token = granted.usable
        self._renewed = self._cancelled = False
        self._sending: Sending | None = None
        self._go()

    def cancel(self) -> None:
        """Break it off; a token that others may wait for is fetched nevertheless."""
        self._cancelled = True
        if self._sending is not None:
            self._sending.cancel()

    def _go(self) -> None:
        if self._token:
            self._sending = self._post(self._token, self._answered)
        else:
            self._sending = None
            self._granted.waiting += 1
            self._granted.fetch().add_done_callback(self._fetched)

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._granted.waiting -= 1
        if self._cancelled:
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._done(error if isinstance(error, DeliveryFailed) else NoToken("the gateway failed to fetch a token"))
            return
        self._token = task.result()
        self._go()

    def _answered(self, outcome: Outcome) -> None:
        """Over, unless a token that the vendor knew before is refused: then once more, with a new one."""
        if self._renewed or not isinstance(outcome, Answer) or outcome.status != 401:
            self._done(outcome)
            return
        self._granted.forget(self._token)
        if self._granted.usable == self._token:
            self._done(outcome)
            return
        self._renewed, self._token = True, self._granted.usable
        self._go()
