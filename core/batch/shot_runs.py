# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that run, each in a process of its own: what becomes of a shot when its process ends, and in what words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from ..errors import ExitCode, JournalDamaged, SessionUnreadable
from ..journal.lost_passes import lost_of, lost_passes, lost_words, shortage_words
from ..journal.solves import SOLVED
from ..model.types import SessionStatus
from ..processes.process import cause_words, wait
from ..recording.manager import TrackingSessionManager, load_session
from ..recording.parts import part_sessions
from ..storage.folder import SessionFolder, resolve
from .child import Child
from .events import Done, StopReason
from .shots import ShotRow, ShotStatus
from .suspects import READING_TIME, Suspects, is_unreadable

CRASHES = 3  # crashes of a shot without progress in between, after which it has failed
POLL = 0.2  # seconds between two polls of the children
RETRY = 5.0  # seconds until the next try of a session that is in use


class ShotEvent(StrEnum):
    """An event in the life of a shot; that of a final status has the same value."""

    STARTED = "started"
    RESTARTED = "restarted"  # after a crash
    FOUND = "found"  # the child has found a session of the footage, and resumes it
    WAITING = "waiting"  # another process owns its session
    DONE_BEFORE = "done before"  # its session is complete
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"  # all its tracks, before the end
    NO_CAMERA = "no_camera"  # tracked, and the verdict on its camera is another than solved
    SEGMENTS = "segments"  # others have to track its segments first; `words` is their manifest
    RELEASED = "released"  # pending again, for the next supervisor


class ShotUpdate(NamedTuple):
    """A shot after an event; `words` are the reason, if there is one."""

    event: ShotEvent
    shot: ShotRow
    words: str = ""
    frames: int = 0  # that the session had when it was found


class Running:
    """A shot with its process."""

    def __init__(self, shot: ShotRow, child: Child, before: tuple[int, int | None]) -> None:
        self.shot = shot
        self.child = child
        self.log = child.log
        self.before = before  # `progress_of` at the start of the process
        self.check: PictureCheck | None = None


class PictureCheck(NamedTuple):
    """The search for a picture that killed a process: another process, the new `child`, reads the suspects."""

    cause: str  # of the end of the killed process, behind “It crashed”
    suspects: Suspects
    frame: int  # the process reads it
    others: list[int]  # to read after it


class Keeper(Protocol):
    """Keeps what becomes of shots; each method returns the changed row, as those of `Ledger` do."""

    def note_session(self, shot: ShotRow, session: str) -> ShotRow: ...
    def note_attempt(self, shot: ShotRow) -> ShotRow: ...
    def note_crash(self, shot: ShotRow, error: str, *, progressed: bool) -> ShotRow: ...
    def finish(self, shot: ShotRow, status: ShotStatus, error: str = "", verdict: str = "") -> ShotRow: ...
    def release(self, shot: ShotRow, error: str = "") -> ShotRow: ...


