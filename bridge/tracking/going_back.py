# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a clip to an earlier state of its session, marker for marker, and records that it went there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...core.errors import ClipChanged
from ...core.journal.chain import Position
from ...core.journal.replay import Replay
from ...core.journal.states import Comparison, compare, records_to
from ...core.model.types import TrackData
from ...core.recording.manager import TrackingSessionManager
from ..clip.editor import ClipEditor
from ..clip.markers import read_rows, read_settings, write_rows, write_settings
from ..clip.movie_clip import clip_size, mark_position
from ..open_file import open_file
from .reconcile import edits, objects_called
from .working_set import remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack

_STAYS = ("select", "mask")  # settings of a track that going back leaves alone begin so


def go_back(editor: ClipEditor, session: TrackingSessionManager, position: Position) -> Comparison:
    """Make the clip of the editor equal to the state at `position`; returns what that changes.

    Records first what only the clip has, then that it goes back. Masks, plane tracks and the selection of tracks that
    stay are left as they are. Raises UsageError without such a state, ClipChanged, and the errors of owning and writing
    a session.
    """
    clip = editor.clip
    remove_leftovers(clip)
    known = session.acquire_replay()
    then = session.state_at(position)
    record_clip(clip, session, known)
    records = records_to(known, then, position)
    if records:
        session.acquire().append(*records)
    write_state(editor, known, then)
    session.acquire().write_file()
    mark_position(clip, session.id, session.position)
    open_file.note_written(clip.session_uid, session.id, session.position)
    return compare(known, then, clip_size(clip))


def record_clip(clip: MovieClip, session: TrackingSessionManager, known: Replay) -> None:
    """Record what the clip has and the journal lacks; `known` is the replay of the journal, and gets it too."""
    for where in clip.tracking.objects:
        records = edits(clip, where, known).records
        if records:
            end = session.acquire().append(*records)
            for record in records:
                known.apply(record, end)


def write_state(editor: ClipEditor, now: Replay, then: Replay) -> None:
    """Make the tracks of the clip, which has the state `now`, those of the state `then`."""
    clip = editor.clip
    objects = clip.tracking.objects
    active = objects.active
    called = objects_called(clip, now)
    gone: dict[str, set[str]] = {}
    for number, track in now.tracks.items():
        wanted = then.tracks.get(number)
        if wanted is None or wanted.object != track.object:
            gone.setdefault(called[track.object], set()).add(track.name)
    for name, names in gone.items():
        if name in objects:
            editor.delete_tracks(objects[name], names)
    there = _tracks_there(clip, now, then, called)
    for number, track in there.items():
        if track.name != then.tracks[number].name:
            track.name = f"tracking_sessions {number}"  # so that tracks can exchange their names
    for number, wanted in then.tracks.items():
        _write_track(there.get(number) or _made(clip, wanted, called), wanted, then.rows(number))
    objects.active = active


def _write_track(track: MovieTrackingTrack, wanted: TrackData, rows: bytes) -> None:
    """Give the track this name, these settings and these markers, of which it keeps its own without any."""
    if track.name != wanted.name:
        track.name = wanted.name
    if track.name != wanted.name:
        raise ClipChanged(f"Blender cannot call a track “{wanted.name}” again: another one has this name")
    current = read_settings(track)
    settings = wanted.settings | {key: value for key, value in current.items() if key.startswith(_STAYS)}
    if current != settings:
        write_settings(track, settings)
    if rows and read_rows(track, wanted.id) != rows:
        write_rows(track, rows)


def _tracks_there(
    clip: MovieClip, now: Replay, then: Replay, called: Mapping[str, str]
) -> dict[int, MovieTrackingTrack]:
    """The tracks of the state `then` that the clip has, by number."""
    found: dict[int, MovieTrackingTrack] = {}
    for number, data in now.tracks.items():
        where = clip.tracking.objects.get(called[data.object])
        track = where.tracks.get(data.name) if where is not None and number in then.tracks else None
        if track is not None:
            found[number] = track
    return found


def _made(clip: MovieClip, data: TrackData, called: Mapping[str, str]) -> MovieTrackingTrack:
    """A new track in the tracking object of that name, which is made if it is missing."""
    name = called.get(data.object, data.object)
    where = clip.tracking.objects.get(name) or clip.tracking.objects.new(name)
    return where.tracks.new(name=data.name, frame=1)
