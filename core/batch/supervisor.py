# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch: many shots, each tracked in a process of its own, until every one is done or says why it is not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ..errors import BatchRuns, ExitCode, JournalDamaged, LeaseHeld, SessionUnreadable
from ..journal.lost_passes import lost_of, lost_passes, lost_words
from ..model.types import SessionStatus
from ..model.wording import timestamp
from ..recording.manager import TrackingSessionManager, load_session
from ..storage.files import make_folder
from ..storage.folder import SessionFolder, resolve
from ..storage.lease import LEASE_TIME, Lease, live_owner
from .child import Child, wait
from .ledger import Ledger
from .ledger_places import note_ledger
from .shots import BatchRow, BatchStatus, ShotRow, ShotStatus, final_status
from .suspects import READING_TIME, Suspects, is_unreadable

CRASHES = 3  # crashes of a shot without progress in between, after which it is given up
LOOK = 0.2  # seconds between two looks at the children
RENEWAL = 1.0  # seconds between two signs of life for supervisors on other hosts
RETRY = 5.0  # seconds until a session that somebody else has is tried again
PATIENCE = LEASE_TIME + 4 * RETRY  # seconds of trying that, once nothing else is left to do


class What(StrEnum):
    """What happened to a shot."""

    STARTED = "started"
    RESTARTED = "restarted"  # after a crash
    FOUND = "found"  # a session of the footage, which it goes on with
    WAITING = "waiting"  # for whoever has its session
    DONE_BEFORE = "done before"  # as its session says
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"  # all its tracks, before the end
    RELEASED = "released"  # to be gone on with by the next supervisor


class News(NamedTuple):
    """What a supervisor tells; `words` say why, where there is a why."""

    what: What
    shot: ShotRow
    words: str = ""
    frames: int = 0  # that the session had when it was found


class Progress(NamedTuple):
    """How far a session is. Two that differ have frames between them."""

    frames: int = 0  # tracked ones
    frame: int | None = None  # of the last checkpoint


class Running:
    """A shot that has a process."""

    def __init__(self, shot: ShotRow, child: Child, session: Path | None, before: Progress) -> None:
        self.shot = shot
        self.child = child
        self.session = session  # its file, once tracking begins
        self.before = before  # when the process was started
        self.crashed: Crashed | None = None


class Crashed(NamedTuple):
    """A shot whose process died: another one, which is now the `child` of the shot, reads what it may have died of."""

    child: Child  # the one that died
    code: int  # its exit code
    suspects: Suspects
    frame: int  # that is being read
    others: list[int]  # that are to be read after it


