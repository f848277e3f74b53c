# SPDX-License-Identifier: GPL-3.0-or-later
"""The claim of footage: of processes that begin a session at once, one makes it, and nothing of the claim stays."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from tracking_sessions.core.errors import LeaseLost, SessionUnreadable
from tracking_sessions.core.library import claim
from tracking_sessions.core.library.claim import claimed
from tracking_sessions.core.storage.folder import SessionFolder


def begin(root: Path, footage: Path, made: Path) -> None:
    """Find, then make, as a task does: slow enough that without a claim all would find nothing."""
    with claimed(root, footage):
        found = made.exists()
        time.sleep(0.02)
        if not found:
            with open(made, "a", encoding="ascii") as file:
                file.write("x")


@pytest.mark.slow
def test_one_of_many_processes_begins(root: Path, tmp_path: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    fork = multiprocessing.get_context("fork")
    for turn in range(12):
        made = tmp_path / f"made{turn}"
        contenders = [
            fork.Process(target=begin, args=(root, tmp_path / f"plate_{index:04}.exr", made)) for index in range(6)
        ]
        for contender in contenders:
            contender.start()
        for contender in contenders:
            contender.join(60)
        assert made.read_text("ascii") == "x"
        assert "beginning" not in os.listdir(root)


def test_other_footage_needs_no_wait(root: Path, tmp_path: Path) -> None:
    blend = tmp_path / "a.blend"
    with (
        claimed(root, tmp_path / "a_01.exr"),
        claimed(root, tmp_path / "b_01.exr"),
        claimed(root, tmp_path / "a.mov"),
        claimed(root, blend, "Clip"),
        claimed(root, blend, "Other"),
    ):
        assert len(os.listdir(SessionFolder(root).beginning("x").parent)) == 5
    assert "beginning" not in os.listdir(root)


def test_whoever_was_taken_over_may_not_begin(root: Path, tmp_path: Path) -> None:
    with claimed(root, tmp_path / "a.mov") as first:
        (folder,) = SessionFolder(root).beginning("x").parent.iterdir()
        (folder / "lease.2").write_text("{}\n")
        with pytest.raises(LeaseLost):
            first.check()


def test_the_same_tree_mounted_elsewhere_has_the_same_key(tmp_path: Path) -> None:
    keys = {
        claim._key(tmp_path / mount / "sessions", tmp_path / mount / "010" / f"plate_{index:04}.exr", "")
        for index, mount in enumerate(("one", "other"))
    }
    assert len(keys) == 1


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionUnreadable, match="no session folder"), claimed(tmp_path / "file", tmp_path / "a.mov"):
        pass
