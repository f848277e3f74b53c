# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a session, from its records: the content of the session file, small for a shot of any length.

Frames are clip frames: 1 is the first frame of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import PassSummary, SessionState, SessionStatus
from .chain import Record
from .losses import Losses
from .records import (
    CheckpointEvent,
    EndRecord,
    EventRecord,
    FoundRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    RecordInvalid,
    SolveEvent,
    StateEvent,
    StatusEvent,
    TrackedEvent,
    TracksRecord,
    TracksRemovedEvent,
    decoded,
)
from .solves import best_solve

PASSES_KEPT = 100
HISTORY_KEPT = 100
_TRACKED = (SessionStatus.TRACKING_COMPLETE, SessionStatus.SOLVING, SessionStatus.COMPLETE)


class Summary:
    """Status, tracked frames, last checkpoint, passes and losses, updated by each record, read or written."""

    def __init__(self) -> None:
        self.status = SessionStatus.NOT_STARTED
        self.state: SessionState | None = None  # None: no record decides it, the session file does
        self.tracked = FrameRanges()
        self.requested = FrameRanges()  # the frames of all passes
        self.checkpoint: tuple[int, str] | None = None  # frame, operation
        self.passes: list[PassSummary] = []
        self.solves: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] = []
        self.losses = Losses()

    @property
    def resume_frame(self) -> int | None:
        """The last recorded frame of unfinished tracking, which resumes from it; None if it is finished."""
        if self.status is not SessionStatus.TRACKING:
            return None
        if self.passes and self.passes[-1].is_open:
            return self.passes[-1].last_frame
        return self.checkpoint[0] if self.checkpoint is not None else None

    @property
    def best_solve(self) -> str:
        """The id of the best solve; empty if there is none."""
        best = best_solve(self.solves)
        return str(best["id"]) if best is not None else ""

    @property
    def left(self) -> list[tuple[int, int]]:
        """The first and last frame that the open pass and each planned pass still have to track."""
        if not self.passes or self.status in _TRACKED:
            return []
        last = self.passes[-1]
        spans = [(start, start, end) for start, end in last.then]
        if last.is_open and last.alive:
            spans.insert(0, (last.last_frame, last.start, last.end))
        left: list[tuple[int, int]] = []
        for at, start, end in spans:
            direction = -1 if end < start else 1
            if (end - at) * direction > 0:
                left.append((at + direction, end))
        if self.checkpoint is None or self._is_of_pass(self.checkpoint):
            return left
        return _behind(self.checkpoint[0], left)  # a script has gone on from there

    def scope(self, frame_count: int) -> FrameRanges:
        """The requested frames: of the passes, or without passes the whole clip.

        Empty without passes and with `frame_count` 0, when the length of the clip is unknown.
        """
        return self.requested if len(self.requested) else FrameRanges([(1, frame_count)] if frame_count else [])

    def remaining(self, frame_count: int) -> FrameRanges:
        """The frames still to track: not recorded, or to be tracked again by a pass."""
        remaining = self._unrecorded(self.scope(frame_count))
        for pair in self.left:
            remaining.add(*sorted(pair))
        return remaining

    def _unrecorded(self, scope: FrameRanges) -> FrameRanges:
        unrecorded = FrameRanges()
        for start, end in scope.ranges():
            unrecorded.update(self.tracked.missing(start, end))
        return unrecorded

    def next_frame(self, frame_count: int) -> int | None:
        """The next frame to track; None when nothing is left. See `TrackingSessionManager.get_resume_point`."""
        if self.status in _TRACKED:
            return None
        left = self.left
        if left:
            return left[0][0]
        if self.passes and self._is_of_pass(self.checkpoint):
            return None
        return self._next_of_script(frame_count)

    def _is_of_pass(self, checkpoint: tuple[int, str] | None) -> bool:
        """Whether the last pass, and not a later script, made the last checkpoint."""
        last = self.passes[-1]
        return checkpoint == (last.last_frame, last.operation)

    def _next_of_script(self, frame_count: int) -> int | None:
        """The next unrecorded frame in the direction of the script's last checkpoint, else in the other direction."""
        scope = self.scope(frame_count)
        unrecorded = self._unrecorded(scope if len(scope) else FrameRanges([(1, FRAME_LIMIT)]))
        frame, operation = self.checkpoint or (0, "")
        behind = [max(start, frame + 1) for start, end in unrecorded.ranges() if end > frame][:1]
        before = [min(end, frame - 1) for start, end in unrecorded.ranges() if start < frame][-1:]
        is_backwards = "backward" in operation.lower()
        if not is_backwards and "forward" not in operation.lower():  # then away from the recorded frames
            is_backwards = frame + 1 in self.tracked and frame - 1 not in self.tracked
        return next(iter(before + behind if is_backwards else behind + before), None)

    def progress(self, frame_count: int) -> dict[str, Any]:
        """Numbers of frames, which are cheap to get, and the status."""
        total = len(self.requested) or frame_count
        remaining = len(self.remaining(frame_count))
        percent = round(100.0 * max(0, total - remaining) / total, 2) if total else 0.0
        return {
            "total_frames": total,
            "tracked_frames": len(self.tracked),
            "remaining_frames": remaining,
            "percent_complete": min(percent, 99.99) if remaining else percent,  # only a whole session has 100
            "status": self.status.value,
        }

    def read(self, records: Iterable[Record]) -> None:
        """Apply all records. Raises RecordInvalid and the errors of the iterable."""
        for record, _ in decoded(records):
            self.apply(record)

    def apply(self, record: JournalRecord) -> None:
        """Apply one record. Raises RecordInvalid if it contradicts those before it."""
        match record:
            case FrameRecord(number, frame, alive):
                last = self._last_pass(number)
                self.passes[-1] = last._replace(last_frame=frame, alive=alive, outcome=None)
                self._checkpoint(frame, last.operation)
                self.losses.step(record)
            case MarkersRecord():
                self.losses.replace_markers(record)
            case TracksRecord(tracks):
                self.losses.name_tracks(tracks)
            case PassRecord():
                self._pass(record)
            case EndRecord(number, outcome, detail):
                last = self._last_pass(number)
                self.passes[-1] = last._replace(outcome=outcome, detail=detail or last.detail)
            case EventRecord():
                self._event(record)
            case FoundRecord():
                pass

    def _last_pass(self, number: int) -> PassSummary:
        if not self.passes or self.passes[-1].number != number:
            raise RecordInvalid(f"a record of pass {number}, which is not the last one opened")
        return self.passes[-1]

    def _checkpoint(self, frame: int, operation: str) -> None:
        self.checkpoint = (frame, operation)
        self.tracked.add(frame)

    def _pass(self, record: PassRecord) -> None:
        plan = record.plan
        if self.passes and plan.number <= self.passes[-1].number:
            raise RecordInvalid(f"pass {plan.number} is opened after pass {self.passes[-1].number}")
        entry = PassSummary(
            number=plan.number,
            operation=record.operation,
            start=plan.start,
            end=plan.end,
            tracks=len(plan.tracks),
            last_frame=plan.start,
            alive=len(plan.tracks),
            then=tuple((planned.start, planned.end) for planned in record.then),
        )
        self.passes = [*self.passes[-PASSES_KEPT + 1 :], entry]
        self.status = SessionStatus.TRACKING
        for planned in (plan, *record.then):
            self.requested.add(*sorted((planned.start, planned.end)))
        self._checkpoint(plan.start, record.operation)

    def _event(self, record: EventRecord) -> None:
        match record:
            case CheckpointEvent(frame=frame, operation=operation):
                self._checkpoint(frame, operation)
                self.status = SessionStatus.TRACKING
                return  # else they would fill the history
            case TrackedEvent(frames=frames, requested=requested):
                self.tracked.update(frames)
                self.requested.update(self.tracked)
                self.requested.update(requested)
            case StatusEvent(status=status):
                self.status = status
            case StateEvent(state=state):
                self.state = state
            case TracksRemovedEvent(tracks=tracks):
                self.losses.remove_tracks(tracks)
            case SolveEvent(solve=solve):
                self.solves.append(solve)
                self.status = SessionStatus.COMPLETE
            case _:
                pass
        self.history = [*self.history[-HISTORY_KEPT + 1 :], record.fields]


def _behind(frame: int, left: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges after `frame`: the rest of the first range that contains it, and the later ranges."""
    for index, (start, end) in enumerate(left):
        if min(start, end) <= frame <= max(start, end):
            rest = [(frame - 1 if end < start else frame + 1, end)] if frame != end else []
            return rest + left[index + 1 :]
    return left
