"""What a mapping is: the one contract between the gateway and the modules that speak a vendor's language.

A mapping is a frozen Struct whose fields are one vendor account's settings, decoded straight from `[upstreams.x]`. Its
source half reads inbounds and words answers; its target half writes outbounds and reads verdicts. It does no I/O, reads
no clock, draws no random numbers and logs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar, Final, Literal, Protocol

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from multidict import istr

from gateway.errors import GatewayError
from gateway.model import Interaction, Origin, is_empty

MASK: Final = "***"
_TOLD: Final = 200
"""Characters of a vendor's own words that a reason repeats."""


class Secret:
    """A credential that never prints: only `reveal()` gives its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for an outbound's header."""
        return self._text

    def __repr__(self) -> str:
        """The mask, whatever the text."""
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same text."""
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        """The text's hash."""
        return hash(self._text)


def credentials(value: object) -> Iterator[Secret]:
    """Every credential in a setting, however deep: in Structs, and in what holds several."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from credentials(getattr(value, name))
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from credentials(member)
    elif isinstance(value, (tuple, list, frozenset)):
        for member in value:
            yield from credentials(member)


class Endpoint(Struct, frozen=True):
    """One request a vendor takes: its name (`engagement`, `event`, …), method and native paths."""

    name: str
    method: Literal["GET", "POST"]
    paths: tuple[str, ...]


class Inbound(Struct, frozen=True, gc=False):
    """One HTTP request received.

    `headers` have lower-case names; `query` is decoded, the last of a repeated name wins; `received_at` is microseconds
    since the epoch; `client_ip` is the caller's address where it is known and trusted.
    """

    id: str
    endpoint: Endpoint
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: int
    client_ip: str | None = None


JSON: Final = {"content-type": "application/json"}
"""The headers of an outbound whose body is JSON; nobody changes them in place."""
KEPT_HEADERS: Final = ("user-agent", "referer", "origin")
"""The caller's headers that a mapping may read or pass on; all others end at the gateway."""
_ASKED_FOR: Final = tuple(map(istr, KEPT_HEADERS))


