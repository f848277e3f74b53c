# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings sessions that were begun in an unsaved file beside the file, once that is saved."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.batch.needs import batch_of
from ...core.errors import TrackingSessionError
from ...core.library.moving import move_session
from ...core.recording.manager import load_session
from ...core.storage.files import existing_document
from ...core.storage.folder import SessionFolder, resolve
from ..clip.movie_clip import mark_of
from ..open_file import open_file
from ..preferences import preferences
from ..tracking import live
from .file_copy import COPY_NAME, save_copy
from .finding import default_root, is_open, read_session, user_root
from .lending import give_up

if TYPE_CHECKING:
    from bpy.types import MovieClip

_log = logging.getLogger(__name__)


def move_beside(clip: MovieClip) -> None:
    """Move the sessions of the clip, which nobody may own, from the user's folder to that of the saved file.

    A session that cannot move stays, with a message in the log, and moves at a later save: so does that of a running
    pass. Nothing moves if the preferences name a folder, unless that is relative to the file.
    """
    chosen = preferences().folder
    root = default_root()
    if not bpy.data.filepath or root == user_root() or (chosen and not chosen.startswith("//")):
        return
    mark, running = mark_of(clip), live.running()
    ids = open_file.written_in({clip.session_uid}) | ({mark.session} if mark is not None else set())
    if running is not None:
        ids.discard(running.shot.session.id)
    for path in (existing_document(SessionFolder(user_root()).session_file(id)) for id in sorted(ids)):
        if os.path.exists(path):
            give_up(path)
            try:
                _move(path, root, clip)
            except TrackingSessionError as error:
                _log.warning("The session of the clip %r stays in %s: %s", clip.name, user_root(), error)


def _move(path: Path, root: Path, clip: MovieClip) -> None:
    """Move one session, and write the copy of the file beside it again. Raises TrackingSessionError."""
    session = read_session(path)
    if session is None or (session.blend and not is_open(resolve(path, session.blend))) or batch_of(path) is not None:
        return
    if not session.blend:  # undo removed the mark of the clip
        with load_session(path) as manager:
            manager.acquire().set_blend(bpy.data.filepath, clip.name)
    moved = move_session(path, root)
    open_file.forget()
    folder = moved.with_suffix("")
    if os.path.exists(folder / COPY_NAME):
        save_copy(folder)  # its paths were relative to the old folder
