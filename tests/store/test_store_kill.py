"""kill -9 of a process that appends and acknowledges as fast as it can: what it was promised is there afterwards."""

import asyncio
import os
import random
import sys
from pathlib import Path

from store_calls import A, SqliteEngine, drained

from gateway.store.window import SIZE

_CHILD = """
import asyncio, sys
from store_calls import A, SqliteEngine, record
from pathlib import Path

async def client(store, name):
    number = 0
    while True:
        number += 1
        text = f"{sys.argv[2]}.{name}.{number}"
        await store.append(record(text, body=bytes(number % 7 * 3000)))
        print("kept", text, flush=True)

async def deliver(store):
    while True:
        entries = await store.lease("shop/a", 64)
        for number, entry in enumerate(entries):
            if number % 16 == 15:
                store.nak("shop/a", entry, 0.0)
            else:
                print("done", entry.record.request_id, flush=True)
                store.ack("shop/a", entry)
        await store.wait("shop/a", 1)

async def main():
    store = SqliteEngine(Path(sys.argv[1])).store()
    await store.open([A])
    await asyncio.gather(deliver(store), *[client(store, name) for name in range(16)])

asyncio.run(main())
"""


async def killed(folder, number, seconds):
    """What a process said was kept and done before it was killed."""
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CHILD, folder, str(number)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{Path(__file__).parent}"},
    )
    first = await process.stdout.readline()  # so that the time counts from when it works
    reading = asyncio.create_task(process.stdout.read())
    await asyncio.sleep(seconds)
    process.kill()
    text = (first + await reading).decode()
    await process.wait()
    lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return {name for word, name in lines if word == "kept"}, [name for word, name in lines if word == "done"]


async def test_what_was_kept_is_there_after_kill_9(tmp_path):
    """Over several kills at random moments every append that was answered is delivered, few more than once."""
    chance = random.Random(3)  # noqa: S311  # the same moments each time
    kept, done = set(), []
    for number in range(6):
        more_kept, more_done = await killed(tmp_path / "store", number, chance.uniform(0.05, 0.5))
        kept |= more_kept
        done += more_done
    store = SqliteEngine(tmp_path / "store").store()
    await store.open([A])
    rest = await drained(store)
    await store.close()
    assert kept
    assert kept <= set(done) | set(rest)
    assert len(done) + len(rest) - len(set(done) | set(rest)) <= 6 * SIZE
