# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor of a batch: each shot goes through a process of its own until every shot has a final status."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ..errors import BatchRuns, ExitCode, JournalDamaged, LeaseHeld, SessionUnreadable, StorageFailed
from ..journal.lost_passes import lost_of, lost_passes, lost_words, shortage_words
from ..journal.solves import SOLVED
from ..model.types import SessionStatus
from ..model.wording import timestamp
from ..processes.process import cause_words, wait
from ..recording.manager import TrackingSessionManager, load_session
from ..recording.parts import part_sessions
from ..storage.files import make_folder
from ..storage.folder import SessionFolder, resolve
from ..storage.lease import LEASE_TIME, Lease
from .child import Child
from .events import Done, StopReason
from .ledger import Ledger
from .ledger_places import note_ledger
from .shots import BatchRow, BatchStatus, ShotRow, ShotStatus, final_status
from .suspects import READING_TIME, Suspects, is_unreadable

CRASHES = 3  # crashes of a shot without progress in between, after which it has failed
POLL = 0.2  # seconds between two polls of the children
RENEWAL = 1.0  # seconds between two renewals of the lease, for supervisors on other hosts
RETRY = 5.0  # seconds until the next try of a session that is in use
PATIENCE = LEASE_TIME + 4 * RETRY  # seconds of such tries, once nothing else is left to do


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
        self.before = before  # `_progress` at the start of the process
        self.check: PictureCheck | None = None


class PictureCheck(NamedTuple):
    """The search for a picture that killed a process: another process, the new `child`, reads the suspects."""

    cause: str  # of the end of the killed process, behind “It crashed”
    suspects: Suspects
    frame: int  # the process reads it
    others: list[int]  # to read after it


