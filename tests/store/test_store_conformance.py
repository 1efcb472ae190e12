"""What every store must do, on every engine there is."""

import asyncio
import time
from collections import Counter

import pytest
import structlog
from msgspec.structs import replace
from store_calls import A, B, drained, letter, record, texts
from waiting import until

from gateway.errors import StoreFull
from gateway.store.contract import Attempt, DeadGroup, Filter, Lane
from gateway.store.embedded import DeadBounds
from gateway.store.window import EXCEPTIONS, SIZE


async def reopened(engine, store, lanes, **options):
    await store.close()
    again = engine.store(**options)
    await again.open(lanes)
    return again


async def appended(store, *names, **more):
    return [await store.append(record(name, **more)) for name in names]


async def test_what_is_appended_is_leased_in_order_by_every_target_of_the_route(store):
    """Each target reads the whole route, oldest first, and nothing of another route."""
    store.serve([A, B, Lane("other/a", "other")])
    positions = await appended(store, "1", "2", "3")
    await appended(store, "x", route="other")
    assert positions == sorted(positions)
    assert texts(await store.lease("shop/a", 2)) == ["1", "2"]
    assert texts(await store.lease("shop/a", 2)) == ["3"]
    assert await store.lease("shop/a", 2) == []
    assert await drained(store, "shop/b") == ["1", "2", "3"]
    assert await drained(store, "other/a") == ["x"]


async def test_what_comes_back_is_what_was_put_in(engine, store):
    """A record survives a restart byte for byte, all of its fields."""
    store.serve([A])
    put = replace(
        record("1", body=bytes(range(256))), headers={"user-agent": "ä"}, query={"q": "1"}, indices=(1, 2), done=(2,)
    )
    await store.append(put)
    store = await reopened(engine, store, [A])
    (entry,) = await store.lease("shop/a", 1)
    assert entry.record == put
    assert entry.done == {2}
    await store.close()


async def test_many_appends_at_once_share_commits_and_keep_their_order(store):
    """Concurrent appends get distinct positions in the order they were made, and all arrive."""
    store.serve([A])
    names = [str(number) for number in range(500)]
    positions = await asyncio.gather(*[store.append(record(name)) for name in names])
    assert positions == sorted(set(positions))
    assert await drained(store) == names


async def test_what_is_not_acknowledged_comes_again_after_a_restart(engine, store):
    """A lease ends with the process: what it left unacknowledged is leased again, and only that."""
    store.serve([A])
    await appended(store, "1", "2", "3")
    entries = await store.lease("shop/a", 3)
    store.ack("shop/a", entries[1])
    store = await reopened(engine, store, [A])
    assert await drained(store) == ["1", "3"]
    await store.close()


async def test_a_crash_repeats_at_most_the_window(engine, store):
    """After a crash what was unfinished comes again, what was done comes again only from the window."""
    store.serve([A])
    await appended(store, *[str(number) for number in range(20)])
    entries = await store.lease("shop/a", 20)
    for entry in entries[:10]:
        store.ack("shop/a", entry)
    store.ack("shop/a", entries[15])
    await store.deadletters(Filter())  # waits until what is decided is written
    await engine.crash(store)
    store = engine.store()
    await store.open([A])
    again = await drained(store)
    assert set(map(str, range(10, 20))) - {"15"} <= set(again) <= set(map(str, range(10, 20)))
    await store.close()


async def test_a_retry_comes_when_it_is_due_with_what_was_learnt(store):
    """What is to be tried again stays away until its time, and brings its attempts and what is done of it."""
    store.serve([A])
    await appended(store, "1", "2")
    first, second = await store.lease("shop/a", 2)
    first.attempts.append(Attempt(1.0, "again", 503))
    first.done.add(4)
    store.nak("shop/a", first, time.time() + 0.1)
    store.ack("shop/a", second)
    assert await store.lease("shop/a", 2) == []
    await store.wait("shop/a", 5)
    (again,) = await store.lease("shop/a", 2)
    assert (again.position, again.done) == (first.position, {4})
    assert [one.status for one in again.attempts] == [503]


