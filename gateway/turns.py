"""Taking turns: where many wait for the same, one kind of work is done for all of them before the next kind.

Serving one inbound takes more code than a processor keeps warm: its caches, and what it has learnt of the branches,
hold but a part. When each inbound goes its whole way at once, every step is met cold; when all that are at a step take
it one after another, all but the first meet it warm. One that comes alone it costs some turns of the loop.
"""

from collections.abc import Generator
from types import coroutine


@coroutine
def next_turn() -> Generator[None, None, None]:
    """Go on once everything has been done that is ready now."""
    yield
