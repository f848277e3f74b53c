# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers to claim shots from, and processes that do until they are killed; what they were told is in their logs."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core import ledger_file
from tracking_sessions.core.ledger import Ledger, ShotSpec, ShotStatus

posix = pytest.mark.skipif(os.name != "posix", reason="signals, fork and limits of POSIX")
PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED = ShotStatus


def everything_dead(batch: str) -> bool:
    return False


def everything_live(batch: str) -> bool:
    return True


def make(ledger: Ledger, count: int = 3, name: str = "night") -> str:
    return ledger.create(name, specs(ledger.root.parent, count), {"jobs": 2}).id


def statuses(ledger: Ledger, batch: str) -> list[ShotStatus]:
    return [shot.status for shot in ledger.shots(batch)]


def specs(folder: Path, count: int) -> list[ShotSpec]:
    """Shots whose footage is nowhere, each of its own."""
    return [ShotSpec(str(folder / "plates" / f"{number:03d}" / "plate_0001.png")) for number in range(1, count + 1)]


def work(root: Path, batch: str, say: Callable[[str], object]) -> None:
    """Claim and finish until there is nothing left; `say` is told of each thing once it counts."""
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

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        _Mortal.count += 1
        if _Mortal.count == _Mortal.last:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)


def die_at_each_statement(folder: Path) -> None:
    """Make a ledger with two shots and finish them, in processes of which each dies one statement later than the last.

    Prints how many died. To be called in a process without threads.
    """
    real = sqlite3.connect
    number = 0
    while True:
        number += 1
        child = os.fork()
        if not child:
            try:
                _Mortal.last = number
                ledger_file.sqlite3.connect = lambda *args, **options: real(*args, factory=_Mortal, **options)  # type: ignore[assignment]
                root = folder / str(number)
                with Ledger(root) as ledger:
                    batch = ledger.create("two", specs(folder, 2), {}).id
                    work_and_log(root, batch, folder / f"{number}.log")
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
    sys.stdout.write(f"{number - 1}\n")
