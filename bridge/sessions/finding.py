# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the session of a clip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import FootageUnusable, JournalDamaged, SessionUnreadable
from ...core.library.catalogue import session_files
from ...core.library.matching import ClipQuery, SessionSource
from ...core.model.types import SessionState, TrackingSession
from ...core.recording.manager import TrackingSessionManager
from ...core.recording.session_file import checked_session
from ...core.storage.files import existing_document, read_document
from ...core.storage.folder import FOLDER_NAME, SessionFolder, resolve
from ..clip.movie_clip import ClipMark, footage_of, library_of, mark_of, mark_root
from ..open_file import open_file
from ..preferences import preferences
from .file_copy import COPY_NAME, FRESH_NAME

if TYPE_CHECKING:
    from bpy.types import MovieClip


_NAME_LENGTH = 80


# Session folders


def default_root() -> Path:
    """The folder for new sessions: the one of the preferences, or beside the .blend, or the user's."""
    return roots(bpy.data.filepath)[0]


def roots(blend: str) -> list[Path]:
    """The folders that may contain sessions of the file `blend` (empty: unsaved), also from before its first save."""
    *chosen, user = homeless_roots(blend)
    beside = [_beside(Path(blend))] if blend else []
    return list(dict.fromkeys([*chosen, *beside, user]))


def _beside(blend: Path) -> Path:
    folder = SessionFolder.of(blend.parent)
    is_copy = blend.name in (COPY_NAME, FRESH_NAME) and folder.contains(blend.parent)
    return folder.root if is_copy else blend.parent / FOLDER_NAME


def homeless_roots(blend: str) -> list[Path]:
    """The folders for sessions of unsaved files: the one of the preferences, if set, and the user's."""
    user = user_root()
    chosen = preferences().folder
    if not chosen or (chosen.startswith("//") and not blend):
        return [user]
    return [Path(bpy.path.abspath(chosen, start=os.path.dirname(blend))), user]


def user_root() -> Path:
    """The session folder of the user, which Blender keeps when it uninstalls the extension."""
    return Path(bpy.utils.user_resource("DATAFILES", path=FOLDER_NAME))


def open_roots() -> list[Path]:
    """The folders that may contain sessions of the clips of the open file, `default_root` first."""
    marks = (mark_of(clip) for clip in bpy.data.movieclips)
    return list(dict.fromkeys([*roots(bpy.data.filepath), *(root for mark in marks for root in _earlier_roots(mark))]))


def roots_of(mark: ClipMark | None) -> list[Path]:
    """The folders that may contain the session of the mark: those of the open file and of its earlier paths."""
    return [*roots(bpy.data.filepath), *_earlier_roots(mark)]


def _earlier_roots(mark: ClipMark | None) -> list[Path]:
    earlier = (mark.root, open_file.left.get(mark.session)) if mark is not None else ()
    return [root for root in earlier if root is not None]


def note_root(clip: MovieClip, blend: str) -> None:
    """Note the session folder in the clip if the file, saved as `blend`, would not find it otherwise."""
    path = session_file(mark_of(clip))
    if path is None:
        return
    root = SessionFolder.of(path).root
    is_left = root not in roots(blend)
    mark_root(clip, root if is_left else None)
    if is_left:
        open_file.left[path.stem] = root


def name_of_new(clip: MovieClip) -> str:
    """The name of a new session of the clip."""
    return f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name


# The session


def find_session(clip: MovieClip, mark: ClipMark | None, *, salvage: bool = False) -> TrackingSessionManager | None:
    """The session of the clip's mark, or else the newest lost session: of this file and clip by name, or, for files
    that were never saved, of the same footage.

    Skips discarded sessions; a linked clip has none. `salvage` reads a damaged journal up to the damage. Raises
    SessionUnreadable or JournalDamaged.
    """
    if library_of(clip):
        return None
    path = session_file(mark)
    if path is not None:
        manager = TrackingSessionManager(path, salvage=salvage)
        if manager.session.state is not SessionState.DISCARDED:
            return manager
    return _of_name(clip, salvage) or _of_footage(clip, salvage)


