# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor of a batch: its shots run, some at a time, until every one has a final status."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import BatchRuns, LeaseHeld, StorageFailed
from ..model.wording import timestamp
from ..storage.files import make_folder
from ..storage.lease import LEASE_TIME, Lease
from .ledger import Ledger
from .ledger_places import note_ledger
from .shot_runs import CRASHES, RETRY, Running, ShotEvent, ShotRuns, ShotUpdate
from .shots import BatchRow, BatchStatus, ShotRow, ShotStatus, final_status

RENEWAL = 1.0  # seconds between two renewals of the lease, for supervisors on other hosts
PATIENCE = LEASE_TIME + 4 * RETRY  # seconds of tries of sessions in use, once nothing else is left to do


class Supervisor:
    """Runs the shots of a batch, `jobs` at a time; see `ShotRuns`."""

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
        """`command`, `on_update` and `reading`: as in `ShotRuns`."""
        self._ledger = ledger
        self._batch = batch
        self._jobs = jobs
        self._folder = ledger.folder(batch.id)
        self._runs = ShotRuns(
            ledger, ledger.root, self._folder, command, on_update, crashes=crashes, retry=RETRY, reading=reading
        )
        self._alone_since: float | None = None  # the time since when nothing else is left to do

    @property
    def running(self) -> list[Running]:
        return self._runs.running

    @property
    def stopping(self) -> str:
        """Why the supervisor starts no more children; empty while it does."""
        return self._runs.stopping

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
                    self._runs.stop(stop())
                    if not self.stopping:
                        self._fill()
                    watch()
                    if not self._is_busy():
                        break
                    self._runs.poll()
                self._runs.give_up_waiting()
            finally:
                self._runs.kill()
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

    def _is_busy(self) -> bool:
        """Whether a child is running, or, unless stopping, a shot waits."""
        if self.running or self.stopping:
            return bool(self.running)
        # pending shots that cannot be claimed: another batch tracks their footage
        return bool(self._ledger.counts(self._batch.id)[ShotStatus.PENDING]) or (
            bool(self._runs.waiting) and not self._is_out_of_patience()
        )

    def _is_out_of_patience(self) -> bool:
        """Whether for PATIENCE nothing was left to do but to retry sessions that are in use."""
        has_others = any(running.shot.id not in self._runs.waited for running in self.running)
        if has_others or self._ledger.counts(self._batch.id)[ShotStatus.PENDING]:
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or time.monotonic()
        return time.monotonic() - self._alone_since > PATIENCE

    def _fill(self) -> None:
        """Start children until `jobs` are running, those of shots whose sessions were in use first."""
        if self._runs.waiting and not self._is_out_of_patience():
            self._runs.retry(self._jobs - len(self.running))
        while len(self.running) < self._jobs and not self.stopping:
            shot = self._ledger.claim(self._batch.id, self._is_live)
            if shot is None:
                return
            self._runs.begin(shot, ShotEvent.STARTED)

    def _is_live(self, batch: str) -> bool:
        try:
            return self._ledger.owner(batch) is not None
        except StorageFailed:
            return False
