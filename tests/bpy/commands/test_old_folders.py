# SPDX-License-Identifier: GPL-3.0-or-later
"""Old session folders with the markers of Blender's tracker: their session and batch resume to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import replay_of, run
from tracking_sessions.tests.old_folders.folders import unpack
from tracking_sessions.tools.comparison import compare_replays

FRAMES = 10


@pytest.fixture
def old(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    return unpack("bpy", tmp_path / "old")


def test_a_killed_session_is_resumed_to_the_same_bits(old: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, made = old
    path = root / "sessions" / f"{made['interrupted']}.yaml"
    recorded = load_session(path).session.tracked_frames
    assert 2 <= len(recorded) < FRAMES
    run("track", root.parent / "plates", "--detect", "--root", tmp_path / "whole")
    done = run("resume", path, "--save", tmp_path / "result.blend")
    assert f"Tracked {FRAMES - len(recorded)} frames; {FRAMES} of {FRAMES} are recorded." in done.stdout
    compare_replays(replay_of(tmp_path / "whole"), load_session(path).replay())
    assert (tmp_path / "result.blend").stat().st_size > 10_000


def test_a_ledger_is_listed_and_its_paused_batch_resumed(old: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, made = old
    where = ("--root", root)
    rows = json.loads(run("batch", "list", *where, "--json").stdout)
    assert {row["id"]: (row["name"], row["status"]) for row in rows} == {
        made["done"]: ("done", "completed"),
        made["paused"]: ("paused", "paused"),
    }
    document = json.loads(run("batch", "info", made["done"], *where, "--json").stdout)
    assert [(shot["status"], shot["tracked_frames"]) for shot in document["shots"]] == [("completed", FRAMES)] * 2
    assert "s050: done: 10 of 10 frames" in run("batch", "resume", made["paused"], *where).stderr
    document = json.loads(run("batch", "info", made["paused"], *where, "--json").stdout)
    assert [(shot["name"], shot["status"]) for shot in document["shots"]] == [
        ("s040", "completed"),
        ("s050", "completed"),
    ]
    with Ledger(root) as ledger:
        assert ledger.check() == []
    first = document["shots"][0]["session"]
    run("track", root.parent / "morning" / "s040", "--detect", "--root", tmp_path / "whole")
    compare_replays(replay_of(tmp_path / "whole"), load_session(root / "sessions" / f"{first}.yaml").replay())


def test_finished_sessions_have_the_bits_that_today_tracks(old: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, made = old
    document = json.loads(run("batch", "info", made["done"], "--root", root, "--json").stdout)
    path = root / "sessions" / f"{document['shots'][0]['session']}.yaml"
    run("track", root.parent / "night" / "s020", "--detect", "--root", tmp_path / "whole")
    compare_replays(replay_of(tmp_path / "whole"), load_session(path).replay())
