"""Run in a mount namespace of its own: a store on a tmpfs that fills up, and what it does then.

Prints a line of JSON with what was seen; `test_store_disk.py` says what it must be.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from store_calls import A, drained, letter, record, texts

from gateway.errors import StoreFull, StoreUnusable
from gateway.store.contract import Filter
from gateway.store.embedded import EmbeddedStore
from gateway.store.sqlite import SqliteLog

SIZE = 48
BODY = bytes(8192)


async def fill(store, names):
    """Append until there is no room; gives what was acknowledged."""
    kept = []
    while True:
        group = [str(len(names) + number) for number in range(20)]
        answers = await asyncio.gather(
            *[store.append(record(name, body=BODY)) for name in group], return_exceptions=True
        )
        kept += [name for name, answer in zip(group, answers, strict=True) if isinstance(answer, int)]
        names += group
        if any(isinstance(answer, StoreFull) for answer in answers):
            return kept


def filled(folder):
    """A file that takes every byte that is left."""
    other = folder / "other"
    with other.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return other


async def recovered(store, seconds=20.0):
    """Wait until appends are taken again."""
    async with asyncio.timeout(seconds):
        while store.unready() is not None:  # noqa: ASYNC110  # as an operator's probe does
            await asyncio.sleep(0.05)


async def fills_itself(folder):
    """The store's own inbounds fill the disk; deliveries make room again, without a restart."""
    log = SqliteLog(folder, max_size=1 << 40)
    store = EmbeddedStore(log)
    await store.open([A])
    names, kept, arrived = [], [], []
    kept += await fill(store, names)
    refused = store.unready()
    entries = await store.lease("shop/a", 500)
    arrived += texts(entries)
    for number, entry in enumerate(entries):
        if number % 50 == 0:
            store.dead("shop/a", [letter(entry)])
        store.ack("shop/a", entry)
    dead = len(await store.deadletters(Filter()))
    arrived += await drained(store)
    for _ in range(5):
        await recovered(store)
        kept += await fill(store, names)
        arrived += await drained(store)
    await recovered(store)
    kept.append(str(len(names)))
    await store.append(record(kept[-1]))
    await store.close()
    store = EmbeddedStore(SqliteLog(folder, max_size=1 << 40))
    await store.open([A])
    arrived += await drained(store)
    await store.close()
    return {
        "kept": len(kept),
        "lost": sorted(set(kept) - set(arrived)),
        "twice": len(arrived) - len(set(arrived)),
        "refused": refused,
        "dead": dead,
    }


async def is_filled_by_others(folder):
    """Another program fills the disk to the last byte and frees it again."""
    store = EmbeddedStore(SqliteLog(folder, max_size=1 << 40))
    await store.open([A])
    kept = [str(number) for number in range(200)]
    await asyncio.gather(*[store.append(record(name, body=BODY)) for name in kept])
    other = filled(folder)
    names = list(kept)
    kept += await fill(store, names)
    arrived = await drained(store)
    await asyncio.sleep(1.5)
    still = store.unready()
    other.unlink()
    await recovered(store)
    kept.append("after")
    await store.append(record("after"))
    arrived += await drained(store)
    return {"kept": len(kept), "lost": sorted(set(kept) - set(arrived)), "still": still, "end": await ended(store)}


async def starts_full(folder):
    """A start on a disk where only the ballast is left: what is kept is delivered, and room is found again."""
    store = EmbeddedStore(SqliteLog(folder, max_size=1 << 40))
    await store.open([A])
    kept = [str(number) for number in range(100)]
    await asyncio.gather(*[store.append(record(name, body=BODY)) for name in kept])
    await store.close()
    other = filled(folder)
    store = EmbeddedStore(SqliteLog(folder, max_size=1 << 40))
    try:
        await store.open([A])
    except StoreUnusable as error:
        return {"error": str(error)}
    refused = store.unready()
    arrived = await drained(store)
    other.unlink()
    await recovered(store)
    await store.append(record("after"))
    arrived += await drained(store)
    return {"lost": sorted({*kept, "after"} - set(arrived)), "refused": refused, "end": await ended(store)}


async def is_read_only(folder):
    """A folder on a file system that cannot be written."""
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", folder], check=True)
    try:
        await EmbeddedStore(SqliteLog(folder)).open([A])
    except StoreUnusable as error:
        return {"error": type(error).__name__, "text": str(error).replace(str(folder), "FOLDER")}
    return {"error": None}


async def ended(store):
    """Close; gives that it went."""
    await store.close()
    return "closed"


SCENARIOS = {one.__name__: one for one in (fills_itself, is_filled_by_others, starts_full, is_read_only)}


def main():
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", place], check=True)  # noqa: S607  # where it is differs
        try:
            sys.stdout.write(json.dumps(asyncio.run(SCENARIOS[sys.argv[1]](Path(place)))) + "\n")
        finally:
            subprocess.run(["umount", place], check=False)  # noqa: S607  # likewise


if __name__ == "__main__":
    main()
