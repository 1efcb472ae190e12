"""What is SQLite's own: its file, its lock, its WAL, its bounds, and what is saved of it when it is damaged."""

import asyncio
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace
from store_calls import A, B, SqliteEngine, drained, letter, record, texts
from waiting import until

from gateway.errors import StoreFull, StoreUnusable
from gateway.store import schema, sqlite
from gateway.store.contract import Filter

PAGE = 4096


@pytest.fixture
def engine(tmp_path):
    return SqliteEngine(tmp_path / "store")


async def opened(engine, lanes=(A,), **options):
    store = engine.store(**options)
    await store.open(lanes)
    return store


async def filled(engine, count=400, lanes=(A, B), body=300):
    """A closed store of many inbounds, with dead letters, exceptions and a target that is half done."""
    store = await opened(engine, lanes)
    names = [str(number) for number in range(count)]
    await asyncio.gather(*[store.append(record(name, body=os.urandom(body))) for name in names])
    entries = await store.lease("shop/a", 100)
    store.nak("shop/a", entries[0], time.time())
    for entry in entries[1:50]:
        store.ack("shop/a", entry)
    for entry in entries[50:]:
        store.dead("shop/a", [letter(entry)])
        store.ack("shop/a", entry)
    await store.close()
    return names


def damage(path, pages):
    """Overwrite some pages of a file with noise."""
    noise = random.Random(7)  # noqa: S311  # the same noise each time
    with path.open("r+b") as file:
        for number in pages:
            file.seek(number * PAGE)
            file.write(noise.randbytes(PAGE))


def damage_root(engine, store):
    """Break the page that every read of an inbound goes through, under a running store."""
    connection = sqlite3.connect(engine.folder / schema.FILE)
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'log'").fetchone()[0]
    connection.close()
    damage(engine.folder / schema.FILE, [root - 1])
    store._log._reading.execute("PRAGMA shrink_memory")


async def saved(engine, lanes=(A, B)):
    """What a damaged store still delivers to each target, its dead letters, and what it said of the salvage."""
    with structlog.testing.capture_logs() as lines:
        store = await opened(engine, lanes)
        got = {lane.target: await drained(store, lane.target) for lane in lanes}
        dead = texts(await store.deadletters(Filter()))
        await store.append(record("new"))
        for lane in lanes:
            assert await drained(store, lane.target) == ["new"]
        await store.close()
    told = [line for line in lines if line["event"] == "the store was damaged and has been salvaged"]
    return got, dead, told


async def test_a_destroyed_header_costs_nothing(engine):
    """Without its first page the file is no database to SQLite; every row of the others is saved all the same."""
    names = await filled(engine)
    path = engine.folder / schema.FILE
    damage(path, [0])
    broken = path.read_bytes()
    got, dead, told = await saved(engine)
    assert set(got["shop/a"]) >= {"0", *names[100:]}
    assert got["shop/b"] == names
    assert set(dead) >= set(names[50:100])
    assert len(told) == 1
    assert told[0]["inbounds"] >= len(names)
    (aside,) = engine.folder.glob("damaged-*")
    assert (aside / schema.FILE).read_bytes() == broken
    assert str(aside) == told[0]["aside"]


@pytest.mark.parametrize("seed", range(6))
async def test_random_damage_costs_what_was_in_it(engine, seed):
    """Of a file with overwritten pages everything else is saved, at the start or when it is met, and counted."""
    names = await filled(engine)
    path = engine.folder / schema.FILE
    count = path.stat().st_size // PAGE
    damage(path, random.Random(seed).sample(range(count), 4))  # noqa: S311  # likewise
    got, dead, told = await saved(engine)
    assert len(set(names) - set(got["shop/b"])) <= 4 * 12
    assert len(set(names[100:]) - set(got["shop/a"])) <= 4 * 12
    assert len(set(names[50:100]) - set(dead)) <= 4 * 12
    if set(names) - set(got["shop/b"]):
        assert told
        assert told[0]["lost_at_least"] > 0


