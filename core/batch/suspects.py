# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that may have killed the process of a shot, and the result of reading them again."""

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
from ..journal.codec import decoded
from ..journal.records import EditRecord, Event, MarkersRecord, RecordInvalid
from ..journal.rows import KEYED, heads_of
from ..model.types import PassSummary
from ..recording.manager import TrackingSessionManager
from ..recording.parts import part_sessions
from ..storage.folder import resolve
from ..tracking.plan import ShotSpec

READING_TIME = 60.0
"""Seconds after which a process that reads a picture is killed, without a verdict on the picture."""
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", -1)})
_KEYFRAMES = 4  # to read at most


def is_unreadable(code: int) -> bool:
    """Whether a process with this exit code could not read its picture: ExitCode.UNUSABLE, or a crash.

    Any other end, such as SIGKILL, is no verdict on the picture.
    """
    return code == ExitCode.UNUSABLE or (-code if code < 0 else code - 128) in _CRASHES  # a shell in between adds 128


class Suspects:
    """The pictures that may have killed the process of a shot, the likeliest first."""

    def __init__(self, manager: TrackingSessionManager | None, spec: ShotSpec) -> None:
        """`manager` is the session of the shot, if it has one. A movie has no suspects, nor has unknown footage."""
        self._sessions = [] if manager is None else [manager]
        if manager is not None:  # a process of the dead one may have read the picture, in a session of its own
            parts = [part for part in part_sessions(manager) if part.passes and part.session.is_unfinished]
            self._sessions += parts[:1]
            manager = self._sessions[-1]
        self._footage: Footage | None = None
        frames: Iterable[int] = ()
        # the next child reports these errors
        with suppress(FootageUnusable, SessionUnreadable, JournalDamaged, RecordInvalid, UsageError):
            if manager is not None and manager.passes:
                self._footage = _footage_of(manager)
                frames = _frames_of(manager, manager.passes[-1])
            elif not spec.is_blend:
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
        """The error of the first picture that is damaged, as far as a check without Blender finds it."""
        for frame in self.frames:
            assert self._footage is not None
            try:
                check_whole(self._footage, frame)
            except FootageUnusable as error:
                return self._noted(error, frame)
        return None

    def path(self, frame: int) -> Path:
        assert self._footage is not None
        return self._footage.file(frame)

    def unreadable(self, frame: int) -> FootageUnusable:
        """The error of a picture that Blender could not read."""
        assert self._footage is not None
        return self._noted(unreadable(self._footage, frame), frame)

    def _noted(self, error: FootageUnusable, frame: int) -> FootageUnusable:
        """Record the damage in the session, so that a resumed shot accepts another file in its place."""
        for session in self._sessions:
            with suppress(LeaseHeld, StorageFailed, SessionUnreadable, JournalDamaged), session as manager:
                manager.acquire().append_event(Event.PICTURE_DAMAGED, frame=frame)
        return error


def _footage_of(manager: TrackingSessionManager) -> Footage:
    """The footage of the session, numbered as in its clip, which may begin behind the first file."""
    found = find_footage(resolve(manager.path, manager.session.footage.path))
    if found.source == "MOVIE":
        return found
    footage = manager.session.footage
    count = len(manager.details().entries) if footage.fingerprint else footage.frame_count
    return replace(found, number=found.number + found.count - count, count=count, counting=manager.counting)


def _frames_of(manager: TrackingSessionManager, last: PassSummary) -> list[int]:
    """The frames that the step after the last recorded frame of the pass reads."""
    frame = last.last_frame
    return [frame, frame + last.direction, last.start, *_keyframes(manager, frame)]


def _keyframes(manager: TrackingSessionManager, frame: int) -> list[int]:
    """The frames with a keyframed marker, the nearest first: libmv takes patterns from there."""
    keyed: set[int] = set()
    for record, _ in decoded(JournalReader(manager.folder, manager.id).records()):
        if isinstance(record, MarkersRecord | EditRecord):
            keyed.update(at for _, at, flags in heads_of(record.rows) if flags & KEYED)
    return sorted(keyed, key=lambda at: abs(at - frame))[:_KEYFRAMES]


def _first_frames(footage: Footage, spec: ShotSpec) -> list[int]:
    """The frames that tracking reads first, before anything is recorded."""
    start, _ = spec.clip_range(footage.counting)
    is_backward = spec.direction == "backward"
    if start is None:
        start = footage.count if is_backward else 1
    return [start, start + (-1 if is_backward else 1), 1]
