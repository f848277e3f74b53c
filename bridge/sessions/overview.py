# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a clip: what a panel needs to know of it, and what an artist does with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import JournalDamaged, SessionUnreadable, TrackingSessionError, UsageError
from ...core.journal.chain import Position
from ...core.journal.lost_passes import lost_passes
from ...core.journal.missing import Lacking
from ...core.model.ranges import FrameRanges
from ...core.model.types import SessionState, SessionStatus
from ...core.model.wording import clock_time
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.folder import SessionFolder
from ...core.storage.lease import Watch
from ..clip.editor import ClipEditor
from ..clip.movie_clip import default_root, marked_position, unmark
from ..errors import error_words
from ..tracking.shot import Shot
from . import finding
from .finding import find_session

if TYPE_CHECKING:
    from bpy.types import MovieClip

_contained = finding.contained


def note_contained(session_id: str, *, is_contained: bool) -> None:
    """Remember whether the clip that is marked with the session has got all that is recorded."""
    if not is_contained:
        _contained.pop(session_id, None)
        return
    for clip in bpy.data.movieclips:
        mark = marked_position(clip)
        if mark is not None and mark[0] == session_id:
            _note_held(clip, *mark)


def _note_held(clip: MovieClip, session_id: str, position: Position) -> None:
    held = _held(clip, session_id)
    _contained[session_id] = clip.session_uid, max(position, held or position)


def _held(clip: MovieClip, session_id: str) -> Position | None:
    """How much of the session this Blender has put into the clip, whatever undo took back since."""
    uid, position = _contained.get(session_id, (0, None))
    return position if uid == clip.session_uid else None


def forget(*, file_is_new: bool = False) -> None:
    """Look at the sessions anew; with `file_is_new` also forget what the open file has got."""
    _overviews.clear()
    if file_is_new:
        _contained.clear()
        finding.left.clear()


def open_shot(editor: ClipEditor) -> Shot:
    """The clip's session with all its frames put into the clip, or a new one.

    Raises what reading and owning sessions raises.
    """
    clip = editor.clip
    found = find_session(clip)
    if found is None:
        name = f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name
        return Shot.create(editor, default_root(), name, blend=bpy.data.filepath)
    # what the artist took back by undo is not put in again
    is_lost = len(_lacking(clip, found).lost) > 0
    return _join(editor, found, restore=is_lost)


class Restored(NamedTuple):
    """What came of restoring."""

    frame: int  # the last recorded clip frame
    kept: int  # tracks that were changed in the clip since the file was saved, and kept their markers


def restore(editor: ClipEditor) -> Restored:
    """Put what is recorded but not in the clip into it.

    Of a damaged journal that is what stands before the damage. Raises UsageError if the clip has no session, and what
    reading and owning one raises.
    """
    found = find_session(editor.clip, salvage=True)
    if found is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    shot = _join(editor, found, restore=True)
    shot.close()
    _overviews.clear()
    return Restored(shot.session.session.checkpoint_frame or 0, shot.kept)


def _join(editor: ClipEditor, found: TrackingSessionManager, *, restore: bool) -> Shot:
    shot = Shot.join(editor, found, restore=restore, salvage=restore)
    if restore:
        _note_held(editor.clip, found.session.id, found.position)
    return shot


def set_aside(clip: MovieClip) -> None:
    """Discard the clip's session, which is kept, so that the next pass begins a new one.

    Raises what owning and writing it raises.
    """
    while True:
        try:
            found = find_session(clip, salvage=True)
        except (SessionUnreadable, JournalDamaged):
            if marked_position(clip) is None:
                raise
            unmark(clip)  # it cannot be written that it is discarded
            continue
        if found is None:
            break
        with found:
            found.acquire(salvage=True)  # damage is no reason to keep it; its files stay as they are
            found.set_state(SessionState.DISCARDED)
        _contained.pop(found.session.id, None)
    _overviews.clear()


def watch(clip: MovieClip) -> Watch:
    """What tells when the owner of the clip's session is gone.

    Raises UsageError if the clip has no session, and what reading one raises.
    """
    found = find_session(clip)
    if found is None:
        raise UsageError("This clip has no session: there is nothing to wait for")
    return Watch(found.folder)


