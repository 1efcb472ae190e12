"""One vendor account on the wire: an outbound sent, its answer or what became of it.

The one place that knows the HTTP client: its errors become ours by `_outcome`. Redirects are never followed (they would
carry keys to another host), cookies are not kept, answers are cut at 1 MiB.
"""

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from msgspec import Struct

from gateway.contract import MASK, Answer, Outbound, Receipt, Secret
from gateway.delivery.gate import Gate
from gateway.delivery.pace import Pace
from gateway.delivery.tokens import TokenSource
from gateway.errors import Ambiguous, DeliveryFailed, NotSent, TimedOut

if TYPE_CHECKING:
    from yarl import URL

    from gateway.config import Upstream as Settings

_MAX_ANSWER: Final = 1 << 20
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ClientProxyConnectionError,
)
"""What the client raises before a byte of the request is written."""
_CONNECT: Final = 0.8
"""The part of the timeout after which a request that has no connection yet is known as not sent."""
_KEPT_HEADERS: Final = ("content-type", "retry-after")


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
        self.gate = Gate(self.pace)
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._closing = False
        self._secrets = tuple(_secrets(settings.mapping))
        grant = settings.mapping.grant
        self._tokens = None if grant is None else TokenSource(grant)

    async def send(self, outbound: Outbound) -> tuple[Answer, Receipt]:
        """The vendor's answer and verdict; raises NotSent, Ambiguous or NoToken when there is none."""
        try:
            session = self._opened()
        except OSError as error:
            raise NotSent(f"the upstream's TLS files cannot be used: {error.strerror}") from None
        self._under_way += 1
        try:
            if self._tokens is None:
                answer = await self._exchange(session, self.mapping.sign(outbound))
            else:
                answer = await self._with_token(session, outbound, self._tokens)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
                if self._closing:
                    await self._disconnect()
        return answer, self.mapping.judge(answer)

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
        return Pulse(pace.is_open, pace.is_held, self._under_way, pace.paused_for(time.monotonic()))

    async def close(self) -> None:
        """Close every connection, once what is under way has ended."""
        self.gate.close()
        self._closing = True
        if self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _with_token(self, session: aiohttp.ClientSession, outbound: Outbound, tokens: TokenSource) -> Answer:
        """The answer to an outbound with a token; where the vendor knows it no more, with a new one."""
        token = await tokens.token(session)
        answer = await self._exchange(session, self.mapping.sign(outbound, token))
        if answer.status == 401:
            tokens.forget(token)
            if (renewed := await tokens.token(session)) != token:
                answer = await self._exchange(session, self.mapping.sign(outbound, renewed))
        return answer

    async def _exchange(self, session: aiohttp.ClientSession, signed: Outbound) -> Answer:
        try:
            async with session.request(
                signed.method, _verbatim(signed.url), headers=signed.headers, data=signed.body, allow_redirects=False
            ) as answer:
                if answer.status < 200:
                    raise Ambiguous(f"the upstream answered {answer.status}, which is no final status")
                return Answer(answer.status, await _read(answer.content), _kept(answer.headers))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _outcome(error) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self.settings
            connector = aiohttp.TCPConnector(
                limit=settings.concurrency,
                keepalive_timeout=settings.keepalive,
                ssl=_tls(settings.ca_file, settings.client_cert),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=settings.timeout, connect=settings.timeout * _CONNECT),
                proxy=settings.proxy,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                raise_for_status=False,
            )
            self._session._retry_connection = False  # noqa: SLF001  # a GET is a click too: never sent twice in silence
        return self._session


@lru_cache(maxsize=256)
def _verbatim(url: str) -> "URL":
    """The URL exactly as the mapping wrote it: already encoded."""
    from yarl import URL

    return URL(url, encoded=True)


def _tls(ca_file: str | None, client_cert: str | None) -> ssl.SSLContext | bool:
    """The TLS settings: always verified, by the system's authorities or by the ones named."""
    if ca_file is None and client_cert is None:
        return True
    context = ssl.create_default_context(cafile=ca_file)
    if client_cert is not None:
        context.load_cert_chain(client_cert)
    return context


async def _read(content: aiohttp.StreamReader) -> bytes:
    """An answer's body, cut at 1 MiB."""
    chunks = bytearray()
    async for chunk in content.iter_any():
        chunks += chunk
        if len(chunks) >= _MAX_ANSWER:
            return bytes(chunks[:_MAX_ANSWER])
    return bytes(chunks)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    told = {name: headers.get(name, "") for name in _KEPT_HEADERS}
    return {name: value for name, value in told.items() if value and value.isascii() and value.isprintable()}


def _secrets(account: Any) -> Iterator[str]:
    """The credentials among an account's settings, at any depth."""
    for name in account.__struct_fields__:
        value = getattr(account, name)
        if isinstance(value, Secret):
            yield value.reveal()
        elif isinstance(value, Struct):
            yield from _secrets(value)


def _outcome(error: Exception) -> DeliveryFailed:
    """A foreign error as one of ours: was a byte of the request written or not?"""
    if isinstance(error, _NOT_SENT):
        return NotSent(f"the upstream cannot be reached: {type(error).__name__}")
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return TimedOut("the upstream did not answer in time")
    return Ambiguous(f"the upstream gave no complete answer: {type(error).__name__}")
