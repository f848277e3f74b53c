# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of the list: its clip and its .blend, and a warning before it is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.batch.needs import batch_of
from ...core.errors import ShotUnusable, TrackingSessionError
from ...core.footage.files import Footage, find_footage
from ...core.journal.chain import Position
from ...core.model.counting import timeline_start
from ...core.recording.manager import TrackingSessionManager
from ...core.storage.folder import resolve
from ..clip.movie_clip import footage_of, library_of, mark_of, mark_position, open_footage
from ..errors import error_words
from ..open_file import open_file
from .finding import find_session, is_open
from .listing import Entry

if TYPE_CHECKING:
    from bpy.types import MovieClip


def deletion_words(entry: Entry) -> str:
    """The warning before the session is deleted."""
    words = "The session cannot be read, but may contain frames. " if entry.error else ""
    words += f"This deletes all recorded frames of “{entry.name}” and cannot be undone. The markers in the file stay."
    try:
        need = batch_of(entry.path)
    except TrackingSessionError as error:
        return f"{words} A batch may need the session: {error_words(error)}."
    return words if need is None else f"{words} The unfinished batch {need.batch} needs the session."


def clip_of(manager: TrackingSessionManager) -> MovieClip | None:
    """The clip in the open file that the session belongs to."""
    session = manager.session
    clips = bpy.data.movieclips
    for clip in clips:
        mark = mark_of(clip)
        if mark is not None and mark.session == session.id:
            return clip
    blend = blend_of(manager)
    clip = clips.get((session.clip, None)) if blend is not None and is_open(blend) else None  # None: not a linked clip
    return clip if clip is not None and mark_of(clip) is None else None


def blend_of(manager: TrackingSessionManager) -> Path | None:
    """The .blend of the session, if it exists."""
    blend = manager.session.blend
    path = resolve(manager.path, blend) if blend else None
    return path if path is not None and path.suffix.lower() == ".blend" and path.is_file() else None


def clip_for(manager: TrackingSessionManager) -> MovieClip:
    """A clip of the session's footage, marked as the session's and empty, so that all frames can be restored.

    Takes a clip of the open file without a session, or opens the footage. Raises FootageUnusable, ShotUnusable.
    """
    recorded = manager.session.footage
    if not recorded.path:
        raise ShotUnusable(f"“{manager.session.name}” does not name its footage: open the clip yourself")
    footage = find_footage(resolve(manager.path, recorded.path))
    clip = _free_clip(footage)
    if clip is None:
        clip = open_footage(footage)
        clip.frame_start = timeline_start(recorded.start, clip.frame_duration)
    mark_position(clip, manager.id, Position(0, 0))
    open_file.forget()
    return clip


def _free_clip(footage: Footage) -> MovieClip | None:
    for clip in bpy.data.movieclips:
        try:
            is_ours = not library_of(clip) and footage_of(clip).first == footage.first
            if is_ours and find_session(clip, mark_of(clip)) is None:
                return clip
        except TrackingSessionError:
            continue
    return None
