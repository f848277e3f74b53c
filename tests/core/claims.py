# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers and processes that claim their shots until they are killed; each process has a log."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch import ledger_database
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import BatchStatus, ShotStatus
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.storage.lease import Lease
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.faults import Faults

posix = pytest.mark.skipif(os.name != "posix", reason="signals, fork and limits of POSIX")
PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED, LOST, NO_CAMERA = ShotStatus


def everything_dead(batch: str) -> bool:
    return False


def everything_live(batch: str) -> bool:
    return True


def make(ledger: Ledger, count: int = 3, name: str = "night") -> str:
    return ledger.create(name, specs(ledger.root.parent, count), {"jobs": 2}).id


def statuses(ledger: Ledger, batch: str) -> list[ShotStatus]:
    return [shot.status for shot in ledger.shots(batch)]


def journal_mode(root: Path) -> str:
    """The journal mode of the ledger: `wal`, or `delete` for a rollback journal."""
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw:
        return str(raw.execute("PRAGMA journal_mode").fetchone()[0])


def specs(folder: Path, count: int) -> list[ShotSpec]:
    """Shots, each with missing footage of its own."""
    return [ShotSpec(str(folder / "plates" / f"{number:03d}" / "plate_0001.png")) for number in range(1, count + 1)]


def make_batch(root: Path, status: BatchStatus, sessions: Sequence[str], *, days: float = 0) -> str:
    """A finished batch with a shot for each of these sessions and log files, all of this age."""
    with Ledger(root) as ledger:
        batch = make(ledger, len(sessions))
        folder = SessionFolder(root).batch(batch)
        folder.mkdir(parents=True)
        Lease.take(folder, timestamp()).release()
        for session in sessions:
            shot = ledger.claim(batch, everything_dead)
            assert shot is not None
            ledger.finish(ledger.note_session(shot, session), COMPLETED)
            (folder / f"{shot.number}.log").write_text("frame 1\n" * 50)
            (folder / f"{shot.number}.events").write_text("{}\n")
        ledger.set_status(batch, status)
    if days:
        when = datetime.now(UTC) - timedelta(days=days)
        with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
            raw.execute("UPDATE batches SET modified = ? WHERE id = ?", (when.isoformat(), batch))
        for path in folder.iterdir():
            os.utime(path, (when.timestamp(), when.timestamp()))
    return batch


def work(root: Path, batch: str, say: Callable[[str], object]) -> None:
    """Claim and finish shots until none is left; `say` gets each change once it counts."""
    with Ledger(root) as ledger:
        while shot := ledger.claim(batch, lambda _: True):
            say(f"claimed {shot.number}")
            shot = ledger.note_session(shot, f"session-{shot.number}")
            ledger.finish(shot, ShotStatus.COMPLETED)
            say(f"finished {shot.number}")


def work_and_log(root: Path, batch: str, log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    work(root, batch, lambda line: os.write(descriptor, f"{line}\n".encode()))


class _Mortal(sqlite3.Connection):
    """Dies just before the statement with the number `last`."""

    last = 0
    count = 0

    @classmethod
    def step(cls) -> None:
        cls.count += 1
        if cls.count == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.step()
        return super().execute(*arguments)


def _let_die(number: int) -> None:
    """Count statements from now on, and kill this process before the one with this number."""
    real = sqlite3.connect
    _Mortal.last = number
    ledger_database.sqlite3.connect = lambda *args, **options: real(*args, factory=_Mortal, **options)  # type: ignore[assignment]


def die_at_each_statement(folder: Path) -> None:
    """Make a ledger with two shots and finish them, in processes that each die one statement later than the last.

    Prints how many died. To be called in a process without threads.
    """
    number = 0
    while True:
        number += 1
        child = os.fork()
        if not child:
            try:
                _let_die(number)
                root = folder / str(number)
                with Ledger(root) as ledger:
                    batch = ledger.create("two", specs(folder, 2), {}).id
                    work_and_log(root, batch, folder / f"{number}.log")
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
    sys.stdout.write(f"{number - 1}\n")


def die_at_each_step(whole: Path, act: Callable[[Path], object]) -> None:
    """Do `act` on copies of the session folder `whole`, each in a process that dies one step later.

    Steps are statements, and file operations, before and after. Prints how many died. To be called in a process without
    threads.
    """
    number = 0
    while True:
        number += 1
        root = whole.with_name(str(number))
        shutil.copytree(whole, root)
        child = os.fork()
        if not child:
            code = 1
            try:
                _let_die(number)
                with Faults(root, lambda *_: _Mortal.step(), lambda *_: _Mortal.step()).watching():
                    act(root)
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            break
        assert code == -signal.SIGKILL
    sys.stdout.write(f"{number - 1}\n")
