# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovers the session of a clip: opens, restores and discards it, watches its owner, notes a saved file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import JournalDamaged, SessionUnreadable, UsageError
from ...core.journal.chain import Position
from ...core.model.types import SessionState
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.folder import SessionFolder
from ...core.storage.lease import Watch
from ..clip.editor import ClipEditor
from ..clip.movie_clip import ClipMark, mark_of, position_in, unmark
from ..open_file import open_file
from ..tracking.shot import Shot
from .finding import default_root, find_session, homeless_roots, read_session, session_file
from .overview import overview

if TYPE_CHECKING:
    from bpy.types import MovieClip


def open_shot(editor: ClipEditor) -> Shot:
    """The clip's session, with all its frames written to the clip, or a new session.

    Undone frames alone are not restored. Raises the errors of reading and owning sessions.
    """
    clip = editor.clip
    mark = mark_of(clip)
    session = find_session(clip, mark)
    if session is None:
        name = f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name
        return Shot.create(editor, default_root(), name, blend=bpy.data.filepath)
    session_id = session.id
    position = position_in(mark, session_id)
    since = session.contained(position)
    missing = session.missing_frames(position, open_file.written(clip.session_uid, session_id))
    if not len(missing.lost):
        return Shot.join(editor, session, since, restore=False)
    return _restored(editor, session, since)


def restore(editor: ClipEditor) -> Shot:
    """Write the recorded frames that the clip lacks to the clip; of a damaged journal those before the damage.

    Releases the session of the returned shot. Raises UsageError if the clip has no session, and the errors of reading
    and owning one.
    """
    mark = mark_of(editor.clip)
    session = find_session(editor.clip, mark, salvage=True)
    if session is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    position = position_in(mark, session.id)
    shot = _restored(editor, session, session.contained(position))
    session.close()
    open_file.forget()
    return shot


def _restored(editor: ClipEditor, session: TrackingSessionManager, since: Position | None) -> Shot:
    shot = Shot.join(editor, session, since, salvage=True)
    open_file.note_written(editor.clip.session_uid, session.id, session.position)
    return shot


def set_aside(clip: MovieClip) -> None:
    """Discard the clip's session, so that the next pass begins a new one; the files of the session stay.

    Raises the errors of owning and writing a session.
    """
    while True:
        mark = mark_of(clip)
        try:
            found = find_session(clip, mark, salvage=True)
        except (SessionUnreadable, JournalDamaged):
            if mark is None:
                raise
            unmark(clip)  # its file cannot be written
            continue
        if found is None:
            break
        with found:
            found.acquire(salvage=True)
            found.set_state(SessionState.DISCARDED)
        open_file.forget_written(found.id)
    open_file.forget()


def watch(clip: MovieClip) -> Watch:
    """A watch on the owner of the clip's session. Raises UsageError without a session, and the errors of reading it."""
    found = find_session(clip, mark_of(clip))
    if found is None:
        raise UsageError("This clip has no session: there is nothing to wait for")
    return Watch(found.folder)


def note_saved(clip: MovieClip, owned: TrackingSessionManager | None) -> None:
    """Record in the clip's session that the file was just saved.

    `owned` is the session that this Blender owns. Raises the errors of reading, owning and writing a session.
    """
    mark = mark_of(clip)
    _note_undone(clip, mark)
    _note_blend(clip, mark, owned)


def _note_undone(clip: MovieClip, mark: ClipMark | None) -> None:
    """If undo removed frames from the clip, record that the saved file lacks them."""
    seen = overview(clip)
    found = find_session(clip, mark) if seen.undone and not seen.missing else None
    if found is None:
        return
    position = position_in(mark, found.id)
    if len(found.missing_frames(position).lost):
        with found:
            found.acquire().record_undone(position)


def _note_blend(clip: MovieClip, mark: ClipMark | None, owned: TrackingSessionManager | None) -> None:
    """Record the .blend in the clip's session after the first save of the file."""
    path = session_file(mark)
    session = read_session(path) if path is not None else None
    if path is None or session is None or session.blend or not bpy.data.filepath:
        return
    if SessionFolder.of(path).root not in homeless_roots(bpy.data.filepath):
        return
    is_owned = owned is not None and owned.id == session.id
    with nullcontext(owned) if is_owned else load_session(path) as manager:
        manager.acquire().set_blend(bpy.data.filepath, clip.name)
