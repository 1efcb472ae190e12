"""Messages between the gateway's processes: length-prefixed MessagePack over a socket pair."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from msgspec import Struct, field, msgpack

from gateway.delivery.upstream import Pulse
from gateway.refusals import Kind
from gateway.store.contract import Record
from gateway.tail.seen import Seen
from gateway.tail.watching import Wanted

_LENGTH: Final = struct.Struct("!I")


class Append(Struct, tag="append", frozen=True, array_like=True):
    """Keep this inbound; answered by Kept or NotKept of the same number."""

    number: int
    record: Record


class Kept(Struct, tag="kept", frozen=True, array_like=True):
    """It is safe, at this position."""

    number: int
    position: int


class NotKept(Struct, tag="not_kept", frozen=True, array_like=True):
    """There was no room for it."""

    number: int
    reason: str


class Reload(Struct, tag="reload", frozen=True, array_like=True):
    """The configuration file has changed and is valid: take it up."""


class Drain(Struct, tag="drain", frozen=True, array_like=True):
    """Stop accepting, finish, go."""


class Counted(Struct, tag="counted", frozen=True, array_like=True):
    """All that the process has counted so far, how its upstreams do, and what it met that targets cannot carry.

    A sample is a name, labels and a value; `refused` is news since the last time.
    """

    samples: list[tuple[str, dict[str, str], float]]
    pulses: dict[str, Pulse] = field(default_factory=dict)
    refused: list[Kind] = field(default_factory=list)


class Spent(Struct, tag="spent", frozen=True, array_like=True):
    """What the process has allowed by the clients' limits since the last time: by limit, then by key."""

    counts: dict[str, dict[str, int]]


class Watch(Struct, tag="watch", frozen=True, array_like=True):
    """From now on these watch the tail: what each wants, by its number."""

    wanted: dict[int, Wanted]


class Shown(Struct, tag="shown", frozen=True, array_like=True):
    """Something that passed, for this watcher."""

    number: int
    seen: Seen


class Skipped(Struct, tag="skipped", frozen=True, array_like=True):
    """What each watcher was not shown since the last time, by its number."""

    counts: dict[int, int]


Message = Append | Kept | NotKept | Reload | Drain | Counted | Spent | Watch | Shown | Skipped
_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(Message).decode


class Channel(asyncio.Protocol):
    """One end of a socket pair; `heard` is told every message, `closed` completes when the other end is gone."""

    def __init__(self, heard: Callable[[Message], None]) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def over(cls, end: socket.socket, heard: Callable[[Message], None]) -> "Channel":
        """The channel over one end."""
        _, channel = await asyncio.get_running_loop().create_connection(lambda: cls(heard), sock=end)
        return channel

    def send(self, message: Message) -> None:
        """Send a message; one to an end that is gone is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            body = _encode(message)
            self._transport.write(_LENGTH.pack(len(body)) + body)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Tell every message that is whole."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            self._heard(_decode(bytes(self._buffer[start + _LENGTH.size : end])))
            start = end
        del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The other end is gone."""
        if not self.closed.done():
            self.closed.set_result(None)
