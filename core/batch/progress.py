# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a batch: its shots from the ledger, their frames from their sessions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import JournalDamaged, SessionUnreadable
from ..journal.lost_passes import lost_fields, lost_passes
from ..model.counting import Counting
from ..model.wording import moment
from ..recording.manager import TrackingSessionManager
from ..storage.folder import SessionFolder
from .shots import ShotRow, ShotStatus


@dataclass(frozen=True)
class Frames:
    """The progress of a session: numbers of frames, the frame reached as displayed, and the tracks of its last pass."""

    tracked: int = 0
    total: int = 0  # 0: unknown yet
    remaining: int = 0
    frame: int | None = None
    tracks: int = 0
    alive: int = 0


class SessionProgress:
    """The session of a shot, while another process writes it. While it cannot be read, the last values stay."""

    def __init__(self, path: Path, since: datetime, clock: Callable[[], float]) -> None:
        """All frames of a session made after `since` are new."""
        self.frames = Frames()
        self.new = 0
        """Frames that were tracked since this object was made."""
        self.manager: TrackingSessionManager | None = None
        """The session as last read; None while it cannot be read."""
        self.rate = 0.0
        """Frames per second while they were tracked; 0 if unknown."""
        self._path = path
        self._since = since
        self._clock = clock
        self._before: int | None = None  # frames that were tracked before this run
        self._moved: tuple[float, int] | None = None  # the time of the first new frame, and the number of frames then

    def set_baseline(self, frames: int) -> None:
        """Set the number of frames tracked before this run, unless it is already known."""
        if self._before is None:
            self._before = frames

    def refresh(self) -> None:
        """Read the records appended since the last read."""
        try:
            if self.manager is None:
                self.manager = TrackingSessionManager(self._path)
                is_new = (moment(self.manager.session.created) or self._since) >= self._since
                if self._before is None:
                    self._before = 0 if is_new else len(self.manager.session.tracked_frames)
            else:
                self.manager.refresh()
            self._take(self.manager)
        except (SessionUnreadable, JournalDamaged):
            self.manager = None

    def _take(self, manager: TrackingSessionManager) -> None:
        progress = manager.progress
        reached = manager.session.checkpoint_frame
        last = manager.passes[-1] if manager.passes else None
        before = self.frames
        self.frames = Frames(
            tracked=progress["tracked_frames"],
            total=progress["total_frames"],
            remaining=progress["remaining_frames"],
            frame=None if reached is None else manager.counting.shown(reached),
            tracks=last.tracks if last else 0,
            alive=last.alive if last else 0,
        )
        now = self._clock()
        self.new = self.frames.tracked - (self._before or 0)
        if self._moved is None and before.total and self.frames.tracked > before.tracked:
            self._moved = now, self.frames.tracked
        elif self._moved is not None and now > self._moved[0]:
            self.rate = (self.frames.tracked - self._moved[1]) / (now - self._moved[0])

    def lost(self) -> dict[int, list[str]]:
        """The names of the lost tracks, by clip frame; an unknown name is empty."""
        if self.manager is None:
            return {}
        with suppress(SessionUnreadable):  # else they have no names
            self.manager.name_lost()
        lost = self.manager.lost
        return {frame: [name for _, name in lost.tracks(frame)] for frame in lost.frames}


class BatchProgress:
    """The shots of a batch, as last updated, and their sessions, as last read."""

    def __init__(self, root: Path, shots: Iterable[ShotRow], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.shots: dict[int, ShotRow] = {}  # by number
        self._root = root
        self._clock = clock
        self._began = clock()
        self._since = datetime.now(UTC).replace(microsecond=0)
        self._sessions: dict[str, SessionProgress] = {}  # by id
        for shot in shots:
            self.update(shot)
            if shot.status is ShotStatus.PENDING:
                self.refresh(shot)

    def update(self, shot: ShotRow) -> None:
        """Update the shot from the ledger. A session that it resumes is read, for the baseline."""
        is_known = shot.session in self._sessions
        self.shots[shot.number] = shot
        if shot.status is ShotStatus.PROCESSING and not is_known:
            self.refresh(shot)

    def refresh(self, shot: ShotRow) -> Frames:
        session = self.session(shot)
        if session is None:
            return Frames()
        session.refresh()
        return session.frames

    def session(self, shot: ShotRow) -> SessionProgress | None:
        """The session of the shot, as last read; None if it has none."""
        if not shot.session:
            return None
        if shot.session not in self._sessions:
            path = SessionFolder(self._root).session_file(shot.session)
            self._sessions[shot.session] = SessionProgress(path, self._since, self._clock)
        return self._sessions[shot.session]

    @property
    def counts(self) -> Counter[ShotStatus]:
        return Counter(shot.status for shot in self.shots.values())

    @property
    def running(self) -> list[ShotRow]:
        """The shots with a process, by number."""
        return [shot for _, shot in sorted(self.shots.items()) if shot.status is ShotStatus.PROCESSING]

    @property
    def seconds(self) -> float:
        """Since this object was made."""
        return self._clock() - self._began

    @property
    def new_frames(self) -> int:
        """Frames that were tracked since this object was made."""
        return sum(session.new for session in self._sessions.values())

    @property
    def rate(self) -> float:
        """Frames per second of the whole batch, with all time between frames; 0 before the first frame."""
        seconds = self.seconds
        return self.new_frames / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate until the end of the batch, for pending shots of average length; None if unknown."""
        known = [session.frames.total for session in self._sessions.values() if session.frames.total]
        rate = self.rate
        if not known or not rate:
            return None
        average = sum(known) / len(known)
        left = [self._sessions.get(shot.session) for shot in self.shots.values() if not shot.status.is_final]
        frames = sum(session.frames.remaining if session and session.frames.total else average for session in left)
        return frames / rate


def described_shot(progress: BatchProgress, shot: ShotRow) -> dict[str, Any]:
    """A shot as JSON for scripts, after reading its session."""
    frames = progress.refresh(shot)
    session = progress.session(shot)
    manager = session.manager if session else None
    counting = Counting() if manager is None else manager.counting
    lost = [] if manager is None else lost_passes(manager.passes, manager.session.tracked_frames)
    fields = {
        "number": shot.number,
        "name": shot.spec.title,
        "footage": shot.spec.footage,
        "status": shot.status.value,
        "session": shot.session,
        "tracked_frames": frames.tracked,
        "total_frames": frames.total,
        "tracks": frames.tracks,
        "tracks_alive": frames.alive,
        **lost_fields(lost, counting),
        "lost": session.lost() if session else {},
        "error": shot.error,
        "camera": shot.spec.camera,
        "verdict": shot.verdict,
        "attempts": shot.attempts,
        "started": shot.started,
        "ended": shot.ended,
        "seconds": seconds_of(shot),
    }
    return counting.described(fields)


def seconds_of(shot: ShotRow) -> float | None:
    """From the first start of the shot until its end, pauses included; None before its end."""
    started, ended = moment(shot.started), moment(shot.ended)
    if started is None or ended is None:
        return None
    return max(timedelta(), ended - started).total_seconds()
