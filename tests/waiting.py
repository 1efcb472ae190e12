"""Waiting for what must come; the time is only there to end a test that would never."""

import asyncio


async def until(holds, seconds=30):
    """Wait until a condition holds, which may be asynchronous."""
    async with asyncio.timeout(seconds):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):  # noqa: ASYNC110  # of many kinds
            await asyncio.sleep(0.01)
