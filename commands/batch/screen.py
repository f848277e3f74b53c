# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a running batch, on a terminal or in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ...core.batch.progress import BatchProgress
from ...core.batch.shot_runs import ShotEvent, ShotUpdate
from ...core.batch.shots import ShotRow, ShotStatus
from ...core.model.types import SessionStatus
from ...core.model.wording import duration
from ..terminal import Screen, columns_of, fit, has_screen, say
from ..words import shots_words
from .words import BAD, TITLE, event_words, tracks_words

_DRAW_INTERVAL = 0.25  # seconds between two drawings on a terminal
_REPORT_INTERVAL = 10.0  # seconds between two lines of progress in a log
_SHARE = 50  # drawing takes at most 1/50 of the time, however many shots there are
# on a terminal the lines and the totals show these
_QUIET = (ShotEvent.STARTED, ShotEvent.FOUND, ShotEvent.DONE_BEFORE, ShotEvent.COMPLETED)


class BatchScreen:
    """Shows a batch on standard error: on a terminal lines that are drawn over, in a log a line for each event.

    Use it in a `with` statement, which leaves the terminal as it was.
    """

    def __init__(self, progress: BatchProgress, clock: Callable[[], float] = time.monotonic) -> None:
        self.waits_for = ""
        """Why the children are being stopped; empty if they are not."""
        self._progress = progress
        self._clock = clock
        self._screen = Screen() if has_screen() else None
        self._next = 0.0 if self._screen else clock() + _REPORT_INTERVAL
        self._waiting: set[int] = set()  # numbers of shots whose sessions are in use

    def __enter__(self) -> BatchScreen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self._screen.clear()

    def on_update(self, update: ShotUpdate) -> None:
        session = self._progress.session(update.shot)
        if session is not None and update.event is ShotEvent.FOUND:
            session.set_baseline(update.frames)
        self._progress.update(update.shot)
        if update.event is ShotEvent.WAITING:
            self._waiting.add(update.shot.number)
        else:
            self._waiting.discard(update.shot.number)
        if update.shot.status.is_final or self._screen is None:
            self._progress.refresh(update.shot)
        if self.waits_for and update.event is ShotEvent.RELEASED:
            update = update._replace(words="", shot=replace(update.shot, error=""))  # the same for all shots
        if self._screen is None:
            say(event_words(self._progress, update))
        elif update.event not in _QUIET:
            self._screen.say(event_words(self._progress, update))

    def update(self, shot: ShotRow) -> None:
        """Update from the ledger a shot that another process supervises."""
        before = self._progress.shots.get(shot.number)
        if before is None or (before.status, before.attempts) == (shot.status, shot.attempts):
            self._progress.update(shot)
        elif shot.status is before.status:
            self.on_update(ShotUpdate(ShotEvent.RESTARTED, shot))
        elif shot.status.is_final:
            self.on_update(ShotUpdate(ShotEvent(shot.status), shot))
        else:
            is_begun = shot.status is ShotStatus.PROCESSING
            self.on_update(ShotUpdate(ShotEvent.STARTED if is_begun else ShotEvent.RELEASED, shot))

    def refresh(self) -> None:
        """Show the progress, if it is time to."""
        began = self._clock()
        if began < self._next:
            return
        for shot in self._progress.running:
            self._progress.refresh(shot)
        if self._screen is not None:
            running = self._progress.running
            width = max((columns_of(fit(shot.spec.title, TITLE)) for shot in running), default=0)
            self._screen.draw([*(self._line(shot, width) for shot in running), self._totals()])
        else:
            say(f"{self._totals()}.")
        took = self._clock() - began
        self._next = began + max(_DRAW_INTERVAL if self._screen else _REPORT_INTERVAL, _SHARE * took)

    def _line(self, shot: ShotRow, width: int) -> str:
        """The progress of a running shot, behind its name in `width` columns."""
        title = fit(shot.spec.title, width)
        title += " " * (width - columns_of(title))
        if shot.number in self._waiting:
            return f"{title}  waiting: its session is in use"
        session = self._progress.session(shot)
        if session is None or not session.frames.total:
            return f"{title}  starting"
        if session.manager is not None and session.manager.session.status is SessionStatus.SOLVING:
            return f"{title}  solving"
        frames = session.frames
        digits = max(len(str(frames.total)), len(str(frames.frame or 0)))
        rate = f"  {session.rate:.1f} frames/s" if session.rate else ""
        return (
            f"{title}  frame {frames.frame or 0:>{digits}}, {frames.tracked:>{digits}} of {frames.total}  "
            f"{tracks_words(frames.alive)}{rate}"
        )

    def _totals(self) -> str:
        counts = self._progress.counts
        names = {
            ShotStatus.COMPLETED: "done",
            **BAD,
            ShotStatus.PROCESSING: "running",
            ShotStatus.PENDING: "to do",
        }
        parts = [f"{counts[status]} {name}" for status, name in names.items() if counts[status]]
        words = f"{shots_words(len(self._progress.shots))}: {', '.join(parts)}"
        if self.waits_for:
            return f"{words}; {self.waits_for}: each records its frame"
        if self._progress.rate:
            words += f"; {self._progress.rate:.1f} frames/s"
        left = self._progress.seconds_left
        return words if left is None else f"{words}, {duration(left)} left"
