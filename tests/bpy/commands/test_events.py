# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of `track` and `resume` for a program, and settings from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.journal.rows import MARKER
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import printed, run, start, wait_for_frames
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tools.comparison import session_file


def events(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed(process)[0].splitlines()]


def test_a_line_when_tracking_begins_and_one_when_it_is_done(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    process = start("track", shot.folder, "--tracks", tracks, "--root", tmp_path, "--events")
    begun, done = events(process)
    path = session_file(tmp_path)
    assert begun == {"event": "begun", "session": str(path), "tracked_frames": 0} and process.returncode == 0
    assert (done["event"], done["frames"], done["file"], done["outcome"]) == ("done", 29, str(path), "complete")
    (done,) = events(start("track", shot.folder, "--root", tmp_path, "--resume", "--events"))
    assert (done["event"], done["frames"], done["tracked_frames"]) == ("done", 0, 30)


def test_a_line_says_why_it_stopped(shot: Shot, stopped: Path, tmp_path: Path) -> None:
    root = stopped / "tracking_sessions"
    before = len(load_session(session_file(root)).session.tracked_frames)
    process = start("resume", "--root", root, "--events")
    wait_for_frames(process, root, 40)
    process.send_signal(signal.SIGTERM)
    begun, stopped = events(process)
    assert (begun["event"], stopped["event"], stopped["kind"], process.returncode) == (
        "begun",
        "stopped",
        "Interrupted",
        75,
    )
    assert begun["tracked_frames"] == before
    assert stopped["error"].startswith("SIGTERM: stopped after frame ")
    process = start("track", shot.folder / "none.png", "--root", tmp_path, "--events")
    (stopped,) = events(process)
    assert (stopped["event"], stopped["kind"], process.returncode) == ("stopped", "FootageUnusable", 3)


def test_settings_of_all_tracks(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    settings = ("--set", "pattern_match=PREV_FRAME", "--set", "correlation_min=0.5", "--set", "use_brute=true")
    run("track", shot.folder, "--tracks", tracks, "--root", tmp_path, *settings, "--set", "search_size=91")
    replay = load_session(session_file(tmp_path)).replay()
    for number, track in replay.tracks.items():
        settings = [track.settings[name] for name in ("pattern_match", "correlation_min", "use_brute")]
        assert settings == ["PREV_FRAME", 0.5, True]
        left, bottom, right, top = MARKER.unpack(replay.markers[number][1])[-4:]
        assert ((right - left) * 320, (top - bottom) * 180) == (pytest.approx(91, abs=0.1), pytest.approx(91, abs=0.1))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("speed", "is no setting: write NAME=VALUE"),
        (
            "colour=1",
            "colour of track “Survives.01”: it is not a setting of a track; the settings are correlation_min, ",
        ),
        ("pattern_match=NEXT", "pattern_match of track “Survives.01”: "),
        ("search_size=4000", "search_size of track “Survives.01”: 4000 is not a size in pixels"),
    ],
)
def test_settings_that_are_none(shot: Shot, tracks: Path, tmp_path: Path, setting: str, says: str) -> None:
    arguments = ("track", shot.folder, "--tracks", tracks, "--root", tmp_path, "--set", setting)
    run(*arguments, code=2, says=(says,))
    assert session_file(tmp_path) is None