class Supervisor:
    """Runs the shots of a batch in child processes, `jobs` at a time.

    It restarts a child that crashes, which resumes after its last recorded frame. A shot has failed after `crashes`
    crashes without progress in between. Before each restart another process reads the pictures that may have killed
    the child; if it cannot read one, the supervisor skips the shot and names the picture.
    """

    def __init__(
        self,
        ledger: Ledger,
        batch: BatchRow,
        command: Callable[[ShotRow, Path | None], Sequence[str]],
        on_update: Callable[[ShotUpdate], None],
        *,
        jobs: int,
        crashes: int = CRASHES,
        reading: Callable[[Path], Sequence[str]] | None = None,
    ) -> None:
        """`command` returns the command line that does a shot, or resumes its session if there is one.

        That process prints the events of `events`. `on_update` gets each event in the life of a shot. `reading`
        returns the command line that reads a picture; `suspects.is_unreadable` judges its exit code.
        """
        self.running: list[Running] = []
        self._ledger = ledger
        self._batch = batch
        self._command = command
        self._on_update = on_update
        self._jobs = jobs
        self._crashes = crashes
        self._reading = reading
        self._folder = ledger.folder(batch.id)
        self._waiting: list[tuple[float, ShotRow]] = []  # the next try of each session in use
        self._waited: set[int] = set()  # ids of shots that had to wait once
        self._alone_since: float | None = None  # the time since when nothing else is left to do
        self.stopping = ""
        """Why the supervisor starts no more children; empty while it does."""

    def run(self, stop: Callable[[], str], watch: Callable[[], None]) -> BatchRow:
        """Track until every shot is final, or until `stop` returns a reason: children then record the frame in flight.

        Calls `watch` a few times a second. Raises BatchRuns if another process runs the batch, LeaseLost,
        StorageFailed, and the errors of the ledger. No child outlives the call.
        """
        with self._owned() as lease:
            self._ledger.set_status(self._batch.id, BatchStatus.IN_PROGRESS)
            self._ledger.requeue(self._batch.id)
            renewed = time.monotonic()
            try:
                while True:
                    lease.check()
                    if time.monotonic() - renewed >= RENEWAL:
                        lease.renew()
                        renewed = time.monotonic()
                    self._stop(stop())
                    if not self.stopping:
                        self._retry()
                        self._fill()
                    watch()
                    if not self._is_busy():
                        break
                    wait([running.child.process for running in self.running], POLL)
                    for running in list(self.running):
                        self._poll(running)
                for _, shot in self._waiting:
                    self._release(shot, shot.error, shot.error)
            finally:
                for running in self.running:
                    running.child.kill()
            status = final_status(shot.status for shot in self._ledger.shots(self._batch.id))
            self._ledger.set_status(self._batch.id, status or BatchStatus.PAUSED)
        return self._ledger.batch(self._batch.id)

    @contextmanager
    def _owned(self) -> Generator[Lease]:
        make_folder(self._folder)
        if self._ledger.is_apart:  # for commands that delete sessions there
            note_ledger(self._folder, self._ledger.path)
        try:
            lease = Lease.take(self._folder, timestamp(), wait=True)
        except LeaseHeld as held:
            raise BatchRuns(self._batch.id, held.owner) from held
        try:
            yield lease
        finally:
            lease.release()

    # Starting shots

    def _is_busy(self) -> bool:
        """Whether a child is running, or, unless stopping, a shot waits."""
        if self.running or self.stopping:
            return bool(self.running)
        # pending shots that cannot be claimed: another batch tracks their footage
        return bool(self._ledger.counts(self._batch.id)[ShotStatus.PENDING]) or (
            bool(self._waiting) and not self._is_out_of_patience()
        )

    def _is_out_of_patience(self) -> bool:
        """Whether for PATIENCE nothing was left to do but to retry sessions that are in use."""
        has_others = any(running.shot.id not in self._waited for running in self.running)
        if has_others or self._ledger.counts(self._batch.id)[ShotStatus.PENDING]:
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or time.monotonic()
        return time.monotonic() - self._alone_since > PATIENCE

    def _fill(self) -> None:
        """Start children until `jobs` are running."""
        while len(self.running) < self._jobs and not self.stopping:
            shot = self._ledger.claim(self._batch.id, self._is_live)
            if shot is None:
                return
            self._begin(shot, ShotEvent.STARTED)

    def _is_live(self, batch: str) -> bool:
        try:
            return self._ledger.owner(batch) is not None
        except StorageFailed:
            return False

    def _retry(self) -> None:
        """Try shots again whose sessions were in use."""
        now = time.monotonic()
        due = [(at, shot) for at, shot in self._waiting if at <= now]
        if not due or self._is_out_of_patience():
            return
        for at, shot in due[: max(0, self._jobs - len(self.running))]:
            self._waiting.remove((at, shot))
            self._begin(self._ledger.note_attempt(shot), ShotEvent.STARTED)

    def _begin(self, shot: ShotRow, event: ShotEvent) -> None:
        manager = self._session_of(shot)
        is_tracked = manager is not None and manager.session.status is SessionStatus.TRACKING_COMPLETE
        if is_tracked and not shot.spec.camera:  # whether its camera is up to date, only its process can tell
            self._done(shot, ShotEvent.DONE_BEFORE)
            return
        begun = manager.path if manager is not None and manager.passes and _has_footage(manager) else None
        child = Child(self._command(shot, begun), self._folder / str(shot.number))
        self.running.append(Running(shot, child, _progress(manager)))
        self._update(event, shot)

    def _session_of(self, shot: ShotRow) -> TrackingSessionManager | None:
        if not shot.session:
            return None
        try:
            return load_session(SessionFolder(self._ledger.root).session_file(shot.session))
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
            running.shot = self._ledger.note_session(running.shot, Path(begun.session).stem)
            if begun.tracked_frames > 0:
                self._update(ShotEvent.FOUND, running.shot, frames=begun.tracked_frames)
        if code is not None:
            self.running.remove(running)
            self._ended(running, code)

    def _ended(self, running: Running, code: int) -> None:
        done, stopped = running.child.done, running.child.stopped
        words, reason = ("", None) if stopped is None else (stopped.error, stopped.reason)
        if code == ExitCode.DONE or (code in (ExitCode.UNUSABLE, ExitCode.NO_CAMERA) and done is not None):
            shot = self._ledger.note_session(running.shot, done.id) if done is not None and done.id else running.shot
            if shot.spec.camera:
                self._judged(shot, done)
            else:
                self._done(shot, ShotEvent.COMPLETED)
        elif code == ExitCode.UNUSABLE or reason is StopReason.UNUSABLE:  # or a signal killed it on its way out
            self._finish(running.shot, ShotStatus.SKIPPED, words)
        elif code == ExitCode.STOPPED and reason is StopReason.SESSION_IN_USE and not self.stopping:
            self._waited.add(running.shot.id)
            self._waiting.append((time.monotonic() + RETRY, running.shot))
            self._update(ShotEvent.WAITING, running.shot, words)
        elif code == ExitCode.STOPPED and (self.stopping or reason is StopReason.STORAGE):
            self._release(running.shot, "" if self.stopping else words, words)
            self._stop(words)  # the others have the same disk
        elif words and code != ExitCode.STOPPED and reason is not StopReason.CRASHED:
            self._finish(running.shot, ShotStatus.FAILED, words)
        else:
            cause = f" ({cause_words(code)}); its output is in {running.log}"
            if reason is StopReason.CRASHED:
                cause = f": {words}"
            if not self._blames_picture(running, cause):
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
            self._update(event, self._ledger.finish(shot, ShotStatus.COMPLETED))

    def _judged(self, shot: ShotRow, done: Done | None) -> None:
        """Finish a shot whose camera has a verdict."""
        said = Done("").result if done is None else done.result
        verdict, reason, advice = (str(said.get(key) or "") for key in ("verdict", "reason", "advice"))
        if not verdict:
            self._finish(shot, ShotStatus.FAILED, "It ended without saying what its camera is worth")
        elif verdict == SOLVED:
            event = ShotEvent.DONE_BEFORE if said.get("kept") is True else ShotEvent.COMPLETED
            self._update(event, self._ledger.finish(shot, ShotStatus.COMPLETED, verdict=verdict))
        else:
            words = ". ".join(filter(None, (reason[:1].upper() + reason[1:], advice)))
            self._finish(shot, ShotStatus.NO_CAMERA, words, verdict)

    def _finish(self, shot: ShotRow, status: ShotStatus, words: str, verdict: str = "") -> None:
        self._update(ShotEvent(status), self._ledger.finish(shot, status, words, verdict), words)

    def _release(self, shot: ShotRow, error: str, words: str) -> None:
        self._update(ShotEvent.RELEASED, self._ledger.release(shot, error), words)

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
        running.child = Child(self._reading(suspects.path(frames[0])), self._folder / f"{running.shot.number}.picture")
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
        _, reached = now = _progress(manager)
        where = ""
        if manager is not None and reached is not None:
            where = f" on the way from frame {manager.counting.shown(reached)}"
        words = f"It crashed{where}{cause}"
        shot = self._ledger.note_crash(running.shot, words, progressed=now != running.before)
        if self.stopping:
            self._release(shot, words, words)
        elif shot.crashes >= self._crashes:
            words = f"It crashed {shot.crashes} times{where}{cause}"
            self._finish(shot, ShotStatus.FAILED, words)
        else:
            self._begin(self._ledger.note_attempt(shot), ShotEvent.RESTARTED)

    # Stopping

    def _stop(self, why: str) -> None:
        if not why or self.stopping:
            return
        self.stopping = why
        for running in self.running:
            running.child.stop()


def _has_footage(manager: TrackingSessionManager) -> bool:
    """Whether the footage is where the session has it. If only one of them was moved, `track` finds both."""
    session = manager.session
    return os.path.exists(resolve(manager.path, session.blend or session.footage.path))


def _progress(manager: TrackingSessionManager | None) -> tuple[int, int | None]:
    """The number of tracked frames and the last one. If two values differ, a frame was recorded in between."""
    if manager is None:
        return 0, None
    parts = sum(len(part.session.tracked_frames) for part in part_sessions(manager))
    return len(manager.session.tracked_frames) + parts, manager.session.checkpoint_frame
