# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of the folder that the open file uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...core.errors import SessionUnreadable, TrackingSessionError
from ...core.journal.lost_passes import lost_passes
from ...core.library.catalogue import newest_session_files
from ...core.model.types import Outcome, SessionState, SessionStatus
from ...core.model.wording import local_time
from ...core.recording.manager import load_session
from ...core.storage.folder import SessionFolder
from ..errors import error_words
from ..open_file import open_file
from ..tracking import live
from .finding import default_root

SHOWN = 100  # sessions, the newest
LOOK_INTERVAL = 2.0  # seconds between two looks at the folder
_NAME_LENGTH = 80

_STATUS = {
    SessionStatus.NOT_STARTED: "Not Started",
    SessionStatus.TRACKING: "Interrupted",
    SessionStatus.TRACKING_COMPLETE: "Tracked",
    SessionStatus.SOLVING: "Solving",
    SessionStatus.COMPLETE: "Solved",
    SessionStatus.FAILED: "Failed",
}


class Row(NamedTuple):
    """A session as the list shows it."""

    path: Path
    name: str
    words: str  # its state
    progress: str = ""  # recorded frames, of how many
    modified: str = ""  # when, here
    is_discarded: bool = False
    owner: str = ""
    error: str = ""  # why it cannot be read


class Listing:
    """The newest sessions of the folder, read in slices of time and again only where files have changed."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}  # by session id, the newest first
        self.hidden = 0  # older sessions
        self.error = ""
        self._root: Path | None = None
        self._revision = 0  # of the open file when the folder was last read
        self._stamp = 0.0
        self._looked = 0.0
        self._known: dict[Path, tuple[tuple[int, int], Row]] = {}
        self._work: Iterator[None] | None = None
        self._begun = 0  # the revision for which that began

    def is_due(self) -> bool:
        """Whether there is something to read. Cheap: it looks at the folder every few seconds at most."""
        root = default_root()
        now = time.monotonic()
        is_other = root != self._root or self._revision != open_file.revision
        if not is_other and now - self._looked < LOOK_INTERVAL:
            return self._work is not None
        self._looked = now
        # one that was killed changes no file
        return is_other or _modified(root) != self._stamp or any(row.owner for row in self.rows.values())

    def read(self, seconds: float) -> bool:
        """Read for about so long; whether there is more to read. `rows` change at the end."""
        if self._work is None or self._begun != open_file.revision:
            self._work, self._begun = self._reading(), open_file.revision
        until = time.monotonic() + seconds
        for _ in self._work:
            if time.monotonic() >= until:
                return True
        self._work = None
        return False

    def _reading(self) -> Iterator[None]:
        root = default_root()
        stamp = _modified(root)
        if time.time() - stamp < LOOK_INTERVAL:
            stamp = 0.0  # what is done next may get the same time
        self.error = ""
        try:
            files, hidden = newest_session_files(root, SHOWN)
        except SessionUnreadable as error:
            files, hidden = [], 0
            self.error = error_words(error)
        known: dict[Path, tuple[tuple[int, int], Row]] = {}
        for path in files:
            known[path] = self._looked_at(path)
            yield
        self._known = known
        self.rows = {path.stem: row for path, (_, row) in known.items()}
        self.hidden = hidden
        self._root, self._revision, self._stamp, self._looked = root, self._begun, stamp, time.monotonic()

    def _looked_at(self, path: Path) -> tuple[tuple[int, int], Row]:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0)
        known = self._known.get(path)
        # the one that is tracked here changes all the time, and its panel tells of it
        if known is not None and (is_running(path) or (known[0] == stamp and not known[1].owner)):
            return known
        return stamp, _row_of(path)


def _modified(root: Path) -> float:
    try:
        return SessionFolder(root).sessions.stat().st_mtime
    except OSError:
        return 0.0


def _row_of(path: Path) -> Row:
    try:
        manager = load_session(path)
        owner = manager.owner
    except TrackingSessionError as error:
        return Row(path, path.stem, "Unreadable", error=error_words(error))
    session = manager.session
    words = _STATUS[session.status]
    if session.state is not SessionState.ACTIVE:
        words = session.state.value.title()
    elif is_running(path):
        words = "Tracking"
    elif owner:
        words = "In Use"
    elif session.status is SessionStatus.TRACKING and manager.passes and manager.passes[-1].outcome is Outcome.PAUSED:
        words = "Paused"
    elif session.status is SessionStatus.TRACKING_COMPLETE:
        lost = lost_passes(manager.passes, session.tracked_frames)
        words = f"Lost at {manager.counting.shown(lost[0].frame)}" if lost else words
    progress = manager.progress
    name = "".join(c if c.isprintable() else " " for c in session.name[:_NAME_LENGTH]).strip()
    return Row(
        path,
        name or path.stem,
        words,
        f"{progress['tracked_frames']}/{progress['total_frames']}",
        local_time(session.modified),
        session.state is SessionState.DISCARDED,
        owner,
    )


def is_running(path: Path) -> bool:
    """Whether the session with this file is being tracked in this Blender."""
    running = live.running()
    return running is not None and running.shot.session.path.stem == path.stem
