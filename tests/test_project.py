"""The project itself: its lock, its wheel, its commands, its examples."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

import mappings
from gateway.contract import Inbound

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
CLICKS = sorted((ROOT / "examples" / "clicks").glob("*.json"))
SHIPPED = {".py", ".json", ".html", ".js", ".css"}
# Beside each shipped body, the path that `make run` sends it to.
SENT_TO = dict(re.findall(r"127\.0\.0\.1:8080(/\S+) .* -d @(\w+)\.json", (ROOT / "scripts" / "run.sh").read_text()))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the files that git knows."""
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(target.glob("*.whl"))) as archive:
        yield archive


def test_every_locked_requirement_is_pinned_with_a_hash():
    """Each requirement in the lock is one exact version with at least one SHA-256."""
    requirements = re.split(r"\n(?=[a-z])", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==[\w.!]+( ; [^\\]+)? \\\n", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement


def test_the_lock_names_no_index():
    """The lock holds no index or find-links option, no URL and no path of a machine."""
    assert not re.search(r"://|--(?!hash=)|file:|/home|/opt|/tmp", LOCK)


def test_the_lock_covers_what_the_project_asks_for():
    """Every dependency, of the gateway, its extras and its development, is in the lock."""
    asked = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=]", requirement)[0] for requirement in asked}
    assert names <= set(re.findall(r"^([a-z0-9.-]+)==", LOCK, flags=re.MULTILINE))


def test_the_wheel_holds_both_packages_with_their_data(wheel):
    """An installed gateway has both import packages, their type markers, and the sandbox's contracts."""
    names = set(wheel.namelist())
    for package in ("gateway", "mappings"):
        sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*") if path.suffix in SHIPPED}
        assert sources
        assert sources <= names
        assert f"{package}/py.typed" in names
    assert any(name.startswith("gateway/sandbox/contracts/") and name.endswith(".json") for name in names)


def test_the_wheel_holds_nothing_else(wheel):
    """No test, example or cache is installed."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"gateway", "mappings", f"interaction_gateway-{PROJECT['version']}.dist-info"}


def test_the_wheel_carries_the_console(wheel):
    """Where the console is built, the wheel holds its page and every asset."""
    built = ROOT / "gateway" / "admin" / "dist"
    files = {one.relative_to(ROOT).as_posix() for one in built.rglob("*") if one.is_file()}
    assert files <= set(wheel.namelist())
    assert bool(files) == (shutil.which("npm") is not None)


def test_without_node_the_package_still_builds(tmp_path):
    """A machine without Node gets a wheel without the console, and is told why."""
    for name in ("gateway", "mappings", "console", "examples"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("dist", "node_modules", "__pycache__")
        )
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    ran = subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert "The console is not built: Node 20.19 or newer, with npm, is missing." in ran.stdout + ran.stderr
    with ZipFile(next(tmp_path.glob("dist/*.whl"))) as archive:
        assert not [name for name in archive.namelist() if "admin/dist" in name]


def test_the_consoles_lock_names_no_registry():
    """The lock of the console pins every package by its hash and says nothing of where it was fetched."""
    packages = json.loads((ROOT / "console" / "package-lock.json").read_text())["packages"]
    locked = {name: one for name, one in packages.items() if name}
    assert all("integrity" in one and "resolved" not in one for one in locked.values())


def test_the_command_is_installed(wheel):
    """The distribution installs `gateway`, which is `python -m gateway`."""
    parser = ConfigParser()
    parser.read_string(wheel.read(f"interaction_gateway-{PROJECT['version']}.dist-info/entry_points.txt").decode())
    assert dict(parser["console_scripts"]) == {"gateway": "gateway.__main__:main"}
    ran = subprocess.run([sys.executable, "-m", "gateway", "--help"], cwd=ROOT, capture_output=True, check=True)
    assert b"translate" in ran.stdout


@pytest.mark.parametrize("name", mappings.MAPPINGS)
def test_the_table_names_each_vendor_as_its_class_does(name):
    """A mapping is found under its own NAME, and importing the table alone imports no vendor."""
    assert name == mappings.MAPPINGS[name].NAME
    alone = "import sys, mappings; print([one for one in mappings.MAPPINGS if f'mappings.{one}' in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", alone], cwd=ROOT, capture_output=True, check=True)
    assert ran.stdout.strip() == b"[]"


def test_there_is_one_example_click_per_vendor():
    """`make run` shows how to send one click in each vendor's format."""
    assert {path.stem for path in CLICKS} == set(SENT_TO.values()) == set(mappings.MAPPINGS)


@pytest.mark.parametrize(("path", "vendor"), SENT_TO.items())
def test_the_example_clicks_are_understood(path, vendor):
    """Each shipped click decodes at the path that `make run` names, naming the same person."""
    mapping = mappings.MAPPINGS[vendor].example()
    endpoint = next(one for one in mapping.ENDPOINTS if path in one.paths)
    body = (ROOT / "examples" / "clicks" / f"{vendor}.json").read_bytes()
    (interaction,) = mapping.decode(Inbound("i", endpoint, {}, {}, body, 0))
    assert interaction.user.id == "u-1001"
