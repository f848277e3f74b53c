# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the sessions of a folder without reading all of them each time.

`index.db` in the session folder caches the entries. If it is missing, damaged, locked, on a read-only disk or from
another version, the sessions are read instead. An entry is valid until the session file, its folder or the newest
journal file changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import JournalDamaged, SessionUnreadable
from ..journal.lost_passes import lost_fields, lost_passes
from ..model.types import SessionState, SessionStatus, TrackingSession
from ..model.wording import moment
from ..recording.manager import TrackingSessionManager
from ..recording.session_file import checked_session
from ..storage.files import read_document
from ..storage.folder import SessionFolder, bytes_of, numbered, resolve
from ..storage.lease import live_owner, read_owner
from .index import TEXT_LIMIT, Index, IndexRow

SETTLED = 2.0  # seconds after which every file system gives a new change another time
MANY = 500  # sessions to read from which on the user gets a message


@dataclass(frozen=True)
class Entry:
    """A session as last read; `owner` alone is current."""

    file: str
    name: str
    state: str
    status: str
    created: str
    modified: str
    footage: str  # the path as in the session file
    fingerprint: str
    blend: str
    clip: str
    total_frames: int
    tracked_frames: int
    remaining_frames: int
    percent_complete: float
    lost_at: int  # the clip frame on which all tracks were lost, see `lost_fields`; 0 if there is none
    shown_lost_at: int  # its displayed number
    size: int  # bytes of the session file and of the folder beside it
    is_free: bool  # whether its last owner released it

    @property
    def path(self) -> Path:
        return Path(self.file)

    @property
    def id(self) -> str:
        return os.path.splitext(os.path.basename(self.file))[0]

    @property
    def footage_path(self) -> Path:
        return resolve(self.path, self.footage)

    @property
    def owner(self) -> str:
        """The live owner in words; empty if there is none. Raises SessionUnreadable."""
        if self.is_free:
            return ""
        folder = self.path.with_suffix("")
        try:
            return str(live_owner(folder) or "")
        except OSError as error:
            raise SessionUnreadable(folder, error.strerror or str(error)) from error

    @property
    def is_working(self) -> bool:
        """Whether the session is active and tracking or solving, with or without a live owner."""
        return self.state == SessionState.ACTIVE and self.status in (SessionStatus.TRACKING, SessionStatus.SOLVING)

    @property
    def progress(self) -> dict[str, Any]:
        """As `TrackingSessionManager.progress`."""
        return {
            "total_frames": self.total_frames,
            "tracked_frames": self.tracked_frames,
            "remaining_frames": self.remaining_frames,
            "percent_complete": self.percent_complete,
            "status": self.status,
        }


@dataclass(frozen=True)
class Unreadable:
    """A session whose file or journal cannot be read."""

    path: Path
    error: SessionUnreadable | JournalDamaged
    known: Entry | None = None  # from its file, if only the journal is damaged


def catalogue(
    base_path: str | os.PathLike[str] | None, warn: Callable[[str], None] | None = None
) -> list[Entry | Unreadable]:
    """The sessions under `base_path`, newest first. `warn` gets a message before a long read.

    Raises SessionUnreadable if the folder cannot be read.
    """
    root = SessionFolder(base_path)
    names = root.session_names()
    if not names:
        return []
    names.reverse()
    folder = root.sessions
    with Index(root.index) as index:
        rows = index.rows(2 * len(names) + MANY)
        head = os.path.join(folder, "")
        kept = {name: entry for name in names if name in rows and (entry := _kept(head + name, rows[name]))}
        missing = len(names) - len(kept)
        if missing >= MANY and warn is not None:
            warn(f"Reading {missing:,} sessions, which takes a while. Next time only changed sessions are read.")
        index.drop(rows.keys() - set(names))
        found: list[Entry | Unreadable] = []
        for name in names:
            entry = kept.get(name) or _read(folder, name, index)
            if entry is not None:
                found.append(entry)
    return found


def _kept(file: str, row: IndexRow) -> Entry | None:
    """The entry in the index, if it is still valid."""
    if _stamp(file, row.journal)[0] != row.stamp:
        return None
    try:
        values = json.loads(row.values)
        if [type(value) for value in values] != _TYPES:
            return None
        entry = Entry(file, *values)
    except (ValueError, TypeError, RecursionError):
        return None
    return entry if entry.state in _STATES and entry.status in _STATUSES else None


