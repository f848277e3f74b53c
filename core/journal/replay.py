# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a session after the records of its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model.ranges import FrameRanges
from ..model.types import Outcome, Pass, TrackData
from .chain import Position, Record
from .records import (
    CheckpointEvent,
    EndRecord,
    EventRecord,
    FoundRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    PictureDamagedEvent,
    RecordInvalid,
    TrackedEvent,
    TracksRecord,
    TracksRemovedEvent,
    decoded,
)
from .rows import MUTED, heads_of, join_rows, split_rows, spread_rows, tracks_of


@dataclass
class PassProgress:
    """A pass and its progress. `alive`: the tracks followed by the last step, or all before the first."""

    plan: Pass
    then: tuple[Pass, ...] = ()  # the passes planned to follow
    frame: int = 0
    steps: int = 0
    alive: frozenset[int] = frozenset()
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        return self.outcome is None or not self.outcome.is_final


class Replay:
    """The state after a number of records: tracks, markers, passes, tracked frames.

    `markers[track][frame]` is a marker in the form of `rows.MARKER`, its flags without GUARDED.
    """

    def __init__(self, *, since: Position | None = None) -> None:
        """`changed` collects the markers of the records behind `since`, and all markers of the tracks in `replaced`."""
        self.since = since
        self.changed: dict[int, dict[int, bytes]] = {}
        self.replaced: set[int] = set()
        self.renamed: dict[int, str] = {}  # the names of renamed tracks at `since`, or their first names
        self.renamed_objects: dict[str, str] = {}  # the same for tracking objects, by their new names
        self._collecting = False
        self.tracks: dict[int, TrackData] = {}
        self.last_track = 0  # the highest track number ever used
        self.markers: dict[int, dict[int, bytes]] = {}
        self.passes: dict[int, PassProgress] = {}
        self.tracked = FrameRanges()
        self.damaged: set[int] = set()  # clip frames that had a damaged picture when they were tracked
        self.edited: dict[int, dict[int, bytes]] = {}
        """Tracks whose markers were replaced after the last step, with their markers at that step."""
        self.begun: str | None = None
        """When the first pass behind `since` was opened; empty if a step was recorded before that."""

    @property
    def last_pass(self) -> PassProgress | None:
        return next(reversed(self.passes.values()), None)

    def rows(self, track: int) -> bytes:
        """The packed markers of a track, by frame."""
        return join_rows(self.markers.get(track, {}))

    def read(self, records: Iterable[Record]) -> None:
        """Apply all records. Raises RecordInvalid and the errors of the iterable."""
        for record, end in decoded(records):
            self.apply(record, end)

    def apply(self, record: JournalRecord, end: Position) -> None:
        """Apply a record that ends at `end`. Raises RecordInvalid if it contradicts those before it."""
        self._collecting = self.since is not None and end > self.since
        match record:
            case FrameRecord():
                self._frame(record)
            case MarkersRecord():
                self._markers(record)
            case FoundRecord(track, _):
                self._check_tracks([track])
            case TracksRecord(tracks):
                for track in tracks:
                    self._track(track)
            case PassRecord():
                self._pass(record)
            case EndRecord(number, outcome):
                self._last_pass(number).outcome = outcome
            case EventRecord():
                self._event(record)

    def _track(self, track: TrackData) -> None:
        self.last_track = max(self.last_track, track.id)
        known = self.tracks.get(track.id)
        if known is not None and (self.since is None or self._collecting):
            if known.name != track.name:
                self.renamed.setdefault(track.id, known.name)
            if known.object != track.object:
                first = self.renamed_objects.get(known.object, known.object)
                self.renamed_objects.setdefault(track.object, first)
        self.tracks[track.id] = track
        self.markers.setdefault(track.id, {})

    def _markers(self, record: MarkersRecord) -> None:
        track = record.track
        self._check_tracks([track])
        self.edited.setdefault(track, self.markers.get(track, {}))
        self.markers[track] = split_rows(record.rows)
        if self._collecting:
            self.changed[track] = dict(self.markers[track])
            self.replaced.add(track)

    def _pass(self, record: PassRecord) -> None:
        plan = record.plan
        for planned in (plan, *record.then):
            self._check_tracks(planned.tracks)
        if self.passes and plan.number <= max(self.passes):
            raise RecordInvalid(f"pass {plan.number} is opened after pass {max(self.passes)}")
        if self.begun is None and (self.since is None or self._collecting):
            self.begun = record.time
        self.passes[plan.number] = PassProgress(plan, record.then, frame=plan.start, alive=frozenset(plan.tracks))
        self.tracked.add(plan.start)
        self.edited.clear()

    def _frame(self, record: FrameRecord) -> None:
        progress = self._last_pass(record.number)
        if self.begun is None and self._collecting:
            self.begun = ""
        rows, frame = record.rows, record.frame
        self._check_tracks(tracks_of(rows))
        spread_rows(rows, progress.plan.direction, self.markers)
        if self._collecting:
            spread_rows(rows, progress.plan.direction, self.changed)
        progress.frame = frame
        progress.steps += 1
        progress.outcome = None
        progress.alive = frozenset(track for track, at, flags in heads_of(rows) if at == frame and not flags & MUTED)
        self.tracked.add(frame)
        self.edited.clear()

    def _check_tracks(self, tracks: Iterable[int]) -> None:
        if not self.tracks.keys() >= set(tracks):
            unknown = min(set(tracks) - self.tracks.keys())
            raise RecordInvalid(f"a record names track {unknown}, which the journal does not have")

    def _last_pass(self, number: int) -> PassProgress:
        progress = self.last_pass
        if progress is None or progress.plan.number != number:
            raise RecordInvalid(f"a record of pass {number}, which is not the last one opened")
        return progress

    def _event(self, record: EventRecord) -> None:
        match record:
            case CheckpointEvent(frame=frame):
                self.tracked.add(frame)
            case TrackedEvent(frames=frames):
                self.tracked.update(frames)
            case TracksRemovedEvent(tracks=tracks):
                for known in (self.tracks, self.markers, self.changed, self.renamed):
                    for number in tracks:
                        known.pop(number, None)
            case PictureDamagedEvent(frame=frame):
                self.damaged.add(frame)
            case _:
                pass
