# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a clip belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
from ...core.storage.folder import FOLDER_NAME, SessionFolder
from ..clip.movie_clip import ClipMark, footage_of, library_of, mark_of, mark_root
from ..open_file import open_file
from ..preferences import preferences
from .file_copy import COPY_NAME, FRESH_NAME

if TYPE_CHECKING:
    from bpy.types import MovieClip


# The folders


def default_root() -> Path:
    """Where new sessions go: as the preferences say, or beside the .blend, or to the user while there is none."""
    return roots()[0]


def roots(blend: str | None = None) -> list[Path]:
    """The folders in which a session of the file may be: it may have been made before the file was saved.

    `blend` is its path, that of the open file if None.
    """
    blend = bpy.data.filepath if blend is None else blend
    *chosen, user = homeless_roots(blend)
    beside = [_beside(Path(blend))] if blend else []
    return list(dict.fromkeys([*chosen, *beside, user]))


def _beside(blend: Path) -> Path:
    folder = SessionFolder.of(blend.parent)  # that of a session, if it is a copy of the file
    is_copy = blend.name in (COPY_NAME, FRESH_NAME) and folder.contains(blend.parent)
    return folder.root if is_copy else blend.parent / FOLDER_NAME


def homeless_roots(blend: str | None = None) -> list[Path]:
    """The folders for sessions of files that were not saved yet: that of the preferences, if any, and the user's.

    The user's is not the one that Blender deletes together with the extension. `blend` as for `roots`.
    """
    blend = bpy.data.filepath if blend is None else blend
    user = Path(bpy.utils.user_resource("DATAFILES", path=FOLDER_NAME))
    chosen = preferences().folder
    if not chosen or (chosen.startswith("//") and not blend):
        return [user]
    return [Path(bpy.path.abspath(chosen, start=os.path.dirname(blend))), user]


def roots_of(mark: ClipMark | None) -> list[Path]:
    """The folders in which the session of the mark may be: those of the open file, or of one before it."""
    before = (mark.root, open_file.left.get(mark.session)) if mark is not None else ()
    return [*roots(), *(root for root in before if root is not None)]


def note_root(clip: MovieClip, blend: str) -> None:
    """Have the clip say where its session is if the file is saved as `blend`, from where it would not be found."""
    path = session_file(mark_of(clip))
    if path is None:
        return
    root = SessionFolder.of(path).root
    is_left = root not in roots(blend)
    mark_root(clip, root if is_left else None)
    if is_left:
        open_file.left[path.stem] = root


# The session


def find_session(clip: MovieClip, mark: ClipMark | None, *, salvage: bool = False) -> TrackingSessionManager | None:
    """The session of the clip's mark, or else the last one that was lost, of this file and clip by name, or,
    for files that were never saved, of the same footage.

    Discarded ones are passed over. With `salvage` a damaged journal is read as far as it is whole. Raises
    SessionUnreadable or JournalDamaged. A linked clip has none: nothing of it is in this file.
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
    """Where the session of the mark is, if it is there."""
    if mark is None:
        return None
    paths = (existing_document(SessionFolder(root).session_file(mark.session)) for root in roots_of(mark))
    return next((path for path in paths if os.path.exists(path)), None)


def is_homeless(path: Path) -> bool:
    """Whether the session with this file is kept where those of files are that were never saved."""
    return SessionFolder.of(path).root in homeless_roots()


def said_of(path: Path) -> TrackingSession | None:
    """What a session file says, read once as long as it stays as it is; None if it cannot be read."""
    try:
        modified = path.stat().st_mtime
    except OSError:
        return None
    known = open_file.documents.get(path)
    if known is None or known[0] != modified:
        try:
            known = modified, checked_session(path, read_document(path))
        except SessionUnreadable:
            known = modified, None
        open_file.documents[path] = known
    return known[1]


def _of_name(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """For a file that Blender died with before it was saved again."""
    if not bpy.data.filepath:
        return None
    sought = ClipQuery(blend=Path(bpy.data.filepath), name=clip.name)
    found = _candidates(clip, roots(), lambda path, said: sought.matches(SessionSource.of_session(path, said)), salvage)
    return next(found, None)


def _of_footage(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """For a file that Blender died with before it was ever saved; nobody works on its session any more."""
    sought: ClipQuery | None = None

    def is_ours(path: Path, said: TrackingSession) -> bool:
        nonlocal sought
        if said.blend:
            return False  # it is found with that file
        try:
            sought = sought or ClipQuery(footage_of(clip), by_content=False)
        except FootageUnusable:
            return False
        return sought.matches(SessionSource.of_session(path, said))

    found = _candidates(clip, homeless_roots(), is_ours, salvage)
    return next((one for one in found if len(one.session.tracked_frames) and not one.owner), None)


def _candidates(
    clip: MovieClip, folders: list[Path], is_ours: Callable[[Path, TrackingSession], bool], salvage: bool
) -> Iterator[TrackingSessionManager]:
    """The active sessions that `is_ours` and no other clip of the open file belongs to, the newest first.

    Raises JournalDamaged: what was lost is not to be passed over in silence.
    """
    others = [one for one in bpy.data.movieclips if one != clip]
    taken = {mark.session for one in others if (mark := mark_of(one)) is not None}
    taken |= open_file.held_in({one.session_uid for one in others})
    for root in folders:
        try:
            paths = session_files(root)
        except SessionUnreadable:
            if root == default_root():
                raise
            continue  # nothing would be written there
        for path in reversed(paths):
            said = said_of(path)
            if said is None or said.id in taken or not is_ours(path, said):
                continue
            try:
                manager = TrackingSessionManager(path, salvage=salvage)
            except SessionUnreadable:
                continue
            except JournalDamaged:
                if said.state is SessionState.ACTIVE:
                    raise
                continue
            if manager.session.state is SessionState.ACTIVE:
                yield manager
