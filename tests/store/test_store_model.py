"""Whatever is done to a store, in whatever order, with whatever crashes: nothing is lost, and little comes twice."""

import asyncio
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store_calls import ENGINES, letter, record

from gateway.store import window
from gateway.store.contract import Filter, Lane

TARGETS = ("a", "b", "c")
ROUTES = ("shop", "other")
LANES = st.dictionaries(st.sampled_from(TARGETS), st.sampled_from(ROUTES), max_size=3)


class StoreMachine(RuleBasedStateMachine):
    """A store beside a model of what each target is owed.

    `owed` are inbounds that a target must still get, `dead` its dead letters. Of what it finished, `unwritten` may come
    again after a crash, with its position; then it is in `repeated`, or in `either` when it was a dead letter that may
    or may not have been written.
    """

    engine_name = "memory"

    @initialize()
    def begin(self):
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = ENGINES[self.engine_name](Path(self.folder.name))
        self.lanes = dict.fromkeys(TARGETS, "shop")
        self.count = 0
        self.owed = {target: set() for target in TARGETS}
        self.repeated = {target: set() for target in TARGETS}
        self.either = {target: set() for target in TARGETS}
        self.either_done = {target: set() for target in TARGETS}
        self.unwritten = {target: {} for target in TARGETS}
        self.unwritten_dead = {target: set() for target in TARGETS}
        self.leased = {target: {} for target in TARGETS}
        self.dead = {target: set() for target in TARGETS}
        self.store = None
        self._open()

    def _run(self, work):
        return self.runner.run(work)

    def _open(self):
        self.store = self.engine.store()
        self._run(self.store.open(self._lanes()))
        self.leased = {target: {} for target in TARGETS}

    def _lanes(self):
        return [Lane(target, route) for target, route in self.lanes.items()]

    @rule(route=st.sampled_from(ROUTES), to=st.none() | st.sets(st.sampled_from(TARGETS)), many=st.integers(1, 12))
    def append(self, route, to, many):
        named = None if to is None else tuple(sorted(to))

        async def all_at_once():
            await asyncio.gather(*[self.store.append(record(name, route=route, to=named)) for name in names])

        names = [str(self.count + number) for number in range(many)]
        self.count += many
        self._run(all_at_once())
        for target, its in self.lanes.items():
            if its == route and (named is None or target in named):
                self.owed[target].update(names)

    @rule(whose=st.sampled_from(TARGETS), many=st.integers(1, 12))
    def lease(self, whose, many):
        if whose not in self.store.targets():
            return
        entries = self._run(self.store.lease(whose, many))
        assert len(entries) <= many
        for entry in entries:
            name = entry.record.request_id
            assert name in self.owed[whose] | self.repeated[whose] | self.either[whose]
            assert entry.position not in self.leased[whose]
            self.leased[whose][entry.position] = entry

    @rule(whose=st.sampled_from(TARGETS), which=st.integers(0, 30))
    def ack(self, whose, which):
        entry = self._pick(whose, which)
        if entry is not None:
            self._do(self.store.ack, whose, entry)
            self._finish(whose, entry)

    @rule(whose=st.sampled_from(TARGETS), which=st.integers(0, 30))
    def nak(self, whose, which):
        entry = self._pick(whose, which)
        if entry is not None:
            entry.done.add(1)
            self._do(self.store.nak, whose, entry, time.time())

    @rule(whose=st.sampled_from(TARGETS), which=st.integers(0, 30))
    def bury(self, whose, which):
        entry = self._pick(whose, which)
        if entry is not None:
            self._do(self.store.dead, whose, [letter(entry, whose)])
            self._do(self.store.ack, whose, entry)
            self.dead[whose].add(entry.record.request_id)
            self.unwritten_dead[whose].add(entry.record.request_id)
            self._finish(whose, entry)

    @rule(whose=st.sampled_from(TARGETS))
    def replay(self, whose):
        names = self._letters(whose)
        assert self.dead[whose] <= names
        if self._run(self.store.replay(Filter(target=whose))):
            self.owed[whose] |= names
            self.dead[whose].clear()
        self._settle()

    @rule(whose=st.sampled_from(TARGETS))
    def skip(self, whose):
        if whose in self.store.targets():
            self._run(self.store.skip(whose))
            self._settle()
            names = self._letters(whose)
            self.owed[whose] -= names - {one.record.request_id for one in self.leased[whose].values()}
            self.repeated[whose] |= names
            self.dead[whose] |= names

    @rule(lanes=LANES)
    def reload(self, lanes):
        self.lanes = lanes

        async def served():
            self.store.serve(self._lanes())

        self._run(served())

    @rule()
    def settle(self):
        self._run(self.store.deadletters(Filter()))
        self._settle()

    @rule()
    def restart(self):
        self._run(self.store.close())
        self._settle()
        self._open()

    @rule()
    def crash(self):
        self._run(self.engine.crash(self.store))
        for target in TARGETS:
            self.repeated[target] |= set(self.unwritten[target])
            self.unwritten[target].clear()
            self.either[target] |= self.unwritten_dead[target]
            self.dead[target] -= self.unwritten_dead[target]
            self.unwritten_dead[target].clear()
        self._open()

    @invariant()
    @precondition(lambda self: getattr(self, "store", None) is not None)
    def the_window_is_bounded(self):
        for consumer in self.store._consumers.values():
            assert consumer.window.room >= 0
            assert consumer.window.cursor <= self.store._commits.next

    def teardown(self):
        """In the end every target returns, and whatever is owed arrives."""
        if getattr(self, "store", None) is None:
            return
        self.lanes = {target: self.lanes.get(target, "shop") for target in TARGETS}
        self.restart()
        for target in TARGETS:
            got = set()
            while entries := self._run(self.store.lease(target, 7)):
                got |= {entry.record.request_id for entry in entries}
                for entry in entries:
                    self._do(self.store.ack, target, entry)
            assert self.owed[target] <= got
            assert got <= self.owed[target] | self.repeated[target] | self.either[target]
            assert self.either[target] <= got | self.either_done[target] | self._letters(target)
            assert self.dead[target] <= self._letters(target)
            assert self._run(self.store.backlog(target)).pending == 0
        self._run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    def _pick(self, target, which):
        held = self.leased[target]
        if not held:
            return None
        position = list(held)[which % len(held)]
        return held.pop(position)

    def _do(self, call, *arguments):
        async def inside():
            call(*arguments)

        self._run(inside())

    def _letters(self, target):
        """Whose dead letters there are."""
        return {one.record.request_id for one in self._run(self.store.deadletters(Filter(target=target)))}

    def _finish(self, target, entry):
        name = entry.record.request_id
        self.owed[target].discard(name)
        self.unwritten[target][name] = entry.position
        if name in self.either[target]:
            self.either_done[target].add(name)

    def _settle(self):
        """What is decided is written: it comes again only as far as the window reaches."""
        for target in TARGETS:
            self.unwritten_dead[target].clear()
            if target in self.store.targets():
                cursor = self.store._consumers[target].window.cursor
                its = self.unwritten[target]
                self.unwritten[target] = {name: position for name, position in its.items() if position >= cursor}


class SqliteMachine(StoreMachine):
    engine_name = "sqlite"


@pytest.fixture(autouse=True)
def _small_window(monkeypatch):
    """A window so small that exceptions are ordinary."""
    monkeypatch.setattr(window, "SIZE", 8)
    monkeypatch.setattr(window, "_FREED", 3)


TestMemory = StoreMachine.TestCase
TestMemory.settings = settings(stateful_step_count=40)
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = settings(stateful_step_count=40, max_examples=25)