async def test_a_truncated_file_gives_what_is_left(engine):
    """Half a file gives what stands in that half."""
    names = await filled(engine, 2000)
    path = engine.folder / schema.FILE
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE + 100)
    got, _, told = await saved(engine)
    assert len(got["shop/b"]) > 500
    assert set(got["shop/b"]) <= set(names)
    assert told


async def test_a_wal_without_its_file_is_read(engine, tmp_path):
    """What was acknowledged but not yet checkpointed is saved, though the file itself is gone or empty."""
    store = await opened(engine)
    names = [str(number) for number in range(50)]
    for name in names:
        await store.append(record(name))
    copy = tmp_path / "copy"
    shutil.copytree(engine.folder, copy)
    await store.close()
    for leave in (False, True):
        folder = tmp_path / f"left-{leave}"
        shutil.copytree(copy, folder)
        (folder / schema.FILE).unlink()
        if leave:
            (folder / schema.FILE).touch()
        got, _, told = await saved(SqliteEngine(folder), [A])
        assert got["shop/a"] == names
        assert told


async def test_a_torn_wal_tail_is_an_ordinary_crash(engine, tmp_path):
    """A frame that was being written when the power went is no damage: nothing acknowledged is missing."""
    store = await opened(engine)
    names = [str(number) for number in range(50)]
    for name in names:
        await store.append(record(name))
    torn = tmp_path / "torn"
    shutil.copytree(engine.folder, torn)
    await store.close()
    with (torn / f"{schema.FILE}-wal").open("ab") as wal:
        wal.write(os.urandom(PAGE // 2))
    with structlog.testing.capture_logs() as lines:
        store = await opened(SqliteEngine(torn))
        assert await drained(store) == names
        await store.close()
    assert [line for line in lines if "salvaged" in line["event"]] == []
    assert not list(torn.glob("damaged-*"))


async def test_damage_met_while_serving_is_salvaged_while_serving(engine):
    """A page that breaks under a running store costs what was in it; appends and deliveries go on."""
    names = await filled(engine, 3000)
    store = await opened(engine, [A, B])
    damage_root(engine, store)
    with structlog.testing.capture_logs() as lines:
        got = await drained(store, "shop/b")
        await store.append(record("new"))
        got += await drained(store, "shop/b")
    assert len(got) > 2900
    assert got[-1] == "new"
    assert set(got) <= {*names, "new"}
    assert [line for line in lines if "salvaged" in line["event"]]
    await until(lambda: not store._tasks.get("count"))
    assert (await store.backlog("shop/b")).pending == 0
    await store.close()


async def test_a_salvage_that_finds_no_room_is_tried_again(engine, monkeypatch):
    """Damage on a full disk: nothing is pretended, and when there is room what can be saved is saved."""
    names = await filled(engine, 3000)
    store = await opened(engine, [A, B])
    damage_root(engine, store)
    salvage = sqlite.salvage

    def fails(_folder):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite, "salvage", fails)
    with structlog.testing.capture_logs():
        with pytest.raises(sqlite3.OperationalError):
            await drained(store, "shop/b")
        with pytest.raises(StoreFull):
            await store.append(record("new"))
        monkeypatch.setattr(sqlite, "salvage", salvage)
        assert await store.append(record("newer")) > 0
        got = await drained(store, "shop/b")
    assert got[-1] == "newer"
    assert set(got) <= {*names, "newer"}
    await store.close()


async def test_a_record_that_became_unreadable_holds_nothing_up(engine):
    """A row whose bytes make no sense is named in the log and passed over."""
    store = await opened(engine)
    for name in "123":
        await store.append(record(name))
    await store.close()
    connection = sqlite3.connect(engine.folder / schema.FILE)
    connection.execute("UPDATE log SET record = x'c1ffff' WHERE position = 2")
    connection.commit()
    connection.close()
    store = await opened(engine)
    with structlog.testing.capture_logs() as lines:
        assert await drained(store) == ["1", "3"]
    assert [line["position"] for line in lines if "cannot be read" in line["event"]] == [2]
    await store.close()


async def test_a_salvage_that_was_cut_short_is_taken_up(engine):
    """Whole but not yet in place, the salvaged file takes its place at the next start; half made, it is made anew."""
    names = await filled(engine, 100)
    (engine.folder / schema.FILE).rename(engine.folder / "salvaged.db")
    (engine.folder / schema.FILE).write_bytes(b"what was damaged" * 1000)
    (engine.folder / "salvage.db").write_bytes(b"half")
    store = await opened(engine, [A, B])
    assert await drained(store, "shop/b") == names
    await store.close()
    (aside,) = engine.folder.glob("damaged-*")
    assert (aside / schema.FILE).read_bytes().startswith(b"what was damaged")


async def test_what_people_did_is_for_the_owner_alone_to_read(engine):
    """Every file of the store is closed to the machine's other users, also one that a salvage made."""

    def modes():
        return {file.name: stat.S_IMODE(file.stat().st_mode) for file in engine.folder.iterdir() if file.is_file()}

    store = await opened(engine)
    await store.append(record("a"))
    assert set(schema.FILES) < set(modes())
    assert set(modes().values()) == {0o600}
    await store.close()
    damage(engine.folder / schema.FILE, [0])
    await (await opened(engine)).close()
    assert set(modes().values()) == {0o600}


async def test_a_second_process_is_refused_in_a_sentence(engine):
    """While one gateway holds the store no other can have it, and it says so."""
    store = await opened(engine)
    other = SqliteEngine(engine.folder).store()
    with pytest.raises(StoreUnusable, match="in use by another gateway"):
        await other.open([A])
    await store.close()
    store = await opened(engine)
    await store.close()


async def test_a_store_of_a_later_version_is_left_alone(engine):
    """A file that a newer gateway wrote is neither changed nor salvaged."""
    await filled(engine, 10)
    connection = sqlite3.connect(engine.folder / schema.FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnusable, match="later version"):
        await opened(engine)
    assert not list(engine.folder.glob("damaged-*"))


async def test_a_file_in_the_place_of_the_folder_is_refused_in_a_sentence(engine):
    """What cannot be a store is named."""
    engine.folder.write_text("a file")
    with pytest.raises(StoreUnusable):
        await opened(engine)


async def appended_until_full(store):
    """The positions that were taken before the bound was reached."""
    kept = []
    while True:
        try:
            kept.append(await store.append(record("x", body=bytes(20_000))))
        except StoreFull:
            return kept


async def test_the_bound_is_kept_and_room_comes_back(engine):
    """At `max_size` inbounds are refused, deliveries go on, and what they free is used again."""
    store = await opened(engine, max_size=2 << 20)
    for _ in range(3):
        kept = await appended_until_full(store)
        assert store.size() < 3 << 20
        assert "max_size" in store.unready()
        assert len(await drained(store)) == len(kept)
        await store.deadletters(Filter())
        await until(lambda: store.unready() is None)
        assert store.size() < 2 << 20
    await store.close()


async def test_what_is_kept_for_a_while_gives_way_to_what_comes(engine):
    """`keep` holds delivered inbounds until their time has passed, but never at the cost of a new one."""
    store = await opened(engine, max_size=2 << 20, keep=3600.0)
    await store.append(record("kept"))
    await drained(store)
    await store.deadletters(Filter())
    assert len(await store._log.search(["kept"], 5)) == 1
    await appended_until_full(store)
    await drained(store)
    await until(lambda: store.unready() is None)
    await store.append(record("new"))
    await store.close()


async def test_what_is_kept_goes_when_its_time_has_passed(engine):
    """Also what was received by a clock that stood in the future."""
    store = await opened(engine, keep=60.0)
    now = time.time_ns() // 1000
    for name, at in (("old", now - 61_000_000), ("future", now + 86_400_000_000), ("young", now)):
        await store.append(replace(record(name), received_at=at))
    await drained(store)
    await store.deadletters(Filter())
    assert [one.request_id for _, one in await store._log.search(["old", "future", "young"], 5)] == ["young"]
    await store.close()


async def test_what_is_delivered_is_deleted_also_when_it_is_very_much(engine):
    """One commit deletes a bounded number; the rest follows without another commit."""
    store = await opened(engine)
    await asyncio.gather(*[store.append(record(str(number))) for number in range(7000)])
    assert await store.skip("shop/a") == 7000
    assert await store.discard(Filter(limit=10_000)) == 7000
    await until(lambda: store._log._collector._low.get("shop") == 7001)
    assert await store._log.search(["1"], 5) == []
    await store.close()


async def test_the_wal_stays_bounded_under_load(engine, monkeypatch):
    """Passive checkpoints alone never catch up with a steady load; the restart between commits does."""
    monkeypatch.setattr(sqlite, "_WAL_RESTART", 8 << 20)
    monkeypatch.setattr(sqlite, "_WAL_PASSIVE", 2 << 20)
    store = await opened(engine)
    peak, body = 0, bytes(8000)

    async def client():
        nonlocal peak
        for _ in range(150):
            await store.append(record("x", body=body))
            peak = max(peak, store._log._wal.size())

    delivering = asyncio.create_task(_deliver(store))
    await asyncio.gather(*[client() for _ in range(32)])
    delivering.cancel()
    await asyncio.wait([delivering])
    assert 8 << 20 <= peak < 24 << 20
    await store.close()


async def _deliver(store):
    while True:
        for entry in await store.lease("shop/a", 256):
            store.ack("shop/a", entry)
        await store.wait("shop/a", 1)


async def test_a_backup_is_whole_while_the_store_is_in_use(engine, tmp_path):
    """A copy made under load opens as a store with everything acknowledged before it began."""
    store = await opened(engine)
    names = [str(number) for number in range(300)]
    await asyncio.gather(*[store.append(record(name)) for name in names])
    (tmp_path / "copy").mkdir()
    loading = asyncio.create_task(_load(store))
    await engine.log.backup(tmp_path / "copy" / schema.FILE)
    with pytest.raises(StoreUnusable, match="exists"):
        await engine.log.backup(tmp_path / "copy" / schema.FILE)
    loading.cancel()
    await asyncio.wait([loading])
    await store.close()
    copy = await opened(SqliteEngine(tmp_path / "copy"))
    assert (await drained(copy))[:300] == names
    await copy.close()


async def _load(store):
    while True:
        await store.append(record("load"))


async def test_big_bodies_are_read_some_at_a_time(engine):
    """A read of many large inbounds brings a few megabytes, not all of them."""
    store = await opened(engine)
    await asyncio.gather(*[store.append(record(str(number), body=bytes(256 << 10))) for number in range(100)])
    await store.close()
    store = await opened(engine)
    rows = await store._log.read("shop", 1, 1000, 100)
    assert 1 < len(rows) < 20
    assert len(await drained(store)) == 100
    assert store._shared.recent._bytes <= 8 << 20
    await store.close()


_START = """
import asyncio, resource, sys, time
from pathlib import Path
from gateway.store.contract import Lane
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog

async def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store = EmbeddedStore(SqliteLog(Path(sys.argv[1])))
    await store.open([Lane(f"shop/{name}", "shop") for name in "abcd"])
    entries = await store.lease("shop/a", 256)
    backlogs = [(await store.backlog(target)).pending for target in store.targets()]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(sum(backlogs), len(entries), after - before)

asyncio.run(main())
"""


async def test_a_large_backlog_costs_no_memory(engine):
    """A start on 100,000 inbounds for four targets reads none of them beyond what is leased."""
    store = await opened(engine, [replace(A, target=f"shop/{name}") for name in "abcd"])
    await store.close()
    connection = sqlite3.connect(engine.folder / schema.FILE)
    from msgspec import msgpack

    blob = msgpack.encode(record("x", body=bytes(500)))
    rows = ((position, blob) for position in range(1, 100_001))
    connection.executemany("INSERT INTO log (position, route, received_at, record) VALUES (?, 'shop', 1, ?)", rows)
    connection.commit()
    connection.close()
    root = Path(__file__).parents[2]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _START, engine.folder],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    pending, leased, grown = map(int, done.stdout.split())
    assert (pending, leased) == (400_000, 256)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 30 << 20
