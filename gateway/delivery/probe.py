"""Whether an upstream can be reached and lets its account in, found out without telling the vendor anything.

No vendor documents a call that is harmless. So each endpoint is sent the account's credentials and a body that is no
JSON: nobody can take a click from it, and the answer still says whether the host, the certificate, the path and, where
the vendor looks at keys first, the key are right.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.contract import Endpoint, Outbound
from gateway.delivery.upstream import Upstream
from gateway.errors import NoToken

if TYPE_CHECKING:
    from gateway.config import Upstream as Settings

UNREADABLE: Final = b"{"
_WORDS: Final = {
    401: "the credentials are refused",
    403: "the credentials are refused, or may not do this",
    404: "there is no such path: base_url leads elsewhere",
    405: "the path takes no POST: base_url leads elsewhere",
}


class Finding(Struct, frozen=True):
    """What one endpoint's answer proved (`ok`) or disproved, in words."""

    endpoint: str
    ok: bool
    text: str


async def probe(settings: "Settings") -> list[Finding]:
    """One finding for each endpoint that takes a body."""
    upstream = Upstream(settings)
    try:
        return [await _ask(upstream, one) for one in settings.mapping.ENDPOINTS if one.method == "POST"]
    finally:
        await upstream.close()


async def _ask(upstream: Upstream, endpoint: Endpoint) -> Finding:
    url = upstream.mapping.base_url + endpoint.paths[0]
    outbound = Outbound("POST", url, {"content-type": "application/json"}, UNREADABLE, ())
    sent = await upstream.send(outbound)
    if sent.answer is None:
        without = "no OAuth token: " if isinstance(sent.failure, NoToken) else ""
        return Finding(endpoint.name, ok=False, text=f"{without}{sent.failure}")
    return Finding(endpoint.name, ok=_is_fine(sent.answer.status), text=_told(upstream, sent.answer.status))


def _is_fine(status: int) -> bool:
    return 200 <= status < 300 or (400 <= status < 500 and status not in _WORDS)


def _told(upstream: Upstream, status: int) -> str:
    if status in _WORDS:
        return f"answers {status}: {_WORDS[status]}"
    if not _is_fine(status):
        return f"answers {status}: it is reached, but nothing is proven of the credentials"
    secured = "TLS verified; " if upstream.mapping.base_url.startswith("https://") else ""
    token = "OAuth token obtained; " if upstream.mapping.grant is not None else ""
    if status < 300:
        return f"{secured}{token}answers {status} even to an unreadable body, which proves nothing of the credentials"
    return (
        f"{secured}{token}refuses an unreadable body with {status} and not the credentials;"
        " proven only if it looks at them first"
    )
