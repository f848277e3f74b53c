# SPDX-License-Identifier: GPL-3.0-or-later
"""A tracking object that is renamed or deleted, during a pass and between passes."""

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.tracking import live
from tracking_sessions.tests.bpy.tracker import Markers, add_tracks, markers_of, new_clip, track_session
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    new_file,
    objects_of,
    open_file,
    operators,
    session_of,
    start_blender_anew,
    track,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")
LAST = 14


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    """A saved file with tracks of the same names in the camera and in the object Cup, which is active."""
    editor = new_file(footage, file, 2)
    bpy.context.scene.frame_current = 1
    add_cup(editor.clip, footage)
    bpy.context.scene.frame_end = LAST
    bpy.ops.wm.save_mainfile()
    return editor


def add_cup(clip: Any, footage: Footage) -> None:
    cup = clip.tracking.objects.new("Cup")
    add_tracks(clip, cup.tracks, footage)
    clip.tracking.objects.active = cup


@pytest.fixture
def whole(footage: Footage, tmp_path: Path) -> Markers:
    """The markers of an uninterrupted pass, under the name Mug."""
    clip = new_clip(footage, 2)
    add_cup(clip, footage)
    track_session(clip, tmp_path / "whole", [(1, LAST)])
    clip.tracking.objects["Cup"].name = "Mug"
    expected = markers_of(clip)
    bpy.data.movieclips.remove(clip)
    return expected


def rename(editor: ClipEditor) -> None:
    editor.clip.tracking.objects["Cup"].name = "Mug"


def paste_cup(editor: ClipEditor, name: str) -> None:
    """Paste the tracks of the cup into another object."""
    objects = editor.clip.tracking.objects
    objects.active = objects["Cup"]
    with inside(editor):
        bpy.ops.clip.copy_tracks()
        objects.active = objects.new(name)
        bpy.ops.clip.paste_tracks()
    objects.active = objects["Cup"]


def resume(editor: ClipEditor) -> None:
    with inside(editor):
        assert operators.resume() == {"FINISHED"}


def of_object(tracks: dict[int, tuple[str, str]], name: str) -> dict[int, tuple[str, str]]:
    return {number: track for number, track in tracks.items() if track[0] == name}


def recorded(file: Path) -> dict[int, tuple[str, str]]:
    return {number: (data.object, data.name) for number, data in session_of(file).replay().tracks.items()}


@pytest.mark.parametrize("is_running", [True, False])
def test_a_pass_goes_on_in_an_object_that_was_renamed(
    whole: Markers, editor: ClipEditor, file: Path, is_running: bool
) -> None:
    run = begin(editor, steps=5)
    before = recorded(file)
    if is_running:
        rename(editor)
        assert run.tick(0)
    run.finish()
    if not is_running:
        rename(editor)
    resume(editor)
    assert markers_of(editor.clip) == whole
    cup = of_object(before, "Cup")
    assert of_object(recorded(file), "Mug") == {number: ("Mug", name) for number, (_, name) in cup.items()}


def test_a_file_saved_after_the_renaming_is_found_the_same(whole: Markers, editor: ClipEditor, file: Path) -> None:
    run = begin(editor, steps=3)
    rename(editor)
    bpy.ops.wm.save_mainfile()
    assert run.tick(0)
    run.finish()
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert objects_of(editor.clip) == ["Camera", "Mug"]
    resume(editor)
    assert markers_of(editor.clip) == whole


def test_a_file_from_before_the_renaming_gets_the_new_name(editor: ClipEditor, file: Path) -> None:
    track(editor, 1, 6)
    bpy.ops.wm.save_mainfile()
    cup = editor.clip.tracking.objects["Cup"]
    cup.name = "Glass"
    track(editor, 6, 8)
    cup.name = "Mug"
    track(editor, 8, LAST)
    expected = markers_of(editor.clip)
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == expected


def test_a_renamed_object_with_renamed_and_deleted_tracks_is_known_by_the_rest(
    editor: ClipEditor, file: Path, footage: Footage
) -> None:
    paste_cup(editor, "Saucer")  # with the markers from before the pass
    begin(editor, steps=5).finish()
    before = recorded(file)
    rename(editor)
    tracks = editor.clip.tracking.objects["Mug"].tracks
    tracks["Survives.01"].name = "Door"
    tracks["Survives.02"].markers.find_frame(3).co = (0.25, 0.75)
    resume(editor)
    names = {"Survives.01": "Door"}
    assert of_object(recorded(file), "Mug") == {
        number: ("Mug", names.get(name, name)) for number, (_, name) in of_object(before, "Cup").items()
    }


@pytest.mark.parametrize("likeness", ["names", "two"])
def test_an_object_that_is_gone_is_not_taken_for_another(
    editor: ClipEditor, file: Path, footage: Footage, likeness: str
) -> None:
    begin(editor, steps=5).finish()
    objects = editor.clip.tracking.objects
    before = recorded(file)
    other = objects.new("Plate")  # Blender names the tracks of each object Track, Track.001 and so on
    add_tracks(editor.clip, other.tracks, footage, 2)
    if likeness == "two":
        paste_cup(editor, "Saucer")
        paste_cup(editor, "Spoon")
    objects.remove(objects["Cup"])
    expected = markers_of(editor.clip)
    with inside(editor), pytest.raises(RuntimeError, match="“Cup” is gone: undo that, give it this name again, or"):
        operators.resume()
    assert live.running() is None and session_of(file).owner == ""
    assert markers_of(editor.clip) == expected
    assert of_object(before, "Cup").keys().isdisjoint(recorded(file))


def test_an_object_that_was_deleted_does_not_come_back(editor: ClipEditor, file: Path) -> None:
    track(editor, 1, 5)
    objects = editor.clip.tracking.objects
    objects.remove(objects["Cup"])
    objects.active = objects["Camera"]
    bpy.ops.wm.save_mainfile()
    track(editor, 1, 6)
    expected = markers_of(editor.clip)
    assert {where for where, _ in recorded(file).values()} == {"Camera"}
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        operators.restore()
    assert objects_of(editor.clip) == ["Camera"]
    assert markers_of(editor.clip) == expected
