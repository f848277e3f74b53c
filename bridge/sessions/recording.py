# SPDX-License-Identifier: GPL-3.0-or-later
"""Records in the session of a clip whatever happens to its tracks, whoever did it.

A `Recording` knows the newest state of its clip, and records the differences that `looking` finds. `bridge.watch` says
when to look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import bpy

from ...core.errors import JournalDamaged, LeaseHeld, SessionUnreadable, TrackingSessionError
from ...core.journal.changes import Key
from ...core.journal.codec import event_record
from ...core.journal.head import Head
from ...core.journal.records import Event, JournalRecord, Reason
from ...core.journal.stamp import stamp_of
from ...core.model.types import Pass
from ...core.recording.manager import TrackingSessionManager
from ...core.recording.recorder import SessionRecorder
from ...core.review.actions import moved
from ...core.review.person import person
from ..clip.movie_clip import library_of, mark_of, mark_position, write_stamp
from ..errors import error_words
from ..open_file import open_file
from ..preferences import preferences
from .beginning import RECORDED_BEFORE, Check, Files, Tracks, files_of, new_session, own_session
from .finding import find_session
from .looking import Sight

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack

FIRST_SLICE = 0.01  # seconds of reading a new clip, per look
RETRY = 5.0  # seconds between two attempts to own a session after an error
RENEWAL = 15.0  # seconds between two signs of life of an idle owner
UNDO, REDO, UNNAMED = "Undo", "Redo", "Changes in the Clip"
"""The names of edits without an operator."""
NOT_RECORDED = "tracking_sessions_off"
"""The property of a clip that is not recorded."""
_log = logging.getLogger(__name__)


class Recording:
    """Records the changes of one clip. `session` is its session, owned while the recording goes on."""

    def __init__(self, clip: MovieClip, *, at_once: bool = True) -> None:
        """Look at the clip, without a session: reads all its markers once; with `at_once` off by and by."""
        self.session: TrackingSessionManager | None = None
        self.error = ""
        """Why nothing is recorded; empty if all is well."""
        self.head = Head()
        """The clip as last seen, and as the journal has it once there is a session."""
        self.stepped: tuple[Pass, int] | None = None
        """The last single step of Blender's tracker, from which the next may go on: its pass, and the frame reached."""
        self._sight = Sight()
        self._operator, self._is_by_hand = "", False  # after which they are compared; a person moves markers with it
        self._retry = 0.0
        self._renewed = 0.0
        self._has_news = False  # whether the session file lacks records
        self._is_behind = False  # whether a change may not be recorded, after an error
        self._tracks: Tracks | None = None  # that the session lacks
        self._files: Files | None = None  # whose details the session lacks
        self._check: Check | None = None  # of the journal, which was not read
        self._is_damaged = False  # whether that has found damage
        self._is_read = False  # whether the clip was read once
        self._sight.begin(clip)
        if at_once:
            self._read(clip, whole=True)

    # Looking

    def look(
        self, clip: MovieClip, operator: str, *, whole: bool = False, is_wide: bool = False, is_by_hand: bool = False
    ) -> None:
        """Compare the clip with the newest state, and record the differences as an edit by `operator`.

        `whole`: compare every track now, as before a save; else reading stops after some milliseconds, and `go_on`
        continues. `is_wide`: any track may have changed, so continue until each one is compared. `is_by_hand`: a person
        has moved markers. An error only ends the recording for a while: see `error`.
        """
        self._is_by_hand = is_by_hand or (self._is_by_hand and not operator)
        if self._operator in (UNDO, REDO) and not self._sight.has_more:
            self._operator = ""  # all that it changed is recorded
        self._operator = operator or self._operator or UNNAMED
        if not self._read(clip, whole=whole):
            return  # `go_on` looks again
        if self._is_behind:
            if time.monotonic() < self._retry:
                return
            self.error = ""
            self.own(clip)
            if self.error:
                return
            self._is_behind, whole = False, True
        if is_wide:
            self._sight.suspect_all(self.head)
        self._record(clip, self._sight.differences(clip, self.head, whole=whole))
        if whole:
            self._record_tracks(whole=True)

    def _read(self, clip: MovieClip, *, whole: bool) -> bool:
        """Read on in a new clip, as it is before its first change; returns whether it is read."""
        if not self._is_read:
            for record in self._sight.more(clip, self.head, seconds=float("inf") if whole else FIRST_SLICE):
                self.head.apply(record)
            self._is_read = not self._sight.has_more
        return self._is_read

    @property
    def is_due(self) -> bool:
        """Whether the clip is to be looked at without any sign of a change, because an error kept one from the disk."""
        return self._is_behind and time.monotonic() >= self._retry

    @property
    def is_beginning(self) -> bool:
        """Whether the clip is still to be read, or its tracks are still to be recorded by `begin`."""
        return not self._is_read or self._tracks is not None

    @property
    def has_more(self) -> bool:
        """Whether there is more to read, to compare or to record than in one look."""
        return self.is_beginning or self._sight.has_more

    def go_on(self, clip: MovieClip) -> None:
        """Compare more tracks, for some milliseconds."""
        if not self._is_read:
            return self.look(clip, "")
        self._record(clip, self._sight.more(clip, self.head))

    def glance(self, clip: MovieClip) -> None:
        """Look at the cheap signs of some tracks, and at the clip if one has changed."""
        if self._sight.glance(clip):
            self.look(clip, UNNAMED)

    def saw(self, tracks: Mapping[Key, MovieTrackingTrack]) -> None:
        """These tracks are as the head has them."""
        self._sight.saw(tracks)

    def forget_addresses(self) -> None:
        """Undo, redo or loading has replaced all tracks: any of them may have changed."""
        self._sight.forget_addresses(self.head)

    def differences(self, clip: MovieClip, made: Mapping[Key, int]) -> list[JournalRecord]:
        """The differences of all tracks; `made` has the numbers of tracks that were made again."""
        return self._sight.differences(clip, self.head, whole=True, made=made)

    # Recording

    @property
    def recorder(self) -> SessionRecorder | None:
        """The recorder of the owned session."""
        return self.session.acquire() if self.session is not None else None

    def begin(self, clip: MovieClip) -> bool:
        """As `own` with `begins`, but for some milliseconds: call it again until it returns True, as nothing is left.

        An error leaves nothing to do either.
        """
        if self._read(clip, whole=False):
            self._own_or_fail(clip, begins=True)
            self._record_tracks(whole=False)
        return not self.is_beginning

    def own(self, clip: MovieClip, *, begins: bool = False) -> bool:
        """Own the session of the clip, which then has the clip as it was last seen; returns whether it is owned.

        `begins`: make a session if the clip has none. An error ends the recording for a while: see `error`.
        """
        self._own_or_fail(clip, begins=begins)
        self._record_tracks(whole=True)
        return self.session is not None

    def _own_or_fail(self, clip: MovieClip, *, begins: bool) -> None:
        if self.session is None and time.monotonic() >= self._retry:
            try:
                self._own(clip, begins=begins)
                self.error = ""
            except TrackingSessionError as error:
                self._fail(error)

    def _record_tracks(self, *, whole: bool) -> None:
        """Record some of the tracks that a new session lacks, or all."""
        recorder = self.recorder
        if self._tracks is None or recorder is None:
            return
        try:
            self._has_news = True
            if not self._tracks.record(recorder, whole=whole):
                self._tracks = None
        except TrackingSessionError as error:
            self._fail(error)

    def record(self, records: Sequence[JournalRecord], *, shows: bool = True) -> bool:
        """Record changes of the clip in the owned session; returns whether they are on the disk.

        With `shows` off the panels tell of them only along with the next write of the session file.
        """
        self._record_tracks(whole=True)
        recorder = self.recorder
        if recorder is None:
            return False
        try:
            recorder.append(*records, waits=False)  # `rest` waits for the disk, once a second
        except TrackingSessionError as error:
            self._fail(error)
            return False
        self._has_news = True
        if shows:
            open_file.forget()
        return True

    def _record(self, clip: MovieClip, records: list[JournalRecord]) -> None:
        if not records:
            return
        if self.session is None:
            seen = self.head
            if self.own(clip):
                if (self.head.numbers, self.head.last_track) != (seen.numbers, seen.last_track):
                    records = self._sight.differences(clip, self.head, whole=True)
            elif not self.error:  # the clip has no session
                for record in records:
                    self.head.apply(record)
        if self.session is not None and records:
            nudges = moved(self.session, self.head, records, person()) if self._is_by_hand else []
            self._is_by_hand = False
            self.record([*nudges, *self._events(self.session), *records])

    def _events(self, session: TrackingSessionManager) -> list[JournalRecord]:
        """The event before the records of an edit; none if they belong to the undo that was recorded last."""
        if self._operator == UNDO:
            if session.is_leading_away and session.asides[-1].reason is Reason.UNDO:
                return []
            if all(aside.reason is not Reason.UNDO for aside in session.asides):
                return [event_record(Event.SET_ASIDE, reason=Reason.UNDO.value)]
        return [event_record(Event.EDITED, operator=self._operator)]

    def _own(self, clip: MovieClip, *, begins: bool) -> None:
        self._read(clip, whole=True)
        mark = mark_of(clip)
        session = find_session(clip, mark)
        if session is None:
            return self._begin(clip) if begins else None
        self.head, is_checked = own_session(clip, session, mark, self.head, whole=self._is_damaged)
        self.session, self._files = session, files_of(clip, session)
        self._check = None if is_checked else Check(session)
        open_file.forget()

    def _begin(self, clip: MovieClip) -> None:
        session, footage = new_session(clip)
        recorder = session.acquire()
        self.session, recorder.head = session, self.head
        self._files = Files(footage)
        if self.head.tracks:
            recorder.append_event(Event.EDITED, operator=RECORDED_BEFORE)
            self._tracks = Tracks(self.head)
        open_file.forget()

    def _fail(self, error: TrackingSessionError) -> None:
        """Record nothing for a while, then compare everything."""
        self._is_behind = True
        self.error = error_words(error)
        self._retry = time.monotonic() + RETRY
        if not isinstance(error, LeaseHeld):
            _log.warning("The changes of the clip are not recorded: %s", error)
        self._release()
        open_file.forget()

    def rest(self) -> None:
        """Write the session file after news, and show other machines that the owner lives. Cheap otherwise."""
        recorder = self.recorder
        if recorder is None:
            return
        now = time.monotonic()
        try:
            if self._has_news and recorder.is_file_due:
                recorder.write_file()
                self._has_news, self._renewed = False, now
                open_file.forget()
            elif now - self._renewed > RENEWAL:
                recorder.renew_lease()
                self._renewed = now
        except TrackingSessionError as error:
            self._fail(error)

    def catch_up(self) -> bool:
        """Do some of what may wait until nothing else happens; returns whether there is more.

        Checks the journal, if it was not read when the session was owned, and looks at the files of the footage, if the
        session lacks their details.
        """
        recorder, has_more = self.recorder, False
        try:
            if self._check is not None:
                self._check = self._check if self._check.go_on() else None
                return True
            has_more = recorder is not None and self._files is not None and self._files.look(recorder)
        except TrackingSessionError as error:
            self._is_damaged = isinstance(error, JournalDamaged | SessionUnreadable)
            self._fail(error)
        if not has_more:
            self._files = None
        return has_more

    # The session of a run

    def lend(self, clip: MovieClip) -> TrackingSessionManager | None:
        """The owned session, with every change of the clip recorded, for a run; None if nothing was recorded yet."""
        self.look(clip, "", whole=True)
        self.mark(clip)
        session, self.session, self._files, self._check = self.session, None, None, None
        return session

    def take_back(self, clip: MovieClip, session: TrackingSessionManager) -> None:
        """Go on with the session after a run or a restore, which has recorded all that it did; compare the rest."""
        self.session, self.error = session, ""
        self._files = files_of(clip, session)
        recorder = session.acquire()
        if recorder.head is None:
            recorder.head = Head.of(session.replay())
        self.head = recorder.head
        self.look(clip, UNNAMED, whole=True)

    def mark(self, clip: MovieClip) -> None:
        """Note in the clip, for the saved file, that it contains all that is recorded."""
        if self.session is not None and not self._sight.has_more:
            mark_position(clip, self.session.id, self.session.position)

    def stamp(self, clip: MovieClip) -> None:
        """As `mark`, and note how to tell that the clip still has it when the file is open again."""
        self.mark(clip)
        if self.session is not None and not self._sight.has_more:
            write_stamp(clip, stamp_of(self.head, self.session.position))

    def close(self) -> None:
        """Write the session file and release the session. Never fails."""
        self._record_tracks(whole=True)
        try:
            if self.recorder is not None and self._has_news:
                self.recorder.write_file()
        except TrackingSessionError as error:
            _log.warning("The session file cannot be written: %s", error)
        self._release()

    def _release(self) -> None:
        self._has_news = False
        self._tracks = self._files = self._check = None
        if self.session is not None:
            self.session.close()
            self.session = None


