# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of each frame of a session: from the review, and from what is tracked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from ..journal.decisions import Approval, Fine, Note, Override
from ..journal.history import History, Kind
from ..journal.replay import Replay
from ..journal.review import Review
from ..journal.rows import is_muted, position_of
from ..model.flags import Flag, FlagKind, Severity, score
from ..model.frame_status import FrameStatus
from ..model.ranges import FrameRanges
from ..model.types import Outcome
from ..recording.manager import TrackingSessionManager


@dataclass(frozen=True, slots=True)
class Attempt:
    """A pass over a frame, or a part of one track that was tracked anew.

    `way` is `forwards` or `backwards`, or the kind of the override; `outcome` is empty for one that was interrupted.
    """

    time: str
    way: str
    first: int
    last: int
    outcome: str
    who: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The findings of the audits on a frame. `score`: see `model.flags.score`; accepted flags do not count."""

    score: float
    flags: tuple[Flag, ...]
    passed: bool
    """Whether no open flag is an error."""
    largest_drift: float
    """In pixels: the largest value of a DRIFT flag there; 0 without one."""
    auto_corrected: bool
    """Whether the tracker has replaced markers of the frame for the review: a re-track or a filled gap."""


@dataclass(frozen=True, slots=True)
class ReviewedFrame:
    """All that the review knows of a clip frame. `id` names it among the frames of all reviews."""

    id: str
    frame: int
    status: FrameStatus
    report: AuditReport
    overrides: tuple[Override, ...]
    notes: tuple[Note, ...]
    fine: tuple[Fine, ...]
    approvals: tuple[Approval, ...]
    """By people, if they count: a marker of the frame has not changed since."""


class Spot(NamedTuple):
    """A live marker of a frame: x and y in 0..1 of the picture from its lower left, and whether a flag names it."""

    x: float
    y: float
    is_suspect: bool


def spots(replay: Replay, flags: Iterable[Flag], frame: int) -> list[Spot]:
    """The live markers on the clip frame; suspect are those that one of the flags is about there."""
    suspect = {number for flag in flags if flag.covers(frame) for number in (flag.track, flag.other)}
    found: list[Spot] = []
    for number, rows in replay.markers.items():
        row = rows.get(frame)
        if row is not None and number in replay.tracks and not is_muted(row):
            x, y = position_of(row)
            if isfinite(x) and isfinite(y):
                found.append(Spot(x, y, number in suspect))
    return found


def frames_to_show(review: Review, count: int) -> list[int]:
    """The reference frame and the frames with the worst open flags, at most `count`, ascending."""
    found = dict.fromkeys([review.anchor] if review.id else [])
    for flag in review.open_flags:
        if len(found) >= count:
            break
        if flag.severity is not Severity.NOTE:
            found[flag.first] = None
    return sorted(found)


class FrameStates:
    """The states of the frames of a session; they follow its records."""

    def __init__(self, session: TrackingSessionManager) -> None:
        self._session = session

    @property
    def review(self) -> Review:
        return self._session.review

    @property
    def scope(self) -> FrameRanges:
        """The frames under review: those that were asked for, and all that are tracked."""
        scope = FrameRanges(self._session.scope.ranges())
        scope.update(self._session.session.tracked_frames)
        return scope

    def status(self, frame: int) -> FrameStatus:
        """The state of the clip frame."""
        verdict = self.review.verdict(frame)
        if verdict is not None:
            return verdict
        return FrameStatus.TRACKED if frame in self._session.session.tracked_frames else FrameStatus.PENDING

    def sets(self) -> dict[FrameStatus, FrameRanges]:
        """The frames of each state, which together are `scope`."""
        review, scope = self.review, self.scope
        found = {
            FrameStatus.AUDIT_FAIL: review.failed,
            FrameStatus.AUDIT_WARN: review.warned,
            FrameStatus.APPROVED: review.approved,
        }
        unjudged = scope
        for frames in found.values():
            unjudged = unjudged.without(frames)
        tracked = self._session.session.tracked_frames
        pending = unjudged.without(tracked)
        return {FrameStatus.PENDING: pending, FrameStatus.TRACKED: unjudged.without(pending), **found}

    def counts(self) -> dict[FrameStatus, int]:
        return {status: len(frames) for status, frames in self.sets().items()}

    @property
    def open_words(self) -> str:
        """How many frames are not approved, by state, the worst first; empty if all are."""
        order = (FrameStatus.AUDIT_FAIL, FrameStatus.AUDIT_WARN, FrameStatus.TRACKED, FrameStatus.PENDING)
        counts = self.counts()
        return ", ".join(f"{counts[status]:,} {status.word.lower()}" for status in order if counts[status])

    def frame(self, frame: int) -> ReviewedFrame:
        """What the review knows of the clip frame."""
        review = self.review
        flags = tuple(flag for flag in review.flags if flag.covers(frame))
        overrides = _covering(review.overrides, frame)
        return ReviewedFrame(
            f"{review.id}:{frame}" if review.id else "",
            frame,
            self.status(frame),
            report_of(review, flags, overrides),
            overrides,
            _covering(review.notes, frame),
            _covering(review.fine, frame),
            _covering(review.approvals, frame) if frame in review.signed else (),
        )


def report_of(review: Review, flags: tuple[Flag, ...], overrides: Iterable[Override] = ()) -> AuditReport:
    """The report on a frame with these flags and overrides."""
    counted = [flag for flag in flags if not review.is_fine(flag)]
    return AuditReport(
        score(counted),
        flags,
        all(flag.severity is not Severity.ERROR for flag in counted),
        max((flag.value for flag in flags if flag.kind is FlagKind.DRIFT), default=0.0),
        any(override.is_by_tracker for override in overrides),
    )


def _covering(entries: Iterable[Any], frame: int) -> tuple[Any, ...]:
    return tuple(entry for entry in entries if entry.first <= frame <= entry.last)


def attempts(history: History, review: Review, frame: int) -> list[Attempt]:
    """How often the tracker has tried the clip frame: the passes over it, and the re-tracks; oldest first."""
    found: list[Attempt] = []
    for state in history.states:
        if state.kind is not Kind.PASS or state.first is None or state.last is None:
            continue
        low, high = sorted((state.first, state.last))
        if low <= frame <= high:
            way = "backwards" if state.last < state.first else "forwards"
            outcome = state.outcome.value if state.outcome else ""
            found.append(Attempt(state.time, way, state.first, state.last, outcome, state.who))
    found += [
        Attempt(one.time, one.kind.value, one.first, one.last, Outcome.COMPLETE.value, one.who)
        for one in review.overrides
        if one.is_by_tracker and one.first <= frame <= one.last
    ]
    return sorted(found, key=lambda one: one.time)
