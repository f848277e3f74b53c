# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that a farm runs for one shot: docs/farm.md has what engines may rely on."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..batch.progress import SessionProgress
from ..batch.shot_runs import CRASHES, ShotEvent, ShotRuns, ShotUpdate, progress_of
from ..batch.shots import ShotRow, ShotStatus
from ..errors import ExitCode, JournalDamaged, SessionUnreadable
from ..model.types import SESSION_ID, SessionStatus
from ..model.wording import timestamp
from ..recording.manager import TrackingSessionManager, load_session
from ..storage.files import make_folder
from ..storage.folder import SessionFolder
from .manifest import FarmShot, Manifest
from .reporting import Paced, Reporter
from .states import OwnState, States

TRIES = 3  # tasks of a shot that may be begun without a new frame in between
PATIENCE = 600.0  # seconds that a task waits while another process owns the session
RETRY = 15.0  # seconds between two looks whether it does still: each starts a process
_EXIT_CODES = {
    ShotStatus.COMPLETED: ExitCode.DONE,
    ShotStatus.SKIPPED: ExitCode.UNUSABLE,
    ShotStatus.LOST: ExitCode.UNUSABLE,
    ShotStatus.NO_CAMERA: ExitCode.NO_CAMERA,
    ShotStatus.FAILED: ExitCode.FAILED,
}


class Task:
    """Runs a shot of a manifest until it is final, or as long as it may."""

    def __init__(
        self,
        manifest: Manifest,
        index: int,
        command: Callable[[FarmShot, Path | None], Sequence[str]],
        reporter: Reporter,
        on_update: Callable[[ShotUpdate], None],
        *,
        reading: Callable[[Path], Sequence[str]] | None = None,
        patience: float = PATIENCE,
        retry: float = RETRY,
    ) -> None:
        """`command`: the command line of the child that does the shot, or resumes its session; `reading`: as in
        `ShotRuns`. Raises UsageError for a number that the manifest has not, ManifestInvalid."""
        self._shot = manifest.shot(index)
        self._states = States(manifest.folder)
        self._reporter = Paced(reporter)
        self._tell = on_update
        self._patience = patience
        self._logs = manifest.folder / "logs"
        before, _ = self._states.read(index)
        tracked = progress_of(_session(self._shot.root, before.session))[0]
        self._own = OwnState(self._states, index, host=platform.node(), job=reporter.job, tracked=tracked)
        self._runs = ShotRuns(
            _Keeper(self._own, self._shot.root),
            self._shot.root,
            self._logs,
            lambda _, session: command(self._shot, session),
            self._updated,
            crashes=CRASHES,
            retry=retry,
            reading=reading,
        )
        self._row = ShotRow(
            index, manifest.head.id, index, self._shot.spec, ShotStatus.PROCESSING, before.session, attempts=1
        )
        self._progress: SessionProgress | None = None
        self.segments: Path | None = None
        """The manifest of the segments that are to be tracked before this shot can go on; None if there are none."""

    def run(self, stop: Callable[[], str]) -> ExitCode:
        """Run until the shot is final, `stop` returns a reason, or another process has owned its session for too long.

        Returns STOPPED if the shot is not final. Raises StorageFailed. No child outlives the call.
        """
        if self._own.current.begun > TRIES:
            self._fail()
            return self._exit_code()
        make_folder(self._logs)
        waiting_since: float | None = None
        self._runs.begin(self._row, ShotEvent.STARTED)
        try:
            while self._runs.running or self._runs.waiting:
                self._runs.stop(stop())
                if self._runs.stopping and not self._runs.running:
                    break
                if self._runs.waiting:
                    waiting_since = waiting_since or time.monotonic()
                    if time.monotonic() - waiting_since > self._patience:
                        break
                    self._runs.retry(1)
                self._runs.poll(stop)
                self._own.show_life()
                if self._runs.running:
                    self._reporter.report(self._told)
            self._wait_no_more()
        finally:
            self._runs.kill()
        return self._exit_code()

    def keep_segments(self, why: str) -> None:
        """Note that nobody tracks the segments yet. Raises StorageFailed."""
        self._own.change(segments="", error=why)

    def _exit_code(self) -> ExitCode:
        state = self._own.current
        code = _EXIT_CODES.get(state.status, ExitCode.STOPPED)
        if code not in (ExitCode.DONE, ExitCode.STOPPED):
            self._reporter.reporter.fail(state.error)
        elif code is ExitCode.DONE:
            self._reporter.reporter.report(100.0, "done")
        return code

    def _wait_no_more(self) -> None:
        """A task that only waited counts as none: the owner of the session may work for long."""
        if self._runs.waiting:
            before = self._own.current
            self._runs.give_up_waiting()
            self._own.change(begun=before.begun - 1, error=before.error)

    def _fail(self) -> None:
        before = self._own.current
        words = f"It was begun {TRIES} times without a new frame in between: look at the logs in {self._logs}"
        self._own.change(status=ShotStatus.FAILED, error=words, ended=timestamp())
        row = replace(self._row, status=ShotStatus.FAILED, error=words, session=before.session)
        self._tell(ShotUpdate(ShotEvent.FAILED, row, words))

    def _updated(self, update: ShotUpdate) -> None:
        if update.event is ShotEvent.WAITING:
            self._own.change(error=update.words)
        if update.event is ShotEvent.SEGMENTS:
            self.segments = Path(update.words)
            self._own.change(segments=update.words)
        self._row = update.shot
        self._tell(update)

    def _told(self) -> tuple[float, str]:
        """The progress in percent, and in words."""
        session = self._own.current.session
        if not session:
            return 0.0, "Blender starts"
        if self._progress is None:
            path = SessionFolder(self._shot.root).session_file(session)
            self._progress = SessionProgress(path, datetime.now(UTC), time.monotonic)
        self._progress.refresh()
        frames, manager = self._progress.frames, self._progress.manager
        if manager is not None and manager.session.status is SessionStatus.SOLVING:
            return 100.0, "solving"
        if frames.frame is None:
            return 0.0, "tracking begins"
        words = f"frame {frames.frame}, {frames.tracked} of {frames.total}, {frames.alive} tracks"
        return 100.0 * frames.tracked / max(1, frames.total), words


