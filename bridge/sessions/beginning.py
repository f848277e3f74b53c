# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the session of a clip, and gives it by and by what it lacks: the tracks, and the details of the footage."""

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
from ...core.journal.head import Head
from ...core.journal.records import JournalRecord, MarkersRecord, TracksRecord
from ...core.recording.create import create_session
from ...core.recording.manager import TrackingSessionManager
from ...core.recording.recorder import SessionRecorder
from ..clip.movie_clip import footage_of, metadata_of
from ..preferences import preferences
from .finding import default_root, name_of_new

if TYPE_CHECKING:
    from bpy.types import MovieClip

TRACKS_TIME = 0.015  # seconds for the tracks of a slice, besides the wait for the disk
FILES_TIME = 0.004  # seconds for the files of a slice
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
