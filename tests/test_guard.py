"""The guard counts the same every time, and says by name what moved."""

import gc

import pytest

from bench import core, guard

CLICK = core.everything()["dynamic_yield click"]["auxia"]


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """A file of figures of this test's own."""
    path = tmp_path / "guard.json"
    monkeypatch.setattr(guard, "_FIGURES", path)
    return path


def test_what_is_counted_does_not_vary():
    """Two counts of one call are the same to the last bytecode, and are not nothing."""
    count = guard._count(CLICK)
    assert guard._count(CLICK) == count
    assert count.bytecodes > count.calls > 0


def test_more_work_counts_more():
    """One more call of Python and one more of C show."""
    count = guard._count(CLICK)

    def more():
        CLICK()
        return len([])

    found = guard._count(more)
    assert found.bytecodes > count.bytecodes
    assert found.calls == count.calls + 1


class Garbage:
    """Something whose end takes bytecodes and a call of C."""

    def __init__(self):
        self.me = self

    def __del__(self):
        len([])


def test_a_collection_does_not_count():
    """What ends by a collection while it is counted is not the core's work."""

    def littering():
        Garbage()
        return CLICK()

    thresholds = gc.get_threshold()
    gc.disable()
    try:
        at_rest = guard._count(littering)
        gc.set_threshold(1)
        gc.enable()
        assert guard._count(littering) == at_rest
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


def test_what_is_recorded_holds(figures, capsys):
    """Figures just recorded are kept; the file has a line for each body."""
    assert guard.record() == 0
    assert guard.check() == 0
    assert "does what is recorded" in capsys.readouterr().out
    assert sum('"fan-out"' in line for line in figures.read_text().splitlines()) == len(core.everything())


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_what_moved_is_named(figures, capsys, factor):
    """A count that is a tenth more or less than recorded fails, with both numbers and how to record anew."""
    guard.record()
    recorded = guard._recorded()
    count = recorded[guard._VERSION]["vaix click"]["auxia"]
    moved = guard.Count(round(count.bytecodes / factor), count.calls)
    recorded[guard._VERSION]["vaix click"]["auxia"] = moved
    figures.write_bytes(guard.msgspec.json.encode(recorded))
    assert guard.check() == 1
    told = capsys.readouterr().err
    assert f"vaix click, auxia: {count.bytecodes} bytecodes, recorded {moved.bytecodes}" in told
    assert "python -m bench guard --record" in told


def test_a_body_that_is_new_must_be_recorded(figures, capsys):
    """What is measured but not recorded fails by its name."""
    guard.record()
    recorded = guard._recorded()
    del recorded[guard._VERSION]["auxia click"]
    figures.write_bytes(guard.msgspec.json.encode(recorded))
    assert guard.check() == 1
    assert "auxia click, decode: not recorded" in capsys.readouterr().err


def test_another_python_is_not_compared(figures, capsys):
    """Bytecode differs between minor versions: without figures of this one nothing is said to be wrong."""
    figures.write_text("{}")
    assert guard.check() == 0
    assert f"no figures for Python {guard._VERSION}" in capsys.readouterr().out
