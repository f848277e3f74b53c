# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of the catalogue's entries, a database that may be deleted at any time."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from ..storage.database import Contents, connect, contents, create

APPLICATION_ID = 0x5453494E  # identifies the database as ours
VERSION = 2  # raise it when the fields of Entry or their meaning change
_SAVE_EVERY = 1.0  # seconds of work that a killed process may lose
TEXT_LIMIT = 1 << 16  # characters of an entry; a name may have any length
_PATIENCE = 2.0  # seconds to wait for another process that saves
_TABLE = (
    "CREATE TABLE session (file TEXT PRIMARY KEY, stamp TEXT, journal INTEGER, said TEXT, checksum INTEGER)"
    " WITHOUT ROWID"
)


class IndexRow(NamedTuple):
    stamp: str  # of the files of the entry
    journal: int  # the number of the newest journal file, 0 if there was none
    values: str  # of the entry without its file, as a JSON list; the column `said`

    def checksum(self, name: str) -> int:
        """Detects damaged pages of the database that SQLite does not notice."""
        return zlib.crc32(f"{name}\0{self.stamp}\0{self.journal}\0{self.values}".encode("utf-8", "replace"))


class Index:
    """The database, or none after an error; no method raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._database = self._connected()
        self._new: list[tuple[Any, ...]] = []
        self._gone: list[tuple[str]] = []
        self._saved = time.monotonic()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._save()
        self._close()

    def rows(self, limit: int) -> dict[str, IndexRow]:
        """The valid rows by file name."""
        if self._database is None:
            return {}
        found: dict[str, IndexRow] = {}
        query = "SELECT file, stamp, journal, said, checksum FROM session LIMIT ?"
        try:
            for name, stamp, journal, values, checksum in self._database.execute(query, (limit,)):
                row = IndexRow(stamp, journal, values)
                if isinstance(journal, int) and row.checksum(name) == checksum:
                    found[name] = row
        except sqlite3.OperationalError:
            self._close()
        except sqlite3.DatabaseError:
            self._remove()
            self._database = self._connected()
            return {}
        return found

    def keep(self, name: str, row: IndexRow) -> None:
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
                return None  # the sender of a folder must not choose the file that is written
            try:
                self._database = connect(self._path, timeout=_PATIENCE, limit=16 * TEXT_LIMIT)
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
        """Delete the damaged database."""
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
    """Whether the database has our table, which is created in an empty one. Raises sqlite3.Error.

    A database of this extension with other tables counts as damaged, unless a newer version made it.
    """
    known = Contents(APPLICATION_ID, VERSION, [_TABLE])
    if contents(database) == (0, 0, []):
        create(database, *known)
    found = contents(database)
    if found.application == APPLICATION_ID and found.version <= VERSION and found != known:
        raise sqlite3.DatabaseError("it has other tables")
    return found == known
