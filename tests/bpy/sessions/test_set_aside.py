# SPDX-License-Identifier: GPL-3.0-or-later
"""After a crash, and when nothing can be recorded: nothing newer is ever written over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import recording_of
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import EditRecord, MarkersRecord
from tracking_sessions.tests.bpy.recordings import (
    HAND,
    blender_tracks,
    delete_first,
    killed,
    recorded,
    seen,
    started,
    unnumbered,
)
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    held_session_of,
    inside,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


# After a crash


def test_going_on_in_an_older_file_sets_the_recorded_state_aside(footage: Footage, file: Path) -> None:
    """Nothing newer is written over: fault 1 of a trial, a click on Resume after Ctrl+T and an edit."""
    editor = new_file(footage, file)
    begin(editor, steps=12).finish()
    recorded_state = markers_of(editor.clip)
    killed()
    editor = open_file(file)
    assert look(editor.clip).missing == 12
    for track in editor.clip.tracking.tracks:
        track.select = track.name != "Survives.02"
    blender_tracks(editor, 1, 8)
    for track in editor.clip.tracking.tracks:
        track.select = True
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(5).co = HAND
    recording = recording_of(editor.clip)
    assert recording is not None
    seen(recording, editor.clip, "Move")
    mine = markers_of(editor.clip)
    shown = look(editor.clip)
    assert (shown.missing, shown.is_recording) == (12, True) and shown.in_question == len(mine) - 1

    with inside(editor):
        assert operators.restore(choice="KEEP") == {"FINISHED"}
    after = markers_of(editor.clip)
    for name, rows in mine.items():
        assert all(after[name][frame] == rows[frame] for frame in live_frames(rows)), name
    assert after["Camera/Survives.02"] == recorded_state["Camera/Survives.02"]
    assert max(live_frames(after["Camera/Survives.01"])) == 13
    assert recorded(file) == after and look(editor.clip).missing == 0


def test_the_recorded_state_can_be_taken_and_mine_is_kept_in_the_journal(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=8).finish()
    recorded_state = markers_of(editor.clip)
    killed()
    editor = open_file(file)
    blender_tracks(editor, 1, 4)
    mine = markers_of(editor.clip)
    session = held_session_of(file)
    before = session.position
    with inside(editor):
        assert operators.restore(choice="TAKE") == {"FINISHED"}
    assert markers_of(editor.clip) == recorded_state == recorded(file)
    state = held_session_of(file).replay(until=before)
    assert {d.name: unnumbered(state.markers[n]) for n, d in state.tracks.items()} == {
        name.partition("/")[2]: rows for name, rows in mine.items()
    }


def test_what_was_done_in_the_older_file_survives_the_next_crash(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=8).finish()
    killed()
    editor = open_file(file)
    blender_tracks(editor, 1, 4)
    mine = markers_of(editor.clip)
    killed()
    editor = open_file(file)
    assert markers_of(editor.clip) != mine and look(editor.clip).missing
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    after = markers_of(editor.clip)
    for name, rows in mine.items():
        assert all(after[name][frame] == rows[frame] for frame in live_frames(rows)), name


def test_of_two_states_set_aside_the_newer_one_is_taken(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=8).finish()
    bpy.ops.wm.save_mainfile()
    worked = []
    for frame, co in ((20, HAND), (20, (0.75, 0.25)), (3, HAND)):  # the first two are lost with Blender
        editor = open_file(file)
        watch.tick()
        editor.clip.tracking.tracks["Survives.01"].markers.insert_frame(frame, co=co)
        watch.note("TEST_OT_insert")
        watch.tick()
        worked.append(markers_of(editor.clip))
        if frame == 20:
            killed()
    assert len(held_session_of(file).asides) == 2
    with inside(editor):
        assert operators.restore(choice="TAKE") == {"FINISHED"}
    assert markers_of(editor.clip) == worked[1]


def test_a_marker_that_blender_begins_from_is_no_part_of_the_way_back(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    _select(editor.clip, 0)
    begin(editor, steps=8).finish()
    killed()
    editor = open_file(file)
    _select(editor.clip, 1)
    blender_tracks(editor, 5, 8)
    (aside,) = held_session_of(file).asides
    assert (aside.gone_back, aside.changed) == ({1}, {2})


def _select(clip: Any, number: int) -> None:
    for place, track in enumerate(clip.tracking.tracks):
        track.select = place == number


def test_edits_come_back_to_a_file_saved_before_them_also_without_a_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    os.utime(file, (0, 0))  # times of records have no fractions
    recording = recording_of(editor.clip)
    assert recording is not None
    track = editor.clip.tracking.tracks["Survives.01"]
    track.weight, track.markers[0].search_max = 0.5, (0.3, 0.3)
    seen(recording, editor.clip)
    BlenderPass(recording, editor.clip, Way(True, True, 1, FRAMES)).finish(editor.clip)  # tracked nothing
    before = markers_of(editor.clip)
    killed()
    editor = open_file(file)
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == before and editor.clip.tracking.tracks["Survives.01"].weight == 0.5


def test_a_session_without_a_pass_is_set_aside_too(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = recording_of(editor.clip)
    assert recording is not None
    editor.clip.tracking.tracks["Survives.01"].markers.insert_frame(9, co=HAND)
    seen(recording, editor.clip)
    BlenderPass(recording, editor.clip, Way(True, True, 1, FRAMES)).finish(editor.clip)  # tracked nothing
    before = markers_of(editor.clip)
    killed()
    editor = open_file(file)
    watch.tick()
    editor.clip.tracking.tracks["Survives.02"].lock = True
    watch.note("TEST_OT_lock")
    watch.tick()
    assert look(editor.clip).missing == 1
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == before


# When it cannot record


def test_an_owner_elsewhere_is_named_and_it_catches_up_when_the_session_is_free(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    recording = recording_of(editor.clip)
    assert recording is not None and recording.session is None
    other = held_session_of(file)
    other.acquire()
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(2).co = HAND
    seen(recording, editor.clip, "Move")
    assert "in use" in recording.error and look(editor.clip).not_recorded == recording.error
    other.close()
    recording._retry = 0.0
    watch.tick()
    assert recording.error == "" and recorded(file) == markers_of(editor.clip)


def test_a_full_disk_ends_the_recording_for_a_while(footage: Footage, file: Path, monkeypatch: Any) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    monkeypatch.setattr(os, "write", full_disk)
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(2).co = HAND
    seen(recording, editor.clip, "Move")
    assert "The disk is full" in recording.error
    editor.clip.tracking.tracks["Survives.02"].markers.find_frame(2).co = HAND
    seen(recording, editor.clip, "Move")
    monkeypatch.undo()
    recording._retry = 0.0
    watch.tick()
    assert recording.error == "" and recorded(file) == markers_of(editor.clip)


def full_disk(descriptor: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_only_changed_markers_are_written(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(2).co = HAND
    seen(recording, editor.clip, "Move")
    session = held_session_of(file)
    last = [record for record, _ in decoded(JournalReader(session.folder, session.id).records())][-1]
    assert isinstance(last, EditRecord) and not isinstance(last, MarkersRecord)


def test_the_timer_goes_on_after_an_error(footage: Footage, file: Path, monkeypatch: Any) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    with monkeypatch.context() as patch:
        patch.setattr(watch, "clips", lambda: 1 / 0)
        assert watch._tick() > watch.INTERVAL
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(2).co = HAND
    recording.look(editor.clip, "Move")
    assert recorded(file) == markers_of(editor.clip)


def test_an_unfinished_pass_can_be_dropped_and_another_resumed(footage: Footage, file: Path) -> None:
    """Fault 2 of a trial: a repair of one track ended the resumability of the main pass, under a check mark."""
    editor = new_file(footage, file)
    begin(editor, steps=9).finish()
    tracks = editor.clip.tracking.tracks
    for track in tracks:
        track.select = track.name == "Survives.01"
    bpy.context.scene.frame_current = 8
    begin(editor, steps=3).finish()
    for track in tracks:
        track.select = True
    seen_now = look(editor.clip)
    assert [(known.number, known.last_frame) for known in seen_now.resumable] == [(1, 10), (2, 11)]
    assert seen_now.resume_frame == 10 and "Survives.01" not in [
        data.name
        for number, data in held_session_of(file).replay().tracks.items()
        if number in seen_now.resumable[0].followed
    ]
    with inside(editor):
        assert operators.drop_pass(number=2) == {"FINISHED"}
        assert [known.number for known in look(editor.clip).resumable] == [1]
        assert operators.resume(number=1) == {"FINISHED"}
    assert look(editor.clip).resumable == () and look(editor.clip).resume_frame is None
    ends = {track.name: max(live_frames(markers_of(editor.clip)[f"Camera/{track.name}"])) for track in tracks}
    assert ends["Survives.01"] == ends["Survives.02"] == FRAMES
    assert recorded(file) == markers_of(editor.clip)


def test_a_track_that_was_deleted_after_undo_is_not_missing(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    for track in editor.clip.tracking.tracks:
        track.select = track.name != "Survives.01"
    started(editor)
    bpy.ops.ed.undo_push(message="pass")
    bpy.ops.ed.undo()
    editor = open_editor(bpy.data.movieclips[0])
    assert str(look(editor.clip).undone_frames) == "2-4"
    recording = recording_of(editor.clip)
    assert recording is not None
    delete_first(editor.clip)
    seen(recording, editor.clip)
    assert str(look(editor.clip).undone_frames) == "2-4"


def test_the_panel_knows_that_a_file_lacks_nothing_from_the_first_change_on(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    started(editor)
    bpy.ops.ed.undo_push(message="pass")
    bpy.ops.ed.undo()
    killed()
    editor = open_file(file)
    look(editor.clip)
    recording = recording_of(editor.clip)
    assert recording is not None and recording.own(editor.clip)
    assert (look(editor.clip).missing, look(editor.clip).undone) == (0, 3)
