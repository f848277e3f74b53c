# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the file, the clip and its tracks during a pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.tracking import live, working_set
from tracking_sessions.core.errors import ClipChanged, StorageFailed
from tracking_sessions.tests.bpy.tracker import delete_track, live_frames, markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    last_frame,
    new_file,
    objects_of,
    open_editor,
    open_file,
    operators,
    session_of,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def test_undo_in_the_middle_takes_the_pass_back_and_leaves_nothing_behind(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.frame_end = 20
    bpy.ops.ed.undo_push(message="to be undone")
    begin(editor, steps=5)
    bpy.ops.ed.undo()
    assert live.running() is None
    clip = bpy.data.movieclips[0]
    assert objects_of(clip) == ["Camera"]
    assert last_frame(clip) == 1
    assert session_of(file).resume_frame == 6
    assert session_of(file).owner == ""


def test_a_file_saved_in_the_middle_has_the_recorded_frames_and_no_working_set(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    assert working_set.OBJECT_NAME in objects_of(editor.clip)
    bpy.ops.wm.save_mainfile()
    copy = file.with_name("copy.blend")
    shutil.copy(file, copy)
    mark = mark_of(editor.clip)
    for _ in range(4):
        assert run.tick(0)
    run.finish()
    expected = markers_of(editor.clip)

    with bpy.data.libraries.load(str(copy)) as (_, into):
        into.movieclips = [editor.clip.name]
    saved = into.movieclips[0]
    assert objects_of(saved) == ["Camera"]
    assert last_frame(saved) == 6
    assert mark_of(saved) == mark
    editor = open_file(file)
    with inside(editor):
        operators.restore()
    assert markers_of(editor.clip) == expected


def test_another_file_loaded_in_the_middle_pauses_the_pass(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=5)
    bpy.ops.wm.read_factory_settings(use_empty=False)
    assert live.running() is None
    session = session_of(file)
    assert (session.resume_frame, session.owner) == (6, "")


def test_a_clip_removed_in_the_middle_ends_the_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    bpy.data.movieclips.remove(editor.clip)
    with pytest.raises(ClipChanged, match="deleted"):
        while run.tick():
            pass
    assert live.running() is None
    assert session_of(file).owner == ""
    editor = open_file(file)
    with inside(editor):
        operators.resume()
    assert last_frame(editor.clip) == FRAMES


def test_a_clip_removed_in_the_middle_does_not_stop_a_load_or_unregister(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=5)
    bpy.data.movieclips.remove(editor.clip)
    registration.unregister()
    registration.register()
    assert live.running() is None


def test_a_track_deleted_during_a_pass_is_reported_and_the_others_keep_their_frames(
    footage: Footage, file: Path
) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    delete_track(editor.clip, "Survives.02")
    open_editor(editor.clip)
    with pytest.raises(ClipChanged, match=r"Survives\.02"):
        while run.tick():
            pass
    assert live.running() is None
    assert objects_of(editor.clip) == ["Camera"]
    frame = session_of(file).resume_frame
    assert max(live_frames(markers_of(editor.clip)["Camera/Survives.01"])) == frame


def test_a_file_saved_after_a_track_was_deleted_has_no_working_set(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=5)
    delete_track(editor.clip, "Survives.02")
    bpy.ops.wm.save_mainfile()
    assert live.running() is None
    assert objects_of(open_file(file).clip) == ["Camera"]


def test_a_session_folder_that_cannot_be_written_ends_the_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    shutil.rmtree(file.parent / "tracking_sessions")
    with pytest.raises(StorageFailed):
        run.tick()
    assert live.running() is None
    assert objects_of(editor.clip) == ["Camera"]
    assert last_frame(editor.clip) == 6
