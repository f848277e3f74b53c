# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what Blender's own tracker does as a pass: while its job runs, or after it if it was too short to be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy

from ...core.journal.changes import numbers_of
from ...core.journal.codec import event_record
from ...core.journal.head import PackedRows, difference, row_on
from ...core.journal.records import EditRecord, EndRecord, Event, FrameRecord, JournalRecord, PassRecord
from ...core.journal.rows import (
    GUARDED,
    KEYED,
    MARKER_SIZE,
    MUTED,
    count_rows,
    flags_of,
    frame_of,
    head_of,
    is_muted,
    join_rows,
    position_of,
    split_rows,
    values_of,
    with_head,
)
from ...core.model.types import Outcome, Pass, SessionStatus
from ...core.model.wording import timestamp
from ..clip.markers import read_moved, read_row
from ..clip.movie_clip import counting_of
from .looking import tracks_in
from .recording import UNNAMED, Recording

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack

ORIGIN = "blender"
_BORDER = MUTED | KEYED
Rows = dict[int, dict[int, bytes]]
"""New markers by clip frame and track number."""


class Way(NamedTuple):
    """How Blender's operator tracks: its properties, and the clip frames of the scene."""

    backwards: bool
    is_sequence: bool
    first: int
    last: int

    @classmethod
    def of(cls, operator: Any, clip: MovieClip) -> Way:
        """The way of the operator CLIP_OT_track_markers."""
        scene, counting = bpy.context.scene, counting_of(clip)
        first, last = counting.clip_frame(scene.frame_start), counting.clip_frame(scene.frame_end)
        properties = operator.properties
        return cls(properties.backwards, properties.sequence, max(first, 1), min(last, clip.frame_duration))

    @property
    def direction(self) -> int:
        return -1 if self.backwards else 1

    def end(self, start: int) -> int:
        """The last frame of a pass from `start`."""
        if not self.is_sequence:
            return start + self.direction
        return min(start, self.first) if self.backwards else max(start, self.last)


