# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits with the lens of the clip, as Blender undistorts by it, and with the camera that Blender has solved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import camera, deciding
from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.panels.review import TRACKING_SESSIONS_PT_review
from tracking_sessions.tests.bpy.past import drawn
from tracking_sessions.tests.bpy.review.reviews import numbers, review
from tracking_sessions.tests.bpy.review.solves import FRAMES, LENSES, put, seen, set_lens, solve
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")

DRIFTS = 3  # the track that leaves its point, by index
FROM = 30  # its first frame away


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 640, 360, tracks=30)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    editor = new_file(footage, file)
    for track in list(editor.clip.tracking.tracks)[2:]:  # two are enough to have tracked every frame
        track.select = False
    begin(editor, steps=FRAMES - 1).finish()
    return editor


def filled(editor: ClipEditor, model: str, *, drift: float = 0.0, is_tripod: bool = False, **lens: Any) -> Any:
    """The clip with a lens and the pictures of points, one of which drifts by so many pixels a frame; solved."""
    clip = editor.clip
    set_lens(clip, model, **lens)
    x, y = seen(clip, len(clip.tracking.tracks), is_tripod=is_tripod)
    x[DRIFTS, FROM - 1 :] += drift * np.arange(FRAMES - FROM + 1)
    put(clip, x, y)
    return clip


def audit(editor: ClipEditor, level: str = "FULL") -> list[tuple[str, int, int]]:
    """Tracks and frames of the flags ERROR after an audit."""
    with inside(editor):
        assert operators.audit(level=level) == {"FINISHED"}
    names = {number: name for name, number in numbers(editor.clip).items()}
    return [(names[flag.track], flag.first, flag.last) for flag in review(editor.clip).flags if flag.kind == "ERROR"]


def found_solve(clip: Any) -> tuple[Any, str]:
    recording, _ = deciding.owned(clip)
    recording.look(clip, "", is_wide=True)
    while recording.has_more:
        recording.go_on(clip)
    return camera.solve_of(clip, recording.head, Motion.of(recording.head, tuple(clip.size)))


# The lens


@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.05, -0.1)])
@pytest.mark.parametrize("model", LENSES)
def test_positions_are_undistorted_as_blender_does_it(
    editor: ClipEditor, model: str, centre: tuple[float, float]
) -> None:
    """The constraint Follow Track puts an object where a marker is, as it is or undistorted."""
    clip, scene = editor.clip, bpy.context.scene
    set_lens(clip, model, principal_point=centre)
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    eye = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    thing: Any = bpy.data.objects.new("Thing", None)
    for one in (eye, thing):
        scene.collection.objects.link(one)
    scene.camera, thing.location = eye, (0, 0, -1)
    follow = thing.constraints.new("FOLLOW_TRACK")
    track = clip.tracking.tracks[0]
    follow.use_active_clip, follow.clip, follow.track, follow.camera = False, clip, track.name, eye

    def place(x: float, y: float, *, is_undistorted: bool) -> Any:
        track.markers.find_frame(1).co = x / clip.size[0] + 0.5, y / clip.size[1] + 0.5
        follow.use_undistorted_position = is_undistorted
        scene.frame_set(1)
        return np.array(thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation)

    lens = camera.known_lens(clip)
    assert lens is not None
    pixel = np.abs(place(1.0, 0.0, is_undistorted=False) - place(0.0, 0.0, is_undistorted=False)).max()
    for x, y in ((0.0, 0.0), (-300.0, -160.0), (280.0, 150.0), (-310.0, 170.0), (100.0, -20.0)):
        mine = [float(value[0]) for value in lens(np.array([x]), np.array([y]))]
        theirs = place(x, y, is_undistorted=True)
        assert np.abs(place(*mine, is_undistorted=False) - theirs).max() < 1e-4 * pixel
        if abs(x) > 250:
            assert np.hypot(mine[0] - x, mine[1] - y) > 2, "this lens does hardly anything"


def test_a_lens_that_nobody_has_set_is_estimated(editor: ClipEditor) -> None:
    assert camera.known_lens(editor.clip) is None
    editor.clip.tracking.camera.k2 = 0.01
    lens = camera.known_lens(editor.clip)
    assert lens is not None and lens.coefficients == pytest.approx((0, 0.01, 0))


@pytest.mark.parametrize("is_set", [True, False])
def test_a_full_audit_takes_the_lens_of_the_clip(editor: ClipEditor, monkeypatch: Any, is_set: bool) -> None:
    """A lens that no estimate of one coefficient comes near: without it good tracks look as if they drifted."""
    clip = filled(editor, "BROWN", brown_k1=-0.6, brown_k2=0.5, brown_p1=0.1, brown_p2=0.1)
    if not is_set:
        for name in ("k1", "k2", "k3", "k4", "p1", "p2"):
            setattr(clip.tracking.camera, f"brown_{name}", 0.0)
    audit(editor)
    drifting = {flag.track for flag in review(clip).flags if flag.kind in (FlagKind.DRIFT, FlagKind.STRAY)}
    assert (not drifting) if is_set else len(drifting) > 3


