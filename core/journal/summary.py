# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a session, from its records: the content of the session file, small for a shot of any length.

Frames are clip frames: 1 is the first frame of the clip.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import Outcome, Pass, PassSummary, SessionState, SessionStatus
from .asides import Asides
from .chain import NOTHING, Position, Record
from .codec import decoded
from .coverage import Coverage
from .losses import Losses
from .records import (
    BestEvent,
    CheckpointEvent,
    EditedEvent,
    EditRecord,
    EndRecord,
    Event,
    EventRecord,
    FoundRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    RecordInvalid,
    RestoredEvent,
    ReviewEvent,
    SetAsideEvent,
    SolveEvent,
    StateEvent,
    StatusEvent,
    TrackedEvent,
    TracksRecord,
    TracksRemovedEvent,
)
from .review import Review
from .rows import frames_of
from .solves import best_solve, marked

PASSES_KEPT = 100
HISTORY_KEPT = 100
_TRACKED = (SessionStatus.TRACKING_COMPLETE, SessionStatus.SOLVING, SessionStatus.COMPLETE)


class Summary:
    """Status, tracked frames, last checkpoint, passes and losses, updated by each record, read or written."""

    def __init__(self) -> None:
        self.end = NOTHING
        self.status = SessionStatus.NOT_STARTED
        self.state: SessionState | None = None  # None: no record decides it, the session file does
        self.tracked = FrameRanges()
        self.requested = FrameRanges()  # the frames of all passes
        self.checkpoint: tuple[int, str] | None = None  # frame, operation
        self.passes: list[PassSummary] = []  # the one with the last record last
        self._has_others = False  # whether a pass before the last one has tracks to follow
        self.solves: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] = []
        self.losses = Losses()
        self.coverage = Coverage()
        self.asides = Asides()
        self.review = Review()

    @property
    def unfinished(self) -> list[PassSummary]:
        """The passes that can be resumed, the one with the most tracks first; of equals, the last one."""
        if self.status in _TRACKED:
            return []
        there = self.coverage.frames.keys()
        found = [known._replace(followed=known.followed & there) for known in reversed(self.passes) if known.is_open]
        return sorted((known for known in found if known.is_open), key=lambda known: -len(known.followed))

    @property
    def resume_frame(self) -> int | None:
        """The last recorded frame of unfinished tracking, which resumes from it; None if it is finished."""
        if self.status is not SessionStatus.TRACKING:
            return None
        if self.unfinished:
            return self.unfinished[0].last_frame
        return self.checkpoint[0] if self.checkpoint is not None else None

    @property
    def decision(self) -> dict[str, Any]:
        """The last event `state` that the history has; empty without one."""
        found = [fields for fields in self.history if fields.get("event") == Event.STATE]
        return found[-1] if found else {}

    @property
    def best_solve(self) -> str:
        """The id of the best solve; empty if there is none."""
        best = best_solve(self.solves)
        return str(best["id"]) if best is not None else ""

    @property
    def left(self) -> list[tuple[int, int]]:
        """The first and last frame that the unfinished passes and their planned passes still have to track.

        In the order in which they are resumed.
        """
        left: list[tuple[int, int]] = []
        for known in self.unfinished:
            spans = [(known.last_frame, known.start, known.end)] if known.followed else []
            for at, start, end in (*spans, *((start, start, end) for start, end in known.then)):
                direction = -1 if end < start else 1
                if (end - at) * direction > 0:
                    left.append((at + direction, end))
        if not self.passes or self.checkpoint is None or self._is_of_pass(self.checkpoint):
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
        for record, end in decoded(records):
            self.apply(record, end)

    def apply(self, record: JournalRecord, end: Position) -> None:
        """Apply a record that ends at `end`. Raises RecordInvalid if it contradicts those before it."""
        match record:
            case FrameRecord():
                self._step(record)
            case MarkersRecord(track, rows):
                self.review.touch([*self.coverage.frames.get(track, ()), *frames_of(rows)], (track,))
                self.losses.replace_markers(record)
                self.coverage.replace(record)
                self.asides.touch((track,))
            case EditRecord(track, removed, rows):
                self.review.touch([*removed, *frames_of(rows)], (track,))
                self.losses.edit(record)
                self.coverage.edit(record)
                self.asides.touch((track,))
            case TracksRecord(tracks):
                self.losses.name_tracks(tracks)
                self.coverage.add(track.id for track in tracks)
                self.asides.touch(track.id for track in tracks)
            case PassRecord():
                self._pass(record)
            case EndRecord():
                self._end(record)
            case ReviewEvent(fields):
                self.asides.end_of_way()
                self.review.apply(fields)
            case EventRecord():
                self._event(record)
            case FoundRecord():
                pass
        self.end = end

    def _step(self, record: FrameRecord) -> None:
        number, frame, alive, rows = record
        last = self._turn_to(number)
        changes: dict[str, Any] = {}
        if self.coverage.step(record, last.direction):
            changes["followed"] = self.coverage.followed
            self.asides.touch(self.coverage.followed)
        if (frame - last.end) * last.direction > 0:
            changes["end"] = frame
            self.requested.add(frame)
        if alive > last.tracks:
            changes["tracks"] = alive
        if self._has_others:
            self._leave_others(last, frame, self.coverage.followed)
        self.passes[-1] = last._replace(last_frame=frame, alive=alive, outcome=None, **changes)
        self._checkpoint(frame, last.operation)
        self.losses.step(record)
        self.review.step(rows)

    def _turn_to(self, number: int) -> PassSummary:
        """The unfinished pass of that number, which becomes the last of the list. Raises RecordInvalid."""
        if self.passes and self.passes[-1].number == number:
            return self.passes[-1]
        for place, known in enumerate(self.passes):
            if known.number == number and known.is_open:
                self.passes = [*self.passes[:place], *self.passes[place + 1 :], known]
                self.note_others()
                return known
        raise RecordInvalid(f"a record of pass {number}, which is not unfinished")

    def _leave_others(self, plan: PassSummary | Pass, reached: int, tracks: Collection[int]) -> None:
        """Take `tracks` out of the other unfinished passes whose next frame lies between the start and `reached`."""
        low, high = sorted((plan.start, reached))
        for place, known in enumerate(self.passes):
            covers = low <= known.last_frame + known.direction <= high
            if known.followed and known.number != plan.number and covers and not known.followed.isdisjoint(tracks):
                self.passes[place] = known._replace(followed=known.followed.difference(tracks))
        self.note_others()

    def note_others(self) -> None:
        """Note whether a pass before the last one has tracks to follow, after a change of the passes."""
        self._has_others = any(known.followed for known in self.passes[:-1])

    def _end(self, record: EndRecord) -> None:
        last = self._turn_to(record.number)
        self.coverage.end_step()
        changes: dict[str, Any] = {"outcome": record.outcome, "detail": record.detail}
        if record.outcome.is_final:
            changes["followed"] = frozenset()
        if record.outcome is Outcome.DROPPED:
            changes["then"] = ()
        self.passes[-1] = last._replace(**changes)

    def _checkpoint(self, frame: int, operation: str) -> None:
        self.checkpoint = (frame, operation)
        self.tracked.add(frame)

    def _pass(self, record: PassRecord) -> None:
        plan = record.plan
        highest = max((known.number for known in self.passes), default=0)
        if plan.number <= highest:
            raise RecordInvalid(f"pass {plan.number} is opened after pass {highest}")
        for place, known in enumerate(self.passes):
            if known.then[:1] == ((plan.start, plan.end),) and not known.followed:
                self.passes[place] = known._replace(then=())  # this is the planned pass, which has those behind it
        self._leave_others(plan, plan.end, plan.tracks)
        self.coverage.end_step()
        self.asides.open_pass(plan.tracks)
        self.review.begin_change()
        followed = plan.followed or len(plan.tracks)
        entry = PassSummary(
            number=plan.number,
            operation=record.operation,
            start=plan.start,
            end=plan.end,
            tracks=followed,
            last_frame=plan.start,
            alive=followed,
            then=tuple((planned.start, planned.end) for planned in record.then),
            followed=frozenset(plan.tracks),
            origin=record.origin,
        )
        kept = [known for known in self.passes if known.is_open or known.number > plan.number - PASSES_KEPT]
        self.passes = [*kept[-PASSES_KEPT + 1 :], entry]
        self.note_others()
        self.status = SessionStatus.TRACKING
        for planned in (plan, *record.then):
            self.requested.add(*sorted((planned.start, planned.end)))
        self._checkpoint(plan.start, record.operation)

    def _event(self, record: EventRecord) -> None:
        if not isinstance(record, TracksRemovedEvent):
            self.asides.end_of_way()
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
            case EditedEvent():
                self.review.begin_change()
            case TracksRemovedEvent(tracks=tracks):
                self._remove(tracks)
            case SetAsideEvent(reason=reason):
                self.asides.set_aside(self.end, reason, self.coverage)
            case RestoredEvent(position=position):
                self.asides.restore(position)
            case SolveEvent(solve=solve):
                self.solves.append(solve)
                self.status = SessionStatus.COMPLETE
            case BestEvent(solve=id, who=who):
                self.solves = marked(self.solves, id, who)
            case _:
                pass
        self.history = [*self.history[-HISTORY_KEPT + 1 :], record.fields]

    def _remove(self, tracks: Iterable[int]) -> None:
        for number in tracks:
            self.review.touch(self.coverage.frames.get(number, ()), (number,))
        self.losses.remove_tracks(tracks)
        self.coverage.remove(tracks)
        self.asides.touch(tracks)


def _behind(frame: int, left: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges after `frame`: the rest of the first range that contains it, and the later ranges."""
    for index, (start, end) in enumerate(left):
        if min(start, end) <= frame <= max(start, end):
            rest = [(frame - 1 if end < start else frame + 1, end)] if frame != end else []
            return rest + left[index + 1 :]
    return left
