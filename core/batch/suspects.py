# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of which a process may have died that tracked a shot, and what reading them again says."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import ExitCode, FootageUnusable, JournalDamaged, LeaseHeld, SessionUnreadable, StorageFailed, UsageError
from ..footage.files import Footage, find_footage
from ..footage.frames import check_whole, unreadable
from ..journal.chain import JournalReader
from ..journal.records import Event, MarkersRecord, RecordInvalid, decoded
from ..journal.rows import KEYED, heads_of
from ..model.types import PassSummary
from ..recording.manager import TrackingSessionManager
from ..storage.folder import resolve
from ..tracking.plan import ShotSpec

READING_TIME = 60.0
"""Seconds after which a process that reads a picture is ended, and nothing is held against the picture."""
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", -1)})
_KEYFRAMES = 4  # that are read at most


def is_unreadable(code: int) -> bool:
    """Whether a process that ended like this could not read its picture: it says so (ExitCode.UNUSABLE), or it crashed.

    Any other end, such as being killed, says nothing about the picture.
    """
    return code == ExitCode.UNUSABLE or (-code if code < 0 else code - 128) in _CRASHES  # a shell in between adds 128


class Suspects:
    """The pictures of which the process of a shot may have died, the likeliest first."""

    def __init__(self, manager: TrackingSessionManager | None, spec: ShotSpec) -> None:
        """`manager` is the session of the shot, if it has one. There are none for a movie, or if nothing is known."""
        self._manager = manager
        self._footage: Footage | None = None
        frames: Iterable[int] = ()
        with suppress(
            FootageUnusable, SessionUnreadable, JournalDamaged, RecordInvalid, UsageError
        ):  # its next child says so
            if manager is not None and manager.passes:
                self._footage = _footage_of(manager)
                frames = _frames_of(manager, manager.passes[-1])
            elif not spec.footage.lower().endswith(".blend"):
                self._footage = find_footage(spec.footage)
                frames = _first_frames(self._footage, spec)
        if self._footage is None or self._footage.source == "MOVIE":
            frames = ()
        else:
            count = self._footage.count
            frames = (frame for frame in dict.fromkeys(frames) if 1 <= frame <= count)
        self.frames = list(frames)
        """Clip frames."""

    def damaged(self) -> FootageUnusable | None:
        """What is wrong with the first of them that is damaged, as far as that shows without Blender."""
        for frame in self.frames:
            assert self._footage is not None
            try:
                check_whole(self._footage, frame)
            except FootageUnusable as error:
                return self._noted(error, frame)
        return None

    def path(self, frame: int) -> Path:
        """The file of the picture."""
        assert self._footage is not None
        return self._footage.file(frame)

    def unreadable(self, frame: int) -> FootageUnusable:
        """What to say of one that Blender could not read."""
        assert self._footage is not None
        return self._noted(unreadable(self._footage, frame), frame)

    def _noted(self, error: FootageUnusable, frame: int) -> FootageUnusable:
        """Record it in the session, so that another file may stand in its place when the shot goes on."""
        if self._manager is not None:
            with suppress(LeaseHeld, StorageFailed, SessionUnreadable, JournalDamaged), self._manager as manager:
                manager.acquire().append_event(Event.PICTURE_DAMAGED, frame=frame)
        return error


def _footage_of(manager: TrackingSessionManager) -> Footage:
    """The files of the session, as its clip counts them: that may begin behind the first of them."""
    found = find_footage(resolve(manager.path, manager.session.footage.path))
    if found.source == "MOVIE":
        return found
    count = len(manager.details().entries)
    return replace(found, number=found.number + found.count - count, count=count, counting=manager.counting)


def _frames_of(manager: TrackingSessionManager, last: PassSummary) -> list[int]:
    """The frames that the step behind the last recorded frame of the pass was to read."""
    frame = last.last_frame
    return [frame, frame + last.direction, last.start, *_keyframes(manager, frame)]


def _keyframes(manager: TrackingSessionManager, frame: int) -> list[int]:
    """The frames with a marker that was set by hand, the nearest ones first: patterns are taken from there."""
    keyed: set[int] = set()
    for record, _ in decoded(JournalReader(manager.folder, manager.session.id).records()):
        if isinstance(record, MarkersRecord):
            keyed.update(at for _, at, flags in heads_of(record.rows) if flags & KEYED)
    return sorted(keyed, key=lambda at: abs(at - frame))[:_KEYFRAMES]


def _first_frames(footage: Footage, spec: ShotSpec) -> list[int]:
    """What is read first where nothing is recorded."""
    number, _ = spec.range
    is_backward = spec.direction == "backward"
    start = footage.count if is_backward else 1
    if number is not None:
        start = footage.counting.clip_frame(number)
    return [start, start + (-1 if is_backward else 1), 1]
