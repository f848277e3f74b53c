# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that may have killed the process of a shot, and the verdict of a process that reads them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tracking_sessions.core.batch.suspects import Suspects, is_unreadable
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import MarkersRecord, PictureDamagedEvent
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.shots import FakeTracker, make_footage, marker, start_markers, start_run


def stopped(session: TrackingSessionManager, start: int, end: int, steps: int) -> TrackingSessionManager:
    """The session after so many steps of a pass that nothing has closed."""
    with session:
        run = start_run(session, [(start, end)], FakeTracker(start_markers((1, 2, 3), start)))
        run._begin()
        for _ in range(steps):
            run.step()
        session.acquire().write_file()
    return load_session(session.path)


@pytest.mark.parametrize(
    "start, end, steps, frames",
    [
        (1, 6, 0, [1, 2]),
        (1, 6, 3, [4, 5, 1]),
        (2, 6, 4, [6, 2]),  # it died after the last frame
        (6, 1, 2, [4, 3, 6]),
    ],
)
def test_the_frames_of_the_next_step_are_suspects(
    tmp_path: Path, start: int, end: int, steps: int, frames: list[int]
) -> None:
    footage = make_footage(tmp_path / "plates")
    session = stopped(create_session(footage, "", tmp_path / "root"), start, end, steps)
    assert Suspects(session, ShotSpec(str(footage))).frames == frames


def test_keyframes_are_suspects(tmp_path: Path) -> None:
    footage = make_footage(tmp_path / "plates", 9)
    session = stopped(create_session(footage, "", tmp_path / "root"), 5, 9, 1)
    with session:
        session.acquire().append(MarkersRecord(1, marker(1, 2, (0.5,), 2) + marker(1, 3, (0.5,))))
    assert Suspects(load_session(session.path), ShotSpec(str(footage))).frames == [6, 7, 5, 2]


def test_the_pictures_of_a_part_that_another_process_tracks_are_suspects(tmp_path: Path) -> None:
    footage = make_footage(tmp_path / "plates")
    session = stopped(create_session(footage, "", tmp_path / "root"), 1, 6, 0)
    parts = SessionFolder.of(session.path).parts(session.id)
    done = stopped(create_session(footage, "", parts / "pass-1"), 1, 6, 5)
    with done:
        done.mark_tracking_complete()
    part = stopped(create_session(footage, "", parts / "pass-2"), 1, 6, 3)
    found = Suspects(session, ShotSpec(str(footage)))
    assert found.frames == [4, 5, 1]
    found.path(5).write_bytes(found.path(5).read_bytes()[:40])
    assert str(found.damaged()).startswith("Frame 5 (plate_0005.png) ")
    for noted in (session, part):
        records = [record for record, _ in decoded(JournalReader(noted.folder, noted.id).records())]
        assert [one.frame for one in records if isinstance(one, PictureDamagedEvent)] == [5]


def test_a_clip_that_begins_behind_the_first_file_has_its_own_frames(tmp_path: Path) -> None:
    folder = make_footage(tmp_path / "plates", 9)
    footage = find_footage(folder).as_clip(folder / "plate_0002.png", 2)
    session = create_session(folder, "", tmp_path / "root", plate=(footage, describe(footage)))
    session.acquire().set_start(101)
    found = Suspects(stopped(session, 1, 6, 2), ShotSpec(str(tmp_path / "shot.blend")))
    assert [found.path(frame).name for frame in found.frames] == [f"plate_000{n}.png" for n in (6, 7, 4)]
    assert str(found.unreadable(4)).startswith("Frame 104 (plate_0007.png) cannot be read by Blender")
    found.path(4).write_bytes(found.path(4).read_bytes()[:40])
    assert str(found.damaged()).startswith("Frame 104 (plate_0007.png) ")


@pytest.mark.parametrize("name", ["clip.mov", "shot.blend", "gone/plate_####.png", "C:\\plate_0001.png"])
def test_only_a_known_sequence_has_suspects(tmp_path: Path, name: str) -> None:
    (tmp_path / "clip.mov").write_bytes(b"movie")
    found = Suspects(None, ShotSpec(name if name.startswith("C:") else str(tmp_path / name)))
    assert not found.frames and found.damaged() is None


def test_only_a_crash_or_exit_code_3_blames_a_picture() -> None:
    crashes = (-signal.SIGSEGV, -signal.SIGABRT, 128 + signal.SIGSEGV, 128 + signal.SIGABRT)
    assert all(is_unreadable(code) for code in (3, *crashes))
    assert not any(is_unreadable(code) for code in (0, 1, 2, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGKILL))
