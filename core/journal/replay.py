# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a session after the records of its journal."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..model.ranges import FrameRanges
from ..model.types import Outcome, Pass, TrackData
from .chain import Position, Record
from .codec import decoded
from .records import (
    CheckpointEvent,
    EditedEvent,
    EditRecord,
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
)
from .rows import MUTED, all_flags_of, frames_of, heads_of, join_rows, split_rows, spread_rows, tracks_of
from .steps import Steps

_LIVE = bytes(flags for flags in range(8) if not flags & MUTED)


@dataclass
class PassProgress:
    """A pass and its progress.

    `alive`: the tracks followed by the last step, or all before the first. `followed`: as in `PassSummary`. `edited`:
    tracks whose markers were changed after the last step, with their markers at that step.
    """

    plan: Pass
    then: tuple[Pass, ...] = ()  # the passes planned to follow
    frame: int = 0
    steps: int = 0
    alive: frozenset[int] = frozenset()
    outcome: Outcome | None = None
    followed: frozenset[int] = frozenset()
    edited: dict[int, dict[int, bytes]] = field(default_factory=dict[int, dict[int, bytes]])

    @property
    def is_open(self) -> bool:
        """Whether the pass has a step to do, or is still to be closed after the last track was lost."""
        is_over = self.outcome is not None and self.outcome.is_final
        return not is_over and bool(self.followed or not self.alive)

    @property
    def is_unfinished(self) -> bool:
        """As `PassSummary.is_open`."""
        return self.is_open or bool(self.then)


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
        self._given: dict[int, dict[int, bytes]] = {}
        self._steps = Steps()  # that are not in `_given` yet
        self._last_step: tuple[PassProgress, array[int]] | None = None
        """The pass and the tracks of the last record, if that was a step with all its tracks alive."""
        self.passes: dict[int, PassProgress] = {}  # the one with the last record last
        self._others: list[PassProgress] = []  # the passes with tracks to follow, without the last one
        self.tracked = FrameRanges()
        self.damaged: set[int] = set()  # clip frames that had a damaged picture when they were tracked
        self.begun: str | None = None
        """When the first pass or edit behind `since` was recorded; empty if a step was recorded before that."""

    @property
    def unfinished(self) -> list[PassProgress]:
        """The passes that can be resumed, the one with the most tracks first; of equals, the last one."""
        there = self.tracks.keys()
        found = [replace(known, followed=known.followed & there) for known in reversed(self.passes.values())]
        return sorted((known for known in found if known.is_unfinished), key=lambda known: -len(known.followed))

    @property
    def markers(self) -> dict[int, dict[int, bytes]]:
        self._settle()
        return self._given

    def _settle(self) -> None:
        """Give the markers of the last steps to their tracks."""
        if self._steps:
            for track, rows in self._steps.take():
                self._given.setdefault(track, {}).update(split_rows(rows))

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
        if isinstance(record, FrameRecord):
            self._frame(record)
            return
        self._last_step = None
        match record:
            case MarkersRecord():
                self._markers(record)
            case EditRecord():
                self._edit(record)
            case FoundRecord(track, _):
                self._check_tracks([track])
            case TracksRecord(tracks):
                for track in tracks:
                    self._track(track)
            case PassRecord():
                self._pass(record)
            case EndRecord():
                self._end(record)
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
        self._note_edit((track,))
        self.markers[track] = split_rows(record.rows)
        if self._collecting:
            self.changed[track] = dict(self.markers[track])
            self.replaced.add(track)

    def _edit(self, record: EditRecord) -> None:
        track = record.track
        self._check_tracks([track])
        self._note_edit((track,))
        mine = self.markers.setdefault(track, {})
        for frame in record.removed:
            mine.pop(frame, None)
        mine.update(split_rows(record.rows))
        if self._collecting:
            self.changed[track] = dict(mine)
            self.replaced.add(track)

    def _note_edit(self, tracks: Iterable[int], *, without: PassProgress | None = None) -> None:
        """Keep the markers of the tracks at the last step of each unfinished pass."""
        for known in self.passes.values():
            if known is not without and known.is_open:
                for track in tracks:
                    if track not in known.edited:
                        known.edited[track] = dict(self.markers.get(track, {}))

    def _pass(self, record: PassRecord) -> None:
        plan = record.plan
        for planned in (plan, *record.then):
            self._check_tracks(planned.tracks)
        if self.passes and plan.number <= max(self.passes):
            raise RecordInvalid(f"pass {plan.number} is opened after pass {max(self.passes)}")
        self._begin(record.time)
        for known in self.passes.values():
            first = known.then[0] if known.then else None
            if first is not None and (first.start, first.end) == (plan.start, plan.end) and not known.followed:
                known.then = ()  # this is the planned pass, which has those behind it
        self._others = [known for known in self.passes.values() if known.followed]
        self._leave_others(plan, plan.end, plan.tracks)
        self._note_edit(plan.tracks)
        alive = frozenset(plan.tracks)
        self.passes[plan.number] = PassProgress(plan, record.then, frame=plan.start, alive=alive, followed=alive)
        self.tracked.add(plan.start)

    def _begin(self, time: str) -> None:
        if self.begun is None and (self.since is None or self._collecting):
            self.begun = time

    def _frame(self, record: FrameRecord) -> None:
        progress = self._turn_to(record.number)
        if self.begun is None and self._collecting:
            self.begun = ""
        rows, frame = record.rows, record.frame
        tracks = tracks_of(rows)
        last = self._last_step
        is_same = last is not None and last[0] is progress and last[1] == tracks
        if not is_same:
            self._check_tracks(tracks)
        if (frame - progress.plan.end) * progress.plan.direction > 0:
            progress.plan = replace(progress.plan, end=frame)
        self._steps.add(progress.plan.direction, rows)
        if self._steps.is_full:
            self._settle()
        if self._collecting:
            spread_rows(rows, progress.plan.direction, self.changed)
        progress.frame = frame
        progress.steps += 1
        progress.outcome = None
        is_plain = not all_flags_of(rows).strip(_LIVE) and frames_of(rows) == array("i", [frame]) * len(tracks)
        alive = progress.alive
        if not is_same or not is_plain:
            alive = frozenset(track for track, at, flags in heads_of(rows) if at == frame and not flags & MUTED)
        self._last_step = (progress, tracks) if is_plain else None
        if self._others:
            self._leave_others(progress.plan, frame, alive)
        progress.alive = progress.followed = alive
        progress.edited.clear()
        self.tracked.add(frame)

    def _check_tracks(self, tracks: Iterable[int]) -> None:
        if not self.tracks.keys() >= set(tracks):
            unknown = min(set(tracks) - self.tracks.keys())
            raise RecordInvalid(f"a record names track {unknown}, which the journal does not have")

    def _turn_to(self, number: int) -> PassProgress:
        """The pass of that number, the last one or an unfinished one, which becomes the last."""
        progress = self.passes.get(number)
        is_last = progress is not None and progress is next(reversed(self.passes.values()))
        if progress is None or not (is_last or progress.is_unfinished):
            raise RecordInvalid(f"a record of pass {number}, which is not unfinished")
        if not is_last:
            self.passes[number] = self.passes.pop(number)
            self._note_others()
        return progress

    def _note_others(self) -> None:
        self._others = [known for known in list(self.passes.values())[:-1] if known.followed]

    def _leave_others(self, plan: Pass, reached: int, tracks: Iterable[int]) -> None:
        """As `Summary._leave_others`."""
        low, high = sorted((plan.start, reached))
        for known in self._others:
            if known.plan.number != plan.number and low <= known.frame + known.plan.direction <= high:
                known.followed = known.followed.difference(tracks)
        self._others = [known for known in self._others if known.followed]

    def _end(self, record: EndRecord) -> None:
        progress = self._turn_to(record.number)
        progress.outcome = record.outcome
        if record.outcome.is_final:
            progress.followed = frozenset()
        if record.outcome is Outcome.DROPPED:
            progress.then = ()

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
            case EditedEvent(fields=fields):
                self._begin(str(fields.get("time", "")))
            case _:
                pass