class BlenderPass:
    """A pass of Blender's tracker over the selected tracks of the active tracking object."""

    def __init__(self, recording: Recording, clip: MovieClip, way: Way) -> None:
        self.recording = recording
        self.way = way
        where = clip.tracking.objects.active
        self._object = where.name if where is not None else ""
        self._keys = [
            key
            for key, track in tracks_in(clip).items()
            if key[0] == self._object
            and (track.select or track.select_anchor or track.select_pattern or track.select_search)
            and not (track.hide or track.lock)
        ]
        self._reached: dict[int, int] = {}  # the frame of the last new marker of each track
        self._lost: set[int] = set()
        self._known: dict[int, bytes] = {}  # the markers of each track before its first new one
        self._plan: Pass | None = None  # None before the first new marker
        self._frame = 0
        self._alive = 0

    def follow(self, clip: MovieClip) -> None:
        """Record the markers that Blender has added since the last call."""
        if not self.recording.own(clip, begins=True):
            return
        tracks = self._tracks(clip)
        if self._plan is None:
            if self._has_begun(clip, tracks):
                self._record(*self._changes(tracks))
            return
        found: Rows = {}
        for number, track in tracks.items():
            for row in self._next_rows(number, track):
                found.setdefault(frame_of(row), {})[number] = row
        self._record(found, [])

    def finish(self, clip: MovieClip) -> None:
        """Record the rest of the pass from all markers of its tracks, and its end."""
        if not self.recording.own(clip, begins=True):
            return
        tracks = self._tracks(clip)
        self._record(*self._changes(tracks))
        if self._plan is not None:
            self.recording.record([EndRecord(self._plan.number, self._outcome(self._plan), "", timestamp())])
            session = self.recording.session
            if session is not None and not session.unfinished:
                done = event_record(Event.STATUS, status=SessionStatus.TRACKING_COMPLETE.value)
                self.recording.record([done])
            self.recording.stepped = (self._plan, self._frame) if not self.way.is_sequence else None
            data = self.recording.head.tracks
            self.recording.saw({(data[n].object, data[n].name): track for n, track in tracks.items()})

    def _outcome(self, plan: Pass) -> Outcome:
        if not self._alive:
            return Outcome.LOST
        return Outcome.COMPLETE if (plan.end - self._frame) * plan.direction <= 0 else Outcome.PAUSED

    def _tracks(self, clip: MovieClip) -> dict[int, MovieTrackingTrack]:
        """The tracks of the pass that the clip still has, by number."""
        present, numbers = tracks_in(clip), numbers_of(self.recording.head)
        return {numbers[key]: present[key] for key in self._keys if key in present and key in numbers}

    def _has_begun(self, clip: MovieClip, tracks: dict[int, MovieTrackingTrack]) -> bool:
        """Whether a track has new markers: another number of them, or another one at the playhead or one frame on.

        Cheap, as Blender may take seconds for the first.
        """
        frame = counting_of(clip).clip_frame(bpy.context.scene.frame_current)
        for number, track in tracks.items():
            known, markers = self.recording.head.rows(number), track.markers
            if len(markers) != count_rows(known):
                return True
            for at in (frame, frame + self.way.direction):
                row = row_on(known, at)
                marker = markers.find_frame(at) if row else None
                if marker is not None and (*marker.co,) != position_of(row):
                    return True
        return False

    def _changes(self, tracks: dict[int, MovieTrackingTrack]) -> tuple[Rows, list[JournalRecord]]:
        """The new markers, and edits with the other changes of the tracks. Reads all their markers."""
        found: Rows = {}
        edits: list[JournalRecord] = []
        for number, track in tracks.items():
            rows, edit = self._changed_rows(number, track)
            for row in rows:
                found.setdefault(frame_of(row), {})[number] = row
            if edit is not None:
                edits.append(edit)
        return found, edits

    def _changed_rows(self, number: int, track: MovieTrackingTrack) -> tuple[list[bytes], EditRecord | None]:
        """The new markers of the track behind the last step, and an edit with its other changes.

        Those are keyed: borders, and the copies that the tracker begins from. Reads all markers.
        """
        known = self._known[number] = self.recording.head.rows(number)
        now = read_moved(track, number, known)
        record = difference(number, known, now)
        if record is None:
            return [], None
        changed = split_rows(record.rows)
        rows = PackedRows(now)
        direction = self.way.direction
        new = {
            frame: row
            for frame, row in changed.items()
            if not flags_of(row) & KEYED and (self._plan is None or (frame - self._frame) * direction > 0)
        }
        if new:
            at = self._reached[number] = max(new) if direction > 0 else min(new)
            if _is_guard(rows.get(at + direction), new[at]):
                new[at] = _guarded(new[at])
                changed.pop(at + direction, None)
        rest = {frame: row for frame, row in changed.items() if frame not in new}
        removed = record.removed if isinstance(record, EditRecord) else ()
        return list(new.values()), EditRecord(number, removed, join_rows(rest)) if rest or removed else None

    def _next_rows(self, number: int, track: MovieTrackingTrack) -> list[bytes]:
        """The markers of the track behind the last new one, without a border."""
        at = self._reached.get(number)
        if at is None or number in self._lost:
            return []
        markers, known, direction = track.markers, self._known[number], self.way.direction
        ends = range(frame_of(known), frame_of(known[-MARKER_SIZE:]) + 1)
        rows: list[bytes] = []
        while (marker := markers.find_frame(at + direction)) is not None:
            row = read_row(marker, number)
            if flags_of(row) & _BORDER == _BORDER:
                if rows and values_of(row) == values_of(rows[-1]):
                    rows[-1] = _guarded(rows[-1])
                break
            if number in self._lost or (at + direction in ends and row == row_on(known, at + direction)):
                break
            rows.append(row)
            at += direction
            if is_muted(row):
                self._lost.add(number)  # only its border is left
        self._reached[number] = at
        return rows

    def _record(self, found: Rows, edits: list[JournalRecord]) -> None:
        """Record the new markers as steps of the pass, which begins with the first of them, and before them `edits`."""
        frames = sorted(found, reverse=self.way.direction < 0)
        if not frames and self._plan is None:
            return
        records, known = edits, self._plan
        session = self.recording.session
        if edits and session is not None and session.is_leading_away:  # not a part of the way back
            records.insert(0, event_record(Event.EDITED, operator=UNNAMED))
        if self._plan is None:
            records += self._begin(frames[0] - self.way.direction, len(found[frames[0]]))
        for frame in frames:
            assert self._plan is not None  # begun above
            rows = found[frame]
            self._frame, self._alive = frame, sum(not is_muted(row) for row in rows.values())
            joined = b"".join(row for _, row in sorted(rows.items()))
            records.append(FrameRecord(self._plan.number, frame, self._alive, joined))
        if records:
            self.recording.record(records, shows=self._plan is not known)

    def _begin(self, start: int, followed: int) -> list[JournalRecord]:
        """The record of a new pass that follows so many tracks; none if this single step goes on from the last one."""
        session = self.recording.session
        assert session is not None  # owned
        numbers = numbers_of(self.recording.head)
        tracks = tuple(numbers[key] for key in self._keys if key in numbers)
        self._frame, self._alive = start, len(tracks)
        number = 1 + max((known.number for known in session.passes), default=0)
        plan = Pass(number, start, self.way.end(start), tracks, self._object, bpy.app.version_string, followed)
        stepped = self.recording.stepped
        if stepped is not None and not self.way.is_sequence:
            before, reached = stepped
            is_last = session.passes and session.passes[-1].number == before.number
            if is_last and (reached, plan.direction, tracks) == (start, before.direction, before.tracks):
                self._plan = replace(before, end=plan.end)
                return []
        self._plan = plan
        return [PassRecord(plan, (), plan.operation, timestamp(), ORIGIN)]


def _is_guard(row: bytes | None, inner: bytes) -> bool:
    """Whether the row is a muted, keyed copy of `inner`, with which Blender ends a segment."""
    return row is not None and flags_of(row) == _BORDER and values_of(row) == values_of(inner)


def _guarded(row: bytes) -> bytes:
    number, frame, flags = head_of(row)
    return with_head(row, number, frame, flags | GUARDED)
