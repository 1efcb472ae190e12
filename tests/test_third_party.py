"""Mappings from other distributions: the example, installed for real, and those that must be refused."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

import mappings
from gateway.errors import ConfigFaults
from mappings.gravity_field import GravityField

EXAMPLE = Path(__file__).parent.parent / "examples" / "house_collector"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip has installed the example, and nothing else."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True, capture_output=True)
    return target


def test_the_example_is_one_module_of_under_150_lines():
    """A sixth vendor fits on three screens."""
    assert len((EXAMPLE / "house_collector.py").read_text().splitlines()) < 150


def test_an_installed_mapping_is_there_for_every_command(installed):
    """Once installed, `gateway translate` speaks the example's language, both ways."""
    path = os.pathsep.join([str(installed), str(Path(__file__).parent.parent)])
    record = '{"events": [{"kind": "clicked", "person": "u-1", "subject": "d-1"}]}'
    command = [sys.executable, "-m", "gateway", "translate", "house_collector", "house_collector", "-", "--json"]
    ran = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, input=record.encode(), capture_output=True, check=True
    )
    assert b"https://collector.example/events" in ran.stdout


def test_the_loader_adds_installed_mappings_to_the_table(installed, monkeypatch):
    """`load` returns the shipped mappings and those whose entry points it finds."""
    (distribution,) = distributions(path=[str(installed)])
    monkeypatch.syspath_prepend(str(installed))
    found = entries(monkeypatch, *distribution.entry_points)
    assert list(found) == [*mappings.MAPPINGS, "house_collector"]
    assert found["house_collector"].NAME == "house_collector"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("vaix", "house_collector:HouseCollector", "the name is taken by mappings.vaix"),
        ("house", "house_collector:HouseCollector", "is called house_collector by its class"),
        ("house_collector", "house_collector:Nothing", "cannot be imported"),
        ("house_collector", "no_such_module:Mapping", "cannot be imported"),
        ("house_collector", "builtins:dict", "does not keep the mapping contract: it lacks ENDPOINTS, KEY_HEADERS"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_a_fault(monkeypatch, name, value, expected):
    """A name that is taken, or a class that is absent, misnamed or incomplete, is refused saying so."""
    with pytest.raises(ConfigFaults) as caught:
        entries(monkeypatch, EntryPoint(name, value, mappings.GROUP))
    (fault,) = caught.value.faults
    assert value in fault.path
    assert fault.message.startswith(expected)


def test_all_faults_are_told_at_once(monkeypatch):
    """Two mappings that cannot be used are two faults."""
    wrong = [EntryPoint(name, "builtins:dict", mappings.GROUP) for name in ("one", "two")]
    with pytest.raises(ConfigFaults) as caught:
        entries(monkeypatch, *wrong)
    assert len(caught.value.faults) == 2


def test_the_first_of_two_strangers_keeps_a_name(monkeypatch):
    """Two third parties cannot share a name either."""
    entry = EntryPoint("house_collector", "house_collector:HouseCollector", mappings.GROUP)
    with pytest.raises(ConfigFaults, match=r"taken by house_collector\.HouseCollector"):
        entries(monkeypatch, entry, entry)


def test_a_mapping_that_cannot_be_used_stops_the_command(tmp_path):
    """The command ends with 1 and one line that names the distribution, without a traceback."""
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text(f"[{mappings.GROUP}]\nvaix = builtins:dict\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent)])
    command = [sys.executable, "-m", "gateway", "matrix"]
    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False, text=True)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("mapping vaix (broken, builtins:dict): the name is taken by mappings.vaix")


def test_the_table_gives_classes():
    """A name of the table is the class itself, ready to be decoded from `[upstreams.x]`."""
    assert mappings.MAPPINGS["gravity_field"] is GravityField


def entries(monkeypatch, *found):
    """What `load` returns when these are the entry points of its group."""
    monkeypatch.setattr(mappings, "entry_points", lambda group: found if group == mappings.GROUP else ())
    return mappings.load()
