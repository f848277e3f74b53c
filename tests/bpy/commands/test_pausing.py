# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that pause when they follow too few tracks: a person decides, no command or batch goes on by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import Outcome
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import run
from tracking_sessions.tests.bpy.commands.test_lost import ran
from tracking_sessions.tests.footage import Shot

TRACKS = 10


def test_track_pauses_keeps_what_it_has_and_resume_goes_on(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    root, saved = tmp_path / "root", tmp_path / "out.blend"
    given = ("track", shot.folder, "--tracks", tracks, "--root", root, "--pause-below", TRACKS)
    done = ran(tmp_path, *given, "--save", saved, "--json", code=3)
    row: dict[str, Any] = json.loads(done.stdout)
    assert (row["outcome"], row["status"], row["saved"]) == ("paused", "interrupted", str(saved))
    assert 0 < row["tracks_alive"] < TRACKS and saved.exists()
    paused = f"Paused at frame {row['last_frame']}: fewer than {TRACKS} tracks. All tracked frames are recorded"
    assert paused in done.stderr and f"go on with: resume {row['id']}" in done.stderr
    assert f"go on with: resume {row['id']}" in run("info", row["id"], "--root", root).stdout

    done = ran(tmp_path, "resume", row["id"], "--root", root, "--pause-below", row["tracks_alive"], "--events", code=3)
    events = {event["event"]: event for event in map(json.loads, done.stdout.splitlines())}
    assert set(events) == {"begun", "done"} and events["done"]["last_frame"] > row["last_frame"]
    run("resume", row["id"], "--root", root)
    assert load_session(session_files(root)[0]).passes[-1].outcome is Outcome.COMPLETE


@pytest.mark.parametrize("value", ["-1", "many", "1000000"])
def test_only_a_number_of_tracks_is_taken(shot: Shot, tmp_path: Path, value: str) -> None:
    done = ran(tmp_path, "track", shot.folder, f"--pause-below={value}", code=2)
    assert "is no whole number from 0 to 999999" in done.stderr


def test_a_batch_skips_a_paused_shot_and_says_why(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (tmp_path / "shots.yaml").write_text(
        f"shots:\n- {{footage: {shot.folder}, tracks: {tracks}, pause_below: {TRACKS}}}\n", encoding="utf-8"
    )
    given = ("batch", "run", tmp_path / "shots.yaml", "--root", root)
    done = ran(tmp_path, *given, code=1)
    (path,) = session_files(root)
    session = load_session(path)
    at = session.passes[-1].last_frame
    assert f"skipped. Paused at frame {at}: fewer than {TRACKS} tracks" in done.stderr
    info: dict[str, Any] = json.loads(run("batch", "info", "--root", root, "--json").stdout)
    assert (info["shots"][0]["status"], info["shots"][0]["attempts"], info["counts"]["skipped"]) == ("skipped", 1, 1)
    assert session.session.is_unfinished and session.remaining

    ran(tmp_path, "batch", "resume", "--root", root, code=0)
    assert load_session(path).passes[-1].last_frame == at, "nothing is tried again without a person"
