"""A few rounds of `make soak`: kill -9 in the middle of everything loses nothing."""

from soak import KINDS, Soak, bound


async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path):
    """Killed while accepting, delivering, replaying, checkpointing and reloading, all that was answered arrives."""
    result = await Soak(tmp_path, seed=1).run(len(KINDS))
    assert result.acknowledged > 0
    assert result.lost == 0
    assert result.left == 0
    assert result.twice <= bound(result)
    assert result.exit_code == 0
