# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions in all folders where those of the open file may lie."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import SessionUnreadable, TrackingSessionError
from ...core.journal.lost_passes import lost_passes
from ...core.library.catalogue import session_files
from ...core.library.moving import has_all_of
from ...core.model.types import Outcome, SessionState, SessionStatus
from ...core.model.wording import local_time
from ...core.recording.manager import load_session
from ...core.storage.folder import SessionFolder
from ..clip.movie_clip import mark_of
from ..errors import error_words
from ..open_file import open_file
from ..tracking import live
from .filled_list import FilledList
from .finding import default_root, modified, open_roots, shown_name, user_root
from .lending import holds
from .overview import last_overview

if TYPE_CHECKING:
    from bpy.types import Context

LISTED = 100  # newest sessions
POLL_INTERVAL = 2.0  # seconds between two checks of the folders

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


_Stamp = tuple[object, ...]


class Listing:
    """The newest sessions of all folders, read in slices of time; only changed files are read again."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        """By session id, the newest first; by path where an earlier folder has other frames under the same id."""
        self.hidden = 0  # older sessions
        self.error = ""
        self.is_read = False  # at least once
        self._file = ""  # the open one at the last reading
        self._roots: list[Path] = []
        self._revision = 0  # of the open file at the last reading
        self._stamps: list[float] = []  # of the folders
        self._polled = 0.0
        self._known: dict[Path, tuple[_Stamp, Entry]] = {}
        self._work: Iterator[None] | None = None
        self._begun = 0  # the revision at the start of `_work`

    def is_due(self) -> bool:
        """Whether the folders must be read. Cheap: checks them every few seconds at most."""
        roots = open_roots()
        now = time.monotonic()
        is_other = (bpy.data.filepath, roots, open_file.revision) != (self._file, self._roots, self._revision)
        if not is_other and now - self._polled < POLL_INTERVAL:
            return self._work is not None
        self._polled = now
        has_changed = is_other or _stamps(roots) != self._stamps
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
        file, roots, revision = bpy.data.filepath, open_roots(), self._begun
        # the next change of a young folder may get the same time
        stamps = [0.0 if time.time() - stamp < POLL_INTERVAL else stamp for stamp in _stamps(roots)]
        files = self._files(roots)
        own: set[str] = set()
        for clip in [clip.name for clip in bpy.data.movieclips]:
            own |= _own_sessions(clip)
            yield
        chosen = files[:LISTED] + [path for path in files[LISTED:] if path.stem in own]
        known: dict[Path, tuple[_Stamp, Entry]] = {}
        entries: dict[str, Entry] = {}
        for path in chosen:
            first = entries.get(path.stem)
            if first is None or not has_all_of(first.path, path):
                known[path] = self._read_entry(path, is_own=path.stem in own)
                entries[path.stem if first is None else str(path)] = known[path][1]
            yield
        self._known, self.entries, self.is_read = known, entries, True
        self.hidden = len(files) - len(chosen)
        self._file, self._roots, self._revision = file, roots, revision
        self._stamps, self._polled = stamps, time.monotonic()

    def _files(self, roots: list[Path]) -> list[Path]:
        """The session files of all folders, the newest first; of one id, that of the earlier folder first."""
        self.error = ""
        found: list[Path] = []
        for root in roots:
            try:
                found += session_files(root)
            except SessionUnreadable as error:
                if root == default_root():
                    self.error = error_words(error)
        return sorted(found, key=lambda path: path.stem, reverse=True)

    def _read_entry(self, path: Path, *, is_own: bool) -> tuple[_Stamp, Entry]:
        stamp: _Stamp
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, is_own, bpy.data.filepath)  # the name depends on these two
        except OSError:
            stamp = ()
        known = self._known.get(path)
        # the file of the running session changes all the time, and its own panel shows it
        if known is not None and (is_running(path) or (known[0] == stamp and not known[1].owner)):
            return known
        return stamp, _entry_of(path, is_own=is_own)


def _stamps(roots: list[Path]) -> list[float]:
    return [modified(SessionFolder(root).sessions) for root in roots]


def _own_sessions(name: str) -> set[str]:
    """The ids of the session of the clip of this name, if it still exists, and of the one that was set aside."""
    clip = bpy.data.movieclips.get((name, None))  # None: not a linked clip
    if clip is None:
        return set()
    mark = mark_of(clip)
    return {last_overview(clip).session, mark.session if mark is not None else ""}


def _entry_of(path: Path, *, is_own: bool) -> Entry:
    try:
        manager = load_session(path)
        owner = "" if holds(path) else manager.owner
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
    return Entry(
        path,
        shown_name(path, session, is_own=is_own),
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


def folder_words() -> str:
    """The folder for new sessions, as the panel names it."""
    root = default_root()
    if bpy.data.filepath and root.parent == Path(bpy.data.filepath).parent:
        return f"//{root.name}"  # as Blender writes what lies beside the file
    return "the User Folder" if root == user_root() else str(root)


SESSIONS = FilledList(
    "tracking_sessions", lambda seconds: open_file.view(Listing).read(seconds), lambda: open_file.view(Listing).entries
)


def chosen(context: Context) -> Entry | None:
    """The active session of the list."""
    return open_file.view(Listing).entries.get(SESSIONS.chosen(context))


def refresh(context: Context) -> None:
    """Read the list again at once."""
    open_file.forget()
    SESSIONS.fill(context)