# The solve


@pytest.mark.parametrize("model", LENSES)
def test_after_a_solve_an_audit_names_the_track_that_drifts(editor: ClipEditor, model: str) -> None:
    clip = filled(editor, model, drift=0.05, principal_point=(0.02, -0.05))
    assert audit(editor) == [], "the camera is not solved"
    solve(editor)
    assert found_solve(clip)[1] == ""
    found = audit(editor)
    assert {name for name, *_ in found} == {clip.tracking.tracks[DRIFTS].name}
    assert any(last > FROM for *_, last in found)


@pytest.mark.parametrize("aspect", [1.0, 0.8])
def test_good_tracks_have_no_error(editor: ClipEditor, aspect: float) -> None:
    filled(editor, "POLYNOMIAL", pixel_aspect=aspect, principal_point=(0.02, -0.05))
    solve(editor)
    assert audit(editor) == [] and found_solve(editor.clip)[0] is not None


def test_after_a_solve_of_a_tripod_too(editor: ClipEditor) -> None:
    clip = filled(editor, "POLYNOMIAL", drift=0.05, is_tripod=True)
    solve(editor, is_tripod=True)
    assert found_solve(clip)[0] is not None
    assert {name for name, *_ in audit(editor)} == {clip.tracking.tracks[DRIFTS].name}


def a_marker_moves(clip: Any) -> None:
    clip.tracking.tracks[7].markers.find_frame(20).co[0] += 0.3 / clip.size[0]


def a_marker_is_muted(clip: Any) -> None:
    clip.tracking.tracks[7].markers.find_frame(20).mute = True


def a_track_is_deleted(clip: Any) -> None:
    for track in clip.tracking.tracks:
        track.select = track == clip.tracking.tracks[7]
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        assert bpy.ops.clip.delete_track() == {"FINISHED"}


def the_lens_changes(clip: Any) -> None:
    clip.tracking.camera.k1 -= 0.001


def a_weight_changes(clip: Any) -> None:
    clip.tracking.tracks[7].weight = 0.5


@pytest.mark.parametrize(
    "change", [a_marker_moves, a_marker_is_muted, a_track_is_deleted, the_lens_changes, a_weight_changes]
)
@pytest.mark.parametrize("level", ["QUICK", "FULL"])
def test_a_stale_solve_flags_nothing_and_its_flags_go(editor: ClipEditor, change: Any, level: str) -> None:
    clip = filled(editor, "POLYNOMIAL", drift=0.05)
    solve(editor)
    assert audit(editor)
    change(clip)
    assert found_solve(clip) == (None, camera.OLD)
    assert audit(editor, level) == [] and camera.OLD in drawn(TRACKING_SESSIONS_PT_review, editor).text
    solve(editor)
    assert audit(editor) and camera.OLD not in drawn(TRACKING_SESSIONS_PT_review, editor).text


def test_the_tracks_of_another_object_are_not_those_of_the_camera(editor: ClipEditor) -> None:
    """As in Blender in another language, where the camera has another name; the object has more markers."""
    clip = filled(editor, "POLYNOMIAL", drift=0.05)
    solve(editor)
    clip.tracking.objects[0].name = "Kamera"
    thing = clip.tracking.objects.new(name="Thing")
    for index in range(40):
        track = thing.tracks.new(name=f"Thing.{index}", frame=1)
        for frame in range(1, FRAMES + 1):
            track.markers.insert_frame(frame, co=(0.2 + 0.01 * index, 0.3 + 0.005 * frame))
    assert {name for name, *_ in audit(editor)} == {clip.tracking.tracks[DRIFTS].name}


def test_a_quick_audit_leaves_the_errors_of_a_solve_that_holds(editor: ClipEditor) -> None:
    filled(editor, "POLYNOMIAL", drift=0.05)
    solve(editor)
    found = audit(editor)
    assert found and audit(editor, "QUICK") == found


def test_new_tracks_and_frames_leave_a_solve_as_it_is(editor: ClipEditor) -> None:
    clip = filled(editor, "POLYNOMIAL", drift=0.05)
    clip.tracking.tracks[5].offset = 0.01, 0.02
    solve(editor)
    for frame in range(1, FRAMES + 1):
        marker = clip.tracking.tracks[0].markers.find_frame(frame)
        new = clip.tracking.tracks.get("New") or clip.tracking.tracks.new(name="New", frame=1)
        new.markers.insert_frame(frame, co=marker.co)
    clip.tracking.tracks[1].markers.insert_frame(FRAMES + 5, co=(0.5, 0.5))
    assert found_solve(clip)[1] == "" and found_solve(clip)[0] is not None


def test_a_solve_with_animated_weights_counts_for_nothing(editor: ClipEditor) -> None:
    clip = filled(editor, "POLYNOMIAL", drift=0.05)
    clip.tracking.tracks[7].keyframe_insert("weight", frame=1)
    solve(editor)
    assert found_solve(clip) == (None, camera.ANIMATED) and audit(editor) == []
