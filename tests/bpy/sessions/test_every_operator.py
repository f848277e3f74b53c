# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an operator of the Movie Clip Editor changes survives a kill, and so do changes by scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.open_file import open_file as state
from tracking_sessions.bridge.sessions.recording import known_recording
from tracking_sessions.tests.blender.test_window_operators import IN_CLIP, IN_GRAPH
from tracking_sessions.tests.bpy.recordings import blender_tracks, delete_first
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    look,
    new_file,
    open_file,
    operators,
    start_blender_anew,
)
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tools.clip_tracks import Tracks, tracks_of

pytestmark = pytest.mark.usefixtures("registered")

Editor = Any
REACHED = 7  # the frame that the pass before the operator has reached
HAND = (0.25, 0.75)


class Change(NamedTuple):
    """A call of an operator, after preparation of the saved file."""

    how: dict[str, Any]
    prepare: Callable[[Editor], object] | None = None


def call(**how: Any) -> Change:
    return Change(how)


def prepared(prepare: Callable[[Editor], object], **how: Any) -> Change:
    return Change(how, prepare)


def first(editor: Editor) -> Any:
    return editor.clip.tracking.tracks[0]


def hide_first(editor: Editor) -> None:
    first(editor).hide = True


def make_object(editor: Editor) -> None:
    made = editor.clip.tracking.objects.new("Door")
    made.tracks.new(name="Knob", frame=3)
    editor.clip.tracking.objects.active = made


def end_the_first(editor: Editor) -> None:
    """Leave the first track its first markers, and the second its last ones."""
    one, other = editor.clip.tracking.tracks[:2]
    for frame in range(4, REACHED + 1):
        one.markers.delete_frame(frame)
    for frame in range(1, 5):
        other.markers.delete_frame(frame)
    for track in editor.clip.tracking.tracks:
        track.select = track in (one, other)


def copy_first(editor: Editor) -> None:
    for track in editor.clip.tracking.tracks:
        track.select = track == first(editor)
    bpy.ops.clip.copy_tracks()


def colour_active(editor: Editor) -> None:
    track = editor.clip.tracking.tracks.active
    track.use_custom_color, track.color = True, (0.25, 0.5, 0.75)


def set_active(editor: Editor) -> None:
    editor.clip.tracking.tracks.active.correlation_min = 0.625


def go_on(editor: Editor) -> None:
    editor.space.clip_user.frame_current = REACHED


CHANGES: dict[str, Change] = {
    "add_marker": call(location=HAND),
    "average_tracks": call(keep_original=False),
    "clean_tracks": prepared(lambda editor: first(editor).markers.delete_frame(2), frames=5, action="DELETE_SEGMENTS"),
    "clear_track_path": call(action="REMAINED"),
    "delete_marker": call(confirm=False),
    "delete_track": call(confirm=False),
    "detect_features": call(threshold=0.01, margin=16, min_distance=30),
    "disable_markers": call(action="TOGGLE"),
    "hide_tracks": call(),
    "hide_tracks_clear": prepared(hide_first),
    "join_tracks": prepared(end_the_first),
    "keyframe_delete": prepared(lambda editor: bpy.ops.clip.keyframe_insert()),
    "keyframe_insert": call(),
    "lock_tracks": call(action="LOCK"),
    "paste_tracks": prepared(copy_first),
    "refine_markers": call(backwards=False),
    "track_copy_color": prepared(colour_active),
    "track_markers": prepared(go_on, sequence=False),
    "track_settings_to_track": prepared(set_active),
    "tracking_object_remove": prepared(make_object),
}
"""A way to call each operator that changes tracks or markers."""

SEEN_ONLY = {
    "view": "change_frame cursor_set dopesheet_view_all frame_jump graph_center_current_frame graph_view_all "
    "lock_selection_toggle mode_set view_all view_center_cursor view_pan view_selected view_zoom view_zoom_in "
    "view_zoom_out view_zoom_ratio",
    "select": "copy_tracks dopesheet_select_channel filter_tracks graph_select graph_select_all_markers "
    "graph_select_box select select_all select_box select_circle select_grouped select_lasso",
    "solve or scene": "apply_solution_scale bundles_to_mesh clear_solution constraint_to_fcurve set_axis set_origin "
    "set_plane set_scale set_scene_frames set_solution_scale set_solver_keyframe set_viewport_background "
    "setup_tracking_scene solve_camera track_to_empty tracking_object_new",
    "stabilization": "stabilize_2d_add stabilize_2d_remove stabilize_2d_rotation_add stabilize_2d_rotation_remove "
    "stabilize_2d_rotation_select stabilize_2d_select",
    "file": "delete_proxy open prefetch rebuild_proxy reload set_active_clip",
    "plane track": "create_plane_track new_image_from_plane_marker slide_plane_marker update_image_from_plane_marker",
    "preset": "camera_preset_add track_color_preset_add track_settings_as_default tracking_settings_preset_add",
    "window": "add_marker_at_click add_marker_move add_marker_slide graph_delete_curve graph_delete_knot "
    "graph_disable_markers slide_marker",
}
"""The operators that change no track or marker, by what they do instead; those of `window` only work with a mouse, and
tests/blender/test_window_operators.py exercises them."""


def move(editor: Editor) -> None:
    first(editor).markers.find_frame(3).co = HAND


