# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on a terminal or in a log: its progress, its signals, and the messages on standard error."""

from __future__ import annotations

import os
import signal
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from ..core.errors import Interrupted, TrackingSessionError, UsageError
from ..core.model.wording import duration, short
from ..core.processes.process import parent_is_gone
from .errors import error_words

if TYPE_CHECKING:
    from ..bridge.tracking.shot import Shot
    from ..core.model.counting import Counting
    from ..core.tracking.run import Run

_REPORT_INTERVAL = 10.0  # seconds between two lines of progress in a log
_BAR_INTERVAL = 0.1


class Signals:
    """SIGINT and SIGTERM let the frame in flight be recorded; a second signal ends the process at once.

    The run checks them between two frames only: Blender may swallow an exception in the middle of its own work.
    """

    def __init__(self) -> None:
        self.name = ""

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        for handled in self._before:
            signal.signal(handled, signal.SIG_DFL)

    @property
    def reason(self) -> str:
        """Why to stop: the signal, or the end of the batch that has started this process; empty as long as to go on."""
        return self.name or ("The batch was ended" if parent_is_gone() else "")

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: Blender set it in C, and Python cannot restore it; it guards nothing any more
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def drive(signals: Signals, shot: Shot, run: Run) -> None:
    session = shot.session.session
    counting = shot.session.counting
    say(
        f"Tracking “{short(session.name)}” {counting.shown(run.plan.start)}-{counting.shown(run.plan.end)} "
        f"from frame {counting.shown(run.frame)}, {len(run.alive)} tracks."
    )
    progress = _Progress(run, counting)
    while True:
        stops = signals.reason
        if stops and not run.is_at_end:
            run.pause()
            progress.end()
            raise Interrupted(
                f"{stops}: stopped after frame {counting.shown(run.frame)}, which is recorded; "
                f"go on with: resume {session.id}"
            )
        if not run.step():
            break
        progress.show()
    progress.end()


class _Progress:
    """A bar on a terminal, a line now and then in a log."""

    def __init__(self, run: Run, counting: Counting) -> None:
        self._run = run
        self._counting = counting
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
            f"frame {self._counting.shown(run.frame)}, {len(run.alive)} tracks, {rate:.1f} frames/s, "
            f"{duration(run.remaining / rate)} left"
        )
        if self._terminal:
            done = 24 * (self._total - run.remaining) // max(1, self._total)
            say(f"\r\033[K[{'#' * done}{'.' * (24 - done)}] {words}", end="")
        else:
            say(words[0].upper() + words[1:] + ".")

    def end(self) -> None:
        if self._terminal:
            say("\r\033[K", end="")


@contextmanager
def quiet_blender() -> Iterator[TextIO]:
    """Send the output of Blender to standard error, and yield standard output, which is for results.

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


class Screen:
    """Lines at the bottom of a terminal that are drawn over, while messages scroll by above them.

    It changes no setting of the terminal and leaves the cursor below the lines: any end of the process is clean.
    """

    def __init__(self) -> None:
        self._widths: list[int] = []  # of the lines on the screen, in columns

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the last ones, cut to the size of the terminal."""
        columns, rows = _terminal_size()
        if len(lines) >= rows:
            lines = [*lines[: max(0, rows - 3)], f"… and {len(lines) - max(0, rows - 2)} more", lines[-1]]
        shown = [fit(line, columns - 1) for line in lines]
        say(self._home() + "".join(f"{line}\033[K\n" for line in shown) + "\033[J", end="")
        self._widths = [columns_of(line) for line in shown]

    def say(self, text: str) -> None:
        """Print a line that stays; the next drawing comes below it."""
        self.clear()
        say(text)

    def clear(self) -> None:
        if self._widths:
            say(self._home() + "\033[J", end="")
            self._widths = []

    def _home(self) -> str:
        """The codes that move the cursor to the first line; in a narrower window the lines take more rows."""
        columns = _terminal_size()[0]
        rows = sum(max(1, -(-width // columns)) for width in self._widths)
        return f"\r\033[{rows}A" if rows else "\r"


def has_screen() -> bool:
    """Whether standard error is a terminal on which lines can be drawn over."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _terminal_size() -> tuple[int, int]:
    """Columns and rows."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


def columns_of(text: str) -> int:
    """The columns of a terminal that `text`, which has no control characters, takes."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, columns: int) -> str:
    """`text` without control characters, cut to `columns` of a terminal."""
    line = short(text, len(text))
    if columns_of(line) <= columns:
        return line
    room = columns - 1
    for end, character in enumerate(line):
        room -= _columns(character)
        if room < 0:
            return f"{line[:end]}…"
    return line


def can_ask() -> bool:
    """Whether a person can answer on a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, answers: Mapping[str, str]) -> str:
    """Ask for one of the answers, or its first letter; empty at the end of input. `answers` maps them to meanings."""
    meanings = ", ".join(f"[{answer[0]}]{answer[1:]}: {words}" for answer, words in answers.items())
    say(f"{question}\n{meanings}")
    while True:
        say("> ", end="")
        line = sys.stdin.readline()
        word = line.strip().lower()
        found = next((answer for answer in answers if word in (answer, answer[0])), "")
        if found or not line:
            return found
        say(f"Answer {' or '.join(answers)}.")


def say(message: str | TrackingSessionError, end: str = "\n") -> None:
    """Print a message, or an error with its actions, for people and not for scripts."""
    text = message if isinstance(message, str) else error_words(message)
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        pass  # the run goes on without a reader


def agreed(question: str, instead: str, shown: Iterable[str] = ()) -> bool:
    """Show some lines and ask on a terminal; without a terminal raises UsageError with the words `instead`."""
    if not can_ask():
        raise UsageError(instead)
    for line in shown:
        say(line)
    say(f"{question} [y/N] ", end="")
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say("")
    return answer.strip().lower() in ("y", "yes")
