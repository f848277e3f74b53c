# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a clip: of unsaved files, of new, copied and deleted clips, and after a discard."""

import os
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.sessions import finding, overview, recovery
from tracking_sessions.bridge.sessions.finding import find_session
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import resolve
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of, new_clip, track_session
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    last_frame,
    let_go,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
    session_of,
    start_blender_anew,
    track,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


# Unsaved files


def never_saved(footage: Footage, steps: int) -> Any:
    """Track so many steps in an unsaved file, then restart Blender; returns the markers of the file."""
    editor = new_file(footage, None)
    begin(editor, steps=steps).finish()
    markers = markers_of(editor.clip)
    start_blender_anew()
    return markers


def footage_opened(footage: Footage) -> Any:
    clip: Any = bpy.data.movieclips.load(str(footage.files[0]))
    clip.use_fake_user = True
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, clip.frame_duration
    return open_editor(clip)


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_file_that_was_never_saved_is_found_again_through_its_footage(
    footage: Footage, other_footage: Footage, file: Path, tmp_path: Path, is_saved: bool
) -> None:
    expected = never_saved(footage, 8)
    assert len(session_files(tmp_path / "user" / "tracking_sessions")) == 1
    if is_saved:
        bpy.ops.wm.save_as_mainfile(filepath=str(file))
    assert look(footage_opened(other_footage).clip) == overview.Overview()
    editor = footage_opened(footage)
    assert (look(editor.clip).missing, look(editor.clip).resume_frame) == (8, 9)
    with inside(editor):
        assert not operators.track.poll()
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == expected
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    clip = new_clip(footage)
    track_session(clip, tmp_path / "other", [(1, FRAMES)])
    assert markers_of(editor.clip) == markers_of(clip)


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few make links")
def test_a_link_to_footage_leads_to_its_session(footage: Footage, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(footage.folder)
    never_saved(footage, 8)
    clip: Any = bpy.data.movieclips.load(str(tmp_path / "link" / footage.files[0].name))
    assert look(clip).missing == 8


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few make links")
def test_a_link_to_a_file_leads_to_its_session(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    start_blender_anew()
    link = file.with_name("link.blend")
    link.symlink_to(file)
    assert look(open_file(link).clip).missing == 4


def test_tracks_come_back_under_the_tracking_object_they_were_in(footage: Footage) -> None:
    editor = new_file(footage, None)
    objects = editor.clip.tracking.objects
    cup = objects.new("Cup")
    track = cup.tracks.new(name="Nagel", frame=1)
    track.select = True
    track.markers[0].co = footage.truth("Survives.01", 1)
    begin(editor, steps=4).finish()
    expected = markers_of(editor.clip)
    start_blender_anew()
    editor = footage_opened(footage)
    with inside(editor):
        operators.resume()
    assert [where.name for where in editor.clip.tracking.objects] == ["Camera", "Cup"]
    assert set(markers_of(editor.clip)) == set(expected)
    assert max(live_frames(markers_of(editor.clip)["Cup/Nagel"])) > max(live_frames(expected["Cup/Nagel"]))


def test_a_second_clip_of_the_footage_does_not_get_the_session_of_the_first(footage: Footage) -> None:
    editor = new_file(footage, None)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 6)
    second = footage_opened(footage)
    assert look(second.clip) == overview.Overview()
    begin(open_editor(new_clip(footage)), steps=2).finish()
    assert look(second.clip) == overview.Overview()


def test_a_session_that_another_blender_works_on_is_not_offered(footage: Footage, tmp_path: Path) -> None:
    never_saved(footage, 4)
    (path,) = session_files(tmp_path / "user" / "tracking_sessions")
    with load_session(path) as session:
        session.acquire()
        assert look(footage_opened(footage).clip) == overview.Overview()


def test_a_session_without_frames_is_not_offered(footage: Footage, tmp_path: Path) -> None:
    editor = new_file(footage, None)
    recovery.open_shot(editor).session.close()
    assert len(session_files(tmp_path / "user" / "tracking_sessions")) == 1
    start_blender_anew()
    assert look(footage_opened(footage).clip) == overview.Overview()


@pytest.mark.parametrize("is_running", [False, True])
def test_a_session_begun_before_the_file_was_saved_stays_with_it(
    footage: Footage, file: Path, root: Path, tmp_path: Path, is_running: bool
) -> None:
    editor = new_file(footage, None)
    run = begin(editor, steps=4)
    if not is_running:
        run.finish()
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    if live.running() is not None:
        run.finish()
    where, other = (tmp_path / "user" / "tracking_sessions", root)[:: 1 if is_running else -1]
    (path,) = session_files(where)
    session = load_session(path)
    assert resolve(path, session.session.blend) == file
    assert session.resume_frame == 5
    track(editor, 1, 8)
    assert session_files(other) == [] and session_files(where) == [path]
    start_blender_anew()

    editor = open_file(file)
    assert look(editor.clip).missing > 0
    with inside(editor):
        operators.restore()
    assert last_frame(editor.clip) == 8
    # the footage finds no session of a saved file
    start_blender_anew()
    assert look(footage_opened(footage).clip) == overview.Overview()


# Discarded sessions, and other clips


def test_a_discarded_session_that_is_brought_back_belongs_to_its_clip_again(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with inside(editor):
        operators.start_fresh()
    old = session_of(file)
    assert look(editor.clip) == overview.Overview()
    with load_session(old.path) as session:
        session.set_state(SessionState.ACTIVE)
    assert (look(editor.clip).frames, look(editor.clip).missing) == (5, 0)
    with inside(editor):
        operators.start_fresh()
    track(editor, 5, 8)
    new = session_of(file)
    assert new.path != old.path
    let_go()
    for path, state in ((new.path, SessionState.DISCARDED), (old.path, SessionState.ACTIVE)):
        with load_session(path) as session:
            session.set_state(state)
    found = find_session(editor.clip, mark_of(editor.clip))
    assert found is not None and found.path == old.path
    assert look(editor.clip).missing == 4  # the clip has the mark of the other


def test_start_fresh_leaves_no_older_session_to_set_aside(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with inside(editor):
        operators.start_fresh()
    track(editor, 5, 8)
    older = load_session(session_files(file.parent / "tracking_sessions")[0])
    with older:
        older.set_state(SessionState.ACTIVE)
    with inside(editor):
        operators.start_fresh()
    assert look(editor.clip) == overview.Overview()


def test_two_clips_of_a_file_have_a_session_each(footage: Footage, other_footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    first = editor.clip
    begin(editor, steps=4).finish()
    second = new_clip(other_footage)
    bpy.context.scene.frame_current = 1
    begin(open_editor(second), steps=6).finish()
    assert look(first).name != look(second).name
    assert (look(first).resume_frame, look(second).resume_frame) == (5, 7)
    with inside(open_editor(first)):
        operators.resume()
    assert (last_frame(first), last_frame(second)) == (FRAMES, 7)
    assert (look(first).resume_frame, look(second).resume_frame) == (None, 7)


def test_after_a_crash_a_session_is_offered_to_its_own_clip_only(
    footage: Footage, other_footage: Footage, file: Path
) -> None:
    editor = new_file(footage, file)
    names = editor.clip.name, new_clip(other_footage).name
    bpy.ops.wm.save_mainfile()
    begin(editor, steps=4).finish()
    start_blender_anew()
    open_file(file)
    first, second = (bpy.data.movieclips[name] for name in names)
    assert look(second) == overview.Overview()
    assert look(first).missing == 4


def test_a_clip_that_was_deleted_and_opened_again_lacks_its_frames(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    name = editor.clip.name
    begin(editor, steps=4).finish()
    bpy.data.movieclips.remove(editor.clip)
    editor = footage_opened(footage)
    assert editor.clip.name == name
    seen = look(editor.clip)
    assert (seen.missing, seen.undone) == (4, 0)
    with inside(editor):
        operators.restore()
    assert last_frame(editor.clip) == 5


def test_a_deleted_clip_that_undo_brings_back_keeps_its_frames(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 6)
    bpy.data.movieclips.remove(editor.clip)
    bpy.ops.ed.undo_push(message="Delete")
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert last_frame(clip) == 6
    assert (look(clip).missing, look(clip).undone, look(clip).frames) == (0, 0, 6)


def test_a_user_folder_that_cannot_be_read_concerns_no_saved_file(footage: Footage, file: Path, tmp_path: Path) -> None:
    (tmp_path / "user" / "tracking_sessions").mkdir(parents=True)
    (tmp_path / "user" / "tracking_sessions" / "sessions").write_text("no folder")
    editor = new_file(footage, None)
    assert "cannot be read" in look(editor.clip).error
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    assert look(editor.clip) == overview.Overview()
    begin(editor, steps=4).finish()
    assert look(editor.clip).frames == 5


def test_other_footage_in_the_clip_is_refused_with_a_message(
    footage: Footage, other_footage: Footage, file: Path, tmp_path: Path
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    path = editor.clip.filepath
    for gone in (str(other_footage.files[0]), str(tmp_path / "nothing_0001.png")):
        editor.clip.filepath = gone
        with inside(editor), pytest.raises(RuntimeError, match=r"start a fresh session|put the files back"):
            operators.resume()
        assert live.running() is None
        assert session_of(file).owner == ""
    editor.clip.filepath = path
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    assert last_frame(editor.clip) == FRAMES


def test_a_track_that_is_renamed_before_a_resume_is_tracked_on(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    editor.clip.tracking.tracks["Survives.01"].name = "Nagel"
    with inside(editor):
        operators.resume()
    assert max(live_frames(markers_of(editor.clip)["Camera/Nagel"])) == FRAMES
    replay = session_of(file).replay()
    assert "Nagel" in [data.name for data in replay.tracks.values()]
    assert len(replay.tracks) == len(editor.clip.tracking.tracks)
    expected = markers_of(editor.clip)
    editor = open_file(file)  # the saved file, with the old name
    with inside(editor):
        operators.restore()
    assert markers_of(editor.clip) == expected


def test_the_folders_of_a_file_are_known(footage: Footage, file: Path, tmp_path: Path) -> None:
    user = tmp_path / "user" / "tracking_sessions"
    assert finding.roots(bpy.data.filepath) == [user]
    new_file(footage, file)
    assert finding.roots(bpy.data.filepath) == [file.parent / "tracking_sessions", user]
