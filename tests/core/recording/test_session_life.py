# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a session in a script that uses only the ten names of `core.session`."""

import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tracking_sessions.core.library.catalogue import list_sessions
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import get_session_status, load_session, resume_tracking
from tracking_sessions.core.recording.merge import merge_sessions
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import SessionStatus, TrackingSessionManager, cleanup_old_sessions

FRAMES = 12


def picture(grey: int) -> bytes:
    """A PNG of 8x8 grey pixels."""
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([grey]) * 8) * 8)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A sequence that begins at 1001, as plates do: its first clip frame is 1 all the same."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(1001, 1001 + FRAMES):
        (folder / f"plate.{number}.png").write_bytes(picture(number % 200))
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


TRACKS_TO_ITS_DEATH = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import conftest
from tracking_sessions.core.session import resume_tracking
session = resume_tracking(sys.argv[2])
for _ in range(int(sys.argv[3])):
    session.save_checkpoint(session.get_resume_point(), "track_forwards")
os.kill(os.getpid(), signal.SIGKILL)
"""


def track_and_be_killed(path: Path, frames: int) -> None:
    tests = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", TRACKS_TO_ITS_DEATH, str(tests), str(path), str(frames)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL


def track(session: TrackingSessionManager, operation: str, frames: int = FRAMES) -> list[int]:
    """Act as a script: get the next frame, track it and save it, until nothing is left."""
    tracked: list[int] = []
    while len(tracked) < frames and (frame := session.get_resume_point()) is not None:
        session.save_checkpoint(frame, operation)
        tracked.append(frame)
    return tracked


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_session_is_made_tracked_killed_resumed_solved_reported_merged_and_cleaned_up(
    plate: Path, base: Path, tmp_path: Path
) -> None:
    assert list_sessions(base) == []
    new = create_session(plate, "Shot 010", base)
    path = new.path
    assert list_sessions(base) == [path]
    assert (new.session.name, new.state["session"]["name"]) == ("Shot 010", "Shot 010")
    assert get_session_status(new) is SessionStatus.NOT_STARTED
    assert new.get_resume_point() == 1
    assert new.get_progress() == {
        "total_frames": FRAMES,
        "tracked_frames": 0,
        "percent_complete": 0.0,
        "status": "not_started",
        "remaining_frames": list(range(1, FRAMES + 1)),
    }

    track_and_be_killed(path, 5)
    session = load_session(path)
    assert get_session_status(session) is SessionStatus.TRACKING and session.get_resume_point() == 6
    session = resume_tracking(path)
    assert track(session, "track_forwards", 2) == [6, 7]
    del session  # a script that drops it, without closing it, holds nothing
    with resume_tracking(path) as session:
        assert session.get_resume_point() == 8
        progress = session.get_progress()
        assert progress["remaining_frames"] == [8, 9, 10, 11, 12]
        assert (progress["tracked_frames"], progress["percent_complete"]) == (7, 58.33)
        assert track(session, "track_forwards") == [8, 9, 10, 11, 12]
        assert session.get_resume_point() is None
        session.mark_tracking_complete()
        assert get_session_status(session) is SessionStatus.TRACKING_COMPLETE
        session.mark_solve_complete("first")
    done = load_session(path)
    assert get_session_status(done) is SessionStatus.COMPLETE and done.get_resume_point() is None
    progress = done.get_progress()
    assert (progress["percent_complete"], progress["remaining_frames"]) == (100.0, [])
    assert done.session.best_solve == "first"

    report = export_session_report(path, tmp_path / "report.html")
    assert "Shot 010" in report.read_text(encoding="utf-8")

    with create_session(plate, "Shot 010, backwards", base) as other:
        other.save_checkpoint(9, "track_backwards")
        assert track(other, "track_backwards", 3) == [8, 7, 6]
        other.mark_solve_complete("second")
    assert list_sessions(base) == [other.path, path]

    merged = merge_sessions([path, other.path], base / "sessions" / "merged.yaml")
    assert get_session_status(merged) is SessionStatus.COMPLETE
    assert merged.get_progress()["percent_complete"] == 100.0 and merged.get_resume_point() is None
    assert [one["id"] for one in merged.state["solve"]["list"]] == ["first", "second"]
    assert merged.session.best_solve == "second"  # neither has an error
    assert "second" in export_session_report(merged.path, tmp_path / "merged.html").read_text(encoding="utf-8")

    assert set(list_sessions(base)) == {path, other.path, merged.path}
    assert cleanup_old_sessions(base) == 0
    assert cleanup_old_sessions(base, days_old=0) == 3
    assert list_sessions(base) == [] and not path.exists()
