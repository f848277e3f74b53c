# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips and sessions for commands, made once and copied for tests that change them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.tests.bpy.command_line import LONG, copied, end, replay_of, run, start, wait_for_frames
from tracking_sessions.tests.footage import Shot, make_long, make_shot
from tracking_sessions.tools.comparison import recorded_frames
from tracking_sessions.tools.kill import write_tracks


@pytest.fixture(scope="package")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """30 frames, with start positions in tracks.json beside their folder. Read-only."""
    folder = tmp_path_factory.mktemp("short")
    shot = make_shot(folder / "plate", 30, 320, 180, tracks=10)
    write_tracks(folder / "tracks.json", shot, 1)
    return shot


@pytest.fixture(scope="package")
def tracks(shot: Shot) -> Path:
    return shot.folder.parent / "tracks.json"


@pytest.fixture(scope="package")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plate/`, 200 frames, and tracks.json. Read-only."""
    folder = tmp_path_factory.mktemp("long")
    shot = make_long(folder / "plate", LONG, 320, 180, tracks=8, loop=24)
    write_tracks(folder / "tracks.json", shot, 1)
    return folder


@pytest.fixture(scope="package")
def whole(long: Path, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """The records of the long clip after an uninterrupted run."""
    root = tmp_path_factory.mktemp("whole")
    done = run("track", long / "plate", "--tracks", long / "tracks.json", "--root", root)
    assert f"Tracked {LONG - 1} frames; {LONG} of {LONG} are recorded.\n8 of 8 tracks" in done.stdout
    return replay_of(root)


@pytest.fixture(scope="package")
def _stopped(long: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(long, tmp_path_factory.mktemp("stopped") / "job")
    root = folder / "tracking_sessions"
    process = start("track", folder / "plate", "--tracks", folder / "tracks.json", "--root", root)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGTERM)
    end(process, 75, "SIGTERM")
    assert 20 <= len(recorded_frames(root)) < LONG - 40
    return folder


@pytest.fixture
def stopped(_stopped: Path, tmp_path: Path) -> Path:
    """A folder of one's own: `plate/`, tracks.json, and in tracking_sessions/ a session that was stopped on the way."""
    return copied(_stopped, tmp_path / "job")