async def test_what_waits_is_not_forgotten_by_a_restart(engine, store):
    """An orderly end keeps the attempts of what waits, so that nothing done of it goes twice."""
    store.serve([A])
    await appended(store, "1", "2")
    first, second = await store.lease("shop/a", 2)
    first.attempts.append(Attempt(1.0, "again", 503))
    first.done.add(0)
    store.nak("shop/a", first, time.time())
    store.ack("shop/a", second)
    store = await reopened(engine, store, [A])
    (again,) = await store.lease("shop/a", 2)
    assert (texts([again]), again.done, len(again.attempts)) == (["1"], {0}, 1)
    assert await store.lease("shop/a", 2) == []
    await store.close()


async def test_a_wait_ends_when_something_arrives(store):
    """A target that waits is woken by an append, by a retry, and by time."""
    store.serve([A])
    waiting = asyncio.create_task(store.wait("shop/a", 60))
    await asyncio.sleep(0)
    await appended(store, "1")
    await waiting
    (entry,) = await store.lease("shop/a", 1)
    waiting = asyncio.create_task(store.wait("shop/a", 60))
    await asyncio.sleep(0)
    store.nak("shop/a", entry, time.time())
    await waiting
    assert texts(await store.lease("shop/a", 1)) == ["1"]
    await store.wait("shop/a", 0.01)


async def test_a_lease_that_is_broken_off_takes_nothing(engine, store):
    """Whoever is cancelled while it leases leaves everything to the next."""
    store.serve([A])
    await appended(store, *map(str, range(50)))
    store = await reopened(engine, store, [A])  # so that leases read from the log
    entries = await store.lease("shop/a", 10)
    store.nak("shop/a", entries[0], time.time())
    for _ in range(3):
        leasing = asyncio.create_task(store.lease("shop/a", 20))
        await asyncio.sleep(0)
        leasing.cancel()
        await asyncio.wait([leasing])
        taken = [] if leasing.cancelled() else leasing.result()
        for entry in taken:
            store.nak("shop/a", entry, time.time())
    got = set(await drained(store)) | set(texts(entries[1:]))
    assert got == set(map(str, range(50)))
    await store.close()


