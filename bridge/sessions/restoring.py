# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings states that were set aside back into a clip in which the artist has gone on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...core.journal.changes import Key
from ...core.journal.codec import event_record
from ...core.journal.records import Event
from ...core.journal.replay import Replay
from ...core.journal.rows import join_rows, split_rows
from ...core.tracking.reconcile import joined, new_in_clip
from ..clip.markers import read_rows, write_rows, write_settings
from .looking import tracks_in
from .recording import Recording

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack


class Restored(NamedTuple):
    frame: int | None  # the clip frame recorded last
    kept: int = 0  # tracks that changed on both sides and kept their markers


def restore_asides(clip: MovieClip, recording: Recording, *, keeps: bool) -> Restored:
    """Write the states set aside to the clip, the newest first, and record that; see `recovery.restore`.

    Raises ClipChanged, and the errors of reading and writing the session.
    """
    session = recording.session
    assert session is not None  # the caller has looked at the clip
    kept: set[int] = set()
    newer: set[int] = set()  # tracks that a newer state has brought
    for aside in reversed(session.asides):
        state = session.replay(until=aside.position)
        made: dict[Key, int] = {}
        for number in sorted(aside.gone_back & state.tracks.keys()):
            is_kept = keeps and number in aside.in_question
            key = _write(clip, recording, state, number, joins=is_kept or number in newer)
            made |= {key: number}
            kept |= {number} if is_kept else set()
        newer |= set(made.values())
        event = event_record(Event.RESTORED, **aside.position._asdict(), keeps=keeps)
        recording.record([event, *recording.differences(clip, made)])
    return Restored(session.session.checkpoint_frame, len(kept))


def _write(clip: MovieClip, recording: Recording, state: Replay, number: int, *, joins: bool) -> Key:
    """Write the track of the state to the clip, or with `joins` what the clip's lacks; returns its names there."""
    data = state.tracks[number]
    known = recording.head.tracks.get(number)
    key = (known.object, known.name) if known is not None else ("", "")
    track = tracks_in(clip).get(key)
    coming = state.markers.get(number, {})
    if track is None:
        track = _made(clip, data.object, data.name)
        key = data.object, track.name
        write_settings(track, data.settings)
        rows = coming
    elif joins:
        mine = split_rows(read_rows(track, number))
        rows = joined(mine, new_in_clip(mine, coming), coming)
    else:
        write_settings(track, data.settings)
        rows = coming
    if rows:
        write_rows(track, join_rows(rows))
    return key


def _made(clip: MovieClip, object_name: str, name: str) -> MovieTrackingTrack:
    """A new track; Blender gives it another name if there is one of this name."""
    objects = clip.tracking.objects
    active = objects.active
    where = objects.get(object_name) or objects.new(object_name)
    objects.active = active
    return where.tracks.new(name=name, frame=1)
