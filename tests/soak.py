"""Kill the gateway again and again, under load and in the middle of everything, and count what became of each inbound.

`make soak` runs many rounds, `tests/test_kill.py` a few. Every round starts `gateway serve` as a process of its own on
the same store, sends clicks to it, and ends it with SIGKILL at a random moment of

accept      callers being answered, vendors well
deliver     a backlog on its way out, after the vendors were down
replay      dead letters being sent again
checkpoint  large bodies, so that the store's WAL is being checkpointed
reload      the configuration changing, and targets coming and going

and accepts in two processes in every fourth round.

In the end it runs undisturbed until nothing waits, and every inbound that was ever answered with success must have been
taken by both vendors. What was taken more than once is counted: it was under way when the process ended.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiohttp
from gateway_calls import KEY, KEYS, upstream
from msgspec import Struct
from processes import COMMAND, environment, free_port

from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule
from gateway.sandbox.record import Record
from gateway.store.window import SIZE

PATH = "/v2/collect/user/engagement"
VENDORS = ("dynamic_yield", "vaix")
KINDS = ("accept", "deliver", "replay", "checkpoint", "reload")
CLIENTS = 16
PADDING = "p" * 100_000
_RETRY = 'retry = { base = "20ms", cap = "200ms", attempts = 100000 }'
_CONFIG = """
[server]
port = {port}
workers = {workers}
drain_delay = "0s"
[admin]
port = {admin}
[store]
path = "{folder}/store"
[log]
requests = "errors"
[clients.shop]
key = "{key}"
{accounts}
[[routes]]
name = "shop"
accepts = "dynamic_yield"
clients = ["shop"]
[[routes.targets]]
upstream = "dynamic_yield"
[[routes.targets]]
upstream = "vaix"
{more}
"""
_MORE = '[[routes.targets]]\nupstream = "auxia"\n'


class Taken(Record):
    """What the vendors took, by its person's id."""

    def __init__(self):
        super().__init__(1)
        self.counts = {vendor: Counter() for vendor in VENDORS}

    def add(self, entry):
        """Count a call that was answered with success."""
        if entry.vendor in self.counts and entry.status is not None and entry.status < 300:
            person = entry.body["user"]["id"] if entry.vendor == "dynamic_yield" else entry.body["user_id"]
            self.counts[entry.vendor][person] += 1

    def twice(self):
        """How many calls were one too many."""
        return sum(sum(counts.values()) - len(counts) for counts in self.counts.values())


class Result(Struct):
    """What came of all rounds; `twice` counts deliveries beyond the first, `worst` is the most that one kill cost."""

    rounds: int
    kills: Counter
    acknowledged: int
    lost: int
    delivered: int
    twice: int
    worst: int
    left: int
    exit_code: int
    seconds: float

    def __str__(self):
        kinds = ", ".join(f"{kind} {self.kills[kind]}" for kind in KINDS if self.kills[kind])
        return (
            f"{self.rounds} rounds of kill -9 in {self.seconds:.0f} s ({kinds})\n"
            f"acknowledged  {self.acknowledged}\n"
            f"lost          {self.lost}\n"
            f"delivered     {self.delivered}\n"
            f"sent twice    {self.twice} (at most {self.worst} in a round)"
        )