def scale_pattern(editor: Editor) -> None:
    marker = first(editor).markers.find_frame(3)
    marker.pattern_corners = [(1.5 * x, 1.5 * y) for x, y in marker.pattern_corners]
    marker.search_min, marker.search_max = (-0.3, -0.3), (0.3, 0.3)


def setting(name: str, value: object) -> Callable[[Editor], object]:
    return lambda editor: setattr(first(editor), name, value)


SCRIPTS: dict[str, Callable[[Editor], object]] = {
    "move": move,
    "scale": scale_pattern,
    "mute": lambda editor: setattr(first(editor).markers.find_frame(3), "mute", True),
    "key": lambda editor: setattr(first(editor).markers.find_frame(3), "is_keyed", True),
    "insert_frame": lambda editor: first(editor).markers.insert_frame(20, co=HAND),
    "delete_frame": lambda editor: first(editor).markers.delete_frame(3),
    "tracks.new": lambda editor: editor.clip.tracking.tracks.new(name="Mine", frame=7),
    "objects.new": make_object,
    "objects.rename": lambda editor: setattr(editor.clip.tracking.objects[0], "name", "Kamera"),
    **{
        name: setting(name, value)
        for name, value in {
            "name": "Näil 釘",
            "lock": True,
            "hide": True,
            "weight": 0.5,
            "weight_stab": 0.5,
            "color": (0.25, 0.5, 0.75),
            "use_custom_color": True,
            "correlation_min": 0.625,
            "motion_model": "Affine",
            "pattern_match": "PREV_FRAME",
            "margin": 7,
            "frames_limit": 9,
            "offset": (0.125, 0.25),
            "use_brute": False,
            "use_normalization": True,
            "use_red_channel": False,
            "use_grayscale_preview": True,
        }.items()
    },
}


def test_every_operator_is_classified() -> None:
    there = set(dir(bpy.ops.clip))
    known = [*CHANGES, *(name for names in SEEN_ONLY.values() for name in names.split())]
    assert len(known) == len(set(known))
    assert not there - set(known), "add these to CHANGES, or to SEEN_ONLY"


def test_every_operator_of_a_window_is_exercised_there() -> None:
    actions = [*IN_CLIP.items(), *IN_GRAPH.items()]
    exercised = {what.partition(",")[0]: name for what, (name, _) in actions if not what.startswith("transform.")}
    assert set(SEEN_ONLY["window"].split()) == exercised.keys()
    assert {what: getattr(bpy.ops.clip, what).get_rna_type().name for what in exercised} == exercised


def killed() -> None:
    """End Blender without its handlers."""
    for recording in state.recordings.values():
        recording._release()
    state.recordings.clear()
    start_blender_anew()


def survives(
    footage: Footage,
    file: Path,
    change: Callable[[Editor], object],
    operator: str = "",
    prepare: Callable[[Editor], object] | None = None,
) -> None:
    """Do it after a pass and a save, let it stand for a second, kill Blender, and restore it."""
    editor = new_file(footage, file)
    begin(editor, steps=REACHED - 1).finish()
    editor.clip.tracking.tracks.active = first(editor)
    bpy.context.scene.frame_current = 4
    editor.space.clip_user.frame_current = 4
    with inside(editor):
        if prepare is not None:
            prepare(editor)
    bpy.ops.wm.save_mainfile()
    before = tracks_of(editor.clip)
    with inside(editor):
        change(editor)
    wanted = tracks_of(editor.clip)
    assert wanted != before, "it has changed nothing"
    stand(editor, operator)
    killed()
    editor = open_file(file)
    assert tracks_of(editor.clip) == before
    assert look(editor.clip).missing, "it is not offered"
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert_same(tracks_of(editor.clip), wanted)
    assert not look(editor.clip).missing


def test_a_deletion_survives_where_the_file_was_saved_before_the_session(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    blender_tracks(editor, 1, REACHED)  # whose markers on frame 0 are no part of the saved file
    delete_first(editor.clip)
    wanted = tracks_of(editor.clip)
    stand(editor, "CLIP_OT_delete_track")
    killed()
    editor = open_file(file)
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert_same(tracks_of(editor.clip), wanted)


def stand(editor: Editor, operator: str) -> None:
    """Let the timer look, which knows of an operator, or of a change of the clip."""
    watch.note(operator)
    watch.tick()
    recording = known_recording(editor.clip)
    assert recording is not None
    while recording.has_more:
        recording.go_on(editor.clip)


def assert_same(found: Tracks, wanted: Tracks) -> None:
    assert list(found) == list(wanted) or sorted(found) == sorted(wanted)
    for key, (settings, rows) in wanted.items():
        assert found[key][0] == settings, key
        assert found[key][1] == rows, key


@pytest.mark.parametrize("name", [name for name in CHANGES if name in dir(bpy.ops.clip)])
def test_what_an_operator_changes_survives_a_kill(footage: Footage, file: Path, name: str) -> None:
    how, prepare = CHANGES[name]
    survives(footage, file, lambda editor: getattr(bpy.ops.clip, name)(**how), f"CLIP_OT_{name}", prepare)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_changes_survives_a_kill(footage: Footage, file: Path, name: str) -> None:
    survives(footage, file, SCRIPTS[name])
