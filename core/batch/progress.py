# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a batch is, for whoever runs or watches it: its shots from the ledger, their frames from their sessions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import JournalDamaged, SessionUnreadable
from ..journal.lost_passes import LostPass, lost_fields, lost_passes
from ..model.counting import Counting
from ..model.wording import moment
from ..recording.manager import TrackingSessionManager
from ..storage.folder import SessionFolder
from .shots import ShotRow, ShotStatus


@dataclass(frozen=True)
class Frames:
    """How far a session is: numbers of frames, the frame reached as people count, and the tracks of its last pass."""

    tracked: int = 0
    total: int = 0  # 0: not known yet
    remaining: int = 0
    frame: int | None = None
    tracks: int = 0
    alive: int = 0


class SessionProgress:
    """The session of a shot, while another process writes it. What cannot be read is as it was when it could be."""

    def __init__(self, path: Path, since: datetime, clock: Callable[[], float]) -> None:
        """`since`: what a session recorded that is older than this is not counted as new."""
        self.frames = Frames()
        self.new = 0
        """Frames that were tracked since the view began."""
        self.rate = 0.0
        """Frames per second while they were tracked; 0 if that is not known."""
        self._path = path
        self._since = since
        self._clock = clock
        self._manager: TrackingSessionManager | None = None
        self._before: int | None = None  # frames that were tracked before
        self._moved: tuple[float, int] | None = None  # when the first new frame was seen, and how many there were then

    def set_baseline(self, frames: int) -> None:
        """Set the number of frames tracked before this run, unless it is already known."""
        if self._before is None:
            self._before = frames

    def refresh(self) -> None:
        """Read the records appended since the last read."""
        try:
            if self._manager is None:
                self._manager = TrackingSessionManager(self._path)
                is_new = (moment(self._manager.session.created) or self._since) >= self._since
                if self._before is None:
                    self._before = 0 if is_new else len(self._manager.session.tracked_frames)
            else:
                self._manager.refresh()
            self._take(self._manager)
        except (SessionUnreadable, JournalDamaged):
            self._manager = None

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

    @property
    def counting(self) -> Counting:
        """How people count its frames."""
        return Counting() if self._manager is None else self._manager.counting

    def lost_passes(self) -> list[LostPass]:
        """The passes that lost all their tracks on the way."""
        manager = self._manager
        return [] if manager is None else lost_passes(manager.passes, manager.session.tracked_frames)

    def lost(self) -> dict[int, list[str]]:
        """The names of the tracks that were lost, by clip frame; empty for those not known."""
        if self._manager is None:
            return {}
        lost = self._manager.lost
        try:
            self._manager.name_lost()
        except SessionUnreadable:
            pass  # then they have no names
        return {frame: [name for _, name in lost.tracks(frame)] for frame in lost.frames}


class BatchProgress:
    """The shots of a batch as far as they were given, and their sessions as far as they were looked at."""

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
        """Take what the ledger says of a shot now. A session that it goes on with is looked at, to know from where."""
        is_known = shot.session in self._sessions
        self.shots[shot.number] = shot
        if shot.status is ShotStatus.PROCESSING and not is_known:
            self.refresh(shot)

    def set_baseline(self, shot: ShotRow, frames: int) -> None:
        """The session of the shot, which nobody knew of, had so many frames when it was found."""
        session = self.session(shot)
        if session is not None:
            session.set_baseline(frames)

    def refresh(self, shot: ShotRow) -> Frames:
        """Read how far the session of the shot is."""
        session = self.session(shot)
        if session is None:
            return Frames()
        session.refresh()
        return session.frames

    def session(self, shot: ShotRow) -> SessionProgress | None:
        """The session of the shot as it was when it was last looked at; None if it has none."""
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
        """The shots that somebody works on, by number."""
        return [shot for _, shot in sorted(self.shots.items()) if shot.status is ShotStatus.PROCESSING]

    @property
    def seconds(self) -> float:
        """Since the view began."""
        return self._clock() - self._began

    @property
    def new_frames(self) -> int:
        """Frames that were tracked since the view began."""
        return sum(session.new for session in self._sessions.values())

    @property
    def rate(self) -> float:
        """Frames per second of the whole batch, all that is no tracking included; 0 if there are none yet."""
        seconds = self.seconds
        return self.new_frames / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until all shots are done, if those not begun are like the others; None if nothing can be said."""
        known = [session.frames.total for session in self._sessions.values() if session.frames.total]
        rate = self.rate
        if not known or not rate:
            return None
        frames = 0.0
        for shot in self.shots.values():
            session = self.session(shot)
            if not shot.status.is_final:
                begun = session is not None and session.frames.total
                frames += session.frames.remaining if session and begun else sum(known) / len(known)
        return frames / rate


def described_shot(view: BatchProgress, shot: ShotRow) -> dict[str, Any]:
    """All that is known of a shot, for a program to read; its session is looked at."""
    frames = view.refresh(shot)
    session = view.session(shot)
    counting = session.counting if session else Counting()
    row = {
        "number": shot.number,
        "name": shot.spec.title,
        "footage": shot.spec.footage,
        "status": shot.status.value,
        "session": shot.session,
        "tracked_frames": frames.tracked,
        "total_frames": frames.total,
        "tracks": frames.tracks,
        "tracks_alive": frames.alive,
        **lost_fields(session.lost_passes() if session else [], counting),
        "lost": session.lost() if session else {},
        "error": shot.error,
        "attempts": shot.attempts,
        "started": shot.started,
        "ended": shot.ended,
        "seconds": seconds_of(shot),
    }
    return counting.described(row)


def seconds_of(shot: ShotRow) -> float | None:
    """From when the shot was first begun until it was done, pauses included; None if it is not done."""
    started, ended = moment(shot.started), moment(shot.ended)
    if started is None or ended is None:
        return None
    return max(timedelta(), ended - started).total_seconds()
