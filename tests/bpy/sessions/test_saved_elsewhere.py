# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a file that is saved in another folder."""

from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    let_go,
    look,
    new_file,
    open_file,
    operators,
    session_of,
    start_blender_anew,
    track,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "shot.blend"


@pytest.mark.parametrize("is_running", [False, True])
def test_a_session_goes_on_when_its_file_goes_to_another_folder(
    footage: Footage, file: Path, other: Path, is_running: bool
) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=4)
    if not is_running:
        run.finish()
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    if is_running:
        assert live.running() is run and run.tick(0)
        run.finish()
    frame = 6 if is_running else 5
    assert (look(editor.clip).resume_frame, look(editor.clip).missing) == (frame, 0)
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    expected = markers_of(editor.clip)
    assert session_files(other.parent / "tracking_sessions") == []
    start_blender_anew()

    editor = open_file(other)
    assert look(editor.clip).missing == FRAMES - 5
    with inside(editor):
        operators.restore()
    assert markers_of(editor.clip) == expected
    start_blender_anew()
    assert look(open_file(file).clip).missing > 0, "the file of before is as it was"


def test_undo_does_not_lose_the_session_of_a_file_that_went_to_another_folder(
    footage: Footage, file: Path, other: Path
) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 6)
    bpy.context.scene.frame_end = 9
    bpy.ops.ed.undo_push(message="a change")
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert (look(clip).frames, look(clip).missing, look(clip).undone) == (6, 0, 0)
    bpy.ops.wm.save_mainfile()
    start_blender_anew()
    assert look(open_file(other).clip).frames == 6


def test_a_file_that_comes_back_to_its_session_says_no_other_folder(footage: Footage, file: Path, other: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 6)
    bpy.ops.wm.save_mainfile()
    before = list(editor.clip.keys())
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    assert mark_of(editor.clip).root == file.parent / "tracking_sessions"
    bpy.ops.wm.save_as_mainfile(filepath=str(other.with_name("next.blend")))
    assert look(editor.clip).frames == 6
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    assert list(editor.clip.keys()) == before
    assert look(editor.clip).frames == 6


def test_a_copy_in_another_folder_finds_its_session(footage: Footage, file: Path, other: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 6)
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=True)
    assert look(editor.clip).frames == 6
    start_blender_anew()
    assert look(open_file(other).clip).frames == 6


def test_a_fresh_session_is_kept_where_the_file_is_now(footage: Footage, file: Path, other: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    with inside(editor):
        operators.start_fresh()
    assert session_of(file).session.state is SessionState.DISCARDED
    track(editor, 1, 6)
    assert len(session_files(other.parent / "tracking_sessions")) == 1
    bpy.ops.wm.save_mainfile()
    assert mark_of(editor.clip).root is None
    start_blender_anew()
    assert look(open_file(other).clip).frames == 6


@pytest.mark.parametrize("mark", ["../../{folder}/tracking_sessions/sessions/{id} 1 100", "{id} 1 100"])
def test_a_mark_leads_nowhere_but_into_session_folders(footage: Footage, file: Path, other: Path, mark: str) -> None:
    track(new_file(footage, file), 1, 6)
    session = session_of(file).session.id
    start_blender_anew()
    editor = new_file(footage, other)
    editor.clip["tracking_sessions"] = mark.format(folder=file.parent.name, id=session)
    editor.clip["tracking_sessions_folder"] = f"../{file.parent.name}/tracking_sessions"
    assert look(editor.clip) == overview.Overview()


def test_saving_goes_on_though_the_session_cannot_be_written(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    (path,) = session_files(tmp_path / "user" / "tracking_sessions")
    let_go()
    with load_session(path) as session:
        session.acquire()  # as another Blender
        assert bpy.ops.wm.save_as_mainfile(filepath=str(file)) == {"FINISHED"}
    assert load_session(path).session.blend == ""
    assert look(editor.clip).frames == 5
