"""Rate limits: bursts of one second's worth, an even flow after them, each key for itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import limits
from gateway.limits import RateLimit


def test_allows_a_burst_and_then_the_rate():
    """A second's worth at once; then one more each time the rate has let it grow."""
    limit = RateLimit(4.0)
    assert [limit.wait("a", 10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.25]
    assert limit.wait("a", 10.25) == 0.0
    assert limit.wait("a", 10.25) == 0.25


def test_a_rate_below_one_still_lets_one_through():
    """`30/m` means one every two seconds, not none ever."""
    limit = RateLimit(0.5)
    assert limit.wait("a", 0.0) == 0.0
    assert limit.wait("a", 0.0) == 2.0
    assert limit.wait("a", 2.0) == 0.0


def test_who_is_refused_pays_nothing():
    """Asking too often does not push the next permission away."""
    limit = RateLimit(1.0)
    assert limit.wait("a", 0.0) == 0.0
    assert all(limit.wait("a", 0.5) == pytest.approx(0.5) for _ in range(100))
    assert limit.wait("a", 1.0) == 0.0


def test_keys_do_not_share():
    """One client's flood leaves the other its own burst."""
    limit = RateLimit(2.0)
    while not limit.wait("loud", 0.0):
        pass
    assert limit.wait("quiet", 0.0) == 0.0


def test_remembers_a_bounded_number_of_keys(monkeypatch):
    """The key that was not seen for longest is forgotten first."""
    monkeypatch.setattr(limits, "_KEYS", 3)
    limit = RateLimit(1.0)
    for key in ("a", "b", "c", "a", "d"):
        limit.wait(key, 0.0)
    assert limit.wait("a", 0.0) > 0
    assert limit.wait("b", 0.0) == 0.0


def test_what_others_allow_is_taken_off():
    """Of a limit that is shared each process tells what it allowed, once, and what it hears of it allows less."""
    mine, other = RateLimit(4.0, shared=True), RateLimit(4.0, shared=True)
    assert [mine.wait("a", 10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.25]
    assert mine.spent() == {"a": 4}
    assert mine.spent() == {}
    other.wait("a", 10.0)
    other.charge("a", 4, 10.0)
    assert other.wait("a", 10.0) == 0.5
    assert other.wait("b", 10.0) == 0.0
    assert other.wait("a", 10.5) == 0.0


@given(st.floats(0.5, 100), st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 2)), min_size=1, max_size=200))
def test_processes_that_share_a_limit_allow_one_rate(rate, asked):
    """However callers are spread, what several processes allow exceeds the rate by no more than a burst in each."""
    limits_, now, allowed, told = [RateLimit(rate, shared=True) for _ in range(3)], 0.0, 0, 0.0
    for gap, place in asked:
        now += gap
        allowed += limits_[place].wait("a", now) == 0.0
        if now - told >= 0.1:
            told = now
            for one in limits_:
                for other in [other for other in limits_ if other is not one] if (spent := one.spent()) else []:
                    other.charge("a", spent["a"], now)
    assert allowed <= 3 * max(rate, 1.0) + now * rate + 1e-6


def test_a_limit_of_one_process_tells_nothing():
    """Nobody asks what it allowed: it remembers nothing of it."""
    limit = RateLimit(4.0)
    limit.wait("a", 10.0)
    assert limit.spent() == {}


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 2), max_size=200))
def test_never_more_than_the_rate_and_one_burst(rate, gaps):
    """Over any time, at most a burst and what the rate lets grow is allowed; a wait told is a wait that suffices."""
    limit, now, allowed = RateLimit(rate), 0.0, 0
    for gap in gaps:
        now += gap
        wait = limit.wait("a", now)
        allowed += wait == 0.0
        if wait:
            assert limit.wait("a", now + wait * 1.000001 + 1e-6) == 0.0
            now += wait * 1.000001 + 1e-6
            allowed += 1
    assert allowed <= max(rate, 1.0) + now * rate + 1e-3