class Soak:
    """One store, the vendors, and the gateways that come and go."""

    def __init__(self, folder, seed):
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311  # chance, not secrecy
        self._taken = Taken()
        self._sandbox = Sandbox()
        self._sandbox.received = self._taken
        self._acknowledged = set()
        self._sent = 0
        self._config = folder / "config.toml"
        self._ports = free_port(), free_port()
        self._answered = asyncio.Event()
        self._workers = 1
        self._process = None
        self._session = None

    async def run(self, rounds, report=None):
        """So many rounds and an undisturbed end; gives what came of it."""
        started, kills, worst = time.monotonic(), Counter(), 0
        await self._sandbox.start()
        self._write(more=False)
        timeout = aiohttp.ClientTimeout(total=30)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as self._session:
            try:
                for number in range(rounds):
                    kind = KINDS[number % len(KINDS)]
                    self._workers = 2 if number % 4 == 3 else 1
                    self._write(more=False)
                    before = self._taken.twice()
                    await self._round(kind)
                    kills[kind] += 1
                    worst = max(worst, self._taken.twice() - before)
                    if report:
                        report(f"round {number + 1} {kind}: {len(self._acknowledged)} acknowledged\n")
                left, exit_code = await self._end()
            finally:
                await self._kill()
                await self._sandbox.stop()
        lost = sum(len(self._acknowledged - set(counts)) for counts in self._taken.counts.values())
        return Result(
            rounds,
            kills,
            len(self._acknowledged),
            lost,
            sum(len(counts) for counts in self._taken.counts.values()),
            self._taken.twice(),
            worst,
            left,
            exit_code,
            time.monotonic() - started,
        )

    async def _round(self, kind):
        await self._start()
        self._answered.clear()
        load = asyncio.gather(*[self._client(PADDING if kind == "checkpoint" else "") for _ in range(CLIENTS)])
        try:
            async with asyncio.timeout(20):
                await self._answered.wait()
            await getattr(self, f"_{kind}")()
            await self._kill()
        finally:
            load.cancel()
            with suppress(asyncio.CancelledError):
                await load
            self._sandbox.faults.clear()

    async def _accept(self):
        await self._some(0.05, 0.6)

    async def _deliver(self):
        self._sandbox.faults.set(Rule("*", "503:0"))
        await self._some(0.2, 0.6)
        self._sandbox.faults.clear()
        await self._some(0.02, 0.8)

    async def _replay(self):
        self._sandbox.faults.set(Rule("*", "422", rate=0.5))
        await self._some(0.3, 0.6)
        self._sandbox.faults.clear()
        replaying = asyncio.create_task(self._ask("POST", "/api/deadletters/replay", {"all": True}))
        await self._some(0.0, 0.3)
        replaying.cancel()
        await asyncio.wait([replaying])

    async def _checkpoint(self):
        await self._some(0.4, 1.2)

    async def _reload(self):
        self._sandbox.faults.set(Rule("vaix", "503:0", rate=0.5))
        for number in range(self._chance.randint(1, 6)):
            self._write(more=number % 2 == 0)
            self._process.send_signal(signal.SIGHUP)
            await self._some(0.0, 0.2)

    async def _some(self, least, most):
        """A random time."""
        await asyncio.sleep(self._chance.uniform(least, most))

    async def _client(self, padding):
        """One caller: click after click, each of a person of its own; success is noted."""
        url = f"http://127.0.0.1:{self._ports[0]}{PATH}"
        while True:
            self._sent += 1
            person = f"u-{self._sent}"
            click = {
                "user": {"id": person},
                "session": {"custom": f"s{padding}"},
                "engagements": [{"type": "CLICK", "decisionId": "aGVsbG8KhAc"}],
            }
            try:
                async with self._session.post(url, json=click, headers=KEYS["dynamic_yield"]) as answer:
                    if answer.status == 204:
                        self._acknowledged.add(person)
                        self._answered.set()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.02)

    async def _start(self):
        """The gateway, once it is ready; the port may yet be held by accepting processes of the one before."""
        async with asyncio.timeout(30):
            while not await self._has_started():  # noqa: ASYNC110  # nobody tells when a port is free
                await asyncio.sleep(0.2)

    async def _has_started(self):
        log = (self._folder / "gateway.log").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND, "serve", "-c", str(self._config), stdout=log, stderr=log, env=environment(), cwd=self._folder
        )
        log.close()
        while not await self._is_ready():
            if self._process.returncode is not None:
                return False
            await asyncio.sleep(0.02)
        return True

    async def _is_ready(self):
        with suppress(aiohttp.ClientError, TimeoutError):
            return (await self._ask("GET", "/readyz")).get("status") == "ready"
        return False

    async def _kill(self):
        """End the process by its id, without a word."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def _end(self):
        """Undisturbed until nothing waits and no dead letter is left; gives what was left, and the exit code."""
        self._workers = 1
        self._write(more=False)
        await self._start()
        async with asyncio.timeout(300):
            while True:
                await self._ask("POST", "/api/deadletters/replay", {"all": True})
                targets = (await self._ask("GET", "/api/status"))["targets"]
                mine = [one for one in targets if "auxia" not in one["name"]]
                left = sum(one["pending"] + one["dead"] for one in mine)
                if not left:
                    break
                await asyncio.sleep(0.1)
        self._process.send_signal(signal.SIGTERM)
        return left, await self._process.wait()

    async def _ask(self, method, path, body=None):
        options = {} if method == "GET" else {"json": body}
        async with self._session.request(method, f"http://127.0.0.1:{self._ports[1]}{path}", **options) as answer:
            return await answer.json()

    def _write(self, *, more):
        """The configuration, with or without one target more."""
        url = self._sandbox.url
        names = ("dynamic_yield", "vaix", "auxia") if more else VENDORS
        port, admin = self._ports
        text = _CONFIG.format(
            port=port,
            workers=self._workers,
            admin=admin,
            folder=self._folder,
            key=KEY,
            accounts="".join(upstream(name, url, _RETRY) for name in names),
            more=_MORE if more else "",
        )
        beside = self._config.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self._config)


def bound(result):
    """How many may have gone twice at most: two targets' windows for each kill."""
    return result.rounds * len(VENDORS) * SIZE


def main():
    """Run the rounds and print the counts; the exit code is 0 only when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = random.randrange(1 << 32) if asked.seed is None else asked.seed  # noqa: S311  # chance, not secrecy
    write = sys.stdout.write
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(Soak(Path(folder), seed).run(asked.rounds, write))
    write(f"\nseed {seed}\n{result}\n")
    return 0 if (result.lost, result.exit_code) == (0, 0) and result.twice <= bound(result) else 1


if __name__ == "__main__":
    sys.exit(main())
