# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers in panels and reports are those of the timeline."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.finding import find_session
from tracking_sessions.bridge.tracking import live
from tracking_sessions.tests.bpy.panels.conftest import FRAMES
from tracking_sessions.tests.bpy.panels.layout import drawn
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    new_file,
    open_file,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def at_1001(footage: Footage, path: Path) -> Any:
    """A saved file whose clip and scene begin on frame 1001."""
    editor = new_file(footage, None)
    editor.clip.frame_start = 1001
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 1001, 1000 + FRAMES, 1001
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return editor


def test_the_session_panel_says_no_clip_frame(footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    editor = at_1001(footage, file)
    begin(editor, steps=4)
    assert f"Frame 1005, Up to {1000 + FRAMES}" in drawn(editor).words
    assert live.running() is not None
    live.running().finish()
    assert drawn(editor).words[0] == "Paused at Frame 1005, 12 Tracks"
    start_blender_anew()
    editor = open_file(file)
    layout = drawn(editor)
    assert layout.text.startswith("This file lacks 4 recorded frames, up to frame 1005")
    words = f"{layout.text} {overview.lost_words()}"
    assert all(int(number) >= 1001 for number in re.findall(r"(?i)\bframe (\d+)", words))
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert "Restored the recorded markers up to frame 1005" in capfd.readouterr().out


def _deselect(track: Any) -> None:
    track.select = False


def _mute(track: Any) -> None:
    track.markers[0].mute = True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_deselect, "No track is selected: select the tracks to follow"),
        (
            _mute,
            "None of the .* selected tracks has an enabled marker on frame 1001: start where they",
        ),
    ],
)
def test_each_fault_of_the_tracks_has_its_message(
    footage: Footage, file: Path, change: Callable[[Any], None], words: str
) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = bpy.context.scene.frame_current = 1001
    for track in editor.clip.tracking.tracks:
        change(track)
    with inside(editor), pytest.raises(RuntimeError, match=words):
        operators.track(extent="CLIP")
    first = editor.clip.tracking.tracks[0]
    for track in editor.clip.tracking.tracks:
        track.select = track == first
    first.markers[0].mute = True
    with (
        inside(editor),
        pytest.raises(RuntimeError, match="The selected track has no enabled marker on frame 1001:"),
    ):
        operators.track(extent="CLIP")
    first.hide = True
    with inside(editor), pytest.raises(RuntimeError, match="The selected track is hidden or locked: show and unlock"):
        operators.track(extent="CLIP")
    editor.clip.tracking.objects.active = editor.clip.tracking.objects.new("Prop")
    with inside(editor), pytest.raises(RuntimeError, match="There are no tracks yet: add markers, or detect features"):
        operators.track(extent="CLIP")
    assert find_session(editor.clip, mark_of(editor.clip)) is None


@pytest.mark.parametrize("extent", ["SCENE", "CLIP", "FRAMES"])
def test_a_playhead_beside_the_clip_gets_the_frames_of_the_clip(footage: Footage, file: Path, extent: str) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 1001
    last = 1000 + editor.clip.frame_duration
    for frame, words in ((1, "1 is before"), (last + 1, f"{last + 1} is behind")):
        bpy.context.scene.frame_current = frame
        goal = 1001 if frame == 1 else last
        with (
            inside(editor),
            pytest.raises(RuntimeError, match=f"Frame {words} the clip, which lies on 1001 to {last}: go to {goal}"),
        ):
            operators.track(extent=extent)
    assert live.running() is None


def test_a_scene_without_frames_of_the_clip_is_reported(footage: Footage, file: Path) -> None:
    editor = at_1001(footage, file)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 250
    words = "Frame 1001 is outside the scene, which has the frames 1 to 250: go to another frame, or set Extent to End"
    with inside(editor), pytest.raises(RuntimeError, match=words):
        operators.track()


def test_a_session_counts_as_its_clip_does_after_it_was_moved(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    assert session_of(file).counting.start == 1
    editor.clip.frame_start = 1001
    begin(editor, backwards=None, steps=1).finish()
    assert session_of(file).counting.start == 1001
    editor.clip.frame_start = bpy.context.scene.frame_current = 501
    bpy.context.scene.frame_end = 510
    begin(editor, steps=1).finish()
    assert session_of(file).counting.start == 501
