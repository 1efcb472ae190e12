"""Dead letters: listed, shown with what they would be today, sent again, forgotten.

One call moves at most 1,000: who replays many calls again, at the pace that live traffic bears, until no more are left.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from gateway import dryrun
from gateway.admin import shown
from gateway.admin.call import Call, Count, Nothing, Number
from gateway.admin.masking import Masker
from gateway.admin.problem import AdminError
from gateway.delivery.keeping import inbound_of
from gateway.errors import GatewayError
from gateway.store.contract import DeadLetter, Filter
from gateway.translate import decode, translate

_MOST: Final = 1000


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters to list: `before` is a time of death in seconds since the epoch, `after` an id, for paging."""

    target: str | None = None
    reason: str | None = None
    before: float | None = None
    after: Number | None = None
    limit: Count = 100
    full: bool = False


class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters to move: by id, by conditions that must all hold, or all of them in so many words."""

    ids: Annotated[tuple[Number, ...], Meta(max_length=_MOST)] | None = None
    target: str | None = None
    reason: str | None = None
    before: float | None = None
    all: bool = False
    limit: Count = _MOST
    dry_run: bool = False

    def filter(self) -> Filter:
        """The conditions for the store; raises AdminError when there are none."""
        given = (self.ids, self.target, self.reason, self.before)
        if not self.all and all(one is None for one in given):
            raise AdminError(400, "say which: ids, target, reason, before, or all = true")
        now = time.time()
        before = now if self.before is None else min(self.before, now)
        return Filter(self.ids, self.target, self.reason, before, limit=min(self.limit, _MOST))


async def listed(call: Call, page: Page) -> object:
    """Dead letters, oldest first, how many there are in all, and the `after` of the next page."""
    store = call.gateway.store
    chosen = Filter(None, page.target, page.reason, page.before, page.after, limit=min(page.limit, _MOST))
    letters = await store.deadletters(chosen)
    masker = Masker(call.gateway.config)
    return {
        "total": await store.tally(Filter(None, page.target, page.reason, page.before)),
        "deadletters": [_whole(one, masker) if page.full else shown.letter(one) for one in letters],
        "next": letters[-1].id if len(letters) == chosen.limit else None,
    }


async def grouped(call: Call, _: Nothing) -> object:
    """Dead letters by target, reason and the names concerned, the largest groups first."""
    groups = sorted(await call.gateway.store.dead_groups(), key=lambda one: (-one.count, one.target, one.reason))
    return {
        "groups": [
            {
                "target": group.target,
                "reason": group.reason,
                "fields": list(group.fields),
                "count": group.count,
                "oldest": shown.time_text(group.oldest),
                "newest": shown.time_text(group.newest),
            }
            for group in groups
        ]
    }


async def one(call: Call, _: Nothing) -> object:
    """One dead letter: its attempts, its inbound, and what it would be with today's configuration and mappings."""
    number = int(call.names["id"])
    letters = await call.gateway.store.deadletters(Filter(ids=(number,)))
    if not letters:
        raise AdminError(404, f"no dead letter {number}")
    masker = Masker(call.gateway.config)
    return _whole(letters[0], masker) | {"today": masker.tree(_today(call, letters[0]))}


async def replayed(call: Call, asked: Chosen) -> object:
    """Dead letters sent again, each to its own target and with today's configuration."""
    return await _moved(call, asked, call.gateway.store.replay, "replayed")


async def discarded(call: Call, asked: Chosen) -> object:
    """Dead letters forgotten for good."""
    return await _moved(call, asked, call.gateway.store.discard, "discarded")


async def _moved(call: Call, asked: Chosen, move: Callable[[Filter], Awaitable[int]], word: str) -> object:
    chosen = asked.filter()
    if asked.dry_run:
        return {word: 0, "would": await call.gateway.store.tally(chosen), "dry_run": True}
    count = await move(chosen)
    return {word: count, "more": count == chosen.limit}


def _whole(letter: DeadLetter, masker: Masker) -> dict[str, Any]:
    return shown.letter(letter) | {
        "attempts": [shown.attempt(one, masker) for one in letter.attempts],
        "inbound": masker.tree(shown.inbound(letter.record)),
    }


def _today(call: Call, letter: DeadLetter) -> dict[str, Any]:
    """What a replay would send now, or why it would send nothing."""
    gateway = call.gateway
    found = gateway.config.placed(letter.target)
    if found is None:
        return {"error": f"no target {letter.target} in the configuration: a replay waits for its return"}
    sources = {name: mapping.example() for name, mapping in gateway.mappings.items()}
    try:
        source, inbound = inbound_of(letter.record, sources)
        decoded = decode(source, inbound, stamp=True)
    except GatewayError as error:
        return {"error": str(error)}
    target = found[1].target
    return dryrun.told(translate(decoded, target.unfiltered(), only=letter.indices or None), target.mapping)
