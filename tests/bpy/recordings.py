# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded clip, what its journal has, and what an artist or Blender does to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import Recording, recording_of
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import EditedEvent
from tracking_sessions.tests.bpy.tracker import track_sequence
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    held_session_of,
    inside,
    open_editor,
    start_blender_anew,
)

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


def delete_first(clip: Any) -> None:
    clip.tracking.tracks.active = clip.tracking.tracks[0]
    for track in clip.tracking.tracks:
        track.select = track == clip.tracking.tracks[0]
    with inside(open_editor(clip)):
        bpy.ops.clip.delete_track(confirm=False)


def killed() -> None:
    """End Blender without its handlers: the file has what it was saved with, the journal what it has."""
    from tracking_sessions.bridge.open_file import open_file as state

    for recording in state.recordings.values():
        recording._release()
    state.recordings.clear()
    start_blender_anew()
