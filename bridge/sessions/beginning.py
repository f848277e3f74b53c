# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes or owns the session of a clip, and does by and by what may wait: tracks, files and journal are looked at."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING

import bpy

from ...core.errors import FootageUnusable
from ...core.footage.details import FootageDetails, describing
from ...core.footage.files import Footage
from ...core.journal.changes import between
from ...core.journal.codec import event_record
from ...core.journal.head import Head
from ...core.journal.records import Event, JournalRecord, MarkersRecord, Reason, TracksRecord
from ...core.journal.stamp import stamped
from ...core.recording.create import create_session
from ...core.recording.manager import TrackingSessionManager
from ...core.recording.recorder import SessionRecorder
from ..clip.movie_clip import ClipMark, footage_of, metadata_of, position_in, stamp_in
from ..preferences import preferences
from .finding import default_root, name_of_new

if TYPE_CHECKING:
    from bpy.types import MovieClip

TRACKS_TIME = 0.015  # seconds for the tracks of a slice, besides the wait for the disk
FILES_TIME = 0.004  # seconds for the files of a slice, or for the check of a journal
RECORDED_BEFORE = "Changes Before the Recording"
"""The name of the edit that brings a session to its clip before the first change."""
_log = logging.getLogger(__name__)


def new_session(clip: MovieClip) -> tuple[TrackingSessionManager, Footage]:
    """A new session of the clip, still without tracks and details, and its footage.

    Raises FootageUnusable, StorageFailed.
    """
    footage = footage_of(clip)
    session = create_session(
        footage.first,
        name_of_new(clip),
        default_root(),
        metadata=metadata_of(clip),
        plate=(footage, None),
        blend=bpy.data.filepath,
        clip=clip.name,
    )
    session.durable = preferences().is_durable
    return session, footage


def own_session(
    clip: MovieClip, session: TrackingSessionManager, mark: ClipMark | None, seen: Head, *, whole: bool
) -> tuple[Head, bool]:
    """Own the clip's session, and record how the clip, last `seen` so, differs from it; the newest state then.

    If the mark is the end of the journal, and the stamp says that the clip still has that state, the journal is not
    read, unless it is to be (`whole`). Returns also whether it was read. Raises the errors of owning and writing it.
    """
    session.durable = preferences().is_durable
    position = position_in(mark, session.id)
    if position is not None and position == session.position and not whole:
        head = stamped(seen, stamp_in(clip), position)
        if head is not None:
            recorder = session.acquire(whole=False)
            if session.position == position:
                head.note_directions(session.passes)
                recorder.head = head
                return head, False
            session.close()  # another process was faster
    known = session.acquire_replay()
    known_end = session.position
    try:
        head = Head.of(known)
        records = between(head, seen)
        recorder = session.acquire()
        recorder.head = head
        if records:
            is_older = bool(known.tracks) and position != known_end
            event = (
                event_record(Event.SET_ASIDE, reason=Reason.OLDER_FILE.value)
                if is_older
                else event_record(Event.EDITED, operator=RECORDED_BEFORE)
            )
            recorder.append(event, *records)
    except BaseException:
        session.close()
        raise
    return head, True


class Check:
    """The check of a journal that was not read."""

    def __init__(self, session: TrackingSessionManager) -> None:
        self._records = session.checking()

    def go_on(self) -> bool:
        """Check some records; returns whether there are more. Raises JournalDamaged, SessionUnreadable."""
        until = time.perf_counter() + FILES_TIME
        return any(time.perf_counter() >= until for _ in self._records)


class Tracks:
    """The tracks that a new session still lacks, as `head` has them. Record them before any other record."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._left = deque(head.tracks)

    def record(self, recorder: SessionRecorder, *, whole: bool) -> bool:
        """Record some of the tracks, at least one, or all; returns whether there are more.

        Raises LeaseLost, StorageFailed.
        """
        until = time.perf_counter() + TRACKS_TIME
        records: list[JournalRecord] = []
        while self._left:
            number = self._left.popleft()
            records.append(TracksRecord((self._head.tracks[number],)))
            rows = self._head.rows(number)
            if rows:
                records.append(MarkersRecord(number, rows))
                recorder.append(*records, waits=False)
                records.clear()
            if not whole and time.perf_counter() >= until:
                break
        recorder.append(*records)  # waits for the disk: each slice for its own bytes, not one for all
        return bool(self._left)


class Files:
    """The files of the footage, whose details a session lacks."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._files: Generator[None, None, FootageDetails] = describing(footage)

    def look(self, recorder: SessionRecorder) -> bool:
        """Look at some files, at least at one, and after the last one note the details; returns whether there are more.

        Gives up at a missing or damaged file: whoever tracks the clip is told. Raises LeaseLost, StorageFailed.
        """
        until = time.perf_counter() + FILES_TIME
        try:
            next(self._files)
            while time.perf_counter() < until:
                next(self._files)
        except StopIteration as end:
            recorder.set_details(self._footage, end.value)
            return False
        except FootageUnusable as error:
            _log.info("The files of the footage are not looked at any further: %s", error)
            return False
        return True


def files_of(clip: MovieClip, session: TrackingSessionManager) -> Files | None:
    """The files of the clip, if the session lacks their details and the footage is there."""
    if session.session.footage.fingerprint:
        return None
    try:
        return Files(footage_of(clip))
    except FootageUnusable:
        return None
