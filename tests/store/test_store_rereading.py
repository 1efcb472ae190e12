"""What targets read back from the log: once for all that are abreast, and nothing that was let go."""

import asyncio

import pytest
from store_calls import A, B, drained, record, texts

from gateway.store.contract import Filter, Lane


@pytest.fixture
async def restarted(engine, monkeypatch):
    """A store with 600 inbounds that were there before it was opened, and the reads of its log."""
    before = engine.store()
    await before.open([A, B])
    await asyncio.gather(*[before.append(record(str(number))) for number in range(600)])
    await before.close()
    store, reads = engine.store(), []
    await store.open([A, B])
    read = store._log.read

    async def counted(*arguments):
        reads.append(arguments)
        return await read(*arguments)

    monkeypatch.setattr(store._log, "read", counted)
    yield store, reads
    await store.close()


async def leased(store, target, count):
    """The next inbounds of a target, done with at once."""
    entries = await store.lease(target, count)
    for entry in entries:
        store.ack(target, entry)
    return texts(entries)


async def test_who_is_abreast_reads_once(restarted):
    """Each gets all in order, in steps of its own, at the same time: a read serves both, and many steps."""
    store, reads = restarted
    found = {"shop/a": [], "shop/b": []}
    while len(found["shop/a"]) < 600:
        steps = (leased(store, target, count) for target, count in (("shop/a", 20), ("shop/b", 20)))
        for target, step in zip(found, await asyncio.gather(*steps), strict=True):
            found[target] += step
    assert found == {target: list(map(str, range(600))) for target in found}
    assert len(reads) <= 6


async def test_who_is_far_behind_reads_by_itself(restarted):
    """Its place is its own: it gets all in order however far the other is, and hardly reads more often for that."""
    store, reads = restarted
    assert await drained(store, "shop/a") == list(map(str, range(600)))
    before, behind = len(reads), []
    while step := await leased(store, "shop/b", 7):
        behind += step
        await store.append(record(str(600 + len(behind) // 7)))
        await leased(store, "shop/a", 7)
        if len(behind) >= 560:
            break
    assert behind == list(map(str, range(560)))
    assert len(reads) - before <= 3


async def test_a_new_target_finds_only_what_is_kept(restarted):
    """What all others were done with before it came is gone for it too, though it was read a moment ago."""
    store, _ = restarted
    for target in ("shop/a", "shop/b"):
        assert len(await leased(store, target, 200)) == 200
    await store.deadletters(Filter())  # waits until what is decided is written
    store.serve([A, B, Lane("shop/c", "shop", from_start=True)])
    assert await drained(store, "shop/c") == list(map(str, range(200, 600)))
