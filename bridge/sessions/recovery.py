# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovers the session of a clip: opens, restores and discards it, watches its owner, notes a saved file."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import JournalDamaged, SessionUnreadable, TrackingSessionError, UsageError
from ...core.journal.chain import Position
from ...core.journal.changes import changes, numbers_of
from ...core.journal.head import Head
from ...core.journal.records import Reason
from ...core.journal.replay import Replay
from ...core.model.types import Outcome, SessionState
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.review.person import person
from ...core.storage.folder import SessionFolder
from ...core.storage.lease import Watch
from ..clip.editor import ClipEditor
from ..clip.movie_clip import ClipMark, mark_of, mark_position, position_in, unmark
from ..open_file import open_file
from ..tracking.going_back import write_state
from ..tracking.shot import Shot
from .finding import default_root, find_session, homeless_roots, name_of_new, read_session, session_file, shown_name
from .lending import borrowed
from .looking import found_in, tracks_in
from .overview import overview
from .recording import Recording, known_recording, recording_of
from .restoring import Restored, restore_asides

if TYPE_CHECKING:
    from bpy.types import MovieClip


def open_shot(editor: ClipEditor, *, resumes: bool = False) -> Shot:
    """The clip's session, with all its frames written to the clip, or a new session.

    Undone frames alone are not restored, and a state that was set aside only if a pass is resumed (`resumes`). Raises
    the errors of reading and owning sessions.
    """
    recording = recording_of(editor.clip)
    kept = 0
    if resumes and recording is not None:
        recording.look(editor.clip, "", whole=True)
        if recording.session is not None and any(aside.reason is not Reason.UNDO for aside in recording.session.asides):
            kept = restore_asides(editor.clip, recording, keeps=True).kept
    lent = recording.lend(editor.clip) if recording is not None else None
    shot = Shot.join(editor, lent, lent.position, restore=False) if lent is not None else _opened(editor)
    shot.kept = shot.kept or kept
    if recording is not None:
        shot.recorder.head = shot.recorder.head or Head.of(shot.known())
        shot.release = partial(_give_back, editor.clip, recording, shot.session)
    return shot


def _give_back(clip: MovieClip, recording: Recording, session: TrackingSessionManager) -> None:
    """Let the recording of the clip go on with the session, unless the clip or the session is gone."""
    try:
        if session.path.exists() and known_recording(clip) is recording:
            recording.take_back(clip, session)
            return
    except (ReferenceError, TrackingSessionError):
        pass  # the next look owns the session again
    session.close()


def _opened(editor: ClipEditor) -> Shot:
    clip = editor.clip
    mark = mark_of(clip)
    session = find_session(clip, mark)
    if session is None:
        return Shot.create(editor, default_root(), name_of_new(clip), blend=bpy.data.filepath)
    session_id = session.id
    position = position_in(mark, session_id)
    since = session.contained(position)
    missing = session.missing_frames(position, open_file.written(clip.session_uid, session_id))
    if not len(missing.lost):
        return Shot.join(editor, session, since, restore=False)
    return _restored(editor, session, since)


def restore(editor: ClipEditor, *, keeps: bool = True) -> Restored:
    """Write the recorded frames that the clip lacks to the clip; of a damaged journal those before the damage.

    If the artist has gone on in the clip meanwhile, the states set aside come back: a track that has changed on both
    sides keeps its markers and gets those on other frames, or with `keeps` off gets all recorded ones. Raises
    UsageError if the clip has no session, and the errors of reading and owning one.
    """
    clip = editor.clip
    recording = known_recording(clip) or Recording(clip)
    recording.look(clip, "", whole=True)
    frame, kept = None, 0
    try:
        if recording.session is None:  # nothing has happened in the clip since it was opened
            shot = _restored_older(editor)
            frame, kept = shot.session.session.checkpoint_frame, shot.kept
            recording.take_back(clip, shot.session)
        if recording.session is not None and recording.session.asides:
            restored = restore_asides(clip, recording, keeps=keeps)
            frame, kept = restored.frame, kept + restored.kept
    finally:
        if known_recording(clip) is not recording:  # the artist does not want one
            recording.close()
    return Restored(frame, kept)


def look_at(clip: MovieClip) -> None:
    """Record what has happened in the clip, before a question about it."""
    recording = known_recording(clip)
    if recording is not None:
        recording.look(clip, "", whole=True)


def _restored_older(editor: ClipEditor) -> Shot:
    """Write what the clip lacks to it, as nothing has happened in it since it was opened."""
    mark = mark_of(editor.clip)
    session = find_session(editor.clip, mark, salvage=True)
    if session is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    position = position_in(mark, session.id)
    shot = _restored(editor, session, session.contained(position))
    shot.recorder.head = Head.of(shot.known())
    open_file.forget()
    return shot


def _restored(editor: ClipEditor, session: TrackingSessionManager, since: Position | None) -> Shot:
    then = _untouched(editor.clip, session, since)
    shot = Shot.join(editor, session, since, restore=then is None, salvage=True)
    if then is not None:
        write_state(editor, then, shot.known())
        mark_position(editor.clip, session.id, session.position)
    open_file.note_written(editor.clip.session_uid, session.id, session.position)
    return shot


def _untouched(clip: MovieClip, session: TrackingSessionManager, since: Position | None) -> Replay | None:
    """The state that the file was saved in, if it is exactly that of the clip: the newest replaces it as a whole.

    A file without a mark in the journal (`since` is None) may have been saved before the session began.
    """
    try:
        then = session.first_state() if since is None else session.replay(until=since)
    except JournalDamaged:
        return None
    head = Head.of(then)
    there = {key: found_in(track) for key, track in tracks_in(clip).items()}
    is_same = numbers_of(head).keys() == there.keys() and not changes(head, there)
    return then if is_same else None


def set_aside(clip: MovieClip) -> dict[str, str]:
    """Discard the clip's session, so that the next pass begins a new one; the files of the session stay.

    Returns the ids and names of the discarded sessions, without one that cannot be read. Raises the errors of owning
    and writing a session.
    """
    recording = open_file.recordings.pop(clip.session_uid, None)
    if recording is not None:
        recording.close()
    discarded: dict[str, str] = {}
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
            found.set_state(SessionState.DISCARDED, who=person())
        discarded[found.id] = shown_name(found.path, found.session, is_own=True)
        open_file.forget_written(found.id)
    open_file.forget()
    return discarded


def catch_up(path: Path) -> None:
    """Set aside what a clip lacks of the session of the file, which is in use again after changes without a session."""
    for clip in bpy.data.movieclips:
        recording = recording_of(clip)
        if recording is None or recording.session is not None:
            continue
        found = find_session(clip, mark_of(clip))
        if found is not None and found.path == path and recording.own(clip):
            recording.close()  # until the next change


def drop_pass(clip: MovieClip, number: int) -> None:
    """Give up an unfinished pass of the clip's session. Raises UsageError, and the errors of owning and writing it."""
    with borrowed(clip) as manager:
        if all(known.number != number for known in manager.unfinished):
            raise UsageError(f"Pass {number} is not unfinished: there is nothing to drop")
        manager.acquire().close_pass(number, Outcome.DROPPED)
        if not manager.unfinished:
            manager.mark_tracking_complete()
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
    recording = known_recording(clip)
    if recording is not None and recording.session is not None:
        owned = recording.session  # whose records have all that was undone
    else:
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
