"""How fast an upstream is sent to, and who stands in its line: time is an argument, nothing sleeps for luck."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.gate import Gate
from gateway.delivery.pace import Ended, Pace
from gateway.delivery.retry import backoff, retry_after

OUTCOMES = ("accepted", "refused", "again", "doubt", "not_sent", "ambiguous", "no_token")
FAILURES = ("again", "not_sent", "ambiguous", "no_token")


def ended(outcome, inbound=0, began=0.0, status=None, *, timed_out=False):
    return Ended(outcome, inbound, began, status, timed_out)


def told(pace, *endings):
    for now, one in endings:
        pace.take(1, now)
        pace.release()
        pace.learn(one, now)


@given(
    st.floats(0.5, 5000),
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 300), st.integers(0, 300)), max_size=60),
)
def test_the_rate_holds_in_every_window(rate, steps):
    """Whoever asks when, in whatever numbers, giving back some: no window sees more than the rate and its slack."""
    pace, now, sent = Pace(10**6, rate), 100.0, []
    for pause, wanted, unused in steps:
        now += pause
        count = min(wanted, pace.free(now))
        pace.take(count, now)
        pace.give_back(min(unused, count))
        sent += [now] * (count - min(unused, count))
    for first, start in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= rate * (sent[last] - start + 0.0101) + 1


@given(st.floats(1, 1000), st.lists(st.floats(0, 0.1), min_size=1, max_size=60))
def test_callers_who_wait_share_the_rate(rate, pauses):
    """A forward caller's turn comes from the same schedule as deliveries; one that would wait too long takes none."""
    pace, now, turns = Pace(512, rate), 50.0, []
    for pause in pauses:
        now += pause
        wait = pace.turn(now, 1.0)
        assert wait is None or 0 <= wait <= 1.0
        if wait is not None:
            turns.append(now + wait)
    for first, start in enumerate(turns):
        for last in range(first, len(turns)):
            assert last - first + 1 <= rate * (turns[last] - start + 0.0101) + 1


@given(
    st.integers(1, 600),
    st.lists(
        st.tuples(st.sampled_from(OUTCOMES), st.sampled_from([None, 200, 429, 500, 503]), st.booleans()), max_size=200
    ),
)
def test_concurrency_stays_within_its_bounds(ceiling, endings):
    """Whatever the vendor does, at least one attempt and at most the ceiling may be under way; slots are exact."""
    pace, now = Pace(ceiling), 0.0
    for index, (outcome, status, timed_out) in enumerate(endings):
        now += 1000.0
        free = pace.free(now)
        assert 1 <= free <= pace.concurrency <= ceiling
        pace.take(free, now)
        assert pace.free(now) == 0
        for _ in range(free):
            pace.release()
        pace.learn(ended(outcome, index, now, status, timed_out=timed_out), now)


def test_concurrency_grows_by_one_with_each_round():
    """From 16, by the number of successes that are under way at once: additive, up to the ceiling."""
    pace = Pace(18)
    assert pace.concurrency == 16
    for _ in range(3):
        pace.take(pace.concurrency, 0.0)
        for _ in range(pace.concurrency + 1):
            pace.learn(ended("accepted"), 0.0)
        while pace.free(0.0) < pace.concurrency:
            pace.release()
    assert pace.concurrency == 18


def test_idle_successes_prove_nothing():
    """A concurrency that nobody uses does not grow."""
    pace = Pace(512)
    told(pace, *[(0.0, ended("accepted"))] * 1000)
    assert pace.concurrency == 16


@pytest.mark.parametrize("slow", [{"status": 429}, {"status": 503}, {"timed_out": True}])
def test_a_burst_halves_once(slow):
    """All that was under way at one moment tells the same; what began after the halving tells more."""
    pace = Pace(512)
    for now in (1.0, 1.1, 1.2):
        pace.learn(ended("again", began=0.5, **slow), now)
    assert pace.concurrency == 8
    pace.learn(ended("again", began=1.3, **slow), 1.4)
    assert pace.concurrency == 4


