# SPDX-License-Identifier: GPL-3.0-or-later
"""A solve as a recorded step of a session: solving, then complete, or failed with the reason."""

from __future__ import annotations

from typing import Any

from ..errors import ExitCode, TrackingSessionError, UsageError
from ..journal.records import Event
from ..journal.solves import SolveEntry
from ..model.types import SessionStatus
from ..recording.manager import TrackingSessionManager
from .solve import Solve, VerdictKind

USABLE = frozenset(
    {
        VerdictKind.SOLVED,
        VerdictKind.TRIPOD,
        VerdictKind.STATIC,
        VerdictKind.LOW_PARALLAX,
        VerdictKind.FOCAL_UNDETERMINED,
        VerdictKind.TWO_MOTIONS,
    }
)
"""The verdicts on a camera that somebody may use, if not for everything."""


def begin(session: TrackingSessionManager) -> SessionStatus:
    """Record that a solve begins; returns the status before, for `stop` and `end`. Raises as the recorder."""
    before = session.session.status
    session.set_status(SessionStatus.SOLVING)
    return SessionStatus.TRACKING_COMPLETE if before is SessionStatus.SOLVING else before


def stop(session: TrackingSessionManager, before: SessionStatus) -> None:
    """Record that the solve was stopped, and left nothing."""
    session.set_status(before)


def end(session: TrackingSessionManager, before: SessionStatus, error: TrackingSessionError) -> None:
    """Record that the solve has ended without a result: it failed, or was stopped or ended from outside."""
    if error.exit_code == ExitCode.STOPPED:
        stop(session, before)
    else:
        _fail(session, str(error))


def _fail(session: TrackingSessionManager, reason: str) -> None:
    recorder = session.acquire()
    recorder.append_event(Event.STATUS, status=SessionStatus.FAILED.value, step="solve", reason=reason)
    recorder.write_file()


def finish(session: TrackingSessionManager, solve: Solve) -> None:
    """Record the stored solve. Without a camera the session is failed, with the verdict as the reason."""
    session.mark_solve_complete(solve.id, **figures(session, solve))
    if solve.verdict.kind not in USABLE:
        _fail(session, solve.verdict.reason)


def mark_best(session: TrackingSessionManager, id: str, who: str) -> None:
    """Record that this person takes the solve of this id for the best, whatever its figures say, until another is
    marked; without an id the figures decide again. Raises UsageError for a solve without a camera, and as the recorder.
    """
    if id:
        entry = next((SolveEntry.of(solve) for solve in session.solves if solve["id"] == id), None)
        if entry is None or not (entry.cameras or entry.error):
            raise UsageError("This solve has no camera: it cannot be the best")
    recorder = session.acquire()
    recorder.append_event(Event.BEST, solve=id, who=who)
    recorder.write_file()


def figures(session: TrackingSessionManager, solve: Solve) -> dict[str, Any]:
    """What the journal and the session file keep of the solve; errors are in pixels, the focal length in mm.

    The coverage is the share of all frames of the session's passes: a solve of a part covers a part.
    """
    frames = solve.frames[1] - solve.frames[0] + 1
    return {
        "verdict": solve.verdict.kind.value,
        "reason": solve.verdict.reason,
        "average_error": round(solve.average_error, 6),
        "cameras": len(solve.cameras),
        "frames": frames,
        "camera_coverage": round(len(solve.cameras) / max(1, frames, len(session.requested)), 6),
        "focal_length": round(solve.lens.focal, 6),
        "tracks_kept": len(solve.bundles),
        "tracks_made": solve.tracks_made,
        "keyframes": list(solve.keyframes),
        "digest": solve.digest,
        "blender": solve.blender,
    }
