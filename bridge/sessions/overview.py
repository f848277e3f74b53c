# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a clip as a panel shows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import JournalDamaged, TrackingSessionError
from ...core.journal.lost_passes import lost_passes
from ...core.model.ranges import FrameRanges
from ...core.model.types import SessionState, SessionStatus
from ...core.model.wording import clock_time
from ...core.recording.manager import TrackingSessionManager
from ...core.storage.folder import SessionFolder
from ..clip.movie_clip import ClipMark, mark_of, position_in
from ..errors import error_words
from ..open_file import open_file
from .finding import find_session, roots_of

if TYPE_CHECKING:
    from bpy.types import MovieClip


def lost_words() -> str:
    """What the open file has lost, in a sentence; empty if nothing."""
    seen = [(clip.name, overview(clip)) for clip in bpy.data.movieclips]
    damaged = [name for name, one in seen if one.is_damaged]
    if damaged:
        names = " and ".join(damaged)
        return f"What was recorded of {names} is damaged: see the Session panel in the Movie Clip Editor"
    lost = [(name, one) for name, one in seen if one.is_missing and not one.owner]
    if not lost:
        return ""
    parts = [f"{one.missing} frame{'s' if one.missing > 1 else ''} of {name}" for name, one in lost]
    verb = "is" if len(lost) == 1 and lost[0][1].missing == 1 else "are"
    until = clock_time(max(one.until for _, one in lost))
    return (
        f"{' and '.join(parts)} {verb} recorded that this file does not have{until and f' (until {until})'}: "
        "see the Session panel in the Movie Clip Editor"
    )


class Overview(NamedTuple):
    """What the panel shows of the session of a clip that is not being tracked now."""

    name: str = ""
    frames: int = 0
    total: int = 0
    resume_frame: int | None = None
    last_frame: int | None = None  # recorded last
    missing: int = 0  # frames that are recorded and that the open file has lost
    undone: int = 0  # frames that it had, and that undo took back
    until: str = ""  # when the last frame was recorded, in UTC
    owner: str = ""
    error: str = ""
    is_damaged: bool = False  # the journal, so that what stands before the damage can be restored
    seen: float = 0.0  # when, by time.monotonic
    tracked: FrameRanges = FrameRanges()
    requested: FrameRanges = FrameRanges()  # the frames that passes were to cover
    problems: FrameRanges = FrameRanges()  # those on which tracks got lost
    lost_frame: int | None = None  # the first on which a pass had lost all tracks, and no other went on from there

    @property
    def is_missing(self) -> bool:
        return self.missing > 0

    @property
    def is_done(self) -> bool:
        """Whether all frames that were asked for are tracked, and in the file."""
        is_going_on = self.resume_frame is not None or self.is_missing or self.is_undone
        is_covered = not any(len(self.tracked.missing(*pair)) for pair in self.requested.ranges())
        return not is_going_on and self.lost_frame is None and is_covered

    @property
    def is_undone(self) -> bool:
        return self.undone > 0


class _Seen(NamedTuple):
    """An overview, and what says whether it still holds."""

    revision: int
    stamp: tuple[object, ...]
    file: Path | None
    modified: float
    overview: Overview


class _Overviews(dict[int, _Seen]):
    """The overviews of the open file, by clip (`session_uid`)."""


_DAMAGED = "What was recorded is damaged in the middle: restore what stands before that, or start fresh"
OWNER_INTERVAL = 2.0  # seconds until it is looked again whether an owner lives: one that was killed changes no file


def overview(clip: MovieClip) -> Overview:
    """The state of the clip's session; read again only when files have changed, or the clip's mark."""
    # a session file that is written is a new one in its folder
    mark = mark_of(clip)
    stamp = (mark, clip.name, *(_modified(SessionFolder(root).sessions) for root in roots_of(mark)))
    known = _known(clip)
    if known is not None and known.stamp == stamp and known.modified == _modified(known.file):
        seen = known.overview
        if not seen.owner or time.monotonic() - seen.seen < OWNER_INTERVAL:
            return seen
    file = None
    try:
        found = find_session(clip, mark)
        seen = Overview()
        if found is not None:
            file = found.path
            seen = _overview_of(clip, mark, found)
    except TrackingSessionError as error:
        file = getattr(error, "path", file)
        is_damaged = isinstance(error, JournalDamaged)
        seen = Overview(error=_DAMAGED if is_damaged else error_words(error), is_damaged=is_damaged)
    open_file.view(_Overviews)[clip.session_uid] = _Seen(open_file.revision, stamp, file, _modified(file), seen)
    return seen


def last_overview(clip: MovieClip) -> Overview:
    """As `overview`, but as it was last seen: for what is drawn all the time, which is no reason to look at files."""
    known = _known(clip)
    return overview(clip) if known is None else known.overview


def _known(clip: MovieClip) -> _Seen | None:
    known = open_file.view(_Overviews).get(clip.session_uid)
    return known if known is not None and known.revision == open_file.revision else None


def _overview_of(clip: MovieClip, mark: ClipMark | None, manager: TrackingSessionManager) -> Overview:
    session = manager.session
    progress = manager.progress
    lacks = manager.missing_frames(position_in(mark, session.id), open_file.held(clip.session_uid, session.id))
    is_missing, is_undone = len(lacks.lost) > 0, len(lacks.undone) > 0
    is_open = session.state is SessionState.ACTIVE and session.status is SessionStatus.TRACKING
    return Overview(
        name=session.name,
        frames=progress["tracked_frames"],
        total=progress["total_frames"],
        resume_frame=manager.resume_frame if is_open and (is_missing or not is_undone) else None,
        last_frame=session.checkpoint_frame,
        missing=len(lacks.lost),
        undone=len(lacks.undone),
        until=session.modified,
        owner=manager.owner,
        seen=time.monotonic(),
        tracked=session.tracked_frames,
        requested=manager.requested,
        problems=FrameRanges.of(manager.lost.frames),
        lost_frame=next((one.frame for one in lost_passes(manager.passes, session.tracked_frames)), None),
    )


def _modified(path: Path | None) -> float:
    if path is None:
        return 0.0
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