def test_other_failures_halve_nothing():
    """500 or a refused connection says nothing about speed."""
    pace = Pace(512)
    told(pace, (1.0, ended("again", status=500)), (1.0, ended("not_sent")), (1.0, ended("ambiguous")))
    assert pace.concurrency == 16


@pytest.mark.parametrize("outcome", FAILURES)
def test_five_failures_in_a_row_open_the_breaker(outcome):
    """Then one probe at a time, after `base`, then twice as long, up to the cap; a success closes it."""
    pace = Pace(512, base=0.5)
    told(pace, *[(10.0, ended(outcome, began=9.0))] * 5)
    assert pace.is_open
    assert pace.concurrency == 1
    assert (pace.free(10.4), pace.free(10.5)) == (0, 1)
    now, waits = 10.5, []
    for _ in range(8):
        pace.take(1, now)
        assert pace.free(now + 100) == 0, "one probe at a time"
        pace.release()
        pace.learn(ended(outcome, began=now), now)
        waits.append(pace.opens_at() - now)
        now = pace.opens_at()
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]
    told(pace, (now, ended("accepted", began=now)))
    assert not pace.is_open
    assert pace.free(now) == 16


def test_what_began_before_the_breaker_opened_moves_no_probe():
    """A burst of hundreds that fails at once must not push the first probe away."""
    pace = Pace(512, base=0.5)
    told(pace, *[(10.0 + step / 1000, ended("not_sent", began=9.0)) for step in range(200)])
    assert pace.opens_at() == pytest.approx(10.5, abs=0.01)


@pytest.mark.parametrize("between", ["accepted", "refused", "doubt"])
def test_an_answer_in_between_keeps_the_breaker_closed(between):
    """A vendor that answers anything of its own is up."""
    pace = Pace(512)
    told(pace, *[(1.0, ended("again"))] * 4, (1.0, ended(between)), *[(1.0, ended("again"))] * 4)
    assert not pace.is_open


def test_429_opens_the_breaker_only_at_the_lowest_concurrency():
    """It asks for less, which is given first; a vendor that asks for less than one is down."""
    pace = Pace(512)
    for now in range(1, 4):
        told(pace, *[(float(now), ended("again", began=now - 0.5, status=429))] * 10)
    told(pace, (4.0, ended("again", began=3.5, status=429)))
    assert not pace.is_open
    assert pace.concurrency == 1
    told(pace, *[(9.0, ended("again", began=8.5, status=429))] * 5)
    assert pace.is_open


def test_three_inbounds_in_doubt_hold_the_upstream():
    """Of different inbounds, in a row: one that is refused again and again tells nothing of the account."""
    pace = Pace(512)
    told(pace, *[(1.0, ended("doubt", 7))] * 10, (1.0, ended("doubt", 8)))
    assert not pace.is_held
    told(pace, (1.0, ended("accepted")), (1.0, ended("doubt", 7)), (1.0, ended("doubt", 8)))
    assert not pace.is_held
    told(pace, (1.0, ended("refused")), (1.0, ended("doubt", 9)))
    assert pace.is_held, "a refusal on its merits is no proof of the account"
    assert pace.concurrency == 1
    told(pace, (60.0, ended("accepted", began=59.0)))
    assert not pace.is_held


@given(st.floats(0, 10**9))
def test_a_pause_is_capped(seconds):
    """`Retry-After` rests the upstream as long as it asks, at most for `retry_after_cap`."""
    pace = Pace(512, pause_cap=900.0)
    pace.pause(seconds, 1000.0)
    until = 1000.0 + min(seconds, 900.0)
    assert pace.free(until) == 16
    assert pace.free(until - 0.001) == 0 or seconds < 0.001
    pace.pause(0.0, 1000.0)
    assert pace.opens_at() == until, "a shorter one takes nothing back"


