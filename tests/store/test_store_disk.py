"""The store on a disk that is full or cannot be written: real file systems, in a mount namespace of the test's own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).with_name("full_disk.py")
_NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")


def seen(scenario):
    """What a scenario saw; without the right to mount it cannot run, which on CI is a failure."""
    if shutil.which("unshare") is None or not _may_mount():
        if os.environ.get("CI") == "true":
            pytest.fail("a full disk cannot be tested here: no mount namespaces")
        pytest.skip("NOT TESTED: a full disk, for want of mount namespaces")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{_SCRIPT.parent}"}
    done = subprocess.run(
        [*_NAMESPACE, sys.executable, _SCRIPT, scenario],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _may_mount():
    tried = subprocess.run(
        [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False, timeout=30
    )
    return tried.returncode == 0


def test_a_store_that_fills_the_disk_refuses_and_recovers():
    """Inbounds are refused, acknowledgements and dead letters go on, and room comes back by delivering, six times."""
    found = seen("fills_itself")
    assert found["kept"] > 1000
    assert (found["lost"], found["twice"]) == ([], 0)
    assert found["refused"]
    assert found["dead"] == 10


def test_a_disk_that_others_fill_is_waited_for():
    """With not one byte left what is kept is delivered, and appends go on, without a restart, once there is room."""
    found = seen("is_filled_by_others")
    assert found["lost"] == []
    assert found["still"]
    assert found["end"] == "closed"


def test_a_start_on_a_full_disk_delivers():
    """The ballast makes room for opening; what is kept is delivered, and appends are refused until there is room."""
    found = seen("starts_full")
    assert found["lost"] == []
    assert found["refused"]


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence():
    """A read-only file system is named, nothing is pretended."""
    assert seen("is_read_only") == {
        "error": "StoreUnusable",
        "text": "the store in FOLDER cannot be written: Read-only file system",
    }
