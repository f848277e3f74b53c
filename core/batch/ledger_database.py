# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite file of a ledger: opens, checks and upgrades it, and translates SQLite's errors.

On a local disk it keeps a write-ahead log, so that others can read while one process writes; elsewhere a rollback
journal. The process that makes the file decides that once.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LedgerBusy, LedgerUnreadable, StorageFailed
from ..storage.database import connect, contents, create
from ..storage.files import make_folder, sync_folder
from .ledger_rows import OLD_SPEC, spec_of_columns

SCHEMA = 4
APPLICATION = 0x54534C42  # “TSLB” in the head of the file
BUSY_TIME = 15.0
"""Seconds to wait for another writer. Each holds the ledger for milliseconds; a slow network disk for longer."""

_PAGE = 512  # bytes of the smallest part of a database
_VALUE_LIMIT = 1 << 20  # bytes of a text, and of a row
_LOCAL = re.compile(r"(ext[234]|xfs|btrfs|zfs|f2fs|bcachefs|jfs|reiserfs|tmpfs|overlay|vfat|exfat|ntfs3)\Z")
"""File systems of Linux that no other machine has open."""

_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_TOOBIG,  # values beyond the limit
    sqlite3.SQLITE_CONSTRAINT,  # every write keeps to the constraints, so the file breaks them
)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_REFUSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)

_TABLES = (
    """CREATE TABLE batches (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'failed', 'paused')),
    config TEXT NOT NULL,
    root TEXT NOT NULL,
    created TEXT NOT NULL,
    modified TEXT NOT NULL
)""",
    """CREATE TABLE shots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped', 'lost', 'no_camera')),
    session TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    started TEXT NOT NULL DEFAULT '',
    ended TEXT NOT NULL DEFAULT '',
    UNIQUE (batch, number)
)""",
    "CREATE INDEX shots_by_status ON shots (status, batch, number)",
)
_TABLES_3 = tuple(
    sql.replace(", 'no_camera'))", "))").replace("    verdict TEXT NOT NULL DEFAULT '',\n", "") for sql in _TABLES
)
_OLD_TABLES = tuple(
    sql.replace(
        "    spec TEXT NOT NULL,\n",
        """    footage TEXT NOT NULL,
    name TEXT NOT NULL,
    clip TEXT NOT NULL,
    first INTEGER,
    last INTEGER,
    direction TEXT NOT NULL CHECK (direction IN ('forward', 'backward', 'both')),
    detect INTEGER NOT NULL CHECK (detect IN (0, 1)),
    tracks TEXT NOT NULL,
    settings TEXT NOT NULL,
""",
    )
    for sql in _TABLES_3
)
_SCHEMAS = {
    1: tuple(sql.replace(", 'lost'))", "))") for sql in _OLD_TABLES),  # without the status “lost”
    2: _OLD_TABLES,  # a column for each option of a shot
    3: _TABLES_3,  # without cameras
    SCHEMA: _TABLES,
}


