# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens to the tracks of a clip reaches the journal of its session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import NOT_RECORDED, UNNAMED, recording_of
from tracking_sessions.tests.bpy.recordings import (
    HAND,
    delete_first,
    edits_of,
    recorded,
    seen,
    started,
)
from tracking_sessions.tests.bpy.tracker import markers_of, place
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    held_session_of,
    inside,
    look,
    new_file,
    open_file,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


# Edits


EDITS: dict[str, Callable[[Any], object]] = {
    "move": lambda clip: setattr(clip.tracking.tracks[2].markers.find_frame(2), "co", HAND),
    "mute": lambda clip: setattr(clip.tracking.tracks[2].markers.find_frame(3), "mute", True),
    "insert": lambda clip: clip.tracking.tracks[1].markers.insert_frame(20, co=HAND),
    "delete a marker": lambda clip: clip.tracking.tracks[1].markers.delete_frame(2),
    "new": lambda clip: clip.tracking.tracks.new(name="Mine", frame=7),
    "delete": delete_first,
    "rename": lambda clip: setattr(clip.tracking.tracks[3], "name", "Näil 釘"),
    "new object": lambda clip: clip.tracking.objects.new("Door").tracks.new(name="Knob", frame=3),
    "pattern": lambda clip: setattr(clip.tracking.tracks[2].markers.find_frame(2), "search_max", (0.3, 0.3)),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_recorded_and_nothing_else(footage: Footage, file: Path, name: str) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    size = sum(os.stat(path).st_size for path in held_session_of(file).folder.glob("journal.*"))
    EDITS[name](editor.clip)
    seen(recording, editor.clip, f"Edit {name}")
    assert recorded(file) == markers_of(editor.clip)
    assert edits_of(file) == [f"Edit {name}"]
    grown = sum(os.stat(path).st_size for path in held_session_of(file).folder.glob("journal.*")) - size
    assert 0 < grown < 2500
    seen(recording, editor.clip, "Nothing")
    assert edits_of(file) == [f"Edit {name}"]


@pytest.mark.parametrize(("setting", "value"), [("correlation_min", 0.625), ("lock", True), ("weight", 0.5)])
def test_settings_are_recorded_but_not_the_selection(footage: Footage, file: Path, setting: str, value: object) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    track = editor.clip.tracking.tracks["Survives.02"]
    setattr(track, setting, value)
    seen(recording, editor.clip)
    known = {data.name: data.settings for data in held_session_of(file).replay().tracks.values()}
    assert known["Survives.02"][setting] == value
    before = edits_of(file)
    editor.clip.tracking.tracks["Survives.01"].select = False
    seen(recording, editor.clip)
    assert edits_of(file) == before


def test_a_change_of_a_track_that_is_not_selected_is_seen_at_the_save(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    track = editor.clip.tracking.tracks["Survives.02"]
    track.select = False
    seen(recording, editor.clip)
    track.markers.find_frame(2).co = HAND
    seen(recording, editor.clip)
    assert edits_of(file) == []
    bpy.ops.wm.save_mainfile()
    assert recorded(file) == markers_of(editor.clip)
    editor = open_file(file)
    assert (look(editor.clip).missing, look(editor.clip).undone) == (0, 0)


def test_a_marker_that_a_script_inserts_is_found_without_any_sign(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    watch.tick()
    track = editor.clip.tracking.tracks["Survives.02"]
    track.select = False
    track.markers.insert_frame(20, co=HAND)
    for _ in range(watch.IDLE_EVERY):
        watch.tick()
    assert recorded(file) == markers_of(editor.clip) and edits_of(file) == ["Changes in the Clip"]


def test_markers_exchanged_by_a_script_are_found_by_their_frames(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    track = editor.clip.tracking.tracks[0]
    track.markers.delete_frame(2)
    recording.look(editor.clip, "Test", whole=True)
    for other in editor.clip.tracking.tracks:
        other.select = False
    before = recorded(file)
    track.markers.delete_frame(track.markers[0].frame)  # as many markers as before, but another first one
    track.markers.insert_frame(2, co=HAND)
    recording.glance(editor.clip)
    assert recorded(file) == markers_of(editor.clip) != before


def test_undo_and_redo_are_recorded_and_undone_frames_are_offered(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    started(editor)
    bpy.ops.ed.undo_push(message="pass")
    tracked = markers_of(editor.clip)
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert recorded(file) == markers_of(clip) != tracked
    assert (look(clip).missing, look(clip).undone) == (0, 3)
    bpy.ops.ed.redo()
    clip = bpy.data.movieclips[0]
    assert recorded(file) == markers_of(clip) == tracked
    assert (look(clip).missing, look(clip).undone) == (0, 0)


def test_a_change_after_undo_is_no_part_of_it(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    started(editor)
    bpy.ops.ed.undo_push(message="pass")
    editor.clip.tracking.tracks[1].lock = True
    watch.note("TEST_OT_lock")
    watch.tick()
    bpy.ops.ed.undo_push(message="lock")
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    delete_first(clip)
    after = markers_of(clip)
    watch.note("TEST_OT_without_a_name")
    watch.tick()
    assert edits_of(file)[-1] == UNNAMED
    (aside,) = held_session_of(file).asides
    assert len(aside.gone_back) == 1, "the locked track alone"
    assert recorded(file) == markers_of(clip) == after


def test_a_deleted_track_that_undo_brings_back_is_the_same_one(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    bpy.ops.ed.undo_push(message="pass")
    before = {data.name: number for number, data in held_session_of(file).replay().tracks.items()}
    (paused,) = held_session_of(file).unfinished
    delete_first(editor.clip)
    watch.note("CLIP_OT_delete_track")
    watch.tick()
    bpy.ops.ed.undo_push(message="delete")
    assert len(held_session_of(file).unfinished[0].followed) == len(before) - 1
    bpy.ops.ed.undo()
    assert {data.name: number for number, data in held_session_of(file).replay().tracks.items()} == before
    assert held_session_of(file).unfinished[0].followed == paused.followed
    bpy.ops.ed.redo()
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert recorded(file) == markers_of(clip) and not look(clip).undone


def test_the_artist_can_turn_it_off_for_a_clip(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    editor.clip[NOT_RECORDED] = True
    assert recording_of(editor.clip) is None
    watch.tick()
    begin(editor, steps=3).finish()
    assert held_session_of(file).owner == ""


def test_a_quick_hand_may_select_the_next_track_before_the_look(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    tracks = editor.clip.tracking.tracks
    tracks[0].markers.find_frame(2).co = HAND
    for track in tracks:
        track.select = track == tracks[1]
    seen(recording, editor.clip, "Move")
    assert recorded(file) == markers_of(editor.clip)


def test_an_operator_on_all_tracks_is_seen_on_those_that_are_not_selected(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    tracks = editor.clip.tracking.tracks
    for track in tracks:
        track.select = False
    seen(recording, editor.clip)
    tracks[3].hide = True
    watch.note("CLIP_OT_hide_tracks")
    watch.tick()
    while recording.has_more:
        recording.go_on(editor.clip)
    known = {data.name: data.settings["hide"] for data in held_session_of(file).replay().tracks.values()}
    assert known == {track.name: track.hide for track in tracks} and any(known.values())


def test_markers_that_the_tracker_begins_from_are_no_steps(footage: Footage, file: Path) -> None:
    """Two segments: the step from frame 8 puts a keyed copy there, and a border before it, behind a live marker."""
    editor = new_file(footage, file)
    recording = started(editor)
    for track in editor.clip.tracking.tracks:
        place(editor.clip, track.markers.insert_frame(6), footage.truth(track.name, 8))
    seen(recording, editor.clip)
    editor.space.clip_user.frame_current = 8
    with inside(editor):
        assert bpy.ops.clip.track_markers(sequence=False) == {"FINISHED"}
    BlenderPass(recording, editor.clip, Way(False, False, 1, FRAMES)).finish(editor.clip)
    known = held_session_of(file).passes[-1]
    assert (known.start, known.last_frame) == (8, 9) and recorded(file) == markers_of(editor.clip)
