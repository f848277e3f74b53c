# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits of a session: what is judged, and the verdict as records. `audit` has the measures, which need numpy."""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError
from ..journal.records import EventRecord
from ..model.flags import Flag, FlagKind
from ..model.frame_status import FrameStatus
from ..model.ranges import FrameRanges
from ..recording.manager import TrackingSessionManager
from . import actions
from .frames import FrameStates

if TYPE_CHECKING:
    from .correlation import Read
    from .motion import Tracks

FULL = frozenset(FlagKind) - {FlagKind.CORRELATION, FlagKind.ERROR}
"""The flags that a full audit looks for; the others need the pictures or a solve."""
QUICK = FULL - {FlagKind.DRIFT, FlagKind.STRAY}
"""Those of a quick one."""


class Found(NamedTuple):
    """The result of an audit: it looked for `kinds` on the clip frames `frames`, and found `flags`, the worst first."""

    frames: FrameRanges
    kinds: frozenset[FlagKind]
    flags: list[Flag]
    is_full: bool
    rolling: float = 0.0
    """The share of a frame of the rolling shutter that a full audit has found."""


def audit_session(
    session: TrackingSessionManager,
    state: Tracks,
    *,
    is_full: bool,
    progress: Callable[[float], object] | None = None,
    read: Read | None = None,
) -> Found:
    """Audit all frames of the session, whose newest state is `state`; `progress` gets the share done. `read`
    gives the pictures, for CORRELATION.

    Raises UsageError if nothing is tracked, the size of the footage is unknown, or numpy is missing.
    """
    steps = audit_steps(session, state, is_full=is_full, read=read)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            return end.value
        if progress is not None:
            progress(share)


def audit_steps(
    session: TrackingSessionManager, state: Tracks, *, is_full: bool, read: Read | None = None
) -> Generator[float, None, Found]:
    """As `audit_session`, in steps of some milliseconds, each of which yields the share done. Close it to stop."""
    _check(session)
    from .audit import Level, audit_steps
    from .motion import Motion

    motion = Motion.of(state, session.session.footage.size, has_corners=read is not None)
    flags, rolling = yield from audit_steps(motion, level=Level.FULL if is_full else Level.QUICK, read=read)
    frames = FrameRanges(session.session.tracked_frames.ranges())
    kinds = FULL if is_full else QUICK
    return Found(frames, kinds | {FlagKind.CORRELATION} if read is not None else kinds, flags, is_full, rolling)


def audit_new(session: TrackingSessionManager, state: Tracks) -> Found | None:
    """Audit the tracked frames that are not judged, by what the frames around them tell; None if there are none.

    Costs by their number, not by the length of the shot. Raises as `audit_session`.
    """
    _check(session)
    frames = FrameStates(session).sets()[FrameStatus.TRACKED]
    if not len(frames):
        return None
    from .audit import LOCAL, REACH, audit_frames
    from .motion import Motion

    first, last = next(iter(frames)), max(end for _, end in frames.ranges())
    between = first - 2 * REACH - 1, last + 2 * REACH + 1
    motion = Motion.of(state, session.session.footage.size, between=between)
    return Found(frames, LOCAL, audit_frames(motion, frames), is_full=False)


def verdict(session: TrackingSessionManager, found: Found) -> list[EventRecord]:
    """The records of the verdict, and of the beginning of the review if nobody has begun it."""
    records = actions.begin(session)
    frames, flags, is_full = found.frames, found.flags, found.is_full
    return records + actions.audited(session, frames, flags, found.kinds, is_full=is_full, rolling=found.rolling)


def rolling_words(share: float) -> str:
    """The rolling shutter in words."""
    return f"Rolling shutter: {abs(share):.2f} of a frame{'' if share > 0 else ', from below'}"


def _check(session: TrackingSessionManager) -> None:
    if not len(session.session.tracked_frames):
        raise UsageError("No frame is tracked")
    if min(session.session.footage.size) < 1:
        raise UsageError("The size of the footage is not known")
    if find_spec("numpy") is None:
        raise UsageError("An audit needs numpy: install it, or run the command in Blender, which has it")
