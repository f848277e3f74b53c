# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands of the checkout as processes of their own, to the end or to a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = 300.0  # seconds for one process; a bpy whose pipe was closed once hung at exit
POLL_EVERY = 0.001  # seconds


def command(*arguments: str | Path) -> list[str]:
    """The command line of a process that runs the checkout."""
    return [sys.executable, str(ROOT), *map(str, arguments)]


def run(*arguments: str | Path, limit: float = TIME_LIMIT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises subprocess.TimeoutExpired."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=limit)


def kill_when(ready: Callable[[], bool], delay: float, *arguments: str | Path) -> tuple[int, float, str]:
    """Start a command, wait until `ready`, then `delay` seconds more, and kill it with SIGKILL.

    Returns the exit code (-9 if the kill came in time), the seconds that it ran, and its standard error.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=errors)
        try:
            while process.poll() is None and time.monotonic() < started + TIME_LIMIT:
                if ready():
                    time.sleep(delay)
                    break
                time.sleep(POLL_EVERY)
        finally:
            process.send_signal(signal.SIGKILL)
            code = process.wait(TIME_LIMIT)
        seconds = time.monotonic() - started
        errors.seek(0)
        return code, seconds, errors.read()
