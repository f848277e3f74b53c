# SPDX-License-Identifier: GPL-3.0-or-later
"""Truncated pictures before a click on Forwards and during a pass. Blender crashes on some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.errors import FootageUnusable
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.panels.layout import drawn
from tracking_sessions.tests.bpy.tracker import place
from tracking_sessions.tests.bpy.window import begin, inside, open_editor, operators, session_of
from tracking_sessions.tests.damage import damaged

pytestmark = pytest.mark.usefixtures("registered")

FRAMES, START = 8, 1001
KINDS = ("exr-half-zip", "tif-lzw")


def laid(file: Path, variant: str) -> list[Path]:
    return plates.lay(file.parent / "plate", variant, FRAMES, START)


def opened(files: list[Path], file: Path) -> ClipEditor:
    """A saved file with the clip, at the numbers of its files, and some tracks."""
    clip: Any = bpy.data.movieclips.load(str(files[0]))
    clip.use_fake_user = True
    clip.frame_start = START
    for index, x in enumerate((0.4, 0.5, 0.6)):
        track = clip.tracking.tracks.new(name=f"T{index}", frame=1)
        place(clip, track.markers[0], (x, 0.5))
        track.select = True
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = START, START + FRAMES - 1, START
    editor = open_editor(clip)
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    return editor


def cut(path: Path, variant: str, frame: int) -> None:
    found = damaged(variant, "cut at half", frame)
    assert found is not None
    path.write_bytes(found)


@pytest.mark.parametrize("variant", KINDS)
@pytest.mark.parametrize("frame", [1, 2, FRAMES])
def test_forwards_names_the_frame_and_the_file_and_leaves_no_session(
    file: Path, root: Path, variant: str, frame: int
) -> None:
    files = laid(file, variant)
    editor = opened(files, file)
    cut(files[frame - 1], variant, frame)
    with inside(editor), pytest.raises(RuntimeError) as told:
        operators.track()
    number = START + frame - 1
    assert f"Frame {number} (plate.{number}.{variant[:3]})" in str(told.value)
    assert "copy or render it again" in str(told.value)
    assert live.running() is None and session_files(root) == []
    assert drawn(editor).buttons == ["Backwards", "Both", "Forwards"]


@pytest.mark.parametrize("variant", KINDS)
def test_the_reference_picture_of_a_pattern_is_checked(file: Path, variant: str) -> None:
    files = laid(file, variant)
    editor = opened(files, file)
    with inside(editor):
        operators.track(extent="FRAMES", frames=4)
    for track in editor.clip.tracking.tracks:
        track.pattern_match = "KEYFRAME"  # like the first marker
    cut(files[0], variant, 1)
    before = session_of(file).get_progress()["tracked_frames"]
    bpy.context.scene.frame_current = START + 4
    with inside(editor), pytest.raises(RuntimeError, match=rf"Frame {START} \(plate\.{START}\..*copy or render"):
        operators.track()
    assert live.running() is None and session_of(file).get_progress()["tracked_frames"] == before
    files[0].write_bytes(plates.picture(variant, 1))
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    assert session_of(file).get_progress()["tracked_frames"] == FRAMES


def rendered_again(variant: str, frame: int) -> bytes:
    """The same picture in a shorter file."""
    return plates.picture({"exr-half-zip": "exr-half-none", "tif-lzw": "tif-striped"}[variant], frame)


@pytest.mark.parametrize("again", [plates.picture, rendered_again])
@pytest.mark.parametrize("variant", KINDS)
@pytest.mark.parametrize("tries", [False, True])
def test_a_picture_damaged_during_a_pass_ends_it_and_resume_continues(
    file: Path, variant: str, again: Any, tries: bool
) -> None:
    files = laid(file, variant)
    editor = opened(files, file)
    run = begin(editor, steps=3)
    cut(files[5], variant, 6)
    with pytest.raises(FootageUnusable, match=rf"Frame {START + 5} \(plate\.{START + 5}\..*copy or render it again"):
        while run.tick(0):
            pass
    session = session_of(file)
    assert live.running() is None and not session.owner
    assert session.passes[-1].outcome == "failed" and session.get_progress()["tracked_frames"] == 5
    assert max(marker.frame for marker in editor.clip.tracking.tracks[0].markers if not marker.mute) == 5
    assert f"Paused at Frame {START + 4}, 3 Tracks" in drawn(editor).words
    if tries:
        with inside(editor), pytest.raises(RuntimeError, match=f"Frame {START + 5} "):
            operators.resume()
    else:
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=str(file))
        editor = open_editor(bpy.data.movieclips[0])
    assert again(variant, 6) != files[5].read_bytes()
    files[5].write_bytes(again(variant, 6))
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    session = session_of(file)
    assert session.get_progress()["tracked_frames"] == FRAMES and session.passes[-1].outcome == "complete"
    assert f"{FRAMES} of {FRAMES} Frames Recorded" in drawn(editor).words


@pytest.mark.parametrize("frame", [1, 4])
def test_a_tracked_picture_may_be_rendered_again_once_it_was_found_damaged(file: Path, frame: int) -> None:
    variant = "exr-half-zip"
    files = laid(file, variant)
    editor = opened(files, file)
    begin(editor, steps=4).finish()
    cut(files[frame - 1], variant, frame)
    bpy.ops.wm.open_mainfile(filepath=str(file))  # so that all files are checked
    editor = open_editor(bpy.data.movieclips[0])
    with inside(editor), pytest.raises(RuntimeError, match=f"Frame {START + frame - 1} .*copy or render it again"):
        operators.resume()
    files[frame - 1].write_bytes(rendered_again(variant, frame))
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    assert session_of(file).get_progress()["tracked_frames"] == FRAMES


def test_another_picture_in_place_of_a_whole_one_is_refused(file: Path) -> None:
    files = laid(file, "exr-half-zip")
    editor = opened(files, file)
    begin(editor, steps=4).finish()
    files[5].write_bytes(rendered_again("exr-half-zip", 6))
    with inside(editor), pytest.raises(RuntimeError, match=f"Frame {START + 5} .* has changed since the session"):
        operators.resume()


def test_a_single_picture_says_that_there_is_nothing_to_follow(file: Path, root: Path) -> None:
    editor = opened(plates.lay(file.parent / "plate", "exr-half-zip", 1, START), file)
    assert editor.clip.frame_duration == 1
    for direction in ("FORWARDS", "BACKWARDS", "BOTH"):
        with inside(editor), pytest.raises(RuntimeError, match="is a single picture: there is nothing to follow in it"):
            operators.track(direction=direction)
    assert session_files(root) == []


def test_a_sequence_that_blender_splits_names_the_files_to_rename(file: Path, root: Path) -> None:
    files = [path.rename(path.with_name(f"{path.stem}_v2.exr")) for path in laid(file, "exr-half-zip")]
    editor = opened(files, file)
    assert editor.clip.frame_duration == 1
    with inside(editor), pytest.raises(RuntimeError, match="look like a sequence, but Blender takes the last number"):
        operators.track()
    assert session_files(root) == []


def test_a_gap_behind_the_first_picture_is_named(file: Path, root: Path) -> None:
    files = laid(file, "exr-half-zip")
    files[1].unlink()
    editor = opened(files, file)
    assert editor.clip.frame_duration == 1
    with inside(editor), pytest.raises(RuntimeError, match=rf"Frame {START + 1} \(.*is missing"):
        operators.track()
    assert session_files(root) == []
