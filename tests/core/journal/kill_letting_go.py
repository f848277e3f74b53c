# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets old states go in processes that die at each of their operations on files."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.core.faults import Faults, nothing


def kill_at_each(folder: str, session: str, count: str) -> None:
    """Print how many processes died. `session` is a path in the folder `shot` of `folder`; each gets a copy of that.

    To be called in a process without threads.
    """
    died = 0
    for number in range(1, int(count) + 1):
        for moment in ("before", "after"):
            copy = Path(shutil.copytree(Path(folder, "shot"), Path(folder, f"{number}-{moment}")))
            child = os.fork()
            if not child:
                try:
                    _let_go(copy, copy / session, number, moment)
                finally:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            died += os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    sys.stdout.write(f"{died}\n")


def _let_go(root: Path, session: Path, number: int, moment: str) -> None:
    def die(at: int, _: str) -> None:
        if at == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with Faults(root, die if moment == "before" else nothing, die if moment == "after" else nothing).watching():
        TrackingSessionManager(session).let_go()
