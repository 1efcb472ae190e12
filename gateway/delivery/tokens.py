"""OAuth 2 client-credentials tokens: fetched, cached, renewed before they expire."""

import time
from collections.abc import Callable
from typing import Annotated, Final

import aiohttp
from msgspec import Meta, MsgspecError, Struct, json

from gateway.contract import ClientCredentials
from gateway.errors import NoToken

_EARLY: Final = 60.0
"""Seconds before its expiry at which a token is renewed: longer than a request may take."""
_YOUNG: Final = 60.0
"""Seconds in which a token that is refused is not itself to blame: asking for more of them would help nobody."""


class _Granted(Struct):
    """A token endpoint's answer (RFC 6749, 5.1): a token of visible characters; `expires_in` is in seconds."""

    access_token: Annotated[str, Meta(pattern=r"^[!-~]+\Z")]
    expires_in: float = 3600.0


_DECODER: Final = json.Decoder(_Granted, strict=False)


class TokenSource:
    """The current bearer token of one grant. `clock` is monotonic, in seconds."""

    def __init__(self, grant: ClientCredentials, clock: Callable[[], float] = time.monotonic) -> None:
        self._grant = grant
        self._clock = clock
        self._token = ""
        self._issued_at = self._renew_at = 0.0

    @property
    def current(self) -> str:
        """The token in use; empty when there is none."""
        return self._token

    @property
    def usable(self) -> str:
        """The token in use where it is valid for some time yet, else empty."""
        return self._token if self._clock() < self._renew_at else ""

    async def token(self, session: aiohttp.ClientSession) -> str:
        """A token that is valid for some time yet; raises NoToken when none can be had. Asked for once at a time."""
        if not self.usable:
            await self._refresh(session)
        return self._token

    def forget(self, token: str) -> None:
        """Ask for a new token next time: the vendor refused this one, which it knew before."""
        if token == self._token and self._clock() - self._issued_at >= _YOUNG:
            self._token = ""

    async def _refresh(self, session: aiohttp.ClientSession) -> None:
        grant = self._grant
        body = {
            "grant_type": "client_credentials",
            "client_id": grant.client_id,
            "client_secret": grant.client_secret.reveal(),
            "audience": grant.audience,
        }
        issued_at = self._clock()
        try:
            async with session.post(grant.token_url, json=body, allow_redirects=False) as answer:
                text = await answer.read()
                if answer.status != 200:
                    raise NoToken(f"the token endpoint answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoToken(f"the token endpoint gave no answer: {type(error).__name__}") from None
        try:
            granted = _DECODER.decode(text)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            raise NoToken("the token endpoint's answer holds no usable access_token") from None
        self._token, self._issued_at = granted.access_token, issued_at
        self._renew_at = issued_at + max(granted.expires_in - _EARLY, granted.expires_in / 2)
