# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a clip belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import FootageUnusable, JournalDamaged, SessionUnreadable
from ...core.journal.chain import Position
from ...core.library.catalogue import session_files
from ...core.library.matching import Origin, SoughtClip
from ...core.model.types import SESSION_ID, SessionState, TrackingSession
from ...core.recording.manager import TrackingSessionManager
from ...core.recording.session_file import checked_session
from ...core.storage.files import existing_document, read_document
from ...core.storage.folder import SessionFolder
from ..clip.movie_clip import (
    default_root,
    footage_of,
    homeless_roots,
    library_of,
    mark_root,
    marked_position,
    marked_root,
    roots,
)

if TYPE_CHECKING:
    from bpy.types import MovieClip

contained: dict[str, tuple[int, Position]] = {}
"""How much of which session this Blender has put into which clip of the open file, whatever undo took back since."""

left: dict[str, Path] = {}
"""The folders of sessions that the open file was saved away from. Its clips say so too, until undo takes that back."""

_said: dict[Path, tuple[float, TrackingSession | None]] = {}
"""What the session files say, with the time they were modified; None for those that cannot be read."""


def find_session(clip: MovieClip, *, salvage: bool = False) -> TrackingSessionManager | None:
    """The session that the clip is marked with, or else the last one that was lost, of this file and clip by name, or,
    for files that were never saved, of the same footage.

    Discarded ones are passed over. With `salvage` a damaged journal is read as far as it is whole. Raises
    SessionUnreadable or JournalDamaged. A linked clip has none: nothing of it is in this file.
    """
    if library_of(clip):
        return None
    path = session_file(clip)
    if path is not None:
        manager = TrackingSessionManager(path, salvage=salvage)
        if manager.session.state is not SessionState.DISCARDED:
            return manager
    return _of_name(clip, salvage) or _of_footage(clip, salvage)


def session_file(clip: MovieClip) -> Path | None:
    """Where the session is that the clip is marked with, if it is there."""
    mark = marked_position(clip)
    if mark is None or not SESSION_ID.match(mark[0]):
        return None
    paths = (existing_document(SessionFolder(root).session_file(mark[0])) for root in roots_of(clip))
    return next((path for path in paths if os.path.exists(path)), None)


def roots_of(clip: MovieClip) -> list[Path]:
    """The folders in which the session may be that the clip is marked with: of the open file, or of one before it."""
    mark = marked_position(clip)
    before = left.get(mark[0]) if mark is not None else None
    return [*roots(), *(root for root in (marked_root(clip), before) if root is not None)]


def note_root(clip: MovieClip, blend: str) -> None:
    """Have the clip say where its session is if the file is saved as `blend`, from where it would not be found."""
    path = session_file(clip)
    if path is None:
        return
    root = SessionFolder.of(path).root
    is_left = root not in roots(blend)
    mark_root(clip, root if is_left else None)
    if is_left:
        left[path.stem] = root


def is_homeless(path: Path) -> bool:
    """Whether the session with this file is kept where those of files are that were never saved."""
    return SessionFolder.of(path).root in homeless_roots()


def said_of(path: Path) -> TrackingSession | None:
    """What a session file says, read once as long as it stays as it is; None if it cannot be read."""
    try:
        modified = path.stat().st_mtime
    except OSError:
        return None
    known = _said.get(path)
    if known is None or known[0] != modified:
        try:
            known = modified, checked_session(path, read_document(path))
        except SessionUnreadable:
            known = modified, None
        _said[path] = known
    return known[1]


def _of_name(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """For a file that Blender died with before it was saved again."""
    if not bpy.data.filepath:
        return None
    sought = SoughtClip(blend=Path(bpy.data.filepath), name=clip.name)
    found = _candidates(clip, roots(), lambda path, said: sought.has(Origin.of_session(path, said)), salvage)
    return next(found, None)


def _of_footage(clip: MovieClip, salvage: bool) -> TrackingSessionManager | None:
    """For a file that Blender died with before it was ever saved; nobody works on its session any more."""
    sought: SoughtClip | None = None

    def is_ours(path: Path, said: TrackingSession) -> bool:
        nonlocal sought
        if said.blend:
            return False  # it is found with that file
        try:
            sought = sought or SoughtClip(footage_of(clip), by_content=False)
        except FootageUnusable:
            return False
        return sought.has(Origin.of_session(path, said))

    found = _candidates(clip, homeless_roots(), is_ours, salvage)
    return next((one for one in found if len(one.session.tracked_frames) and not one.owner), None)


def _candidates(
    clip: MovieClip, folders: list[Path], is_ours: Callable[[Path, TrackingSession], bool], salvage: bool
) -> Iterator[TrackingSessionManager]:
    """The active sessions that `is_ours` and no other clip of the open file belongs to, the newest first.

    Raises JournalDamaged: what was lost is not to be passed over in silence.
    """
    others = [one for one in bpy.data.movieclips if one != clip]
    taken = {mark[0] for one in others if (mark := marked_position(one)) is not None}
    there = {one.session_uid for one in others}
    taken |= {session_id for session_id, (uid, _) in contained.items() if uid in there}
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
