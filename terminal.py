# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on a terminal or in a log: its progress, its signals, and the words on standard error."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from .core.children import parent_is_gone
from .core.errors import Interrupted

if TYPE_CHECKING:
    from .bridge.shot import Shot
    from .core.run import Run

_REPORT_INTERVAL = 10.0  # seconds between two lines of progress in a log
_BAR_INTERVAL = 0.1


class Signals:
    """SIGINT and SIGTERM let the frame in flight be recorded; a second one ends the process at once.

    They are looked at between two frames only: an exception in the middle of Blender's own work may go unheard.
    """

    def __init__(self) -> None:
        self.name = ""

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        for one in self._before:
            signal.signal(one, signal.SIG_DFL)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: it was set by Blender, in C, and cannot be put back; there is nothing left for it to guard
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def drive(signals: Signals, shot: Shot, run: Run) -> None:
    session = shot.session.session
    say(
        f"Tracking “{short(session.name)}” {run.plan.start}-{run.plan.end} from frame {run.frame}, "
        f"{len(run.alive)} tracks."
    )
    progress = _Progress(run)
    while True:
        stops = signals.name or (parent_is_gone() and "The batch was ended")
        if stops and not run.is_at_end:
            run.pause()
            progress.end()
            raise Interrupted(
                f"{stops}: stopped after frame {run.frame}, which is recorded; go on with: resume {session.id}"
            )
        if not run.step():
            break
        progress.show()
    progress.end()


class _Progress:
    """A bar on a terminal, a line now and then in a log."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._total = run.remaining
        self._terminal = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()

    def show(self) -> None:
        now = time.monotonic()
        if now - self._shown < (_BAR_INTERVAL if self._terminal else _REPORT_INTERVAL) or not self._run.steps:
            return
        self._shown = now
        run = self._run
        rate = run.steps / (now - self._began)
        words = (
            f"frame {run.frame}, {len(run.alive)} tracks, {rate:.1f} frames/s, {_duration(run.remaining / rate)} left"
        )
        if self._terminal:
            done = 24 * (self._total - run.remaining) // max(1, self._total)
            say(f"\r\033[K[{'#' * done}{'.' * (24 - done)}] {words}", end="")
        else:
            say(words[0].upper() + words[1:] + ".")

    def end(self) -> None:
        if self._terminal:
            say("\r\033[K", end="")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


@contextmanager
def quiet_blender() -> Iterator[TextIO]:
    """Sends what Blender prints to standard error: standard output, which this gives, is for results.

    Blender writes such lines as `Read blend: …` and `Saved …` to file descriptor 1, past Python.
    """
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.dup2(2, 1)
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as output:
            yield output
    finally:
        sys.stdout.flush()
        os.dup2(descriptor, 1)
        os.close(descriptor)


def say(text: str, end: str = "\n") -> None:
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody listens any more, which is no reason to stop


def short(text: str, limit: int = 60) -> str:
    """`text` on one line of at most `limit` characters, without control characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
