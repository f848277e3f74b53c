# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that `track` takes as those of its footage, among many."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_position, open_footage, unmark
from tracking_sessions.bridge.tracking import headless
from tracking_sessions.commands import unfinished
from tracking_sessions.core.errors import SessionUnreadable
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.library import catalogue
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.bpy.command_line import copied
from tracking_sessions.tests.core.shots import make_footage
from tracking_sessions.tests.footage import make_shot

if TYPE_CHECKING:
    from bpy.types import MovieClip


def test_only_sessions_of_the_footage_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, others = tmp_path / "sessions", make_footage(tmp_path / "others")
    shot = make_shot(tmp_path / "plate", 3, 320, 180, tracks=4)
    moved = copied(shot.folder, tmp_path / "moved")

    def make(footage: Path, **given: Any) -> TrackingSessionManager:
        return create_session(footage, "", root, **given)

    for _ in range(5):
        make(others)
    plain, there, clip = make(shot.folder), make(moved), make(shot.folder, blend="/a.blend", clip="another")
    opened = open_footage(find_footage(shot.folder))
    mine = make(shot.folder, blend="/b.blend", clip=opened.name)
    with make(shot.folder) as discarded:
        discarded.set_state(SessionState.DISCARDED)
    expected = [mine.path, there.path, plain.path]
    assert clip.path not in expected

    read: list[Path] = []
    monkeypatch.setattr(catalogue, "SETTLED", -1.0)
    monkeypatch.setattr(headless, "load_session", lambda path: read.append(path) or load_session(path))
    warnings: list[str] = []
    request = headless.Request(ShotSpec(str(shot.folder)), root)
    for _ in range(2):
        read.clear()
        found = headless.sessions_of(opened, request, warnings.append)
        assert [session.path for session in found] == read == expected
    assert warnings == []
    monkeypatch.setattr(catalogue, "TrackingSessionManager", None)  # only those are read
    assert len(headless.sessions_of(opened, request, warnings.append)) == 3


def test_a_session_that_could_not_be_read_for_a_moment_is_none_of_the_footage_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file server its file may be replaced between the opening and the end of a read."""
    root = tmp_path / "sessions"
    shot = make_shot(tmp_path / "plate", 3, 320, 180, tracks=4)
    other, mine = (create_session(footage, "", root) for footage in (make_footage(tmp_path / "other"), shot.folder))
    unread = [catalogue.Unreadable(one.path, SessionUnreadable(one.path, "cut")) for one in (other, mine)]
    monkeypatch.setattr(headless, "catalogue", lambda *_: unread)
    request = headless.Request(ShotSpec(str(shot.folder)), root)
    found = headless.sessions_of(open_footage(find_footage(shot.folder)), request, print)
    assert [session.path for session in found] == [mine.path]


def file_with(footage: Path, path: Path, *, copies: int = 1) -> MovieClip:
    """Save a .blend with that many clips of the footage; returns the last clip."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for _ in range(copies):
        clip = open_footage(find_footage(footage))
        clip.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return clip


def found_by_track(clip: MovieClip, footage: Path, root: Path) -> set[str]:
    return {
        session.session.id
        for session in headless.sessions_of(clip, headless.Request(ShotSpec(str(footage)), root), pytest.fail)
    }


def found_by_batch(root: Path, *shots: ShotSpec) -> set[str]:
    """The sessions that a batch finds, which reads no .blend."""
    entries = [(one, False) for one in catalogue.catalogue(root) if isinstance(one, catalogue.Entry)]
    return {one.entry.id for one in unfinished._of_shots(entries, shots)}


def ids(*sessions: TrackingSessionManager) -> set[str]:
    return {session.session.id for session in sessions}


def test_footage_has_the_same_sessions_in_a_batch(tmp_path: Path) -> None:
    root, blend = tmp_path / "sessions", tmp_path / "shot.blend"
    plate = make_shot(tmp_path / "plate", 3, 320, 180, tracks=4).folder
    copy, moved = copied(plate, tmp_path / "linked"), tmp_path / "moved"
    shutil.copytree(plate, tmp_path / "copy")
    named = file_with(plate, blend).name
    of_plate = ids(
        create_session(plate, "", root),
        create_session(copy, "", root),
        create_session(plate, "", root, blend=str(blend), clip=named),
    )
    create_session(plate, "", root, blend=str(blend), clip="another")
    of_copy = ids(create_session(tmp_path / "copy", "", root))
    pictures = sorted(plate.iterdir())
    (tmp_path / "folder").symlink_to(plate)
    for path, expected in (
        (plate, of_plate),
        (pictures[2], of_plate),
        (tmp_path / "folder", of_plate),
        (copy, of_plate),
        (tmp_path / "copy", of_copy),
    ):
        clip = open_footage(find_footage(path))
        assert found_by_track(clip, path, root) == expected == found_by_batch(root, ShotSpec(str(path)))
    shutil.rmtree(copy)
    plate.rename(moved)
    clip = open_footage(find_footage(moved))
    assert found_by_track(clip, moved, root) == of_plate == found_by_batch(root, ShotSpec(str(moved)))


def test_a_blend_has_the_same_sessions_in_a_batch(tmp_path: Path) -> None:
    root, blend = tmp_path / "sessions", tmp_path / "shot.blend"
    plate = make_shot(tmp_path / "plate", 3, 320, 180, tracks=4).folder
    second = tmp_path / "shot_v2.blend"
    clip = file_with(plate, blend, copies=2)
    shutil.copy2(blend, second)
    names = [clip.name for clip in bpy.data.movieclips]
    of_clip = [create_session(plate, "", root, blend=str(blend), clip=name) for name in names]
    create_session(plate, "", root)
    assert clip.name == names[1] != names[0]
    for name, session in zip(names, of_clip, strict=True):
        found = found_by_track(bpy.data.movieclips[name], blend, root)
        assert found == ids(session) == found_by_batch(root, ShotSpec(str(blend), clip=name))
    assert found_by_batch(root, ShotSpec(str(blend))) == ids(*of_clip)
    # another file of the same clips has its own tracks, unless it was saved from a tracked file
    assert found_by_track(clip, second, root) == set() == found_by_batch(root, ShotSpec(str(second)))
    mark_position(clip, of_clip[1].session.id, Position(1, 100))
    assert found_by_track(clip, second, root) == ids(of_clip[1])
    unmark(clip)
    blend.unlink()  # renamed: only the footage of the clip matches
    assert found_by_track(clip, second, root) == ids(of_clip[1])


def test_a_clip_of_a_blend_that_gets_other_footage_begins_anew(tmp_path: Path) -> None:
    root, blend = tmp_path / "sessions", tmp_path / "shot.blend"
    old, new = (make_shot(tmp_path / name, 3, 320, 180, tracks=4).folder for name in ("old", "new"))
    clip = file_with(old, blend)
    session = create_session(old, "", root, blend=str(blend), clip=clip.name)
    mark_position(clip, session.session.id, Position(1, 100))
    assert found_by_track(clip, blend, root) == ids(session)
    clip.filepath = str(sorted(new.iterdir())[0])
    assert found_by_track(clip, blend, root) == set()
