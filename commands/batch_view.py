# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch in words: while it runs, on a terminal or in a log, and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..core.batch.ledger import BatchRow, BatchStatus, Ledger, ShotRow, ShotStatus
from ..core.batch.progress import BatchView, described_shot
from ..core.batch.supervisor import News, What
from ..core.errors import StorageFailed
from ..core.storage.lease import live_owner
from ..terminal import Screen, columns_of, duration, fit, has_screen, say, short
from .arguments import INTERRUPTED

_DRAW_INTERVAL = 0.25  # seconds between two drawings on a terminal
_REPORT_INTERVAL = 10.0  # seconds between two lines of progress in a log
_SHARE = 50  # of the time at most one part goes into drawing, however many shots there are
_TITLE = 24  # columns for the name of a shot
_LOST_SHOWN = 3  # frames on which tracks were lost; JSON has all that are kept
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
            say(_news_words(self._view, news))
        elif news.what not in _QUIET:
            self._screen.say(_news_words(self._view, news))

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
            width = max((columns_of(fit(shot.spec.title, _TITLE)) for shot in running), default=0)
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
            f"{_tracks(frames.alive)}{rate}"
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


def _news_words(view: BatchView, news: News) -> str:
    shot = news.shot
    words = news.words or shot.error
    said = {
        What.STARTED: "begun" if shot.attempts < 2 else "gone on with",
        What.RESTARTED: f"started again. {words}",
        What.FOUND: f"goes on with session {shot.session}, which has {news.frames} frame{'s' * (news.frames != 1)}",
        What.WAITING: f"waits. {words}",
        What.DONE_BEFORE: f"was done before: {frames_words(view, shot)}",
        What.COMPLETED: f"done: {frames_words(view, shot)}",
        What.FAILED: f"failed. {words}",
        What.SKIPPED: f"skipped. {words}",
        What.LOST: f"lost. {words}; {frames_words(view, shot)}",
        What.RELEASED: f"stopped, to be gone on with later{'. ' if words else ''}{words}",
    }[news.what]
    return f"{short(shot.spec.title)}: {short(said, 1000).rstrip('.')}."


def frames_words(view: BatchView, shot: ShotRow) -> str:
    session = view.session(shot)
    frames = session.frames if session else None
    if frames is None or not frames.total:
        return "nothing is recorded"
    return f"{frames.tracked} of {frames.total} frames, {frames.alive} of {_tracks(frames.tracks)} alive"


def shots_words(count: int) -> str:
    return f"{count:,} shot{'s' * (count != 1)}"


def _tracks(count: int) -> str:
    return f"{count} track{'s' * (count != 1)}"


# All that is known of it


def shot_lines(shots: list[dict[str, Any]]) -> list[str]:
    """A table of shots, which are as `described_shot` gives them, and below each what is wrong with it."""
    digits = max((len(str(shot["number"])) for shot in shots), default=1)
    words = max((len(_status_words(shot)) for shot in shots), default=0)
    widths = [columns_of(fit(shot["name"], _TITLE)) for shot in shots]
    width = max(widths, default=0)
    lines: list[str] = []
    for shot, own in zip(shots, widths, strict=True):
        title = fit(shot["name"], _TITLE) + " " * (width - own)
        facts: list[str] = []
        if shot["tracks"]:
            facts.append(f"{shot['tracked_frames']} of {shot['total_frames']} frames")
            facts.append(f"{shot['tracks_alive']} of {_tracks(shot['tracks'])} alive")
        if shot["seconds"] is not None:
            facts.append(duration(shot["seconds"]))
        lines.append(
            f"{shot['number']:>{digits}}  {title}  {_status_words(shot):<{max(10, words)}}  {', '.join(facts)}".rstrip()
        )
        indent = " " * (digits + 2)
        if shot["shown_lost"]:
            lines.append(f"{indent}lost: {_lost_words(shot['shown_lost'])}")
        if shot["error"]:
            lines.append(f"{indent}{short(shot['error'], 500)}")
    return lines


def _status_words(shot: dict[str, Any]) -> str:
    at = f" at frame {shot['shown_lost_at']}" if shot["lost_at"] is not None else ""
    return f"{shot['status']}{at}" if shot["status"] == ShotStatus.LOST else str(shot["status"])


def _lost_words(lost: dict[int, list[str]]) -> str:
    frames = sorted(lost)
    said = [f"{_tracks(len(lost[frame]))} at frame {frame}" for frame in frames[:_LOST_SHOWN]]
    if len(frames) > _LOST_SHOWN:
        more = sum(len(lost[frame]) for frame in frames[_LOST_SHOWN:])
        count = len(frames) - _LOST_SHOWN
        said.append(f"{_tracks(more)} at {count} more frame{'s' if count > 1 else ''}")
    return ", ".join(said)


def owner_of(ledger: Ledger, batch: str) -> str:
    """Who runs the batch, in words; empty if nobody does. Raises StorageFailed."""
    folder = ledger.folder(batch)
    try:
        return str(live_owner(folder) or "")
    except OSError as error:
        raise StorageFailed(folder, error) from error


def described_head(ledger: Ledger, batch: BatchRow) -> dict[str, Any]:
    owner = owner_of(ledger, batch.id)
    return {
        "id": batch.id,
        "name": batch.name,
        "status": INTERRUPTED if batch.status is BatchStatus.IN_PROGRESS and not owner else batch.status.value,
        "owner": owner,
        "root": batch.root if ledger.is_apart else str(ledger.root),
        "created": batch.created,
        "modified": batch.modified,
    }


def described_batch(ledger: Ledger, batch: BatchRow, view: BatchView) -> dict[str, Any]:
    """All that is known of a batch, for a program to read."""
    shots = [described_shot(view, shot) for _, shot in sorted(view.shots.items())]
    return {
        **described_head(ledger, batch),
        "config": batch.config,
        "counts": {status.value: view.counts[status] for status in ShotStatus},
        "tracked_frames": sum(shot["tracked_frames"] for shot in shots),
        "shots": shots,
    }


def summary(document: dict[str, Any]) -> list[str]:
    counts = [f"{count} {name}" for name, count in document["counts"].items() if count]
    line = f"Batch {document['id']} {document['status'].replace('_', ' ')}: {', '.join(counts)}; "
    line += f"{document['tracked_frames']:,} frames are recorded"
    run = document.get("run")
    if run:
        line += f", {run['frames']:,} by this run in {duration(run['seconds'])}; exit code {run['exit_code']}"
    return [*shot_lines(document["shots"]), f"{line}."]
