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
from tracking_sessions.bridge.clip.markers import read_rows
from tracking_sessions.bridge.sessions import blender_pass, looking
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import NOT_RECORDED, Recording, recording_of
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import EditedEvent, EditRecord, MarkersRecord
from tracking_sessions.core.model.types import Outcome, SessionStatus
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of, place, track_sequence
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
    start_blender_anew,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

HAND = (0.25, 0.75)


def started(editor: Any) -> Recording:
    """The recording of the clip, with a session, after a short pass."""
    begin(editor, steps=3).finish()
    recording = recording_of(editor.clip)
    assert recording is not None and recording.session is not None
    return recording


def seen(recording: Recording, clip: Any, operator: str = "Test") -> None:
    """Let the recording look at the clip until nothing is left."""
    recording.look(clip, operator)
    while recording.has_more:
        recording.go_on(clip)


def recorded(file: Path) -> dict[str, dict[int, bytes]]:
    """The newest state of the journal on the disk, in the form of `markers_of`."""
    state = held_session_of(file).replay()
    return {f"{data.object}/{data.name}": unnumbered(state.markers[number]) for number, data in state.tracks.items()}


def unnumbered(rows: dict[int, bytes]) -> dict[int, bytes]:
    return {frame: bytes(4) + row[4:] for frame, row in sorted(rows.items())}


def edits_of(file: Path) -> list[str]:
    session = held_session_of(file)
    records = decoded(JournalReader(session.folder, session.id).records())
    return [record.operator for record, _ in records if isinstance(record, EditedEvent)]


def blender_tracks(editor: Any, start: int, end: int, *, follows: int = 0) -> BlenderPass:
    """Track Forwards or Backwards by Blender, seen after every `follows` frames, or only at its end."""
    recording = recording_of(editor.clip)
    assert recording is not None
    way = Way(end < start, True, 1, FRAMES)
    one = BlenderPass(recording, editor.clip, way)
    at = start
    while follows and at != end:
        to = min(at + follows, end) if end > start else max(at - follows, end)
        track_sequence(editor.clip, at, to)
        one.follow(editor.clip)
        at = to
    if not follows:
        track_sequence(editor.clip, start, end)
    one.finish(editor.clip)
    return one


# Blender's own tracker


def test_a_session_begins_when_something_is_first_tracked(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = recording_of(editor.clip)
    assert recording is not None
    editor.clip.tracking.tracks.new(name="Mine", frame=2)
    seen(recording, editor.clip)
    assert not list(file.parent.rglob("journal.*"))
    blender_tracks(editor, 1, 6)
    assert recorded(file) == markers_of(editor.clip)
    (known,) = held_session_of(file).passes
    assert (known.origin, known.start, known.last_frame, known.end) == ("blender", 1, 6, FRAMES)
    assert known.outcome is Outcome.PAUSED and held_session_of(file).resume_frame == 6
    assert str(held_session_of(file).session.tracked_frames) == "1-6"


@pytest.mark.parametrize(("start", "end"), [(1, FRAMES), (FRAMES, 1)])
def test_a_pass_of_blender_is_recorded_while_it_runs(footage: Footage, file: Path, start: int, end: int) -> None:
    editor = new_file(footage, file, start)
    recording = recording_of(editor.clip)
    assert recording is not None
    one = BlenderPass(recording, editor.clip, Way(end < start, True, 1, FRAMES))
    direction = 1 if end > start else -1
    for at in range(start, end, 4 * direction):
        to = at + 4 * direction if abs(end - at) > 4 else end
        for track in editor.clip.tracking.tracks:  # as the job goes on: lost tracks are not tracked again
            marker = track.markers.find_frame(at)
            track.select = marker is not None and not marker.mute
        track_sequence(editor.clip, at, to)
        for track in editor.clip.tracking.tracks:
            track.select = True
        one.follow(editor.clip)
        assert recorded(file) == markers_of(editor.clip)  # with the muted markers that end the segments
    one.finish(editor.clip)
    assert recorded(file) == markers_of(editor.clip)
    (known,) = held_session_of(file).passes
    assert (known.start, known.last_frame, known.outcome) == (start, end, Outcome.COMPLETE)
    assert held_session_of(file).session.status is SessionStatus.TRACKING_COMPLETE
    assert held_session_of(file).resume_frame is None
    assert held_session_of(file).lost.frames  # as the footage loses tracks


def test_a_pass_of_blender_reads_its_tracks_once_and_at_its_end(footage: Footage, file: Path, monkeypatch: Any) -> None:
    editor = new_file(footage, file)
    recording = started(editor)
    tracks, reads = list(editor.clip.tracking.tracks), [0]

    def counted(track: Any, number: int) -> bytes:
        reads[0] += 1
        return read_rows(track, number)

    for module in (blender_pass, looking):
        monkeypatch.setattr(module, "read_rows", counted)
    one = BlenderPass(recording, editor.clip, Way(False, True, 1, FRAMES))
    for _ in range(3):  # Blender takes its time for the first frame
        one.follow(editor.clip)
    assert reads == [0]
    for at in (4, 6, 8):
        track_sequence(editor.clip, at, at + 2)
        one.follow(editor.clip)
        assert reads == [len(tracks)]
    one.finish(editor.clip)
    assert reads == [2 * len(tracks)]
    for track in tracks:
        track.select = False
    seen(recording, editor.clip)  # also those that were selected until now
    before = list(reads)
    seen(recording, editor.clip)
    assert reads == before
    assert recorded(file) == markers_of(editor.clip)


def test_tracking_again_over_markers_is_a_pass_that_takes_the_tracks_on(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    assert [known.last_frame for known in held_session_of(file).unfinished] == [4]
    editor.clip.tracking.tracks["Survives.01"].markers.find_frame(2).co = HAND
    blender_tracks(editor, 2, FRAMES)
    assert recorded(file) == markers_of(editor.clip)
    assert [known.origin for known in held_session_of(file).passes] == ["", "blender"]
    assert held_session_of(file).unfinished == []


def test_single_steps_are_one_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = recording_of(editor.clip)
    assert recording is not None
    for at in range(1, 6):
        track_sequence(editor.clip, at, at + 1)
        BlenderPass(recording, editor.clip, Way(False, False, 1, FRAMES)).finish(editor.clip)
    editor.clip.tracking.tracks["Survives.01"].select = False
    track_sequence(editor.clip, 6, 7)
    BlenderPass(recording, editor.clip, Way(False, False, 1, FRAMES)).finish(editor.clip)
    spans = [(known.start, known.end, known.last_frame, known.outcome) for known in held_session_of(file).passes]
    assert spans[0] == (1, 6, 6, Outcome.COMPLETE) and len(spans) == 2
    assert recorded(file) == markers_of(editor.clip)


# Edits


def delete_first(clip: Any) -> None:
    clip.tracking.tracks.active = clip.tracking.tracks[0]
    for track in clip.tracking.tracks:
        track.select = track == clip.tracking.tracks[0]
    with inside(open_editor(clip)):
        bpy.ops.clip.delete_track(confirm=False)


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


# After a crash


def killed() -> None:
    """End Blender without its handlers: the file has what it was saved with, the journal what it has."""
    from tracking_sessions.bridge.open_file import open_file as state

    for recording in state.recordings.values():
        recording._release()
    state.recordings.clear()
    start_blender_anew()


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