@given(st.integers(1, 10**6), st.floats(0.001, 10), st.floats(10, 1000), st.floats(0, 1))
def test_backoff_is_jittered_and_bounded(attempt, base, cap, draw):
    """Anywhere from nothing to the doubled base, never beyond the cap, however often it failed."""
    assert 0 <= backoff(attempt, base, cap, lambda: draw) <= min(cap, base * 2.0 ** min(attempt - 1, 60))
    assert backoff(attempt, base, cap, lambda: 1.0) == min(cap, base * 2.0 ** min(attempt - 1, 60))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_retry_after_takes_seconds_and_dates(now, later):
    """Both forms of RFC 9110, a date being counted from now; one that is past asks for nothing."""
    assert retry_after(str(later), now) == later
    date = format_datetime(datetime.fromtimestamp(later, UTC), usegmt=True)
    assert retry_after(date, now) == max(0, later - now)


@given(st.text())
def test_retry_after_bears_anything(text):
    """What is no delay is none; nothing raises, nothing is negative."""
    found = retry_after(text, 1e9)
    assert found is None or found >= 0
    assert retry_after(None, 1e9) is None


async def in_line(gate, name, served):
    while True:
        await served.put((name, await gate.some(256)))


@asynccontextmanager
async def three_in_line(concurrency):
    """A gate whose slots are all taken, three targets in line, and what they are served."""
    gate, served = Gate(Pace(concurrency)), asyncio.Queue()
    assert await gate.some(256) == concurrency
    tasks = [asyncio.create_task(in_line(gate, name, served)) for name in "abc"]
    await asyncio.sleep(0)
    yield gate, served
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gate.close()


async def test_targets_take_turns():
    """With several targets in line each freed slot goes to the one that has waited longest."""
    async with three_in_line(2) as (gate, served):
        names = ""
        for _ in range(9):
            gate.release()
            name, count = await served.get()
            assert count == 1
            names += name
    assert names == "abcabcabc"


async def test_what_is_free_at_once_is_shared():
    """Slots that are free at one moment are split among those who wait."""
    async with three_in_line(12) as (gate, served):
        gate.give_back(12)
        assert [await served.get() for _ in "abc"] == [("a", 4), ("b", 4), ("c", 4)]


async def test_what_is_under_way_goes_first():
    """A further outbound of an inbound that was begun passes those who would begin others."""
    gate, order = Gate(Pace(1)), []
    assert await gate.some(1) == 1

    async def begin():
        await gate.some(1)
        order.append("begin")

    async def go_on():
        assert await gate.one()
        order.append("go on")

    tasks = [asyncio.create_task(begin()), asyncio.create_task(go_on())]
    await asyncio.sleep(0)
    gate.release()
    await tasks[1]
    gate.release()
    await tasks[0]
    assert order == ["go on", "begin"]
    gate.close()


async def test_nothing_more_is_sent_into_trouble():
    """Who waits to go on is told that the upstream should be left alone, at once."""
    gate = Gate(Pace(1))
    await gate.some(1)
    going_on = asyncio.create_task(gate.one())
    await asyncio.sleep(0)
    for _ in range(5):
        gate.learn(ended("not_sent"))
    assert await going_on is False
    assert await gate.one() is False
    gate.close()


async def test_who_leaves_the_line_takes_no_slot_along():
    """Cancelled while waiting, or in the very moment of being served: the slot is free for the next."""
    gate = Gate(Pace(1))
    await gate.some(1)
    waiting, served = asyncio.create_task(gate.some(1)), asyncio.create_task(gate.one())
    await asyncio.sleep(0)
    gate.release()
    await asyncio.sleep(0)
    served.cancel()
    waiting.cancel()
    await asyncio.gather(waiting, served, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await gate.some(1) == 1
    gate.close()


@pytest.mark.parametrize("held_back_by", ["a pause", "the rate", "a probe"])
async def test_the_line_wakes_when_time_allows(held_back_by):
    """A pause, a rate's turn or a probe's time comes without any other sign: the line is served all the same."""
    pace = Pace(4, rate=50.0 if held_back_by == "the rate" else None, base=0.02)
    gate = Gate(pace)
    if held_back_by == "a pause":
        gate.pause(0.02)
    elif held_back_by == "the rate":
        await gate.some(4)
    else:
        for _ in range(5):
            gate.learn(ended("not_sent"))
    async with asyncio.timeout(5):
        assert await gate.some(1) == 1
    gate.close()
