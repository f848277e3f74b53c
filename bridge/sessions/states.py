# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a clip's session: the view of the History panel, and the artist's actions on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import bpy

from ...core.errors import TrackingSessionError, UsageError
from ...core.journal.chain import NOTHING, JournalReader, Position, Record
from ...core.journal.history import History, State
from ...core.journal.records import RecordInvalid
from ...core.journal.state_words import state_id, state_position
from ...core.journal.states import Comparison, compare
from ...core.recording import going_back as in_journal
from ...core.recording.letting_go import LetGo
from ...core.recording.manager import TrackingSessionManager
from ..clip.editor import ClipEditor
from ..clip.movie_clip import clip_size, mark_of, mark_position, position_in
from ..errors import error_words
from ..open_file import open_file
from ..tracking import going_back
from .filled_list import FilledList
from .finding import find_session
from .lending import borrowed
from .overview import Overview, overview
from .recording import known_recording

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip


class StateView:
    """The states of the clip that the panel shows, read a slice at a time; later looks read only what is new."""

    def __init__(self) -> None:
        self.history = History()
        self.error = ""
        self._shown = 0  # the clip that the panel shows
        self._clip = 0  # the one that was read
        self._session = ""
        self._seen: Overview | None = None
        self._reading: Iterator[Record] | None = None

    def is_due(self, clip: MovieClip) -> bool:
        """Whether there may be more to read. The clip is that of `read_shown` from now on."""
        self._shown = clip.session_uid
        is_same = self._clip == clip.session_uid and self._seen is overview(clip)
        return self._reading is not None or not is_same

    def read(self, clip: MovieClip, seconds: float) -> bool:
        """Read on for so long. Returns whether there is more."""
        until = time.monotonic() + seconds
        try:
            if self._reading is None or self._clip != clip.session_uid:
                self._reading = self._begin(clip)
            for record in self._reading:
                self.history.apply(record)
                if time.monotonic() >= until:
                    return True
        except TrackingSessionError as error:
            self.error = error_words(error)
        except (OSError, RecordInvalid) as error:
            self.error = str(error)
        self._reading = None
        return False

    def read_shown(self, seconds: float) -> bool:
        """As `read`, for the clip that the panel shows; nothing if it is gone."""
        clip = next((clip for clip in bpy.data.movieclips if clip.session_uid == self._shown), None)
        return clip is not None and self.read(clip, seconds)

    def _begin(self, clip: MovieClip) -> Iterator[Record]:
        self._clip, self._seen, self.error = clip.session_uid, overview(clip), ""
        found = find_session(clip, mark_of(clip), salvage=True) if self._seen.name or self._seen.is_damaged else None
        if found is None:
            self.history, self._session = History(), ""
            return iter(())
        reader = JournalReader(found.folder, found.id, salvage=True)
        after = self.history.end
        if self._session == found.id and after != NOTHING and reader.contains(after):
            return reader.records(after, reader.checksum_at(after))
        self.history, self._session = History(), found.id
        return reader.records()


def shown_states() -> dict[str, State]:
    """The states by their ids, newest first."""
    return {state_id(state.position): state for state in reversed(open_file.view(StateView).history.states)}


STATES = FilledList(
    "tracking_sessions_states", lambda seconds: open_file.view(StateView).read_shown(seconds), shown_states
)


def shown_state(id: str) -> State | None:
    """The state with this id."""
    position = state_position(id)
    return open_file.view(StateView).history.find(position) if position is not None else None


def chosen(context: Context) -> State | None:
    """The active state of the list."""
    return shown_state(STATES.chosen(context))


def _session_of(clip: MovieClip) -> TrackingSessionManager:
    session = find_session(clip, mark_of(clip))
    if session is None:
        raise UsageError("This clip has no session: it has no history")
    return session


def _is_whole(clip: MovieClip, session: TrackingSessionManager) -> bool:
    """Whether the clip has all that is recorded."""
    mark = position_in(mark_of(clip), session.id)
    return session.contained(mark) is not None and not len(session.missing_frames(mark).lost)


def go_back(editor: ClipEditor, position: Position) -> Comparison:
    """As `tracking.going_back.go_back`, in the clip's session, which a recording that has it already keeps."""
    with borrowed(editor.clip) as session:
        found = going_back.go_back(editor, session, position)
    open_file.forget()
    return found


def name_state(clip: MovieClip, position: Position, name: str) -> None:
    """As `recording.going_back.name_state`, in the clip's session."""
    with borrowed(clip) as session:
        is_whole = _is_whole(clip, session)
        in_journal.name_state(session, position, name)
        if is_whole:
            mark_position(clip, session.id, session.position)
    open_file.forget()


def compare_with_newest(clip: MovieClip, position: Position) -> Comparison:
    """What the newest recorded state has that the one at `position` has not."""
    session = _session_of(clip)
    return compare(session.state_at(position), session.replay(), clip_size(clip))


def let_go(clip: MovieClip, before: str = "") -> LetGo:
    """As `TrackingSessionManager.let_go`, in the clip's session; a clip with all of its records stays so."""
    recording = known_recording(clip)
    if recording is not None:
        recording.look(clip, "", whole=True)
        recording.mark(clip)
        recording.close()
    session = _session_of(clip)
    is_whole = _is_whole(clip, session)
    done = session.let_go(before)
    if is_whole:
        mark_position(clip, session.id, session.position)
        open_file.note_written(clip.session_uid, session.id, session.position)
    open_file.forget()
    return done
