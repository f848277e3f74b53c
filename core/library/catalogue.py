# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked most about the sessions of a folder, without reading all of them each time.

`index.db` in the session folder keeps it. That is a cache and nothing else: where it is missing, damaged, locked, on a
read-only disk or from another version, sessions are read instead. What it says of one counts only as long as the
session's file, its folder and the newest file of its journal are those that it was read from.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import JournalDamaged, SessionUnreadable
from ..journal.lost_passes import lost_fields, lost_passes
from ..model import SessionState, SessionStatus, TrackingSession
from ..recording.manager import TrackingSessionManager
from ..recording.session_file import checked_session, resolve
from ..storage.files import SUFFIXES, read_document
from ..storage.folder import numbered
from ..storage.lease import live_owner, read_owner

INDEX_NAME = "index.db"
APPLICATION_ID = 0x5453494E  # tells the file from any other database
VERSION = 2  # to be raised when the fields of Entry change, or what they mean
SETTLED = 2.0  # seconds after which a change would have another time in every file system
MANY = 500  # sessions to be read that are worth a word
_SAVE_EVERY = 1.0  # seconds of reading that a killed process may lose
_SAID_LIMIT = 1 << 16  # characters; a name may have any length
_PATIENCE = 2.0  # seconds to wait for another process that saves
_TABLE = (
    "CREATE TABLE session (file TEXT PRIMARY KEY, stamp TEXT, journal INTEGER, said TEXT, checksum INTEGER)"
    " WITHOUT ROWID"
)


@dataclass(frozen=True)
class Entry:
    """What a session said when it was last read. Who owns it is looked up when asked for."""

    file: str
    name: str
    state: str
    status: str
    created: str
    modified: str
    footage: str  # as in the session file; `footage_path` is where that is
    fingerprint: str
    blend: str
    clip: str
    total_frames: int
    tracked_frames: int
    remaining_frames: int
    percent_complete: float
    lost_at: int  # the clip frame on which all tracks were lost, for which nothing has made up; 0 if there is none
    shown_lost_at: int  # the number that people see there
    size: int  # bytes of the session file and of the folder beside it
    is_free: bool  # whether its last owner gave it up, and nobody had it since

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
        """Who has the session now, in words; empty if nobody has. Raises SessionUnreadable."""
        if self.is_free:
            return ""
        folder = self.path.with_suffix("")
        try:
            return str(live_owner(folder) or "")
        except OSError as error:
            raise SessionUnreadable(folder, error.strerror or str(error)) from error

    @property
    def is_working(self) -> bool:
        """Whether somebody is at work in it, or was when it was interrupted."""
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
    known: Entry | None = None  # what its file says, where only the journal is damaged


def sessions_folder(base_path: str | os.PathLike[str] | None) -> Path:
    """The folder of the session files under `base_path`, which is `tracking_sessions` here if None."""
    return Path("tracking_sessions" if base_path is None else base_path) / "sessions"


def session_names(folder: Path) -> list[str]:
    """The names of the session files in `folder`, which sort by age. Raises SessionUnreadable."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SessionUnreadable(folder, error.strerror or str(error)) from error
    return [name for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]


def bytes_of(path: Path) -> int:
    """The size of a session file and of what is in the folder beside it. Raises OSError."""
    beside = path.with_suffix("")
    inside = os.scandir(beside) if beside.is_dir() and not beside.is_symlink() else ()
    return os.stat(path).st_size + sum(one.stat(follow_symlinks=False).st_size for one in inside)


def catalogue(
    base_path: str | os.PathLike[str] | None, warn: Callable[[str], None] | None = None
) -> list[Entry | Unreadable]:
    """The sessions under `base_path`, newest first. `warn` is told when it will take a while.

    Raises SessionUnreadable if the folder cannot be read.
    """
    folder = sessions_folder(base_path)
    names = session_names(folder)
    if not names:
        return []
    names.reverse()
    with _Index(folder.parent / INDEX_NAME) as index:
        rows = index.rows(2 * len(names) + MANY)
        head = os.path.join(folder, "")
        kept = {name: entry for name in names if name in rows and (entry := _kept(head + name, rows[name]))}
        missing = len(names) - len(kept)
        if missing >= MANY and warn is not None:
            warn(f"Reading {missing:,} sessions, which takes a while; the next time only those that have changed.")
        index.drop(rows.keys() - set(names))
        found: list[Entry | Unreadable] = []
        for name in names:
            one = kept.get(name) or _read(folder, name, index)
            if one is not None:
                found.append(one)
    return found


class _Row(NamedTuple):
    stamp: str  # of the files that the entry was read from
    journal: int  # the number of the newest journal file, 0 if there was none
    said: str  # the fields of the entry but its file, as a JSON list

    def checksum(self, name: str) -> int:
        """So that a damaged page of the database is noticed, of which SQLite itself need not know."""
        return zlib.crc32(f"{name}\0{self.stamp}\0{self.journal}\0{self.said}".encode("utf-8", "replace"))


def _kept(file: str, row: _Row) -> Entry | None:
    """What the index has of a session, if it is still so."""
    if _look(file, row.journal)[0] != row.stamp:
        return None
    try:
        said = json.loads(row.said)
        if [type(value) for value in said] != _TYPES:
            return None
        entry = Entry(file, *said)
    except (ValueError, TypeError, RecursionError):
        return None
    return entry if entry.state in _STATES and entry.status in _STATUSES else None


_STATES, _STATUSES = frozenset(SessionState), frozenset(SessionStatus)
_TYPES = [{"str": str, "int": int, "float": float, "bool": bool}[str(one.type)] for one in fields(Entry)][1:]


def _look(file: str, journal: int) -> tuple[str, float]:
    """The stamp of a session's files, and when the last of them changed, in seconds since 1970."""
    beside = file[: file.rindex(".")]
    stamp: list[str] = []
    latest = 0
    for path in (file, beside, f"{beside}{os.sep}journal.{journal}" if journal else ""):
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            stamp.append("-")
            continue
        # st_ctime, unlike st_mtime, is nobody's to set; on Windows it is when the file was made
        changed = status.st_ctime_ns if os.name == "posix" else status.st_mtime_ns
        latest = max(latest, changed)
        stamp.append(f"{changed}.{status.st_size}.{status.st_ino}")
    return " ".join(stamp), latest / 1e9


