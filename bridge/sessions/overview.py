# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a clip, as a panel shows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import JournalDamaged, TrackingSessionError
from ...core.journal.lost_passes import lost_passes
from ...core.journal.records import Reason
from ...core.model.ranges import FrameRanges
from ...core.model.types import Outcome, PassSummary, SessionState, SessionStatus
from ...core.model.wording import clock_time, count_words
from ...core.recording.manager import TrackingSessionManager
from ...core.storage.folder import SessionFolder
from ..clip.movie_clip import ClipMark, mark_of, position_in
from ..errors import error_words
from ..open_file import open_file
from .finding import find_session, modified, roots_of
from .recording import close_gone, known_recording

if TYPE_CHECKING:
    from bpy.types import MovieClip


def lost_words() -> str:
    """A sentence about the frames that the open file lacks; empty if it has all of them."""
    overviews = [(clip.name, overview(clip)) for clip in bpy.data.movieclips]
    damaged = [name for name, seen in overviews if seen.is_damaged]
    if damaged:
        names = " and ".join(damaged)
        return f"The recording of {names} is damaged: see the Session panel in the Movie Clip Editor"
    lost = [(name, seen) for name, seen in overviews if seen.missing and not seen.owner]
    if not lost:
        return ""
    parts = [f"{count_words(seen.missing, 'recorded frame')} of {name}" for name, seen in lost]
    until = clock_time(max(seen.until for _, seen in lost))
    words = f"This file lacks {' and '.join(parts)}{until and f' (until {until})'}"
    return f"{words}: see the Session panel in the Movie Clip Editor"


class Overview(NamedTuple):
    """The session of a clip, as of the last look at its files."""

    session: str = ""  # its id
    name: str = ""
    frames: int = 0
    total: int = 0
    resume_frame: int | None = None
    last_frame: int | None = None  # the frame recorded last
    missing: int = 0  # recorded frames that the open file lacks
    undone: int = 0  # recorded frames that undo removed from the open file
    until: str = ""  # when the last frame was recorded, in UTC
    owner: str = ""
    error: str = ""
    is_damaged: bool = False  # the journal is damaged; the records before the damage can be restored
    seen: float = 0.0  # when the files were read, by time.monotonic
    tracked: FrameRanges = FrameRanges()
    requested: FrameRanges = FrameRanges()  # the frames that passes were to cover
    problems: FrameRanges = FrameRanges()  # the frames on which tracks got lost
    lost_frame: int | None = None  # the first frame where a pass lost all tracks and no other pass followed
    resumable: tuple[PassSummary, ...] = ()  # the passes that can be resumed, the one with the most tracks first
    in_question: int = 0  # tracks that the artist has changed since they were recorded in the frames that are missing
    is_recording: bool = False  # this Blender records whatever happens to the clip
    not_recorded: str = ""  # why it does not
    thin: FrameRanges = FrameRanges()  # tracked frames with fewer tracks than a camera solve needs
    missing_frames: FrameRanges = FrameRanges()  # as `missing`
    undone_frames: FrameRanges = FrameRanges()  # as `undone`
    pause_reason: str = ""  # why the last pass paused by itself

    @property
    def is_done(self) -> bool:
        """Whether all requested frames are tracked, and in the file."""
        is_open = self.resume_frame is not None or self.missing or self.undone or self.lost_frame is not None
        return not is_open and not any(len(self.tracked.missing(*pair)) for pair in self.requested.ranges())


class _Seen(NamedTuple):
    """An overview, and the state that it was read in."""

    revision: int
    stamp: tuple[object, ...]
    file: Path | None
    modified: float
    overview: Overview


class _Overviews(dict[int, _Seen]):
    """The overviews of the open file, by clip (`session_uid`)."""


_DAMAGED = "The recording is damaged in the middle: restore the frames before the damage, or start fresh"
OWNER_INTERVAL = 2.0  # seconds between two checks of an owner: a killed owner changes no file


def overview(clip: MovieClip) -> Overview:
    """The state of the clip's session, read again only after a change of its files or of the clip's mark."""
    mark = mark_of(clip)
    # each write of a session file makes a new file, which changes the folder
    stamp = (mark, clip.name, *(modified(SessionFolder(root).sessions) for root in roots_of(mark)))
    known = _known(clip)
    if known is not None and known.stamp == stamp and known.modified == modified(known.file):
        seen = known.overview
        if not seen.owner or time.monotonic() - seen.seen < OWNER_INTERVAL:
            return seen
    file = None
    close_gone()
    try:
        recording = known_recording(clip)
        found = recording.session if recording is not None else None
        found = found or find_session(clip, mark)
        seen = Overview(not_recorded=recording.error if recording is not None else "")
        if found is not None:
            file = found.path
            seen = _overview_of(clip, mark, found)
    except TrackingSessionError as error:
        file = getattr(error, "path", file)
        is_damaged = isinstance(error, JournalDamaged)
        words = _DAMAGED if is_damaged else error_words(error)
        seen = Overview(mark.session if mark is not None else "", error=words, is_damaged=is_damaged)
    open_file.view(_Overviews)[clip.session_uid] = _Seen(open_file.revision, stamp, file, modified(file), seen)
    return seen


def last_overview(clip: MovieClip) -> Overview:
    """The last known overview, for frequent drawing: reads files only if there is none."""
    known = _known(clip)
    return overview(clip) if known is None else known.overview


def _known(clip: MovieClip) -> _Seen | None:
    known = open_file.view(_Overviews).get(clip.session_uid)
    return known if known is not None and known.revision == open_file.revision else None


def _overview_of(clip: MovieClip, mark: ClipMark | None, manager: TrackingSessionManager) -> Overview:
    session = manager.session
    progress = manager.progress
    recording = known_recording(clip)
    is_recording = recording is not None and recording.session is manager
    lost, undone_frames = FrameRanges(), FrameRanges()
    if not is_recording:
        position = position_in(mark, session.id)
        lost, undone_frames = manager.missing_frames(position, open_file.written(clip.session_uid, session.id))
    in_question = 0
    for aside in manager.asides:
        tracks, frames = aside.lacking(manager.coverage.frames)
        (undone_frames if aside.reason is Reason.UNDO else lost).update(frames)
        in_question += len(aside.in_question) if tracks and aside.reason is Reason.OLDER_FILE else 0
    undone_frames = undone_frames.without(lost)
    missing, undone = len(lost), len(undone_frames)
    is_open = session.state is SessionState.ACTIVE and session.status is SessionStatus.TRACKING
    return Overview(
        session=session.id,
        name=session.name,
        frames=progress["tracked_frames"],
        total=progress["total_frames"],
        resume_frame=manager.resume_frame if is_open and (missing or not undone) else None,
        last_frame=session.checkpoint_frame,
        missing=missing,
        undone=undone,
        until=session.modified,
        owner="" if is_recording else manager.owner,
        seen=time.monotonic(),
        tracked=session.tracked_frames,
        requested=manager.requested,
        problems=FrameRanges.of(manager.lost.frames),
        lost_frame=next((lost.frame for lost in lost_passes(manager.passes, session.tracked_frames)), None),
        resumable=tuple(manager.unfinished) if is_open else (),
        in_question=in_question,
        is_recording=is_recording,
        not_recorded=recording.error if recording is not None else "",
        thin=manager.coverage.thin(session.tracked_frames),
        missing_frames=lost,
        undone_frames=undone_frames,
        pause_reason=next((known.detail for known in manager.unfinished[:1] if known.outcome is Outcome.PAUSED), ""),
    )
