# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a task, in the lines that the engine reads.

Sources: “How Jobs Are Run” of the OpenJD specifications for `openjd_…`; Flamenco's worker counts lines of Blender's
that begin with “Time: ” as steps of a task; `scontrol update` of SLURM takes a comment, which `squeue -o %k` shows.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Protocol

STEPS = 100
"""The steps of a task for Flamenco."""
_INTERVAL = 10.0  # seconds between two reports
_COMMENT_INTERVAL = 60.0  # the controller of a cluster hears of each
_PATIENCE = 10.0  # seconds for `scontrol`


class Reporter(Protocol):
    """Tells an engine of the progress of a task."""

    interval: float
    """Seconds between two reports."""
    job: str
    """The task as the engine calls it; empty if it says nothing."""

    def report(self, percent: float, words: str) -> None: ...

    def fail(self, words: str) -> None:
        """Tell why the shot is not done."""
        ...


class Plain:
    """Lines for people."""

    interval = 30.0
    job = ""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def report(self, percent: float, words: str) -> None:
        self._say(f"{words}.")

    def fail(self, words: str) -> None:
        pass  # it was said


class OpenJD:
    interval = _INTERVAL
    job = ""

    def __init__(self, output: Callable[[str], None]) -> None:
        self._output = output

    def report(self, percent: float, words: str) -> None:
        self._output(f"openjd_progress: {min(max(percent, 0.0), 100.0):.1f}")
        self._output(f"openjd_status: {words}")

    def fail(self, words: str) -> None:
        self._output(f"openjd_fail: {words}")


class Flamenco:
    interval = _INTERVAL
    job = ""

    def __init__(self, output: Callable[[str], None]) -> None:
        self._output = output
        self._steps = 0

    def report(self, percent: float, words: str) -> None:
        self._output(f"{words}.")  # a silent task is failed after a while
        reached = int(min(max(percent, 0.0), 100.0) / 100 * STEPS)
        for _ in range(self._steps, reached):
            self._output("Time: 00:00.00")
        self._steps = max(self._steps, reached)

    def fail(self, words: str) -> None:
        self._output(f"{words}.")


class Slurm:
    """Progress as the comment of the job. A controller that does not answer costs no tracking."""

    interval = _COMMENT_INTERVAL

    def __init__(self, environment: Mapping[str, str]) -> None:
        array, task = environment.get("SLURM_ARRAY_JOB_ID", ""), environment.get("SLURM_ARRAY_TASK_ID", "")
        # The id of the last task of an array is that of the array, which means all of its tasks.
        self.job = f"{array}_{task}" if array else environment.get("SLURM_JOB_ID", "")

    def report(self, percent: float, words: str) -> None:
        if not self.job:
            return
        command = ["scontrol", "update", f"jobid={self.job}", f"comment={percent:.0f}%: {words}"]
        try:
            subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            pass

    def fail(self, words: str) -> None:
        self.report(100.0, words)


PLAIN = "plain"
KINDS = (PLAIN, "slurm", "openjd", "flamenco")
"""Whom progress is told: a person, or the engine of this name."""


def reporter_of(kind: str, output: Callable[[str], None], say: Callable[[str], None]) -> Reporter:
    """`output` prints a line for the engine, `say` one for people."""
    match kind:
        case "slurm":
            return Slurm(os.environ)
        case "openjd":
            return OpenJD(output)
        case "flamenco":
            return Flamenco(output)
        case _:
            return Plain(say)


class Paced:
    """A reporter that is asked all the time, and tells the engine now and then."""

    def __init__(self, reporter: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
        self.reporter = reporter
        self._clock = clock
        self._next = clock() + min(reporter.interval, _INTERVAL)

    def report(self, progress: Callable[[], tuple[float, str]]) -> None:
        if self._clock() >= self._next:
            self._next = self._clock() + self.reporter.interval
            self.reporter.report(*progress())
