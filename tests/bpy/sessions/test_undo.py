# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames removed by undo are not lost and not reported as lost, whatever is saved in between."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.file_copy import save_copy
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import (
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


def undo(what: Any = bpy.ops.ed.undo) -> Any:
    """The editor after undo, or redo; Blender makes the data anew."""
    what()
    return open_editor(bpy.data.movieclips[0])


def test_undo_takes_the_whole_pass_back_and_redo_brings_it(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    before = markers_of(editor.clip)
    track(editor, 1, 10)
    expected = markers_of(editor.clip)
    editor = undo()
    assert markers_of(editor.clip) == before
    seen = look(editor.clip)
    assert (seen.missing, seen.undone, seen.resume_frame) == (0, 9, None)
    assert overview.lost_words() == ""
    editor = undo(bpy.ops.ed.redo)
    assert markers_of(editor.clip) == expected
    assert (look(editor.clip).undone, look(editor.clip).missing) == (0, 0)


def test_undone_frames_can_be_restored(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 6)
    track(editor, 6, 10)
    expected = markers_of(editor.clip)
    editor = undo()
    assert (last_frame(editor.clip), look(editor.clip).undone) == (6, 4)
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
        assert not operators.restore.poll()
    assert markers_of(editor.clip) == expected


def test_tracking_on_after_undo_makes_it_final(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 10)
    editor = undo()
    track(editor, 1, 4)
    assert last_frame(editor.clip) == 4
    assert (look(editor.clip).undone, look(editor.clip).missing) == (0, 0)
    expected = markers_of(editor.clip)
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        operators.restore()
    assert markers_of(editor.clip) == expected


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_saved_after_undo_has_lost_nothing(footage: Footage, file: Path, is_first: bool) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    if not is_first:
        track(editor, 1, 5)
    track(editor, 5 if not is_first else 1, 10)
    expected = markers_of(editor.clip)
    editor = undo()
    bpy.ops.wm.save_mainfile()
    assert [aside.reason.value for aside in session_of(file).asides] == ["undo"]
    bpy.ops.wm.save_mainfile()
    assert [aside.reason.value for aside in session_of(file).asides] == ["undo"]
    start_blender_anew()

    editor = open_file(file)
    seen = look(editor.clip)
    assert (seen.missing, seen.undone) == (0, 9 if is_first else 5)
    assert overview.lost_words() == ""
    with inside(editor):
        assert operators.track.poll()
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == expected


def test_a_file_saved_after_undo_is_tracked_on_as_it_is(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 10)
    undo()
    bpy.ops.wm.save_mainfile()
    start_blender_anew()
    editor = open_file(file)
    track(editor, 1, 4)
    assert last_frame(editor.clip) == 4


def test_undo_save_redo_save_loses_nothing_either(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 10)
    expected = markers_of(editor.clip)
    undo()
    bpy.ops.wm.save_mainfile()
    editor = undo(bpy.ops.ed.redo)
    track(editor, 10, 12)
    start_blender_anew()
    editor = open_file(file)  # with the earlier mark, and newer recorded frames
    assert (look(editor.clip).missing, look(editor.clip).undone) == (11, 0)
    with inside(editor):
        operators.restore()
    assert last_frame(editor.clip) == 12
    for name, rows in expected.items():
        assert {frame: row for frame, row in markers_of(editor.clip)[name].items() if frame < 10} == {
            frame: row for frame, row in rows.items() if frame < 10
        }
    bpy.ops.wm.save_mainfile()
    start_blender_anew()
    seen = look(open_file(file).clip)
    assert (seen.missing, seen.undone) == (0, 0)


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_saved_copy_records_no_undo(footage: Footage, file: Path, is_ours: bool) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 5)
    bpy.ops.wm.save_mainfile()
    track(editor, 5, 10)
    editor = undo()
    before = session_of(file).state["history"]
    if is_ours:
        save_copy(file.parent)
    else:
        bpy.ops.wm.save_as_mainfile(filepath=str(file.with_name("for a colleague.blend")), copy=True)
    assert session_of(file).state["history"] == before
    assert look(editor.clip).undone == 5
    start_blender_anew()
    clip = open_file(file).clip
    assert (look(clip).missing, look(clip).undone) == (5, 0)


def test_a_failed_save_records_no_undo(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 10)
    undo()
    before = session_of(file).state["history"]
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(file.parent / "nowhere" / "shot.blend"))
    assert session_of(file).state["history"] == before


def test_a_crash_after_undo_restores_the_frames_that_the_saved_file_lacks(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 5)
    bpy.ops.wm.save_mainfile()
    track(editor, 5, 10)
    undo()
    start_blender_anew()
    assert (look(open_file(file).clip).missing, look(bpy.data.movieclips[0]).undone) == (5, 0)


def test_frames_that_another_blender_recorded_are_no_undo(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, 5)
    bpy.ops.wm.save_mainfile()
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import conftest, bpy
from tracking_sessions.bridge.tracking import working_set
from tracking_sessions.tests.bpy.window import begin, open_file
editor = open_file({str(file)!r})
bpy.context.scene.frame_current, bpy.context.scene.frame_end = 5, 8
begin(editor, steps=2).finish()
"""
    let_go()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
    seen = look(editor.clip)
    assert (seen.missing, seen.undone) == (2, 0)
    with inside(editor):
        operators.resume()
    assert last_frame(editor.clip) == 8


def test_saving_after_undo_goes_on_though_the_session_is_in_use(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 6)
    undo()
    let_go()
    with session_of(file) as session:
        session.acquire()
        assert bpy.ops.wm.save_mainfile() == {"FINISHED"}
    assert len(session_of(file).missing_frames(None).lost)
