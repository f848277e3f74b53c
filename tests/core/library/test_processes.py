# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of a session folder with several writers, one of them killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.library.listing import index, reads
from tracking_sessions.tests.core.shots import start_child

pytestmark = pytest.mark.slow

LISTER = """
import os
from tracking_sessions.core.library import catalogue, index
os.fsync = lambda descriptor: None
catalogue.SETTLED, index._SAVE_EVERY = -1.0, 0.0
print("begun", flush=True)
for _ in range(int(sys.argv[2])):
    catalogue.catalogue(sys.argv[1])
"""


def _check_integrity(root: Path) -> None:
    with closing(index(root)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_several_processes_and_sessions_that_come_and_go(root: Path) -> None:
    children = [start_child(LISTER, root, 25) for _ in range(3)]
    for number in range(100):
        manager = create_session(root.parent / "plates", f"new {number}", root)
        with manager:
            manager.save_checkpoint(1, "track")
        if number % 3 == 0:
            manager.path.unlink()
            shutil.rmtree(manager.folder)
        if number % 10 == 9:
            reads(root)
        if number % 40 == 39:
            SessionFolder(root).index.unlink(missing_ok=True)
        if all(child.poll() is not None for child in children):
            break
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    reads(root)
    assert reads(root) == 0
    _check_integrity(root)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_writer_leaves_a_usable_index(root: Path) -> None:
    for number in range(20):
        create_session(root.parent / "plates", f"new {number}", root)
    cold: set[int] = set()
    for kill in range(100):  # later and later, so that a slow machine gets to write, too
        SessionFolder(root).index.unlink(missing_ok=True)
        child = start_child(LISTER, root, 1000, stderr=subprocess.DEVNULL)
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        time.sleep(kill * 0.015)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        cold.add(reads(root))
        assert reads(root) == 0
        _check_integrity(root)
        if kill >= 7 and len(cold) > 1:
            return
    raise AssertionError("no child was killed before and none after it wrote the index")
