# SPDX-License-Identifier: GPL-3.0-or-later
"""The curve of a track: where it shows a slip, when it is computed, and how it fits the width of the editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import deciding, residuals
from tracking_sessions.bridge.review.residuals import Curve, curve_of, points
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.panels import curve as panel
from tracking_sessions.tests.bpy.review.reviews import found, numbers
from tracking_sessions.tests.bpy.window import begin, new_file
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")

SLIP = "Survives.01", 12


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Most of its tracks survive."""
    return make_shot(tmp_path_factory.mktemp("shot"), 100, 640, 360, tracks=24)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    """A reviewed clip of which one track slips by 40 pixels on a frame."""
    editor = new_file(footage, file)
    bpy.context.scene.frame_end = 100
    begin(editor, steps=24).finish()
    name, frame = SLIP
    editor.clip.tracking.tracks[name].markers.find_frame(frame).co[0] += 40.0 / editor.clip.size[0]
    found(editor.clip, frames="1-25")
    return editor


def computed(clip: Any, number: int) -> Curve:
    """The curve after the timer has done its work."""
    curve_of(clip, number)
    assert bpy.app.timers.is_registered(residuals.go_on)
    while residuals.go_on() is not None:
        pass
    bpy.app.timers.unregister(residuals.go_on)
    curve = curve_of(clip, number)
    assert curve is not None
    return curve


def worse(curve: Curve) -> list[int]:
    """The frames over the threshold."""
    rows = zip(curve.frames, curve.residuals, curve.thresholds, strict=True)
    return [frame for frame, residual, threshold in rows if residual > threshold]


def test_the_curve_of_a_track_rises_where_it_slips(editor: ClipEditor) -> None:
    known = numbers(editor.clip)
    slipped = computed(editor.clip, known[SLIP[0]])
    assert slipped.frames == list(range(2, 25)), "T needs a frame on each side"
    assert set(worse(slipped)) == {11, 12, 13}
    assert slipped.residuals[slipped.frames.index(12)] == pytest.approx(40.0, abs=1.0)
    other = curve_of(editor.clip, known["Survives.02"])
    assert other is not None and worse(other) == []


def test_it_is_computed_again_only_after_a_marker_has_changed(editor: ClipEditor) -> None:
    number = numbers(editor.clip)[SLIP[0]]
    curve = computed(editor.clip, number)
    deciding.approve(editor.clip, FrameRanges.parse("3"))
    assert curve_of(editor.clip, number) is curve and not bpy.app.timers.is_registered(residuals.go_on)
    deciding.nudge(editor.clip, number, SLIP[1], (-40.0, 0.0))
    assert curve_of(editor.clip, number) is curve, "the last one stays until the new one is there"
    assert worse(computed(editor.clip, number)) == []


def shown(editor: ClipEditor) -> panel.Drawn | None:
    region = max(editor.area.regions, key=lambda region: region.width)
    with bpy.context.temp_override(window=editor.window, area=editor.area, region=region):
        return panel.curve_in(bpy.context)


def test_it_is_drawn_for_the_selected_active_track_of_a_review(editor: ClipEditor) -> None:
    tracks = editor.clip.tracking.tracks
    tracks.active = tracks[SLIP[0]]
    tracks.active.select = True
    computed(editor.clip, numbers(editor.clip)[SLIP[0]])
    drawn = shown(editor)
    assert drawn is not None and shown(editor) is drawn
    assert panel.words(drawn, 12).startswith(f"{SLIP[0]}: ") and panel.words(drawn, 12).endswith(" px")
    assert panel.words(drawn, 1) == f"{SLIP[0]}: not tested here"
    tracks.active.select = False
    assert shown(editor) is None


def test_without_a_review_nothing_is_computed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    deciding.owned(editor.clip)
    assert shown(editor) is None and not bpy.app.timers.is_registered(residuals.go_on)


def made(values: dict[int, float]) -> Curve:
    return Curve(list(values), list(values.values()), [1.0] * len(values))


def test_a_bad_frame_among_ten_thousand_is_seen() -> None:
    values = dict.fromkeys(range(1, 10_001), 0.25) | {5000: 3.0}
    (run,) = points(made(values), scene=(1, 10_000), clip_start=1, width=500.0, top=4.0)
    assert len(run) <= 501 and [x for x, y in run if y > 1] == pytest.approx([250.0], abs=1.0)


def test_frames_are_where_the_scene_has_them_and_gaps_stay_open() -> None:
    values = {3: 0.5, 4: 9.0, 7: 0.25}
    runs = points(made(values), scene=(101, 110), clip_start=101, width=100.0, top=4.0)
    assert runs == [[(25.0, 0.5), (35.0, 4.0)], [(65.0, 0.25), (75.0, 0.25)]]
    assert points(made(values), scene=(1, 50), clip_start=101, width=100.0, top=4.0) == []
