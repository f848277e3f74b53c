# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of the folder that the open file uses, and what was done in the session of a clip."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.batch.needs import batch_of
from ...core.errors import SessionUnreadable, ShotUnusable, TrackingSessionError
from ...core.footage.files import Footage, find_footage
from ...core.journal.chain import Position
from ...core.journal.losses import Losses
from ...core.journal.lost_passes import lost_passes
from ...core.library.catalogue import newest_session_files
from ...core.library.deletion import delete_files
from ...core.model.counting import timeline_start
from ...core.model.types import Outcome, PassSummary, SessionState, SessionStatus
from ...core.model.wording import local_time
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.folder import SessionFolder, resolve
from ..clip.movie_clip import default_root, footage_of, library_of, mark_position, marked_position, open_footage
from ..errors import error_words
from ..tracking import live
from . import overview

if TYPE_CHECKING:
    from bpy.types import MovieClip

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
        self._stamp = 0.0
        self._looked = 0.0
        self._known: dict[Path, tuple[tuple[int, int], Row]] = {}
        self._work: Iterator[None] | None = None

    def is_due(self) -> bool:
        """Whether there is something to read. Cheap: it looks at the folder every few seconds at most."""
        root = default_root()
        now = time.monotonic()
        if root == self._root and now - self._looked < LOOK_INTERVAL:
            return self._work is not None
        self._looked = now
        # one that was killed changes no file
        return root != self._root or _modified(root) != self._stamp or any(row.owner for row in self.rows.values())

    def read(self, seconds: float) -> bool:
        """Read for about so long; whether there is more to read. `rows` change at the end."""
        work = self._work = self._work or self._reading()
        until = time.monotonic() + seconds
        for _ in work:
            if time.monotonic() >= until:
                return True
        self._work = None
        return False

    def forget(self) -> None:
        """Look at the folder again at once."""
        self._looked = self._stamp = 0.0
        self._work = None

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
        self._root, self._stamp, self._looked = root, stamp, time.monotonic()

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


listing = Listing()
"""The sessions of the open file's folder."""


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
    return live.current is not None and live.current.shot.session.path.stem == path.stem


# What can be done with one of them


def set_state(path: Path, state: SessionState) -> None:
    """Discard the session, or bring it back. Raises LeaseHeld and what reading and writing one raises."""
    with load_session(path) as manager:
        manager.set_state(state)
    _changed()


def what_goes(row: Row) -> str:
    """What is lost if the session is deleted, in words."""
    all_of_it = "It cannot be read, but may hold something. All that" if row.error else "All that"
    words = f"{all_of_it} “{row.name}” has recorded is deleted. This cannot be undone."
    try:
        need = batch_of(row.path)
    except TrackingSessionError as error:
        return f"{words} Whether a batch needs it is not known: {error_words(error)}."
    return words if need is None else f"{words} Batch {need.batch}, which is not finished, needs it."


def delete(path: Path) -> None:
    """Delete the session for good, also one that cannot be read.

    Raises LeaseHeld if anybody works on it, and StorageFailed.
    """
    delete_files(path)
    _changed()


def _changed() -> None:
    overview.forget()
    listing.forget()


def clip_of(manager: TrackingSessionManager) -> MovieClip | None:
    """The clip in the open file that the session belongs to."""
    said = manager.session
    clips = bpy.data.movieclips
    for clip in clips:
        mark = marked_position(clip)
        if mark is not None and mark[0] == said.id:
            return clip
    blend = blend_of(manager)
    if blend is not None and is_open(blend):
        clip = clips.get((said.clip, None))  # none that is linked
        return clip if clip is not None and marked_position(clip) is None else None
    return None


def blend_of(manager: TrackingSessionManager) -> Path | None:
    """The .blend that the session belongs to, if it is there."""
    said = manager.session
    path = resolve(manager.path, said.blend) if said.blend else None
    return path if path is not None and path.suffix.lower() == ".blend" and path.is_file() else None


def is_open(blend: Path) -> bool:
    """Whether this is the open file."""
    try:
        return bool(bpy.data.filepath) and os.path.samefile(blend, bpy.data.filepath)
    except OSError:
        return False


def clip_for(manager: TrackingSessionManager) -> MovieClip:
    """A clip of the session's footage that belongs to the session and has nothing of it yet: all can be restored.

    That is one of the open file which belongs to no session, or a new one. Raises FootageUnusable, ShotUnusable.
    """
    said = manager.session.footage
    if not said.path:
        raise ShotUnusable(f"“{manager.session.name}” does not say what its footage is: open the clip yourself")
    footage = find_footage(resolve(manager.path, said.path))
    clip = _free_clip(footage)
    if clip is None:
        clip = open_footage(footage)
        clip.frame_start = timeline_start(said.start, clip.frame_duration)
    mark_position(clip, manager.session.id, Position(0, 0))
    _changed()
    return clip


def _free_clip(footage: Footage) -> MovieClip | None:
    for clip in bpy.data.movieclips:
        try:
            if not library_of(clip) and footage_of(clip).first == footage.first and overview.find_session(clip) is None:
                return clip
        except TrackingSessionError:
            continue
    return None


# What was done in the session of a clip


class Past(NamedTuple):
    """The passes, oldest first, and which tracks were lost where."""

    passes: list[PassSummary]
    lost: Losses
    is_running: bool = False


_pasts: dict[str, tuple[overview.Overview, Past]] = {}
_NONE = Past([], Losses())


def past(clip: MovieClip) -> Past:
    """What was done in the clip's session; read again only when files have changed."""
    running = live.current
    if running is not None and running.clip_name == clip.name:
        session = running.shot.session
        return Past(session.passes, session.lost, is_running=True)
    seen = overview.overview(clip)
    known = _pasts.get(clip.name)
    if known is not None and known[0] is seen:
        return known[1]
    found = _NONE
    if seen.name:
        try:
            manager = overview.find_session(clip)
            if manager is not None:
                manager.name_lost()
        except TrackingSessionError:
            manager = None  # the Session panel says why
        if manager is not None:
            found = Past(manager.passes, manager.lost)
    _pasts[clip.name] = (seen, found)
    return found


def forget() -> None:
    """Keep nothing of what was read."""
    global listing
    listing = Listing()
    _pasts.clear()
