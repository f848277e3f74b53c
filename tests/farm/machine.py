# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of a test cluster: `machine.py PROGRAM ARGUMENT…` runs the program, and is the ancestor of all it starts.

When standard input closes, the power fails: everything that descends from this process is killed in the same instant.
So nothing outlives the tests, even if they are killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h: orphans below this process become its children


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, parents first."""
    found: list[int] = []
    above = [pid]
    while above:
        below: list[int] = []
        for one in above:
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                with suppress(OSError):
                    below += map(int, children.read_text("ascii").split())
        found += below
        above = below
    return found


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def cut_power() -> None:
    """Kill all descendants. They are stopped first, so that none of them sees another one die."""
    stopped: set[int] = set()
    while new := set(descendants(os.getpid())) - stopped:
        send(signal.SIGSTOP, new)
        stopped |= new
    send(signal.SIGKILL, stopped)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the tests, which then close standard input
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    while not select.select([0], [], [], 0.2)[0]:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    cut_power()


if __name__ == "__main__":
    main()