def _session(root: Path, id: str) -> TrackingSessionManager | None:
    if not SESSION_ID.match(id):
        return None
    try:
        return load_session(SessionFolder(root).session_file(id))
    except (SessionUnreadable, JournalDamaged):
        return None  # the child reports it


class _Keeper:
    """Keeps what becomes of the shot in its state."""

    def __init__(self, own: OwnState, root: Path) -> None:
        self._own = own
        self._root = root

    def note_session(self, shot: ShotRow, session: str) -> ShotRow:
        if session == self._own.current.session or not SESSION_ID.match(session):
            return replace(shot, session=self._own.current.session)
        self._own.change(session=session, error="")
        return replace(shot, session=session)

    def note_attempt(self, shot: ShotRow) -> ShotRow:
        return replace(shot, attempts=shot.attempts + 1)

    def note_crash(self, shot: ShotRow, error: str, *, progressed: bool) -> ShotRow:
        crashes = 0 if progressed else shot.crashes + 1
        self._own.change(crashes=crashes, error=error)
        return replace(shot, crashes=crashes, error=error)

    def finish(self, shot: ShotRow, status: ShotStatus, error: str = "", verdict: str = "") -> ShotRow:
        ended = timestamp()
        self._own.change(status=status, error=error, verdict=verdict, ended=ended, crashes=0, frames=self._frames())
        return replace(shot, status=status, error=error, verdict=verdict, ended=ended)

    def release(self, shot: ShotRow, error: str = "") -> ShotRow:
        self._own.change(status=ShotStatus.PENDING, error=error, frames=self._frames())
        return replace(shot, status=ShotStatus.PENDING, error=error)

    def _frames(self) -> tuple[int, int]:
        manager = _session(self._root, self._own.current.session)
        if manager is None:
            return 0, 0
        progress = manager.progress
        return progress["tracked_frames"], progress["total_frames"]
