# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins the review of a clip's session or goes on with it, and does what a person decides.

All of it raises UsageError if the clip is not recorded, with the reason: a verdict about markers that nobody records
would be worth nothing. Changes of the clip are recorded first, so that a decision is about the markers as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.errors import UsageError
from ...core.journal.head import Head
from ...core.journal.records import EditRecord, JournalRecord
from ...core.journal.rows import split_rows
from ...core.model.flags import Flag
from ...core.model.ranges import FrameRanges
from ...core.recording.manager import TrackingSessionManager
from ...core.review import actions
from ...core.review.person import person
from ..clip.markers import merge_rows
from ..sessions.recording import Recording, recording_of

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack


def owned(clip: MovieClip) -> tuple[Recording, TrackingSessionManager]:
    """The recording of the clip and its session, with every change that a look finds."""
    recording = recording_of(clip)
    if recording is None:
        raise UsageError("This clip is not recorded: turn on “Record Everything” in the Session panel")
    recording.look(clip, "")
    recording.own(clip)
    if recording.session is None:
        raise UsageError(recording.error or "This clip has no session yet: track it first")
    return recording, recording.session


def begin(clip: MovieClip) -> Recording:
    """The recording of the clip, whose session has a review then: a new one, or its own, which goes on."""
    recording, session = owned(clip)
    record(recording, actions.begin(session))
    return recording


def record(recording: Recording, records: Sequence[JournalRecord]) -> None:
    """Record them all, or raise UsageError with the reason."""
    if records and not recording.record(records):
        raise UsageError(recording.error)


def approve(clip: MovieClip, frames: FrameRanges) -> int:
    """Approve the clip frames; returns how many were not approved yet. Raises FramesNotJudged."""
    recording, session = owned(clip)
    before = len(session.review.signed)
    record(recording, actions.approved(session, frames, person()))
    return len(session.review.signed) - before


def accept(clip: MovieClip, flag: Flag) -> None:
    """The markers are fine as they are, whatever the flag says."""
    recording, session = owned(clip)
    record(recording, actions.accepted(session, flag, person()))


def take_back(clip: MovieClip, frames: FrameRanges) -> int:
    """Take the approval of the clip frames back; returns of how many. Raises UsageError if nobody has approved one."""
    recording, session = owned(clip)
    before = len(session.review.signed)
    record(recording, actions.taken_back(session, frames, person()))
    return before - len(session.review.signed)


def refuse(clip: MovieClip, flag: Flag) -> None:
    """The markers are not fine as they are: the flag is open again. Raises UsageError if nobody has accepted it."""
    recording, session = owned(clip)
    record(recording, actions.not_fine(session, flag, person()))


def note(clip: MovieClip, first: int, last: int, text: str, track: int = 0) -> None:
    """Write a remark about clip frames, or about the track of this number there. Raises UsageError without a text."""
    recording, session = owned(clip)
    record(recording, actions.noted(session, first, last, text, person(), track))


def mute(clip: MovieClip, track: int, first: int, last: int) -> int:
    """Mute the live markers of the track on these clip frames; returns how many. Raises UsageError without any."""
    recording, session = owned(clip)
    rows = recording.head.rows(track)
    return _edit(clip, recording, track, actions.muted(session, rows, track, first, last, person()))


def nudge(clip: MovieClip, track: int, frame: int, by: tuple[float, float], note: str = "") -> None:
    """Move the marker of the track on the clip frame by so many pixels. Raises UsageError without a marker."""
    recording, session = owned(clip)
    rows = recording.head.rows(track)
    _edit(clip, recording, track, actions.nudged(session, rows, track, frame, by, person(), note))


def _edit(clip: MovieClip, recording: Recording, number: int, records: Sequence[JournalRecord]) -> int:
    """Record the edits of a track, then make them in the clip; returns the number of markers."""
    track = track_of(clip, recording.head, number)
    if track is None:
        raise UsageError("The clip does not have this track any more")
    record(recording, records)
    changed = {
        frame: row for edit in records if isinstance(edit, EditRecord) for frame, row in split_rows(edit.rows).items()
    }
    merge_rows(track, changed)
    data = recording.head.tracks[number]
    recording.saw({(data.object, data.name): track})
    return len(changed)


def track_of(clip: MovieClip, head: Head, number: int) -> MovieTrackingTrack | None:
    """The track of the clip that has this number in the journal."""
    data = head.tracks.get(number)
    where = clip.tracking.objects.get(data.object) if data is not None else None
    return where.tracks.get(data.name) if where is not None and data is not None else None