def kept(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers that a mapping may read; one that is no printable text, such as bytes that are no UTF-8, is none.

    Nobody changes them in place: most callers show the same few browsers and pages, so they are remembered.
    """
    return _kept(*map(headers.get, _ASKED_FOR))


@lru_cache(maxsize=256)
def _kept(*values: str | None) -> Mapping[str, str]:
    found = zip(KEPT_HEADERS, values, strict=True)
    return {name: value for name, value in found if value and is_printable(value)}


@lru_cache(maxsize=256)
def is_printable(header: str) -> bool:
    """Whether a header's value can break no other request; most callers show the same few browsers and pages."""
    return header.isprintable()


class Outbound(Struct, gc=False):
    """One HTTP request to be sent; `indices` are those of the interactions in it. A body of None sends none.

    A mapping makes a new one each time, which the translation then completes; from there on nobody changes it.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    indices: tuple[int, ...]


class Part(Struct, frozen=True, gc=False):
    """What one interaction adds to an outbound.

    Parts with the same endpoint and equal envelopes travel together; a part without an envelope travels alone.
    """

    endpoint: str
    content: Any
    envelope: dict[str, Any] | None = None
    origin: Origin | None = None


content_of: Final = attrgetter("content")
"""A part's content."""


PROPERTIES: Final = "properties.*"
"""Stands for every property of an interaction that states something, where each of them is said."""


class Encoded(Struct, frozen=True, gc=False):
    """One interaction as a target says it.

    `said` are the canonical names it carries, PROPERTIES for all properties at once, None for everything; `partly` are
    those of them that lost something on the way. What the source stated and the target did not say in full is a loss.
    """

    parts: tuple[Part, ...]
    said: frozenset[str] | None
    partly: frozenset[str] = frozenset()

    def says(self, name: str, interaction: Interaction) -> bool:
        """Whether it carries what the interaction that it says states by a canonical name."""
        if self.said is None or name in self.said:
            return True
        of, _, key = name.partition(".")
        return PROPERTIES in self.said and of == "properties" and key in interaction.properties


@lru_cache(maxsize=2048)
def said_with(said: frozenset[str], names: tuple[str, ...]) -> frozenset[str]:
    """Names that are said, with others of the model beside them, "" for none: one combination is met again and again.

    Never asked for a property's own name, of which there is no end.
    """
    return said.union(filter(None, names))


class Refusal(Struct, frozen=True, gc=False):
    """Why a target cannot carry an interaction, and the canonical names concerned, sorted."""

    reason: Literal["unsupported", "missing", "unknown_id"]
    fields: tuple[str, ...]


class Answer(Struct, frozen=True, gc=False):
    """An HTTP answer, the gateway's to its caller or a vendor's to the gateway; header names are lower-case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Receipt(Struct, frozen=True):
    """A vendor's verdict on an outbound.

    - `accepted`: the vendor has it;
    - `again`: the vendor cannot take it now;
    - `doubt`: the account or the URL is in question, not this request;
    - `refused`: the vendor will never take this request.
    """

    verdict: Literal["accepted", "again", "doubt", "refused"]
    reason: str = ""


class ClientCredentials(Struct, frozen=True):
    """An OAuth 2 client-credentials grant: where a bearer token comes from."""

    token_url: str
    client_id: str
    client_secret: Secret
    audience: str


class VendorMapping(Protocol):
    """One vendor's language, both ways. Everything is pure."""

    NAME: ClassVar[str]
    ENDPOINTS: ClassVar[tuple[Endpoint, ...]]
    KEY_HEADERS: ClassVar[tuple[str, ...]]
    """The headers in which its callers show their key, lower-case, for CORS."""
    PASSES_ON: ClassVar[tuple[str, ...]]
    """The caller's headers that the vendor reads by itself, lower-case."""
    MINTS_USERS: ClassVar[bool]
    """Whether the vendor makes a new user of a request that names none."""

    @property
    def base_url(self) -> str:
        """The vendor's host and common path, without a trailing slash."""
        ...

    @classmethod
    def example(cls) -> "VendorMapping":
        """A complete account that belongs to nobody, for dry runs without a configuration."""
        ...

    # The source half.

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The key that a caller shows, in this dialect's own place."""
        ...

    def decode(self, inbound: Inbound) -> tuple[Interaction, ...]:
        """What the inbound says, in order; raises NotJson or Malformed with every fault, nothing else."""
        ...

    def success(self) -> Answer:
        """The answer to an accepted inbound, when no answer of this same vendor is at hand."""
        ...

    def failure(self, error: GatewayError) -> Answer:
        """The answer to one that failed, in the vendor's own form."""
        ...

    # The target half.

    def encode(self, interaction: Interaction) -> Encoded | Refusal:
        """One interaction as this vendor would be told it, or why it cannot be."""
        ...

    def request(self, parts: Sequence[Part]) -> Outbound:
        """A new outbound for parts that travel together; unsigned, its url absolute, its indices empty."""
        ...

    def sign(self, outbound: Outbound, token: str | None = None) -> Outbound:
        """The outbound with the account's credentials; `token` is what `grant` obtained, where there is one."""
        ...

    @property
    def grant(self) -> ClientCredentials | None:
        """The grant that yields the token for `sign`; None when the account's own key serves."""
        ...

    def judge(self, answer: Answer) -> Receipt:
        """The vendor's verdict, also where a success status hides a failure."""
        ...


Mappings = Mapping[str, type[VendorMapping]]
"""The vendors' languages by their names."""


def masked(mapping: Any) -> Any:
    """The same account with every credential masked, those of its nested settings too: what a dry run signs with."""
    hidden: dict[str, Any] = {}
    for name in mapping.__struct_fields__:
        value = getattr(mapping, name)
        if isinstance(value, Secret):
            hidden[name] = Secret(MASK)
        elif isinstance(value, Struct):
            hidden[name] = masked(value)
    return replace(mapping, **hidden)


@lru_cache(maxsize=256)
def verdict(status: int) -> Receipt:
    """What a status alone means: the rule where a vendor documents nothing else."""
    if 200 <= status < 300:
        return Receipt("accepted")
    if status in (408, 425, 429) or (status >= 500 and status not in (501, 505)):
        return Receipt("again", f"status {status}")
    if status in (401, 403, 404, 405, 451) or 300 <= status < 400:
        return Receipt("doubt", f"status {status}")
    return Receipt("refused", f"status {status}")


def hidden_failure(answer: Answer, key: str) -> Receipt | None:
    """The failure that a success hides in a JSON object with `key`, by the status code there; None without one.

    A page instead of JSON comes from no vendor's API: the URL leads elsewhere.
    """
    if not answer.body or not 200 <= answer.status < 300:
        return None
    start = answer.body.lstrip()[:1]
    if start == b"<":
        return Receipt("doubt", f"status {answer.status} with a page instead of an answer")
    if start != b"{":
        return None
    try:
        told = msgspec.json.decode(answer.body).get(key)
    except (msgspec.DecodeError, RecursionError):
        return None
    if is_empty(told):
        return None
    found = verdict(told) if isinstance(told, int) else Receipt("refused")
    kind = "refused" if found.verdict == "accepted" else found.verdict
    return Receipt(kind, f"status {answer.status} with {key} {told}"[:_TOLD])