def session_file(mark: ClipMark | None) -> Path | None:
    """The session file of the mark, if it exists."""
    if mark is None:
        return None
    paths = (existing_document(SessionFolder(root).session_file(mark.session)) for root in roots_of(mark))
    return next((path for path in paths if os.path.exists(path)), None)


def modified(path: Path | None) -> float:
    """When the file or folder was last changed, in seconds since the epoch; 0.0 if it does not exist."""
    try:
        return path.stat().st_mtime if path is not None else 0.0
    except OSError:
        return 0.0


def read_session(path: Path) -> TrackingSession | None:
    """The session of the file, read again only after a change; None for an unreadable file."""
    known = open_file.documents.get(path)
    if known is None or known[0] != modified(path):
        try:
            known = modified(path), checked_session(path, read_document(path))
        except SessionUnreadable:
            known = modified(path), None
        open_file.documents[path] = known
    return known[1]


def is_open(blend: Path) -> bool:
    """Whether this .blend is the open file."""
    try:
        return bool(bpy.data.filepath) and os.path.samefile(blend, bpy.data.filepath)
    except OSError:
        return False


def shown_name(path: Path, session: TrackingSession, *, is_own: bool) -> str:
    """The name of the session for people: that of its clip, or else the given one; with its .blend if that is another.

    `is_own`: the session belongs to a clip of the open file, which may have been saved under another name since.
    """
    blend = resolve(path, session.blend) if session.blend else None
    name = session.name
    if blend is not None and session.clip and name == f"{blend.stem} {session.clip}":
        name = session.clip
    name = "".join(c if c.isprintable() else " " for c in name[:_NAME_LENGTH]).strip() or path.stem
    is_other = blend is not None and not is_own and not is_open(blend)
    return f"{name} ({blend.stem})" if blend is not None and is_other else name


def _of_name(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """A session of the file whose frames Blender lost in a crash after the last save."""
    if not bpy.data.filepath:
        return None
    query = ClipQuery(blend=Path(bpy.data.filepath), name=clip.name)
    return next(_candidates(clip, roots(bpy.data.filepath), query.matches, salvage), None)


def _of_footage(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """A session without an owner of a file that Blender lost in a crash before the first save."""
    query = cache(lambda: ClipQuery(footage_of(clip), by_content=False))

    def is_ours(source: SessionSource) -> bool:
        try:
            return source.blend is None and query().matches(source)
        except FootageUnusable:
            return False

    found = _candidates(clip, homeless_roots(bpy.data.filepath), is_ours, salvage)
    return next((manager for manager in found if len(manager.session.tracked_frames) and not manager.owner), None)


def _candidates(
    clip: MovieClip, folders: list[Path], is_ours: Callable[[SessionSource], bool], salvage: bool
) -> Iterator[TrackingSessionManager]:
    """The active sessions for which `is_ours` holds, without those of other clips in the open file; newest first.

    Raises JournalDamaged.
    """
    others = [other for other in bpy.data.movieclips if other != clip]
    taken = {mark.session for other in others if (mark := mark_of(other)) is not None}
    taken |= open_file.written_in({other.session_uid for other in others})
    met: set[str] = set()  # of one id in two folders the first counts, as for a mark
    for root in folders:
        try:
            paths = session_files(root)
        except SessionUnreadable:
            if root == default_root():
                raise
            continue  # no session is written there
        for path in reversed(paths):
            session = read_session(path)
            if path.stem in met or session is None or session.id in taken:
                continue
            met.add(path.stem)
            if not is_ours(SessionSource.of_session(path, session)):
                continue
            try:
                manager = TrackingSessionManager(path, salvage=salvage)
            except SessionUnreadable:
                continue
            except JournalDamaged:
                if session.state is SessionState.ACTIVE:
                    raise
                continue
            if manager.session.state is SessionState.ACTIVE:
                yield manager
