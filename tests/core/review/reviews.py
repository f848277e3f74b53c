# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of ten tracked frames and three tracks, and the actions of a review on it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.records import EditRecord, Event, JournalRecord
from tracking_sessions.core.journal.review import Review
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review import actions
from tracking_sessions.tests.core.shots import finish, make_session, marker, start_run

WHO = "Mara"
KINDS = (FlagKind.JUMP, FlagKind.DRIFT)


def tracked_session(folder: Path, frames: int = 10) -> TrackingSessionManager:
    """A session whose tracks 1 and 3 have a marker on each frame, and track 2 on the first three."""
    session = make_session(folder, frames)
    finish(start_run(session, [(1, frames)]))
    return TrackingSessionManager(session.path)


def jump(track: int, frame: int, severity: Severity = Severity.ERROR) -> Flag:
    return Flag(FlagKind.JUMP, severity, track, frame, frame, 3.25, 0.5, "px")


def put(session: TrackingSessionManager, records: Sequence[JournalRecord]) -> None:
    session.acquire().append(*records)


def begin(session: TrackingSessionManager) -> None:
    put(session, actions.begin(session))


def audit(session: TrackingSessionManager, frames: str, *flags: Flag) -> None:
    put(session, actions.audited(session, FrameRanges.parse(frames), flags, KINDS, is_full=False))


def edit(session: TrackingSessionManager, track: int, frame: int, value: float = 0.75) -> None:
    edited = EditRecord(track, (), marker(track, frame, (value,)))
    put(session, [event_record(Event.EDITED, operator="Move"), edited])


def as_data(review: Review) -> dict[str, object]:
    return {"verdicts": review.to_state(), "flags": [asdict(flag) for flag in review.flags]}
