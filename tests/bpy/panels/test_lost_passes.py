# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass that lost all tracks before its end: the panels show the loss, and no check mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.tracking import live
from tracking_sessions.operators.status import tracks_text
from tracking_sessions.tests.bpy.panels.layout import RecordingLayout, drawn
from tracking_sessions.tests.bpy.past import fill, listed
from tracking_sessions.tests.bpy.tracker import track_sequence
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_file, operators
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot
from tracking_sessions.tests.pictures import write_png

pytestmark = pytest.mark.usefixtures("registered")

FRAMES, NOISE = 12, 7  # the first clip frame with noise


@pytest.fixture
def torn(tmp_path: Path) -> Footage:
    """Footage with noise only from one frame on."""
    shot = make_shot(tmp_path / "torn", FRAMES, 320, 180, tracks=6)
    for number in range(NOISE, FRAMES + 1):
        noise = np.random.default_rng(number).integers(0, 256, (shot.height, shot.width, 3), np.uint8)
        shot.files[number - 1].unlink()
        write_png(shot.files[number - 1], noise)
    return shot


def at(editor: ClipEditor, start: int, frame: int) -> None:
    """Start the clip at the numbers of its files, and go to a clip frame."""
    editor.clip.frame_start = start
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = start, start + FRAMES - 1, start + frame - 1


def counted(layout: RecordingLayout, count: int) -> str:
    """The icon beside the number of recorded frames."""
    return layout.icons[f"{count} of {FRAMES} Frames Recorded"]


def test_the_panel_shows_the_frame_of_the_loss_until_it_is_tracked_again(torn: Footage, file: Path) -> None:
    editor = new_file(torn, file)
    at(editor, 1001, 1)
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    layout = drawn(editor)
    lost = f"Lost at Frame {1001 + NOISE - 1}"
    assert layout.words[:2] == [lost, f"{NOISE} of {FRAMES} Frames Recorded"]
    assert (layout.icons[lost], counted(layout, NOISE)) == ("ERROR", "NONE")
    assert layout.buttons == ["Backwards", "Both", "Forwards"]
    fill()
    assert listed(editor)[0][1:] == [f"Lost at {1001 + NOISE - 1}", f"{NOISE}/{FRAMES}", "own"]
    bpy.ops.wm.save_mainfile()
    assert lost in drawn(open_file(file)).words


def test_tracking_from_the_loss_clears_it(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    clip = editor.clip
    clip.frame_start = 1001
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 1001, 1000 + footage.frames, 1001
    for track in clip.tracking.tracks:
        track.correlation_min = 1.0  # higher than that of any picture
    with inside(editor):
        operators.track()
    text = f"{{}} of {footage.frames} Frames Recorded"
    layout = drawn(editor)
    assert layout.words[:2] == ["Lost at Frame 1002", text.format(2)] and layout.icons[text.format(2)] == "NONE"
    for track in clip.tracking.tracks:
        track.correlation_min = 0.75
    scene.frame_current = 1001
    with inside(editor):
        operators.track()
    layout = drawn(editor)
    assert layout.words[0] == text.format(footage.frames)
    assert layout.icons[text.format(footage.frames)] == "CHECKMARK"
    fill()
    assert listed(editor)[0][1:] == ["Tracked", f"{footage.frames}/{footage.frames}", "own"]


def test_frames_that_a_pass_never_reached_get_no_check_mark(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()  # paused, before another pass begins
    bpy.context.scene.frame_current = 1
    with inside(editor):
        operators.track(extent="FRAMES", frames=2)
    layout = drawn(editor)
    assert layout.icons[f"5 of {footage.frames} Frames Recorded"] == "NONE"


def test_tracks_that_take_no_part_in_a_resumed_pass_are_not_called_lost(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    clip: Any = editor.clip
    names = [track.name for track in clip.tracking.tracks]
    for track in clip.tracking.tracks:
        track.select = track.name in names[:3]
    track_sequence(clip, 5, footage.frames)  # Blender's own tracker tracks three of them further
    editor.space.clip = clip
    editor.area.type = "CLIP_EDITOR"
    editor.space.mode = "TRACKING"
    run = begin(editor, backwards=None)
    assert live.running() is run and run.shot.left_out == 3
    assert run.lost == 0 and tracks_text(run) == f"{len(run.run.alive)} Followed, 0 Lost"
    while run.tick(0):
        assert run.lost + run.run.left == run.run.followed - len(run.run.alive) <= len(names) - 3