def note_saved(clip: MovieClip, owned: TrackingSessionManager | None) -> None:
    """Record what the session has to know of the file that was just saved.

    `owned` is the session that this Blender is working on. Raises what reading, owning and writing the session raises.
    """
    _note_undone(clip)
    _note_blend(clip, owned)


def _note_undone(clip: MovieClip) -> None:
    """If undo took back frames of the clip, record that the file is saved like that."""
    seen = overview(clip)
    found = find_session(clip) if seen.is_undone and not seen.is_missing else None
    if found is None:
        return
    mark = _mark_of(clip, found)
    if found.has_frames_after(mark):
        with found:
            found.acquire().record_undone(mark)


def _note_blend(clip: MovieClip, owned: TrackingSessionManager | None) -> None:
    """If the clip's session does not know a .blend, because the file had never been saved, it is told."""
    path = finding.session_file(clip)
    said = finding.said_of(path) if path is not None else None
    if path is None or said is None or said.blend or not bpy.data.filepath or not finding.is_homeless(path):
        return
    if owned is not None and owned.session.id == said.id:
        owned.acquire().set_blend(bpy.data.filepath, clip.name)
        return
    with load_session(path) as session:
        session.acquire().set_blend(bpy.data.filepath, clip.name)


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
    asked: FrameRanges = FrameRanges()  # the frames that passes were to cover
    problems: FrameRanges = FrameRanges()  # those on which tracks got lost
    lost_frame: int | None = None  # the first on which a pass had lost all tracks, and no other went on from there

    @property
    def is_missing(self) -> bool:
        return self.missing > 0

    @property
    def is_done(self) -> bool:
        """Whether all frames that were asked for are tracked, and in the file."""
        is_going_on = self.resume_frame is not None or self.is_missing or self.is_undone
        is_covered = not any(len(self.tracked.missing(*pair)) for pair in self.asked.ranges())
        return not is_going_on and self.lost_frame is None and is_covered

    @property
    def is_undone(self) -> bool:
        return self.undone > 0


class _Seen(NamedTuple):
    """An overview, and what says whether it still holds."""

    stamp: tuple[object, ...]
    file: Path | None
    modified: float
    overview: Overview


_DAMAGED = "What was recorded is damaged in the middle: restore what stands before that, or start fresh"
_overviews: dict[int, _Seen] = {}
OWNER_INTERVAL = 2.0  # seconds until it is looked again whether an owner lives: one that was killed changes no file


def overview(clip: MovieClip) -> Overview:
    """The state of the clip's session; read again only when files have changed, or the clip's mark."""
    # a session file that is written is a new one in its folder
    folders = [SessionFolder(root).sessions for root in finding.roots_of(clip)]
    stamp = (marked_position(clip), clip.name, *map(_modified, folders))
    known = _overviews.get(clip.session_uid)
    if known is not None and known.stamp == stamp and known.modified == _modified(known.file):
        seen = known.overview
        if not seen.owner or time.monotonic() - seen.seen < OWNER_INTERVAL:
            return seen
    file = None
    try:
        found = find_session(clip)
        seen = Overview()
        if found is not None:
            file = found.path
            seen = _overview_of(clip, found)
    except TrackingSessionError as error:
        file = getattr(error, "path", file)
        is_damaged = isinstance(error, JournalDamaged)
        seen = Overview(error=_DAMAGED if is_damaged else error_words(error), is_damaged=is_damaged)
    _overviews[clip.session_uid] = _Seen(stamp, file, _modified(file), seen)
    return seen


def last_overview(clip: MovieClip) -> Overview:
    """As `overview`, but as it was last seen: for what is drawn all the time, which is no reason to look at files."""
    known = _overviews.get(clip.session_uid)
    return overview(clip) if known is None else known.overview


def _mark_of(clip: MovieClip, manager: TrackingSessionManager) -> Position | None:
    """How much of the session's journal the clip says it contains."""
    mark = marked_position(clip)
    return mark[1] if mark is not None and mark[0] == manager.session.id else None


def _lacking(clip: MovieClip, manager: TrackingSessionManager) -> Lacking:
    return manager.lacking(_mark_of(clip, manager), _held(clip, manager.session.id))


def _overview_of(clip: MovieClip, manager: TrackingSessionManager) -> Overview:
    session = manager.session
    progress = manager.progress
    lacks = _lacking(clip, manager)
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
        asked=manager.asked,
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
