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
