# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist and the session of a clip: open, restore, set aside, wait for it, save the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import JournalDamaged, SessionUnreadable, UsageError
from ...core.journal.chain import Position
from ...core.model.types import SessionState
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.lease import Watch
from ..clip.editor import ClipEditor
from ..clip.movie_clip import ClipMark, mark_of, position_in, unmark
from ..open_file import open_file
from ..tracking.shot import Shot
from . import finding
from .finding import default_root, find_session
from .overview import overview

if TYPE_CHECKING:
    from bpy.types import MovieClip


def open_shot(editor: ClipEditor) -> Shot:
    """The clip's session with all its frames put into the clip, or a new one.

    Raises what reading and owning sessions raises.
    """
    clip = editor.clip
    mark = mark_of(clip)
    session = find_session(clip, mark)
    if session is None:
        name = f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name
        return Shot.create(editor, default_root(), name, blend=bpy.data.filepath)
    session_id = session.session.id
    position = position_in(mark, session_id)
    since = session.contained(position)
    # what the artist took back by undo is not put in again
    lacking = session.missing_after(since, position, open_file.held(clip.session_uid, session_id))
    if not len(lacking.lost):
        return Shot.join(editor, session, since, restore=False)
    return _restored(editor, session, since)


class Restored(NamedTuple):
    """What came of restoring."""

    frame: int  # the last recorded clip frame
    kept: int  # tracks that were changed in the clip since the file was saved, and kept their markers


def restore(editor: ClipEditor) -> Restored:
    """Put what is recorded but not in the clip into it.

    Of a damaged journal that is what stands before the damage. Raises UsageError if the clip has no session, and what
    reading and owning one raises.
    """
    mark = mark_of(editor.clip)
    session = find_session(editor.clip, mark, salvage=True)
    if session is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    position = position_in(mark, session.session.id)
    shot = _restored(editor, session, session.contained(position))
    shot.close()
    open_file.forget()
    return Restored(session.session.checkpoint_frame or 0, shot.kept)


def _restored(editor: ClipEditor, session: TrackingSessionManager, since: Position | None) -> Shot:
    shot = Shot.join(editor, session, since, salvage=True)
    open_file.hold(editor.clip.session_uid, session.session.id, session.position)
    return shot


def set_aside(clip: MovieClip) -> None:
    """Discard the clip's session, which is kept, so that the next pass begins a new one.

    Raises what owning and writing it raises.
    """
    while True:
        mark = mark_of(clip)
        try:
            found = find_session(clip, mark, salvage=True)
        except (SessionUnreadable, JournalDamaged):
            if mark is None:
                raise
            unmark(clip)  # it cannot be written that it is discarded
            continue
        if found is None:
            break
        with found:
            found.acquire(salvage=True)  # damage is no reason to keep it; its files stay as they are
            found.set_state(SessionState.DISCARDED)
        open_file.let_go(found.session.id)
    open_file.forget()


def watch(clip: MovieClip) -> Watch:
    """What tells when the owner of the clip's session is gone.

    Raises UsageError if the clip has no session, and what reading one raises.
    """
    found = find_session(clip, mark_of(clip))
    if found is None:
        raise UsageError("This clip has no session: there is nothing to wait for")
    return Watch(found.folder)


def note_saved(clip: MovieClip, owned: TrackingSessionManager | None) -> None:
    """Record what the session has to know of the file that was just saved.

    `owned` is the session that this Blender is working on. Raises what reading, owning and writing the session raises.
    """
    mark = mark_of(clip)
    _note_undone(clip, mark)
    _note_blend(clip, mark, owned)


def _note_undone(clip: MovieClip, mark: ClipMark | None) -> None:
    """If undo took back frames of the clip, record that the file is saved like that."""
    seen = overview(clip)
    found = find_session(clip, mark) if seen.is_undone and not seen.is_missing else None
    if found is None:
        return
    position = position_in(mark, found.session.id)
    if found.has_frames_after(position):
        with found:
            found.acquire().record_undone(position)


def _note_blend(clip: MovieClip, mark: ClipMark | None, owned: TrackingSessionManager | None) -> None:
    """If the clip's session does not know a .blend, because the file had never been saved, it is told."""
    path = finding.session_file(mark)
    said = finding.said_of(path) if path is not None else None
    if path is None or said is None or said.blend or not bpy.data.filepath or not finding.is_homeless(path):
        return
    if owned is not None and owned.session.id == said.id:
        owned.acquire().set_blend(bpy.data.filepath, clip.name)
        return
    with load_session(path) as session:
        session.acquire().set_blend(bpy.data.filepath, clip.name)
