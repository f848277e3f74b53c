# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a clip belongs to, and what a panel needs to know of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ..core.errors import JournalDamaged, SessionUnreadable, TrackingSessionError, UsageError
from ..core.model import SessionState, SessionStatus
from ..core.ranges import FrameRanges
from ..core.session import TrackingSessionManager, load_session, session_files, sessions_folder
from ..core.session_file import resolve
from ..core.storage import SUFFIXES
from .clip import default_root, marked_position, unmark
from .editor import ClipEditor
from .shot import Shot

if TYPE_CHECKING:
    from bpy.types import MovieClip

_contained: set[str] = set()
"""The sessions whose records this Blender has put into the open file, whatever undo took back since."""


def note_contained(session_id: str, *, is_contained: bool) -> None:
    """Remember whether the open file has got all that the session has recorded."""
    (_contained.add if is_contained else _contained.discard)(session_id)


def forget(*, file_is_new: bool = False) -> None:
    """Look at the sessions anew; with `file_is_new` also forget what the open file has got."""
    _overviews.clear()
    if file_is_new:
        _contained.clear()


def open_shot(editor: ClipEditor) -> Shot:
    """The clip's session with all its frames put into the clip, or a new one.

    Raises what reading and owning sessions raises.
    """
    clip = editor.clip
    found = find_session(clip)
    if found is None:
        name = f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name
        return Shot.create(editor, default_root(), name, blend=bpy.data.filepath)
    # what this Blender had put in and the artist took back by undo is not put in again
    shot = Shot.join(editor, found, restore=found.session.id not in _contained)
    _contained.add(found.session.id)
    return shot


def restore(editor: ClipEditor) -> int:
    """Put what is recorded but not in the clip into it; returns the last recorded clip frame.

    Raises UsageError if the clip has no session, and what reading and owning one raises.
    """
    if find_session(editor.clip) is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    shot = open_shot(editor)
    shot.close()
    _overviews.clear()
    return shot.session.session.checkpoint_frame or 0


def set_aside(clip: MovieClip) -> None:
    """Discard the clip's session, which is kept, so that the next pass begins a new one."""
    try:
        found = find_session(clip)
    except (SessionUnreadable, JournalDamaged):
        found = None
        unmark(clip)  # it cannot be written that it is discarded
    if found is not None:
        with found:
            found.acquire(salvage=True)  # damage is no reason to keep it; its files stay as they are
            found.set_state(SessionState.DISCARDED)
    _overviews.clear()


def find_session(clip: MovieClip) -> TrackingSessionManager | None:
    """The session that the clip is marked with, or, after a crash before saving, the last one of this file and clip.

    Discarded ones are passed over. Raises SessionUnreadable or JournalDamaged.
    """
    root = default_root()
    mark = marked_position(clip)
    if mark is not None:
        for suffix in SUFFIXES:
            path = sessions_folder(root) / f"{mark[0]}{suffix}"
            if path.exists():
                manager = load_session(path)
                return None if manager.session.state is SessionState.DISCARDED else manager
    if not bpy.data.filepath:
        return None
    for path in reversed(session_files(root)):
        try:
            manager = load_session(path)
        except (SessionUnreadable, JournalDamaged):
            continue
        said = manager.session
        is_ours = said.blend and said.clip == clip.name and _same(resolve(path, said.blend), bpy.data.filepath)
        if is_ours and said.state is SessionState.ACTIVE:
            return manager
    return None


def _same(path: Path, other: str) -> bool:
    return os.path.normcase(path) == os.path.normcase(os.path.abspath(other))


class Overview(NamedTuple):
    """What the panel shows of the session of a clip that is not being tracked now."""

    name: str = ""
    frames: int = 0
    total: int = 0
    resume_frame: int | None = None
    last_frame: int | None = None  # recorded last
    is_missing: bool = False  # the open file lacks frames that are recorded
    owner: str = ""
    error: str = ""
    seen: float = 0.0  # when, by time.monotonic
    tracked: FrameRanges = FrameRanges()
    asked: FrameRanges = FrameRanges()  # the frames that passes were to cover
    problems: FrameRanges = FrameRanges()  # those on which tracks got lost


_overviews: dict[str, tuple[tuple[float, ...], Overview]] = {}
OWNER_INTERVAL = 2.0  # seconds until it is looked again whether an owner lives: one that was killed changes no file


def overview(clip: MovieClip) -> Overview:
    """The state of the clip's session; read again only when files have changed."""
    root = sessions_folder(default_root())
    stamp = (
        _modified(root),
        *(_modified(root / f"{(marked_position(clip) or ('',))[0]}{suffix}") for suffix in SUFFIXES),
    )
    known = _overviews.get(clip.name)
    if known is not None and known[0] == stamp:
        seen = known[1]
        if not seen.owner or time.monotonic() - seen.seen < OWNER_INTERVAL:
            return seen
    try:
        found = find_session(clip)
        seen = Overview() if found is None else _overview_of(clip, found)
    except TrackingSessionError as error:
        seen = Overview(error=str(error))
    _overviews[clip.name] = (stamp, seen)
    return seen


def _overview_of(clip: MovieClip, manager: TrackingSessionManager) -> Overview:
    session = manager.session
    mark = marked_position(clip)
    progress = manager.get_progress()
    is_open = session.state is SessionState.ACTIVE and session.status is SessionStatus.TRACKING
    contained = mark[1] if mark is not None and mark[0] == session.id else None
    return Overview(
        name=session.name,
        frames=progress["tracked_frames"],
        total=progress["total_frames"],
        resume_frame=manager.get_resume_point() if is_open else None,
        last_frame=session.checkpoint_frame,
        is_missing=session.id not in _contained and manager.has_frames_after(contained),
        owner=manager.owner,
        seen=time.monotonic(),
        tracked=session.tracked_frames,
        asked=manager.asked,
        problems=FrameRanges.of(manager.lost.frames),
    )


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