def is_recorded(clip: MovieClip) -> bool:
    """Whether the artist wants the clip to be recorded."""
    return not library_of(clip) and not clip.get(NOT_RECORDED) and preferences().records


def set_recorded(clip: MovieClip, *, wanted: bool) -> None:
    """Record the clip from now on, or no longer; the file stores the choice."""
    if wanted:
        clip.pop(NOT_RECORDED, None)
        return
    clip[NOT_RECORDED] = True
    known = open_file.recordings.pop(clip.session_uid, None)
    if known is not None:
        known.look(clip, "", whole=True)
        known.mark(clip)
        known.close()


def recording_of(clip: MovieClip) -> Recording | None:
    """The recording of the clip; None for a linked clip, or if the artist does not want one."""
    if not is_recorded(clip):
        return None
    recordings = open_file.recordings
    if clip.session_uid not in recordings:
        recordings[clip.session_uid] = Recording(clip, at_once=bpy.app.background)
    return recordings[clip.session_uid]


def known_recording(clip: MovieClip) -> Recording | None:
    """The recording of the clip, if there is one already."""
    return open_file.recordings.get(clip.session_uid)


def close_gone() -> None:
    """End the recordings of clips that were deleted."""
    for uid in open_file.recordings.keys() - {clip.session_uid for clip in bpy.data.movieclips}:
        open_file.recordings.pop(uid).close()


def close_recordings() -> None:
    """End all recordings, because the file goes."""
    while open_file.recordings:
        open_file.recordings.popitem()[1].close()
