# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own tracker is recorded as passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.bridge.clip.markers import read_moved, read_rows
from tracking_sessions.bridge.sessions import blender_pass, looking
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import recording_of
from tracking_sessions.core.model.types import Outcome, SessionStatus
from tracking_sessions.tests.bpy.recordings import (
    HAND,
    blender_tracks,
    edits_of,
    recorded,
    seen,
    started,
)
from tracking_sessions.tests.bpy.tracker import markers_of, track_sequence
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    held_session_of,
    inside,
    new_file,
    operators,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


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


@pytest.mark.parametrize("tracker", ["ours", "blender"])
def test_a_pass_counts_the_tracks_that_it_can_follow(footage: Footage, file: Path, tracker: str) -> None:
    editor = new_file(footage, file)
    tracks = editor.clip.tracking.tracks
    for track in tracks[:5]:
        track.markers.find_frame(1).mute = True
    if tracker == "ours":
        begin(editor, steps=2).finish()
    else:
        blender_tracks(editor, 1, 3)
    (known,) = held_session_of(file).passes
    assert (known.tracks, known.alive) == (len(tracks) - 5, len(tracks) - 5)
    assert len(held_session_of(file).replay().passes[1].plan.tracks) == len(tracks)


def test_a_session_with_edits_outlives_a_pass_that_cannot_begin(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    recording = recording_of(editor.clip)
    assert recording is not None
    BlenderPass(recording, editor.clip, Way(True, True, 1, FRAMES)).finish(editor.clip)  # tracked nothing
    path = held_session_of(file).path
    for track in editor.clip.tracking.tracks:
        track.lock = True
    seen(recording, editor.clip)
    with inside(editor), pytest.raises(RuntimeError, match="hidden or locked"):
        operators.track()
    assert held_session_of(file).path == path
    assert edits_of(file) and recorded(file) == markers_of(editor.clip)


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

    def counted_moved(track: Any, number: int, known: bytes) -> bytes:
        reads[0] += 1
        return read_moved(track, number, known)

    monkeypatch.setattr(looking, "read_rows", counted)
    monkeypatch.setattr(blender_pass, "read_moved", counted_moved)
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