class Supervisor:
    """Runs the shots of a batch in child processes, `jobs` at a time.

    A child that crashes is started again and goes on from its last recorded frame. Only crashes without progress in
    between count: `crashes` of them, and the shot has failed. Before it is, the pictures are read that the child may
    have died of: if one cannot be read, the shot is skipped at once, and says which.
    """

    def __init__(
        self,
        ledger: Ledger,
        batch: BatchRow,
        command: Callable[[ShotRow, Path | None], Sequence[str]],
        tell: Callable[[News], None],
        *,
        jobs: int,
        crashes: int = CRASHES,
        reading: Callable[[Path], Sequence[str]] | None = None,
    ) -> None:
        """`command` gives the command line that tracks a shot, or goes on with its session if that has been begun.

        The process prints events (`children.Child`): `begun` with the path of the `session` and how many
        `tracked_frames` it had, `stopped` with the `kind` of the error and the `error` in words, and `done` with the
        `id` of the session, also if its tracks were all lost on the way. `tell` is told what happens.
        `reading` gives the command line that reads a picture, and ends as `suspects.is_unreadable` tells if it cannot.
        """
        self.running: list[Running] = []
        self._ledger = ledger
        self._batch = batch
        self._command = command
        self._tell = tell
        self._jobs = jobs
        self._crashes = crashes
        self._reading = reading
        self._folder = ledger.folder(batch.id)
        self._waiting: list[tuple[float, ShotRow]] = []  # for whoever has their sessions, and when to try again
        self._held: set[int] = set()  # shots that had to wait once
        self._alone_since: float | None = None  # since when nothing else was left to do
        self.stopping = ""
        """Why no more is begun; empty if it is."""

    def run(self, stop: Callable[[], str], watch: Callable[[], None]) -> BatchRow:
        """Until every shot is final, or until `stop` says why to stop: children then record the frame in flight.

        `watch` is called a few times a second. Raises BatchRuns if another process runs the batch, LeaseLost,
        StorageFailed, and what the ledger raises; whatever happens, no child is left.
        """
        with self._owned() as lease:
            self._ledger.set_status(self._batch.id, BatchStatus.IN_PROGRESS)
            self._ledger.put_back(self._batch.id)
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
                    wait([one.child for one in self.running], LOOK)
                    for one in list(self.running):
                        self._look(one)
                self._give_up_waiting()
            finally:
                for one in self.running:
                    one.child.kill()
            status = final_status(shot.status for shot in self._ledger.shots(self._batch.id))
            self._ledger.set_status(self._batch.id, status or BatchStatus.PAUSED)
        return self._ledger.batch(self._batch.id)

    @contextmanager
    def _owned(self) -> Generator[Lease]:
        make_folder(self._folder)
        if self._ledger.is_apart:  # whoever deletes sessions there has to know whom to ask
            note_ledger(self._folder, self._ledger.path)
        try:
            try:
                lease = Lease.take(self._folder, timestamp())
            except LeaseHeld as held:
                if not held.elsewhere:
                    raise
                lease = Lease.take(self._folder, timestamp(), wait=True)
        except LeaseHeld as held:
            raise BatchRuns(self._batch.id, held.owner) from held
        try:
            yield lease
        finally:
            lease.release()

    # What there is to do

    def _is_busy(self) -> bool:
        """Whether there is anything to wait for."""
        if self.running or self.stopping:
            return bool(self.running)
        # pending ones that cannot be claimed: their footage is being tracked for another batch
        return bool(self._ledger.counts(self._batch.id)[ShotStatus.PENDING]) or (
            bool(self._waiting) and not self._is_out_of_patience()
        )

    def _is_out_of_patience(self) -> bool:
        """Whether for some time nothing was left to do but to try sessions that somebody else has."""
        has_others = any(one.shot.id not in self._held for one in self.running)
        if has_others or self._ledger.counts(self._batch.id)[ShotStatus.PENDING]:
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or time.monotonic()
        return time.monotonic() - self._alone_since > PATIENCE

    def _fill(self) -> None:
        """Start children until there are enough."""
        while len(self.running) < self._jobs and not self.stopping:
            shot = self._ledger.claim(self._batch.id, self._is_live)
            if shot is None:
                return
            self._begin(shot, What.STARTED)

    def _is_live(self, batch: str) -> bool:
        try:
            return live_owner(self._ledger.folder(batch)) is not None
        except OSError:
            return False

    def _retry(self) -> None:
        """Try those again whose sessions somebody else had."""
        now = time.monotonic()
        due = [one for one in self._waiting if one[0] <= now]
        if not due or self._is_out_of_patience():
            return
        for one in due[: max(0, self._jobs - len(self.running))]:
            self._waiting.remove(one)
            self._begin(self._ledger.note_attempt(one[1]), What.STARTED)

    def _begin(self, shot: ShotRow, what: What) -> None:
        manager = self._session_of(shot)
        if manager is not None and manager.session.status is SessionStatus.TRACKING_COMPLETE:
            self._done(shot, What.DONE_BEFORE)
            return
        begun = manager.path if manager is not None and manager.passes and _has_footage(manager) else None
        child = Child(self._command(shot, begun), self._folder / str(shot.number))
        self.running.append(Running(shot, child, begun, _progress(manager)))
        self._tell(News(what, shot))

    def _session_of(self, shot: ShotRow) -> TrackingSessionManager | None:
        if not shot.session:
            return None
        try:
            return load_session(SessionFolder(self._ledger.root).session_file(shot.session))
        except (SessionUnreadable, JournalDamaged):
            return None  # its child says what is wrong

    # What the children do

    def _look(self, one: Running) -> None:
        if one.crashed is not None:
            self._look_at_reading(one, one.crashed)
            return
        code = one.child.look()
        begun = one.child.events.get("begun", {})
        path, frames = begun.get("session"), begun.get("tracked_frames")
        if one.session is None and isinstance(path, str):
            one.session = Path(path)
        if one.session is not None and one.shot.session != one.session.stem:
            one.shot = self._ledger.note_session(one.shot, one.session.stem)
            if isinstance(frames, int) and frames > 0:
                self._tell(News(What.FOUND, one.shot, frames=frames))
        if code is not None:
            self.running.remove(one)
            self._ended(one, code)

    def _ended(self, one: Running, code: int) -> None:
        said = one.child.events.get("stopped", {})
        kind, words = str(said.get("kind", "")), str(said.get("error", ""))
        done = one.child.events.get("done")
        if code == 0 or (code == ExitCode.UNUSABLE and done is not None):
            id = (done or {}).get("id")
            self._done(self._ledger.note_session(one.shot, id) if isinstance(id, str) else one.shot, What.COMPLETED)
        elif code == ExitCode.UNUSABLE:
            self._skip(one, words)
        elif code == ExitCode.STOPPED and kind in ("LeaseHeld", "LeaseLost") and not self.stopping:
            self._held.add(one.shot.id)
            self._waiting.append((time.monotonic() + RETRY, one.shot))
            self._tell(News(What.WAITING, one.shot, words))
        elif code == ExitCode.STOPPED and (self.stopping or kind == "StorageFailed"):
            self._tell(News(What.RELEASED, self._ledger.release(one.shot, "" if self.stopping else words), words))
            self._stop(words)  # the others have the same disk
        elif words and code != ExitCode.STOPPED:
            self._tell(News(What.FAILED, self._ledger.finish(one.shot, ShotStatus.FAILED, words), words))
        elif not self._doubts(one, code):
            self._crashed(one, one.child, code)

    def _done(self, shot: ShotRow, what: What) -> None:
        """The shot was tracked as far as it goes; its session says how far that is."""
        manager = self._session_of(shot)
        if manager is None:
            words = f"Its session {shot.session} cannot be read: it is missing or damaged"
            words = words if shot.session else "It ended without saying in which session it was tracked"
            self._tell(News(What.FAILED, self._ledger.finish(shot, ShotStatus.FAILED, words), words))
            return
        lost = lost_of(lost_passes(manager.passes, manager.session.tracked_frames), *_asked(shot, manager))
        words = lost_words(lost, manager.counting)
        if words:
            self._tell(News(What.LOST, self._ledger.finish(shot, ShotStatus.LOST, words), words))
        else:
            self._tell(News(what, self._ledger.finish(shot, ShotStatus.COMPLETED)))

    # Pictures that a child may have died of

    def _doubts(self, one: Running, code: int) -> bool:
        """Whether a picture is to blame for the end of a child, or is being read to find that out."""
        if self.stopping:
            return False
        suspects = Suspects(self._session_of(one.shot), one.shot.spec)
        damaged = suspects.damaged()
        if damaged is not None:
            self._skip(one, str(damaged))
            return True
        return self._read(one, one.child, code, suspects, suspects.frames)

    def _read(self, one: Running, dead: Child, code: int, suspects: Suspects, frames: Sequence[int]) -> bool:
        """Begin to read the first of these pictures; False if there is none."""
        if self._reading is None or not frames:
            return False
        one.crashed = Crashed(dead, code, suspects, frames[0], list(frames[1:]))
        one.child = Child(self._reading(suspects.path(frames[0])), self._folder / f"{one.shot.number}.picture")
        self.running.append(one)
        return True

    def _look_at_reading(self, one: Running, crashed: Crashed) -> None:
        code = one.child.look()
        if code is None and time.monotonic() - one.child.began > READING_TIME:
            one.child.kill()
            code = 0  # nothing is known of that picture
        if code is None:
            return
        self.running.remove(one)
        dead, died, suspects, frame, others = crashed
        if is_unreadable(code):
            self._skip(one, str(suspects.unreadable(frame)))
        elif self.stopping or not self._read(one, dead, died, suspects, others):
            self._crashed(one, dead, died)

    def _skip(self, one: Running, words: str) -> None:
        self._tell(News(What.SKIPPED, self._ledger.finish(one.shot, ShotStatus.SKIPPED, words), words))

    def _crashed(self, one: Running, child: Child, code: int) -> None:
        manager = self._session_of(one.shot)
        now = _progress(manager)
        where = ""
        if manager is not None and now.frame is not None:
            where = f" on the way from frame {manager.counting.shown(now.frame)}"
        words = f"It crashed{where} ({_cause(code)}); what it printed is in {child.log}"
        shot = self._ledger.note_crash(one.shot, words, progressed=now != one.before)
        if self.stopping:
            self._tell(News(What.RELEASED, self._ledger.release(shot, words), words))
        elif shot.crashes >= self._crashes:
            words = f"It crashed {shot.crashes} times{where} ({_cause(code)}); what it printed is in {child.log}"
            self._tell(News(What.FAILED, self._ledger.finish(shot, ShotStatus.FAILED, words), words))
        else:
            self._begin(self._ledger.note_attempt(shot), What.RESTARTED)

    # Stopping

    def _stop(self, why: str) -> None:
        if not why or self.stopping:
            return
        self.stopping = why
        for one in self.running:
            one.child.stop()

    def _give_up_waiting(self) -> None:
        for _, shot in self._waiting:
            self._tell(News(What.RELEASED, self._ledger.release(shot, shot.error), shot.error))


def _asked(shot: ShotRow, manager: TrackingSessionManager) -> tuple[int | None, int | None, str]:
    """From and to which clip frame the shot was to be tracked, if that was said, and in which direction."""
    start, end = shot.spec.range
    counting = manager.counting
    return (
        None if start is None else counting.clip_frame(start),
        None if end is None else counting.clip_frame(end),
        shot.spec.direction,
    )


def _has_footage(manager: TrackingSessionManager) -> bool:
    """Whether the session still knows where its footage is. If only one of them was moved, `track` finds them both."""
    session = manager.session
    return os.path.exists(resolve(manager.path, session.blend or session.footage.path))


def _progress(manager: TrackingSessionManager | None) -> Progress:
    if manager is None:
        return Progress()
    session = manager.session
    return Progress(len(session.tracked_frames), session.checkpoint_frame)


def _cause(code: int) -> str:
    """What ended a process, in words."""
    number = -code if code < 0 else code - 128  # a shell in between adds 128
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {code}"