def _read(folder: Path, name: str, index: _Index) -> Entry | Unreadable | None:
    """Read a session, and have the index keep it; None if it is gone."""
    path = folder / name
    beside = path.with_suffix("")
    try:
        journal = max(numbered(beside, "journal"), default=0)
        stamp, changed = _look(os.fspath(path), journal)  # before it is read: what changes meanwhile is then noticed
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
        return Unreadable(path, error, _said_by_file(path))
    lost = lost_fields(lost_passes(manager.passes, manager.session.tracked_frames), manager.counting)
    entry = _entry(path, manager.session, manager.progress | lost, size, is_free=is_free)
    said = json.dumps([getattr(entry, one.name) for one in fields(Entry)][1:])
    if time.time() - changed > SETTLED and len(said) < _SAID_LIMIT:
        index.keep(name, _Row(stamp, journal, said))
    return entry


def _said_by_file(path: Path) -> Entry | None:
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


class _Index:
    """The database, or none: nothing here fails, and what cannot be kept is not kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._database = self._connected()
        self._new: list[tuple[Any, ...]] = []
        self._gone: list[tuple[str]] = []
        self._saved = time.monotonic()

    def __enter__(self) -> _Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._save()
        self._close()

    def rows(self, limit: int) -> dict[str, _Row]:
        """What is kept, by file name."""
        if self._database is None:
            return {}
        found: dict[str, _Row] = {}
        query = "SELECT file, stamp, journal, said, checksum FROM session LIMIT ?"
        try:
            for name, stamp, journal, said, checksum in self._database.execute(query, (limit,)):
                row = _Row(stamp, journal, said)
                if isinstance(journal, int) and row.checksum(name) == checksum:
                    found[name] = row
        except sqlite3.OperationalError:
            self._close()
        except sqlite3.DatabaseError:
            self._remove()
            self._database = self._connected()
            return {}
        return found

    def keep(self, name: str, row: _Row) -> None:
        self._new.append((name, *row, row.checksum(name)))
        if time.monotonic() - self._saved >= _SAVE_EVERY:
            self._save()

    def drop(self, names: set[str]) -> None:
        self._gone += [(name,) for name in names]

    def _save(self) -> None:
        if self._database is not None and (self._new or self._gone):
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("DELETE FROM session WHERE file = ?", self._gone)
                self._database.executemany("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)", self._new)
                self._database.execute("COMMIT")
            except sqlite3.OperationalError:  # locked for long, or the disk is full or read-only
                self._close()
            except sqlite3.DatabaseError:
                self._remove()
        self._new.clear()
        self._gone.clear()
        self._saved = time.monotonic()

    def _connected(self) -> sqlite3.Connection | None:
        for _ in range(2):
            if os.path.islink(self._path):
                return None  # whoever sent this folder does not choose what is written to
            try:
                self._database = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
                if _prepared(self._database):
                    return self._database
                self._close()
                return None
            except sqlite3.OperationalError:
                self._close()
                return None
            except sqlite3.DatabaseError:
                self._remove()
        return None

    def _remove(self) -> None:
        """Begin anew: a damaged cache is worth nothing."""
        self._close()
        for path in (self._path, f"{self._path}-journal"):
            try:
                os.unlink(path)
            except OSError:
                pass  # there is none, or nothing can be written here

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _prepared(database: sqlite3.Connection) -> bool:
    """Whether the database has our table; it is made in an empty one. Raises sqlite3.Error.

    Another one of ours is taken for damaged, unless a newer version made it; any other is left alone.
    """
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 16 * _SAID_LIMIT)
    database.text_factory = _text
    database.execute("PRAGMA trusted_schema = OFF")
    known = (APPLICATION_ID, VERSION, [(_TABLE,)])
    found = _contents(database)
    if found == (0, 0, []):
        database.execute("BEGIN IMMEDIATE")
        if _contents(database) == (0, 0, []):
            database.execute(_TABLE)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
        found = _contents(database)
    if found[0] == APPLICATION_ID and found[1] <= VERSION and found != known:
        raise sqlite3.DatabaseError("it has other tables")
    return found == known


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _contents(database: sqlite3.Connection) -> tuple[int, int, list[tuple[str]]]:
    """Application, version, and all that makes up the schema."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return application, version, database.execute("SELECT sql FROM sqlite_master LIMIT 10").fetchall()