def open_ledger(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open the ledger at `path`, and make it if it is missing; with `readonly` a missing ledger is an empty one.

    Raises LedgerUnreadable, LedgerBusy and StorageFailed.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        if readonly:
            return _empty()
        make_folder(path.parent)
    except OSError as error:
        raise LedgerUnreadable(path, f"it cannot be read ({error.strerror})", "ask for the right to read it") from error
    else:
        if not stat.S_ISREG(found.st_mode):
            raise LedgerUnreadable(path, "it is no file")
        if 0 < found.st_size < _PAGE:  # SQLite would take it for an empty one
            raise LedgerUnreadable(path, "it is no ledger at all")
    with translated(path):
        return _open_for_reading(path) if readonly else _open_for_writing(path)


def _open_for_writing(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "mode=rwc")
    try:
        if contents(connection).is_empty:
            if is_local(path.parent):
                _use_log(connection)
            create(connection, APPLICATION, SCHEMA, _TABLES)
            sync_folder(path.parent)
        if _check_schema(path, connection) != SCHEMA:
            connection.execute("BEGIN IMMEDIATE")
            schema = _check_schema(path, connection)
            if schema != SCHEMA:  # no other process was quicker
                _upgrade(path, connection, schema)
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch an empty database to WAL, which needs memory that all its processes share: a local disk."""
    until = time.monotonic() + BUSY_TIME
    while contents(connection).is_empty:
        try:
            connection.execute("PRAGMA journal_mode = wal").fetchone()
            return
        except sqlite3.OperationalError as error:  # another process makes the ledger: SQLite does not wait here
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.02)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    try:
        connection = _connect(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # in WAL mode SQLite makes files in order to read; a folder that nobody can write has no other writers
        has_log = False
        with suppress(OSError):
            has_log = os.path.getsize(f"{path}-wal") > 0
        if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or has_log:
            raise
        connection = _connect(path, "mode=ro&immutable=1")
    try:
        if contents(connection).is_empty:  # the process that made it was killed before its first write
            connection.close()
            connection = _empty()
        _check_schema(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = connect(path, mode=mode, timeout=BUSY_TIME, limit=_VALUE_LIMIT)
    connection.create_function("spec_of", 9, spec_of_columns, deterministic=True)
    connection.execute("PRAGMA foreign_keys = ON")
    # EXTRA syncs each commit, and with a rollback journal also the removal of that journal
    connection.execute("PRAGMA synchronous = EXTRA")
    return connection


def _empty() -> sqlite3.Connection:
    """A ledger in memory, in place of a missing file."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    create(connection, APPLICATION, SCHEMA, _TABLES)
    return connection


def _upgrade(path: Path, connection: sqlite3.Connection, schema: int) -> None:
    """Bring a ledger of this older schema to today's, in a transaction. Raises LedgerUnreadable for a damaged one."""
    for (wrong,) in connection.execute("PRAGMA integrity_check"):
        if wrong != "ok":
            raise LedgerUnreadable(path, f"it is damaged ({str(wrong)[:200]})")
    shots, index = _TABLES[1:]
    spec = OLD_SPEC.format("") if schema < 3 else "spec"
    others = "status, session, error, attempts, crashes, started, ended"
    for statement in (
        "DROP INDEX shots_by_status",
        "ALTER TABLE shots RENAME TO shots_1",
        shots,
        # no id is given twice: a supervisor may still know a shot by its id
        "INSERT INTO sqlite_sequence SELECT 'shots', ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'shots_1'",
        f"INSERT INTO shots (id, batch, number, spec, {others})"
        f" SELECT id, batch, number, {spec}, {others} FROM shots_1",
        "DROP TABLE shots_1",
        index,
        f"PRAGMA user_version = {SCHEMA}",
    ):
        connection.execute(statement)


def _check_schema(path: Path, connection: sqlite3.Connection) -> int:
    """The schema of the ledger, today's or an older one. Raises LedgerUnreadable for any other database."""
    application, schema, found = contents(connection)
    if application != APPLICATION:
        raise LedgerUnreadable(path, "it is a database of another program")
    if schema > SCHEMA:
        raise LedgerUnreadable(path, f"a newer version wrote it (schema {schema})", "update the extension")
    if schema not in _SCHEMAS or found != sorted(_SCHEMAS[schema]):
        raise LedgerUnreadable(path, "its tables are not those of a ledger")
    return schema


def is_local(folder: Path, mounts: str | None = None) -> bool:
    """Whether the folder lies on a disk of this machine. `mounts`: the content of /proc/self/mounts."""
    real = os.path.realpath(folder)
    if mounts is None:
        try:
            with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
                mounts = file.read()
        except OSError:  # not Linux: a share of Windows, also behind a drive, or a volume of macOS may be anywhere
            return not real.startswith(("\\\\", "/Volumes/", "/net/"))
    best, kind = -1, ""
    for fields in (line.split(" ") for line in mounts.splitlines()):
        if len(fields) < 3:
            continue
        at = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
        if len(at) >= best and (real == at or real.startswith(at.rstrip("/") + "/")):
            best, kind = len(at), fields[2]
    return _LOCAL.match(kind) is not None


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Translate errors of SQLite and the system to LedgerUnreadable, LedgerBusy or StorageFailed."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _code(error)
        if code in _BUSY:
            raise LedgerBusy(path) from error
        if code in _DAMAGED or "user-defined function" in str(error):  # `spec_of`, given no text
            raise LedgerUnreadable(path, f"it is damaged, or no ledger at all ({error})") from error
        cause = _cause(code, path.parent)
        if cause is None:
            raise
        raise StorageFailed(path, OSError(cause, os.strerror(cause))) from error
    except UnicodeDecodeError as error:  # Python's, when SQLite names a damaged part of the file
        raise LedgerUnreadable(path, "it is damaged") from error
    except OSError as error:
        raise StorageFailed(path, error) from error


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary error code; 0 for errors of Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _cause(code: int, folder: Path) -> int | None:
    """The system's error number for the failure of SQLite to use a file in `folder`; None for any other failure."""
    if code in _REFUSED:
        if not os.path.isdir(folder):
            return errno.ENOENT
        is_readonly = os.name == "posix" and os.statvfs(folder).f_flag & os.ST_RDONLY
        return errno.EROFS if is_readonly else errno.EACCES
    if code == sqlite3.SQLITE_FULL:
        return errno.ENOSPC
    if code != sqlite3.SQLITE_IOERR:
        return None
    try:  # without room for the memory that processes share, SQLite reports an I/O error
        return errno.ENOSPC if shutil.disk_usage(folder).free < 1 << 16 else errno.EIO
    except OSError:
        return errno.EIO