async def test_an_append_that_nobody_waits_for_any_more_is_kept_all_the_same(store):
    """A caller that goes away spoils nothing for those who share its commit."""
    store.serve([A])
    tasks = [asyncio.create_task(store.append(record(str(number)))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert await drained(store) == ["0", "1", "2"]


async def test_the_window_is_bounded_and_its_head_makes_way(engine, store):
    """More than 1,024 are never open at once: the oldest becomes an exception, even under way, and is never lost."""
    store.serve([A])
    await asyncio.gather(*[store.append(record(str(number))) for number in range(SIZE + 200)])
    (head,) = await store.lease("shop/a", 1)
    rest = await store.lease("shop/a", SIZE)
    assert store._consumers["shop/a"].window.room >= 0
    for entry in rest:
        store.ack("shop/a", entry)
    more = await drained(store)
    assert len(rest) + len(more) == SIZE + 199
    assert (await store.backlog("shop/a")).pending == 1
    await store.deadletters(Filter())
    await engine.crash(store)
    store = engine.store()
    await store.open([A])
    assert (await drained(store))[0] == head.record.request_id
    await store.close()


async def test_an_acknowledged_exception_is_gone(engine, store):
    """An exception that ends is deleted with its inbound: nothing of it comes back."""
    store.serve([A])
    await asyncio.gather(*[store.append(record(str(number))) for number in range(SIZE + 1)])
    (head,) = await store.lease("shop/a", 1)
    await drained(store)
    store.ack("shop/a", head)
    await store.deadletters(Filter())
    assert await store._log.search(["0"], 10) == []
    store = await reopened(engine, store, [A])
    assert await drained(store) == []
    assert await store._log.search(["0"], 10) == []
    await store.close()


async def test_exceptions_are_bounded(store, monkeypatch):
    """With very many exceptions nothing new is leased until some end, so that they fit in memory."""
    assert EXCEPTIONS >= SIZE
    monkeypatch.setattr("gateway.store.window.EXCEPTIONS", 300)
    store.serve([A])
    await asyncio.gather(*[store.append(record(str(number))) for number in range(3000)])
    held = []
    while entries := await store.lease("shop/a", 100):
        held += entries
    assert len(held) <= SIZE + 300 + 256
    for entry in held:
        store.ack("shop/a", entry)
    assert len(held) + len(await drained(store)) == 3000


async def test_while_nothing_is_leased_the_cursor_stands_still(store):
    """An outage makes no exceptions: a backlog costs nothing but its inbounds."""
    store.serve([A, B])
    await asyncio.gather(*[store.append(record(str(number))) for number in range(1500)])
    (head,) = await store.lease("shop/a", 1)
    assert len(await drained(store, "shop/b")) == 1500
    assert (await store.backlog("shop/a")).pending == 1500
    assert store._consumers["shop/a"].window.cursor == head.position
    assert store._consumers["shop/a"].window.leased == 1


async def test_positions_are_never_used_again(engine, store):
    """After the log ran empty and the process began anew, what is appended arrives everywhere."""
    store.serve([A, B])
    first = await appended(store, "1", "2")
    await drained(store, "shop/a")
    await drained(store, "shop/b")
    store = await reopened(engine, store, [A, B])
    store = await reopened(engine, store, [A, B])
    second = await appended(store, "3")
    assert min(second) > max(first)
    assert await drained(store, "shop/a") == await drained(store, "shop/b") == ["3"]
    await store.close()


async def test_a_refused_position_is_no_trap_for_a_new_target(engine, store, monkeypatch):
    """A target that was added when appends failed misses nothing after a restart."""
    store.serve([A])
    commit = store._log.commit
    monkeypatch.setattr(store._log, "commit", refuse)
    with pytest.raises(StoreFull):
        await appended(store, "lost")
    store.serve([A, B])
    monkeypatch.setattr(store._log, "commit", commit)
    store = await reopened(engine, store, [A, B])
    await appended(store, "1")
    assert await drained(store, "shop/b") == ["1"]
    await store.close()


async def refuse(_batch):
    """A commit on a full disk."""
    raise StoreFull("no room")


async def test_when_commits_fail_appends_are_refused_and_nothing_decided_is_forgotten(engine, store, monkeypatch):
    """Acknowledgements, retries and dead letters that could not be written are written once there is room."""
    store.serve([A])
    await appended(store, "1", "2", "3")
    one, two, three = await store.lease("shop/a", 3)
    commit = store._log.commit
    monkeypatch.setattr(store._log, "commit", refuse)
    store.ack("shop/a", one)
    store.dead("shop/a", [letter(two)])
    store.ack("shop/a", two)
    store.nak("shop/a", three, time.time())
    with pytest.raises(StoreFull):
        await store.append(record("4"))
    monkeypatch.setattr(store._log, "commit", commit)
    await appended(store, "5")
    store = await reopened(engine, store, [A])
    assert await drained(store) == ["3", "5"]
    assert texts(await store.deadletters(Filter())) == ["2"]
    await store.close()


async def test_a_mistake_in_a_commit_keeps_nobody_waiting(store, monkeypatch):
    """Whatever a commit raises, callers hear that their inbound was not kept, and the store goes on."""
    store.serve([A])

    async def broken(_batch):
        raise RuntimeError("a mistake")

    commit = store._log.commit
    monkeypatch.setattr(store._log, "commit", broken)
    with pytest.raises(StoreFull):
        await appended(store, "1")
    monkeypatch.setattr(store._log, "commit", commit)
    await appended(store, "2")
    assert await drained(store) == ["2"]


async def test_dead_letters_that_wait_for_the_disk_are_bounded(store, monkeypatch):
    """While dead letters cannot be written nothing more is leased than memory should hold."""
    store.serve([A])
    await appended(store, *map(str, range(40)), body=bytes(1 << 20))
    commit = store._log.commit
    monkeypatch.setattr(store._log, "commit", refuse)
    taken = 0
    while entries := await store.lease("shop/a", 1):
        taken += 1
        store.dead("shop/a", [letter(entries[0])])
        store.ack("shop/a", entries[0])
    assert taken < 20
    monkeypatch.setattr(store._log, "commit", commit)
    await until(lambda: not store._commits.burdened)
    assert taken + len(await drained(store)) == 40


async def test_a_closed_store_takes_nothing(store):
    """An append after the end is refused, not lost in silence."""
    store.serve([A])
    await store.close()
    with pytest.raises(StoreFull):
        await appended(store, "1")


async def test_a_new_target_starts_with_what_comes_next(store):
    """From the moment it is added, also for what was on its way into the log then."""
    store.serve([A])
    await appended(store, "1")
    under_way = asyncio.create_task(store.append(record("2")))
    await asyncio.sleep(0)
    store.serve([A, B])
    await under_way
    await appended(store, "3")
    assert (await store.backlog("shop/b")).pending == 1
    assert await drained(store, "shop/b") == ["3"]
    assert (await store.backlog("shop/b")).pending == 0


async def test_what_is_committed_while_a_backlog_is_counted_counts_too(store, monkeypatch):
    """An inbound that comes during the count is neither left out nor counted twice, and is leased."""
    store.serve([A])
    await appended(store, *map(str, range(10)))
    count = store._log.count

    async def slow_count(*arguments):
        found = await count(*arguments)
        await store.append(record("10"))
        return found

    monkeypatch.setattr(store._log, "count", slow_count)
    store.serve([A, Lane("shop/b", "shop", from_start=True)])
    await until(lambda: store._consumers["shop/b"].known)
    assert (await store.backlog("shop/b")).pending == 11
    assert await drained(store, "shop/b") == [*map(str, range(11))]


async def test_a_new_target_may_start_with_what_is_kept(engine, store):
    """`from = "start"`: what another target has not finished yet, it gets too; its backlog is counted."""
    store.serve([A])
    await appended(store, *map(str, range(10)))
    late = Lane("shop/b", "shop", from_start=True)
    under_way = asyncio.create_task(store.append(record("10")))
    await asyncio.sleep(0)
    store.serve([A, late])
    await under_way
    await until(lambda: store._consumers["shop/b"].known)
    assert (await store.backlog("shop/b")).pending == 11
    store = await reopened(engine, store, [A, late])
    assert await drained(store, "shop/b") == [*map(str, range(11))]
    store = await reopened(engine, store, [A, late])
    assert await drained(store, "shop/b") == []
    await store.close()


async def test_an_orphan_keeps_its_backlog_hears_no_more_and_resumes(engine, store):
    """A target that left the configuration has its backlog when it returns, and nothing of what came meanwhile."""
    store.serve([A, B])
    await appended(store, "1", "2")
    under_way = asyncio.create_task(store.append(record("3")))
    await asyncio.sleep(0)
    store.serve([A])
    await under_way
    await appended(store, "4")
    backlog = await store.backlog("shop/b")
    assert (backlog.pending, backlog.orphaned) == (3, True)
    assert "shop/b" in store.targets()
    store = await reopened(engine, store, [A])
    await appended(store, "5")
    await drained(store, "shop/a")
    store = await reopened(engine, store, [A, B])
    await appended(store, "6")
    assert not (await store.backlog("shop/b")).orphaned
    assert await drained(store, "shop/b") == ["1", "2", "3", "6"]
    await store.close()


async def test_an_orphan_without_a_backlog_holds_nothing_back(store):
    """What comes after a target left is deleted when those that stayed are done: the store does not fill up."""
    store.serve([A, B])
    await appended(store, "1")
    await drained(store, "shop/b")
    store.serve([A])
    await appended(store, "keep-not")
    await drained(store, "shop/a")
    await store.deadletters(Filter())
    assert await store._log.search(["1", "keep-not"], 10) == []


async def test_a_target_that_moves_to_another_route_finishes_what_it_had(engine, store):
    """With its own name on another route it delivers the old route's backlog, then the new route's inbounds."""
    here, there = Lane("mine", "shop"), Lane("mine", "other")
    store.serve([here])
    await appended(store, "1", "2")
    under_way = asyncio.create_task(store.append(record("3")))
    await asyncio.sleep(0)
    store.serve([there])
    await under_way
    await appended(store, "not mine")
    await appended(store, "4", route="other")
    assert (await store.backlog("mine")).pending == 4
    store = await reopened(engine, store, [there])
    assert (await store.backlog("mine")).pending == 4
    assert await drained(store, "mine") == ["1", "2", "3", "4"]
    await store.deadletters(Filter())
    await store.close()


async def test_only_the_targets_that_a_record_names_get_it(engine, store):
    """`to` passes the others by: they neither wait for it nor keep it from being deleted."""
    store.serve([A, B])
    await appended(store, "b", to=("shop/b",))
    await appended(store, "both")
    await appended(store, "b2", to=("shop/b",))
    assert (await store.backlog("shop/a")).pending == 1
    store = await reopened(engine, store, [A, B])
    assert [(await store.backlog(name)).pending for name in ("shop/a", "shop/b")] == [1, 3]
    assert await drained(store, "shop/b") == ["b", "both", "b2"]
    assert await drained(store, "shop/a") == ["both"]
    await store.deadletters(Filter())
    assert await store._log.search(["b"], 10) == []
    await store.close()


async def test_the_oldest_is_told_of_what_is_not_finished(engine, store):
    """The receipt time of the first unfinished inbound that is for the target, exceptions and retries included."""
    store.serve([A])
    records = [replace(record(name), received_at=number) for number, name in enumerate("abcd", 1)]
    for one in (replace(records[0], to=("shop/b",)), *records[1:]):
        await store.append(one)
    entries = await store.lease("shop/a", 3)
    assert (await store.backlog("shop/a")).oldest == 2
    store.nak("shop/a", entries[0], time.time() + 60)
    store.ack("shop/a", entries[1])
    store = await reopened(engine, store, [A])
    assert (await store.backlog("shop/a")).oldest == 2
    await drained(store)
    assert (await store.backlog("shop/a")).pending == 1
    await store.close()


async def test_dead_letters_are_listed_by_what_is_asked(engine, store):
    """By id, target, reason, time of death, page and limit; oldest first; over a restart."""
    store.serve([A, B])
    await appended(store, "1", "2", "3")
    one, two, three = await store.lease("shop/a", 3)
    now = time.time()
    store.dead("shop/a", [letter(one, at=now - 30), letter(two, reason="missing", at=now - 20)])
    store.dead("shop/b", [letter(three, "shop/b", at=now - 10)])
    store = await reopened(engine, store, [A, B])
    every = await store.deadletters(Filter())
    ids = [one.id for one in every]
    assert texts(every) == ["1", "2", "3"]
    assert ids == sorted(set(ids))
    for chosen, expected in (
        (Filter(ids=(ids[1],)), ["2"]),
        (Filter(target="shop/b"), ["3"]),
        (Filter(reason="missing"), ["2"]),
        (Filter(before=now - 20), ["1"]),
        (Filter(after=ids[0]), ["2", "3"]),
        (Filter(limit=2), ["1", "2"]),
        (Filter(ids=()), []),
    ):
        assert texts(await store.deadletters(chosen)) == expected
    assert await store.tally(Filter(limit=1)) == 3
    assert [(await store.backlog(name)).dead for name in ("shop/a", "shop/b")] == [2, 1]
    await store.close()


async def test_dead_letters_are_counted_by_what_they_died_of(engine, store):
    """By target, reason and names, with the first and the last time of death."""
    store.serve([A, B])
    await appended(store, "1", "2", "3", "4")
    one, two, three, four = await store.lease("shop/a", 4)
    odd, now = ("properties.with space", 'properties."quoted"'), time.time()
    store.dead("shop/a", [letter(one, at=now - 30), letter(two, at=now - 10), letter(three, at=now - 20)])
    store.dead("shop/a", [letter(four, reason="missing", fields=odd, at=now)])
    store.dead("shop/b", [letter(one, "shop/b", reason="missing", fields=("user.id",), at=now)])
    store = await reopened(engine, store, [A, B])
    assert sorted(await store.dead_groups(), key=str) == [
        DeadGroup("shop/a", "missing", odd, 1, now, now),
        DeadGroup("shop/a", "refused", (), 3, now - 30, now - 10),
        DeadGroup("shop/b", "missing", ("user.id",), 1, now, now),
    ]
    await store.close()


async def test_a_replay_goes_to_its_own_target_with_its_own_interactions(engine, store):
    """It keeps what the letter says is meant and what is done, and is no longer a dead letter."""
    store.serve([A, B])
    await appended(store, "1", indices=(3, 4))
    (entry,) = await store.lease("shop/a", 1)
    store.dead("shop/a", [letter(entry, indices=(4,)), letter(entry, done=(3,))])
    store.ack("shop/a", entry)
    await drained(store, "shop/b")
    assert await store.replay(Filter(target="shop/a")) == 2
    assert await store.deadletters(Filter()) == []
    store = await reopened(engine, store, [A, B])
    assert await drained(store, "shop/b") == []
    some, rest = await store.lease("shop/a", 5)
    assert (some.record.indices, some.done, some.record.replayed) == ((4,), set(), True)
    assert (rest.record.indices, rest.done, rest.record.to) == ((3, 4), {3}, ("shop/a",))
    await store.close()


async def test_a_replay_that_finds_no_room_leaves_every_letter_where_it_was(store, monkeypatch):
    """Moved for good or untouched: a full disk costs no dead letter."""
    store.serve([A])
    await appended(store, "1")
    (entry,) = await store.lease("shop/a", 1)
    store.dead("shop/a", [letter(entry)])
    store.ack("shop/a", entry)
    await store.deadletters(Filter())
    commit = store._log.commit
    monkeypatch.setattr(store._log, "commit", refuse)
    with pytest.raises(StoreFull):
        await store.replay(Filter())
    monkeypatch.setattr(store._log, "commit", commit)
    assert texts(await store.deadletters(Filter())) == ["1"]
    assert (await store.backlog("shop/a")).dead == 1
    assert await store.replay(Filter()) == 1
    assert await drained(store) == ["1"]


async def test_two_replays_at_once_send_each_letter_once(store):
    """Who asks twice gets each dead letter moved once."""
    store.serve([A])
    await appended(store, *map(str, range(5)))
    for entry in await store.lease("shop/a", 5):
        store.dead("shop/a", [letter(entry)])
        store.ack("shop/a", entry)
    counts = await asyncio.gather(store.replay(Filter()), store.replay(Filter()), store.discard(Filter()))
    assert sum(counts) == 5
    assert len(await drained(store)) == 5
    assert (await store.backlog("shop/a")).dead == 0


async def test_the_dead_letters_of_an_orphan_wait_for_its_return(store):
    """A replay leaves them, however many come before others' and whatever its limit; they go when it is back."""
    store.serve([A, B])
    await appended(store, "1")
    for name in ("shop/b", "shop/a"):
        (entry,) = await store.lease(name, 1)
        store.dead(name, [letter(entry, name)])
        store.ack(name, entry)
    store.serve([A])
    assert await store.replay(Filter(limit=1)) == 1
    assert await store.replay(Filter(limit=1)) == 0
    assert await drained(store) == ["1"]
    store.serve([A, B])
    assert await store.replay(Filter()) == 1
    assert await drained(store, "shop/b") == ["1"]


async def test_what_is_discarded_is_gone(engine, store):
    """Of many dead letters only those that fit go, over a restart too."""
    store.serve([A])
    await appended(store, *map(str, range(250)))
    for entry in await store.lease("shop/a", 250):
        store.dead("shop/a", [letter(entry, reason="odd" if int(entry.record.request_id) % 2 else "even")])
        store.ack("shop/a", entry)
    assert await store.discard(Filter(reason="odd")) == 125
    store = await reopened(engine, store, [A])
    assert {one.reason for one in await store.deadletters(Filter())} == {"even"}
    assert (await store.backlog("shop/a")).dead == 125
    await store.close()


async def test_dead_letters_go_when_they_are_too_old_or_too_many(store):
    """The oldest first, until age and size are within bounds; the log says how many went."""
    store.serve([A])
    await appended(store, *map(str, range(10)), body=bytes(100_000))
    for number, entry in enumerate(await store.lease("shop/a", 10)):
        store.dead("shop/a", [letter(entry, at=time.time() - (1000 if number < 3 else 0))])
        store.ack("shop/a", entry)
    await store.deadletters(Filter())
    store.bounds = DeadBounds(max_age=500.0, max_size=450_000)
    with structlog.testing.capture_logs() as lines:
        await store._purge()
    assert texts(await store.deadletters(Filter())) == ["6", "7", "8", "9"]
    assert sum((Counter(line["targets"]) for line in lines), Counter()) == {"shop/a": 6}
    assert (await store.backlog("shop/a")).dead == 4


async def test_a_skip_moves_the_backlog_into_dead_letters(engine, store):
    """All that waits or is new at that moment; what is under way is left to its delivery, what comes later stays."""
    store.serve([A, B])
    await appended(store, *map(str, range(300)))
    first, second, third = await store.lease("shop/a", 3)
    first.done.add(1)
    store.nak("shop/a", first, time.time() + 60)
    store.nak("shop/a", second, time.time() + 60)
    assert await store.skip("shop/a") == 299
    await appended(store, "later")
    letters = await store.deadletters(Filter())
    assert {one.reason for one in letters} == {"skipped"}
    assert letters[0].done == (1,)
    assert (await store.backlog("shop/a")).pending == 2
    store.ack("shop/a", third)
    assert await drained(store) == ["later"]
    assert len(await drained(store, "shop/b")) == 301
    store = await reopened(engine, store, [A, B])
    assert await drained(store) == []
    await store.close()


async def test_a_full_backlog_refuses_inbounds_of_its_route_alone(store):
    """`max_backlog` with `overflow = "refuse"`: callers of other routes go on."""
    store.serve([Lane("shop/a", "shop", max_backlog=2), B, Lane("other/a", "other")])
    await appended(store, "1", "2")
    with pytest.raises(StoreFull, match="shop/a"):
        await appended(store, "4")
    await appended(store, "5", route="other")
    await appended(store, "6", to=("shop/b",))
    await drained(store)
    await appended(store, "7")


async def test_a_full_backlog_sheds_its_oldest(engine, store):
    """`overflow = "shed"`: that target passes over its oldest, counted; the others miss nothing."""
    lanes = [Lane("shop/a", "shop", max_backlog=10, sheds=True), B]
    shed = Counter()
    store.shed = lambda target, count: shed.update({target: count})
    store.serve(lanes)
    await asyncio.gather(*[store.append(record(str(number))) for number in range(30)])
    await until(lambda: shed == {"shop/a": 20})
    assert (await store.backlog("shop/a")).pending == 10
    store = await reopened(engine, store, lanes)
    assert await drained(store) == [*map(str, range(20, 30))]
    assert len(await drained(store, "shop/b")) == 30
    await store.close()


async def test_a_clock_that_steps_delays_no_retry(engine, store):
    """Waiting runs on the monotonic clock; a time found in the store is never taken for further than 15 minutes."""
    await store.close()
    wall, monotonic = [1e9], [50.0]
    clocks = {"wall": lambda: wall[0], "monotonic": lambda: monotonic[0]}
    store = engine.store(**clocks)
    await store.open([A])
    await appended(store, "1")
    (entry,) = await store.lease("shop/a", 1)
    store.nak("shop/a", entry, wall[0] + 5)
    wall[0] -= 86400
    monotonic[0] += 6
    (entry,) = await store.lease("shop/a", 1)
    wall[0] += 2 * 86400
    store.nak("shop/a", entry, wall[0] + 5)
    await store.close()
    wall[0] -= 86400
    store = engine.store(**clocks)
    await store.open([A])
    assert await store.lease("shop/a", 1) == []
    monotonic[0] += 901
    assert texts(await store.lease("shop/a", 1)) == ["1"]
    await store.close()


async def test_operators_do_not_wait_for_quiet(store):
    """Listing dead letters ends while inbounds keep coming."""
    store.serve([A])

    async def busy():
        while True:
            await store.append(record("x"))

    tasks = [asyncio.create_task(busy()) for _ in range(4)]
    async with asyncio.timeout(10):
        for _ in range(20):
            await store.deadletters(Filter())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_store_taken_up_without_targets_changes_nothing(engine, store):
    """Who only looks, or replays, leaves every target as it was."""
    store.serve([A, B])
    await appended(store, "1")
    store = await reopened(engine, store, None)
    assert set(store.targets()) == {"shop/a", "shop/b"}
    store = await reopened(engine, store, [A, B])
    await appended(store, "2")
    assert await drained(store) == ["1", "2"]
    await store.close()
