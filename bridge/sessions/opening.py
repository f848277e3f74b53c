# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of the list: open its clip, discard it, bring it back, delete it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.batch.needs import batch_of
from ...core.errors import ShotUnusable, TrackingSessionError
from ...core.footage.files import Footage, find_footage
from ...core.journal.chain import Position
from ...core.library.deletion import delete_files
from ...core.model.counting import timeline_start
from ...core.model.types import SessionState
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.folder import resolve
from ..clip.movie_clip import footage_of, library_of, mark_of, mark_position, open_footage
from ..errors import error_words
from ..open_file import open_file
from .finding import find_session
from .listing import Row

if TYPE_CHECKING:
    from bpy.types import MovieClip


def set_state(path: Path, state: SessionState) -> None:
    """Discard the session, or bring it back. Raises LeaseHeld and what reading and writing one raises."""
    with load_session(path) as manager:
        manager.set_state(state)
    open_file.forget()


def what_goes(row: Row) -> str:
    """What is lost if the session is deleted, in words."""
    all_of_it = "It cannot be read, but may hold something. All that" if row.error else "All that"
    words = f"{all_of_it} “{row.name}” has recorded is deleted. This cannot be undone."
    try:
        need = batch_of(row.path)
    except TrackingSessionError as error:
        return f"{words} Whether a batch needs it is not known: {error_words(error)}."
    return words if need is None else f"{words} Batch {need.batch}, which is not finished, needs it."


def delete(path: Path) -> None:
    """Delete the session for good, also one that cannot be read.

    Raises LeaseHeld if anybody works on it, and StorageFailed.
    """
    delete_files(path)
    open_file.forget()


def clip_of(manager: TrackingSessionManager) -> MovieClip | None:
    """The clip in the open file that the session belongs to."""
    said = manager.session
    clips = bpy.data.movieclips
    for clip in clips:
        mark = mark_of(clip)
        if mark is not None and mark.session == said.id:
            return clip
    blend = blend_of(manager)
    if blend is not None and is_open(blend):
        clip = clips.get((said.clip, None))  # none that is linked
        return clip if clip is not None and mark_of(clip) is None else None
    return None


def blend_of(manager: TrackingSessionManager) -> Path | None:
    """The .blend that the session belongs to, if it is there."""
    said = manager.session
    path = resolve(manager.path, said.blend) if said.blend else None
    return path if path is not None and path.suffix.lower() == ".blend" and path.is_file() else None


def is_open(blend: Path) -> bool:
    """Whether this is the open file."""
    try:
        return bool(bpy.data.filepath) and os.path.samefile(blend, bpy.data.filepath)
    except OSError:
        return False


def clip_for(manager: TrackingSessionManager) -> MovieClip:
    """A clip of the session's footage that belongs to the session and has nothing of it yet: all can be restored.

    That is one of the open file which belongs to no session, or a new one. Raises FootageUnusable, ShotUnusable.
    """
    said = manager.session.footage
    if not said.path:
        raise ShotUnusable(f"“{manager.session.name}” does not say what its footage is: open the clip yourself")
    footage = find_footage(resolve(manager.path, said.path))
    clip = _free_clip(footage)
    if clip is None:
        clip = open_footage(footage)
        clip.frame_start = timeline_start(said.start, clip.frame_duration)
    mark_position(clip, manager.session.id, Position(0, 0))
    open_file.forget()
    return clip


def _free_clip(footage: Footage) -> MovieClip | None:
    for clip in bpy.data.movieclips:
        try:
            if (
                not library_of(clip)
                and footage_of(clip).first == footage.first
                and find_session(clip, mark_of(clip)) is None
            ):
                return clip
        except TrackingSessionError:
            continue
    return None
