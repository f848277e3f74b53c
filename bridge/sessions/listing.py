# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions in the folder of the open file."""

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
from .finding import default_root, modified

LISTED = 100  # newest sessions
POLL_INTERVAL = 2.0  # seconds between two checks of the folder
_NAME_LENGTH = 80

_STATUS = {
    SessionStatus.NOT_STARTED: "Not Started",
    SessionStatus.TRACKING: "Interrupted",
    SessionStatus.TRACKING_COMPLETE: "Tracked",
    SessionStatus.SOLVING: "Solving",
    SessionStatus.COMPLETE: "Solved",
    SessionStatus.FAILED: "Failed",
}


class Entry(NamedTuple):
    """A session, as the list shows it."""

    path: Path
    name: str
    words: str  # the state
    progress: str = ""  # recorded frames / all frames
    modified: str = ""  # local time
    is_discarded: bool = False
    owner: str = ""
    error: str = ""  # why the session cannot be read


class Listing:
    """The newest sessions of the folder, read in slices of time; only changed files are read again."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}  # by session id, the newest first
        self.hidden = 0  # older sessions
        self.error = ""
        self._root: Path | None = None
        self._revision = 0  # of the open file at the last reading
        self._stamp = 0.0
        self._polled = 0.0
        self._known: dict[Path, tuple[tuple[int, int], Entry]] = {}
        self._work: Iterator[None] | None = None
        self._begun = 0  # the revision at the start of `_work`

    def is_due(self) -> bool:
        """Whether the folder must be read. Cheap: checks the folder every few seconds at most."""
        root = default_root()
        now = time.monotonic()
        is_other = root != self._root or self._revision != open_file.revision
        if not is_other and now - self._polled < POLL_INTERVAL:
            return self._work is not None
        self._polled = now
        has_changed = is_other or modified(SessionFolder(root).sessions) != self._stamp
        return has_changed or any(entry.owner for entry in self.entries.values())  # a killed owner changes no file

    def read(self, seconds: float) -> bool:
        """Read for about `seconds`; returns True if there is more to read. `entries` change at the end."""
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
        stamp = modified(SessionFolder(root).sessions)
        if time.time() - stamp < POLL_INTERVAL:
            stamp = 0.0  # the next change may get the same time
        self.error = ""
        try:
            files, hidden = newest_session_files(root, LISTED)
        except SessionUnreadable as error:
            files, hidden = [], 0
            self.error = error_words(error)
        known: dict[Path, tuple[tuple[int, int], Entry]] = {}
        for path in files:
            known[path] = self._read_entry(path)
            yield
        self._known = known
        self.entries = {path.stem: entry for path, (_, entry) in known.items()}
        self.hidden = hidden
        self._root, self._revision, self._stamp, self._polled = root, self._begun, stamp, time.monotonic()

    def _read_entry(self, path: Path) -> tuple[tuple[int, int], Entry]:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0)
        known = self._known.get(path)
        # the file of the running session changes all the time, and its own panel shows it
        if known is not None and (is_running(path) or (known[0] == stamp and not known[1].owner)):
            return known
        return stamp, _entry_of(path)


def _entry_of(path: Path) -> Entry:
    try:
        manager = load_session(path)
        owner = manager.owner
    except TrackingSessionError as error:
        return Entry(path, path.stem, "Unreadable", error=error_words(error))
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
    return Entry(
        path,
        name or path.stem,
        words,
        f"{progress['tracked_frames']}/{progress['total_frames']}",
        local_time(session.modified),
        session.state is SessionState.DISCARDED,
        owner,
    )


def is_running(path: Path) -> bool:
    """Whether this Blender is tracking the session of the file."""
    running = live.running()
    return running is not None and running.shot.session.path.stem == path.stem