class ShotRuns:
    """Runs shots in child processes until each is final, waits for its session, or is released.

    A child that crashes is started again, and resumes after its last recorded frame. A shot has failed after `crashes`
    crashes without progress in between. Before each restart another process reads the pictures that may have killed
    the child; if it cannot read one, the shot is skipped and the picture named.
    """

    def __init__(
        self,
        keeper: Keeper,
        root: Path,
        logs: Path,
        command: Callable[[ShotRow, Path | None], Sequence[str]],
        on_update: Callable[[ShotUpdate], None],
        *,
        crashes: int = CRASHES,
        retry: float = RETRY,
        reading: Callable[[Path], Sequence[str]] | None = None,
    ) -> None:
        """`root`: the session folder; `logs`: the folder for the output of the children, by the number of the shot;
        `retry`: seconds until the next try of a session that is in use.

        `command` returns the command line that does a shot, or resumes its session if there is one. That process
        prints the events of `events`. `on_update` gets each event in the life of a shot. `reading` returns the command
        line that reads a picture; `suspects.is_unreadable` judges its exit code.
        """
        self.running: list[Running] = []
        self.waiting: list[tuple[float, ShotRow]] = []
        """The next try of each session in use, by `time.monotonic`."""
        self.waited: set[int] = set()
        """The ids of the shots that had to wait once."""
        self.stopping = ""
        """Why no more children are started; empty while they are."""
        self._keeper = keeper
        self._root = root
        self._logs = logs
        self._command = command
        self._on_update = on_update
        self._crashes = crashes
        self._retry = retry
        self._reading = reading

    def poll(self, stop: Callable[[], str] = lambda: "") -> None:
        """Wait a moment, or until a child ends, then act on what the children said and how they ended.

        `stop`: why to stop, if there is a reason. A signal may go to this process and to its children, and they are
        quick to end.
        """
        wait([running.child.process for running in self.running], POLL)
        self.stop(stop())
        for running in list(self.running):
            self._poll(running)

    def retry(self, at_most: int) -> None:
        """Try shots again whose sessions were in use, as far as it is time to."""
        now = time.monotonic()
        due = [(at, shot) for at, shot in self.waiting if at <= now]
        for at, shot in due[: max(0, at_most)]:
            self.waiting.remove((at, shot))
            self.begin(self._keeper.note_attempt(shot), ShotEvent.STARTED)

    def give_up_waiting(self) -> None:
        """Release the shots whose sessions are still in use."""
        for _, shot in self.waiting:
            self._release(shot, shot.error, shot.error)
        self.waiting.clear()

    def kill(self) -> None:
        for running in self.running:
            running.child.kill()

    def begin(self, shot: ShotRow, event: ShotEvent) -> None:
        """Start the process of the shot, unless its session shows that it is done."""
        manager = self._session_of(shot)
        is_tracked = manager is not None and manager.session.status is SessionStatus.TRACKING_COMPLETE
        if is_tracked and not shot.spec.camera:  # whether its camera is up to date, only its process can tell
            self._done(shot, ShotEvent.DONE_BEFORE)
            return
        begun = manager.path if manager is not None and manager.passes and _has_footage(manager) else None
        child = Child(self._command(shot, begun), self._logs / str(shot.number))
        self.running.append(Running(shot, child, progress_of(manager)))
        self._update(event, shot)

    def _session_of(self, shot: ShotRow) -> TrackingSessionManager | None:
        if not shot.session:
            return None
        try:
            return load_session(SessionFolder(self._root).session_file(shot.session))
        except (SessionUnreadable, JournalDamaged):
            return None  # its child reports the error

    def _update(self, event: ShotEvent, shot: ShotRow, words: str = "", *, frames: int = 0) -> None:
        self._on_update(ShotUpdate(event, shot, words, frames))

    # Events of the children

    def _poll(self, running: Running) -> None:
        if running.check is not None:
            self._poll_check(running, running.check)
            return
        code = running.child.poll()
        begun = running.child.begun
        if begun is not None and running.shot.session != Path(begun.session).stem:
            running.shot = self._keeper.note_session(running.shot, Path(begun.session).stem)
            if begun.tracked_frames > 0:
                self._update(ShotEvent.FOUND, running.shot, frames=begun.tracked_frames)
        if code is not None:
            self.running.remove(running)
            self._ended(running, code)

    def _ended(self, running: Running, code: int) -> None:
        done, stopped = running.child.done, running.child.stopped
        words, reason = ("", None) if stopped is None else (stopped.error, stopped.reason)
        if code == ExitCode.DONE or (code in (ExitCode.UNUSABLE, ExitCode.NO_CAMERA) and done is not None):
            shot = self._keeper.note_session(running.shot, done.id) if done is not None and done.id else running.shot
            if shot.spec.camera:
                self._judged(shot, done)
            else:
                self._done(shot, ShotEvent.COMPLETED)
        elif code == ExitCode.UNUSABLE or reason is StopReason.UNUSABLE:  # or a signal killed it on its way out
            self._finish(running.shot, ShotStatus.SKIPPED, words)
        elif code == ExitCode.STOPPED and reason is StopReason.SEGMENTS and running.child.segments is not None:
            shot = self._keeper.release(running.shot)
            self._update(ShotEvent.SEGMENTS, shot, running.child.segments.manifest)
        elif code == ExitCode.STOPPED and reason is StopReason.SESSION_IN_USE and not self.stopping:
            self.waited.add(running.shot.id)
            self.waiting.append((time.monotonic() + self._retry, running.shot))
            self._update(ShotEvent.WAITING, running.shot, words)
        elif code == ExitCode.STOPPED and (self.stopping or reason is StopReason.STORAGE):
            self._release(running.shot, "" if self.stopping else words, words)
            self.stop(words)  # the others have the same disk
        elif self.stopping and reason is StopReason.INTERRUPTED:  # a second signal has ended it
            self._release(running.shot, "", words)
        elif words and code != ExitCode.STOPPED and reason not in (StopReason.CRASHED, StopReason.INTERRUPTED):
            self._finish(running.shot, ShotStatus.FAILED, words)
        else:
            cause = f" ({cause_words(code)}); its output is in {running.log}"
            if reason in (StopReason.CRASHED, StopReason.INTERRUPTED):
                cause = f": {words}"
            if reason is StopReason.INTERRUPTED or not self._blames_picture(running, cause):
                self._crashed(running, cause)

    def _done(self, shot: ShotRow, event: ShotEvent) -> None:
        """Finish a shot that was tracked as far as possible: its session tells COMPLETED from LOST and SKIPPED."""
        manager = self._session_of(shot)
        if manager is None:
            words = f"Its session {shot.session} cannot be read: it is missing or damaged"
            words = words if shot.session else "It ended without saying in which session it was tracked"
            self._finish(shot, ShotStatus.FAILED, words)
            return
        if words := shortage_words(manager.passes, manager.counting):
            self._finish(shot, ShotStatus.SKIPPED, words)
            return
        lost = lost_passes(manager.passes, manager.session.tracked_frames)
        lost = lost_of(lost, *shot.spec.clip_range(manager.counting), shot.spec.direction)
        words = lost_words(lost, manager.counting)
        if words:
            self._finish(shot, ShotStatus.LOST, words)
        else:
            self._update(event, self._keeper.finish(shot, ShotStatus.COMPLETED))

    def _judged(self, shot: ShotRow, done: Done | None) -> None:
        """Finish a shot whose camera has a verdict."""
        said = Done("").result if done is None else done.result
        verdict, reason, advice = (str(said.get(key) or "") for key in ("verdict", "reason", "advice"))
        if not verdict:
            self._finish(shot, ShotStatus.FAILED, "It ended without saying what its camera is worth")
        elif verdict == SOLVED:
            event = ShotEvent.DONE_BEFORE if said.get("kept") is True else ShotEvent.COMPLETED
            self._update(event, self._keeper.finish(shot, ShotStatus.COMPLETED, verdict=verdict))
        else:
            words = ". ".join(filter(None, (reason[:1].upper() + reason[1:], advice)))
            self._finish(shot, ShotStatus.NO_CAMERA, words, verdict)

    def _finish(self, shot: ShotRow, status: ShotStatus, words: str, verdict: str = "") -> None:
        self._update(ShotEvent(status), self._keeper.finish(shot, status, words, verdict), words)

    def _release(self, shot: ShotRow, error: str, words: str) -> None:
        self._update(ShotEvent.RELEASED, self._keeper.release(shot, error), words)

    # Pictures that may have killed a child

    def _blames_picture(self, running: Running, cause: str) -> bool:
        """Skip the shot if a picture is damaged, else begin to read the suspects; False if there are none."""
        if self.stopping:
            return False
        suspects = Suspects(self._session_of(running.shot), running.shot.spec)
        damaged = suspects.damaged()
        if damaged is not None:
            self._finish(running.shot, ShotStatus.SKIPPED, str(damaged))
            return True
        return self._read(running, cause, suspects, suspects.frames)

    def _read(self, running: Running, cause: str, suspects: Suspects, frames: Sequence[int]) -> bool:
        """Start a process that reads the first of these pictures; False if there is none."""
        if self._reading is None or not frames:
            return False
        running.check = PictureCheck(cause, suspects, frames[0], list(frames[1:]))
        running.child = Child(self._reading(suspects.path(frames[0])), self._logs / f"{running.shot.number}.picture")
        self.running.append(running)
        return True

    def _poll_check(self, running: Running, check: PictureCheck) -> None:
        code = running.child.poll()
        if code is None and time.monotonic() - running.child.began > READING_TIME:
            running.child.kill()
            code = 0  # no verdict on this picture
        if code is None:
            return
        self.running.remove(running)
        cause, suspects, frame, others = check
        if is_unreadable(code):
            self._finish(running.shot, ShotStatus.SKIPPED, str(suspects.unreadable(frame)))
        elif self.stopping or not self._read(running, cause, suspects, others):
            self._crashed(running, cause)

    def _crashed(self, running: Running, cause: str) -> None:
        manager = self._session_of(running.shot)
        _, reached = now = progress_of(manager)
        where = ""
        if manager is not None and reached is not None:
            where = f" on the way from frame {manager.counting.shown(reached)}"
        words = f"It crashed{where}{cause}"
        shot = self._keeper.note_crash(running.shot, words, progressed=now != running.before)
        if self.stopping:
            self._release(shot, words, words)
        elif shot.crashes >= self._crashes:
            words = f"It crashed {shot.crashes} times{where}{cause}"
            self._finish(shot, ShotStatus.FAILED, words)
        else:
            self.begin(self._keeper.note_attempt(shot), ShotEvent.RESTARTED)

    # Stopping

    def stop(self, why: str) -> None:
        """Ask the children to record the frame in flight and end, if there is a reason."""
        if not why or self.stopping:
            return
        self.stopping = why
        for running in self.running:
            running.child.stop()


def _has_footage(manager: TrackingSessionManager) -> bool:
    """Whether the footage is where the session has it. If only one of them was moved, `track` finds both."""
    session = manager.session
    return os.path.exists(resolve(manager.path, session.blend or session.footage.path))


def progress_of(manager: TrackingSessionManager | None) -> tuple[int, int | None]:
    """The number of tracked frames and the last one. If two values differ, a frame was recorded in between."""
    if manager is None:
        return 0, None
    parts = sum(len(part.session.tracked_frames) for part in part_sessions(manager))
    return len(manager.session.tracked_frames) + parts, manager.session.checkpoint_frame
