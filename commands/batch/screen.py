# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch in words: while it runs, on a terminal or in a log, and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ...core.batch.progress import BatchView
from ...core.batch.shots import ShotRow, ShotStatus
from ...core.batch.supervisor import News, What
from ...core.model.wording import duration
from ..terminal import Screen, columns_of, fit, has_screen, say
from ..words import shots_words
from .words import TITLE, event_words, tracks_words

_DRAW_INTERVAL = 0.25  # seconds between two drawings on a terminal
_REPORT_INTERVAL = 10.0  # seconds between two lines of progress in a log
_SHARE = 50  # of the time at most one part goes into drawing, however many shots there are
_QUIET = (What.STARTED, What.FOUND, What.DONE_BEFORE, What.COMPLETED)  # on a terminal the lines and the totals show it
_BECAME = {
    ShotStatus.PENDING: What.RELEASED,
    ShotStatus.PROCESSING: What.STARTED,
    ShotStatus.COMPLETED: What.COMPLETED,
    ShotStatus.FAILED: What.FAILED,
    ShotStatus.SKIPPED: What.SKIPPED,
    ShotStatus.LOST: What.LOST,
}


class Show:
    """Shows a batch on standard error: lines that are drawn over on a terminal, one thing after the other in a log.

    Use it in a `with` statement, which leaves the terminal as it was.
    """

    def __init__(self, view: BatchView, clock: Callable[[], float] = time.monotonic) -> None:
        self.waits_for = ""
        """What children are being stopped for, if they are."""
        self._view = view
        self._clock = clock
        self._screen = Screen() if has_screen() else None
        self._next = 0.0 if self._screen else clock() + _REPORT_INTERVAL
        self._waiting: set[int] = set()  # numbers of shots that wait for whoever has their sessions

    def __enter__(self) -> Show:
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self._screen.clear()

    def tell(self, news: News) -> None:
        """Something happened to a shot."""
        if news.what is What.FOUND:
            self._view.go_on_from(news.shot, news.frames)
        self._view.put(news.shot)
        if news.what is What.WAITING:
            self._waiting.add(news.shot.number)
        else:
            self._waiting.discard(news.shot.number)
        if news.shot.status.is_final or self._screen is None:
            self._view.look(news.shot)
        if self.waits_for and news.what is What.RELEASED:
            news = news._replace(words="", shot=replace(news.shot, error=""))  # the same for all of them
        if self._screen is None:
            say(event_words(self._view, news))
        elif news.what not in _QUIET:
            self._screen.say(event_words(self._view, news))

    def put(self, shot: ShotRow) -> None:
        """Take what the ledger says now of a shot that another process works on."""
        before = self._view.shots.get(shot.number)
        if before is None or (before.status, before.attempts) == (shot.status, shot.attempts):
            self._view.put(shot)
        elif shot.status is before.status:
            self.tell(News(What.RESTARTED, shot))
        else:
            self.tell(News(_BECAME[shot.status], shot))

    def refresh(self) -> None:
        """Show how far it is, if it is time to."""
        began = self._clock()
        if began < self._next:
            return
        for shot in self._view.running:
            self._view.look(shot)
        if self._screen is not None:
            running = self._view.running
            width = max((columns_of(fit(shot.spec.title, TITLE)) for shot in running), default=0)
            self._screen.draw([*(self._line(shot, width) for shot in running), self._totals()])
        else:
            say(f"{self._totals()}.")
        took = self._clock() - began
        self._next = began + max(_DRAW_INTERVAL if self._screen else _REPORT_INTERVAL, _SHARE * took)

    def _line(self, shot: ShotRow, width: int) -> str:
        """How far a running shot is, behind its name in so many columns."""
        title = fit(shot.spec.title, width)
        title += " " * (width - columns_of(title))
        if shot.number in self._waiting:
            return f"{title}  waiting: somebody else has its session"
        session = self._view.session(shot)
        if session is None or not session.frames.total:
            return f"{title}  starting"
        frames = session.frames
        digits = max(len(str(frames.total)), len(str(frames.frame or 0)))
        rate = f"  {session.rate:.1f} frames/s" if session.rate else ""
        return (
            f"{title}  frame {frames.frame or 0:>{digits}}, {frames.tracked:>{digits}} of {frames.total}  "
            f"{tracks_words(frames.alive)}{rate}"
        )

    def _totals(self) -> str:
        counts = self._view.counts
        names = {
            ShotStatus.COMPLETED: "done",
            ShotStatus.FAILED: "failed",
            ShotStatus.SKIPPED: "skipped",
            ShotStatus.LOST: "lost",
            ShotStatus.PROCESSING: "running",
            ShotStatus.PENDING: "to do",
        }
        said = [f"{counts[status]} {name}" for status, name in names.items() if counts[status]]
        words = f"{shots_words(len(self._view.shots))}: {', '.join(said)}"
        if self.waits_for:
            return f"{words}; {self.waits_for}: each records its frame"
        if self._view.rate:
            words += f"; {self._view.rate:.1f} frames/s"
        left = self._view.seconds_left
        return words if left is None else f"{words}, {duration(left)} left"


# All that is known of it
