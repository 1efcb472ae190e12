"""Server-sent events of the admin port, read as a browser does."""

import asyncio
from contextlib import asynccontextmanager

import msgspec


class Events:
    """The events of one connection, as they come."""

    def __init__(self, answer):
        self.answer = answer
        self._left = b""

    async def next(self, *names):
        """The data of the next event of one of these names; of any where none is given."""
        while True:
            name, data = await self._one()
            if not names or name in names:
                return data if len(names) == 1 else (name, data)

    async def _one(self):
        async with asyncio.timeout(10):
            while b"\n\n" not in self._left:
                chunk = await self.answer.content.readany()
                if not chunk:
                    raise EOFError
                self._left += chunk
        event, _, self._left = self._left.partition(b"\n\n")
        fields = dict(line.split(b": ", 1) for line in event.split(b"\n"))
        if b"event" not in fields:
            return await self._one()
        return fields[b"event"].decode(), msgspec.json.decode(fields[b"data"])


@asynccontextmanager
async def watching(session, url, **filters):
    """A connection that has heard hello and the first status."""
    async with session.get(f"{url}/api/events", params=filters) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream"
        events = Events(answer)
        assert (await events.next())[0] == "hello"
        assert (await events.next())[0] == "status"
        yield events