_STATES, _STATUSES = frozenset(SessionState), frozenset(SessionStatus)
_TYPES = [{"str": str, "int": int, "float": float, "bool": bool}[str(column.type)] for column in fields(Entry)][1:]


def _stamp(file: str, journal: int) -> tuple[str, float]:
    """The stamp of a session's files, and the time of the last change in seconds since 1970."""
    beside = file[: file.rindex(".")]
    stamp: list[str] = []
    latest = 0
    for path in (file, beside, f"{beside}{os.sep}journal.{journal}" if journal else ""):
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            stamp.append("-")
            continue
        # st_ctime, unlike st_mtime, cannot be set; on Windows it is the time of creation
        changed = status.st_ctime_ns if os.name == "posix" else status.st_mtime_ns
        latest = max(latest, changed)
        stamp.append(f"{changed}.{status.st_size}.{status.st_ino}")
    return " ".join(stamp), latest / 1e9


def _read(folder: Path, name: str, index: Index) -> Entry | Unreadable | None:
    """Read a session and store its entry in the index; None if it is gone."""
    path = folder / name
    beside = path.with_suffix("")
    try:
        journal = max(numbered(beside, "journal"), default=0)
        stamp, changed = _stamp(os.fspath(path), journal)  # before the read, so that later changes are noticed
        leases = numbered(beside, "lease")
        owner = read_owner(beside, leases[-1]) if leases else None
        is_free = not leases or (owner is not None and owner.released)
        size = bytes_of(path)
    except OSError as error:
        if not os.path.lexists(path):
            return None
        return Unreadable(path, SessionUnreadable(path, error.strerror or str(error)))
    try:
        manager = TrackingSessionManager(path)
    except SessionUnreadable as error:
        return Unreadable(path, error) if os.path.lexists(path) else None
    except JournalDamaged as error:
        return Unreadable(path, error, _entry_of_file(path))
    lost = lost_fields(lost_passes(manager.passes, manager.session.tracked_frames), manager.counting)
    entry = _entry(path, manager.session, manager.progress | lost, size, is_free=is_free)
    values = json.dumps([getattr(entry, column.name) for column in fields(Entry)][1:])
    if time.time() - changed > SETTLED and len(values) < TEXT_LIMIT:
        index.keep(name, IndexRow(stamp, journal, values))
    return entry


def _entry_of_file(path: Path) -> Entry | None:
    try:
        session = checked_session(path, read_document(path))
    except SessionUnreadable:
        return None
    total, tracked = session.total_frames, len(session.tracked_frames)
    progress = {"total_frames": total, "tracked_frames": tracked, "remaining_frames": 0, "percent_complete": 0.0}
    return _entry(path, session, progress, 0, is_free=False)


def _entry(path: Path, session: TrackingSession, progress: dict[str, Any], size: int, *, is_free: bool) -> Entry:
    return Entry(
        file=os.fspath(path),
        name=session.name,
        state=session.state.value,
        status=session.status.value,
        created=session.created,
        modified=session.modified,
        footage=session.footage.path,
        fingerprint=session.footage.fingerprint,
        blend=session.blend,
        clip=session.clip,
        total_frames=progress["total_frames"],
        tracked_frames=progress["tracked_frames"],
        remaining_frames=progress["remaining_frames"],
        percent_complete=progress["percent_complete"],
        lost_at=progress.get("lost_at") or 0,
        shown_lost_at=progress.get("shown_lost_at") or 0,
        size=size,
        is_free=is_free,
    )


# The file


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def session_files(base_path: str | os.PathLike[str] | None = None) -> list[Path]:
    """The session files under `base_path`, by name, which is by age."""
    return SessionFolder(base_path).session_files()


def list_sessions(base_path: str | os.PathLike[str] | None = None) -> list[Path]:
    """The files of the readable sessions under `base_path`, the newest first.

    Raises SessionUnreadable if the folder cannot be read.
    """
    entries = [entry for entry in catalogue(base_path) if not isinstance(entry, Unreadable)]
    entries.sort(key=lambda entry: (moment(entry.created) or _LONG_AGO, entry.file), reverse=True)
    return [entry.path for entry in entries]
