# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite files that may come from anybody, or from a machine that lost its power.

The head of a file names its program, and its schema must be, word for word, the expected one: so no foreign trigger or
view ever runs. All functions raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple


class Contents(NamedTuple):
    """The kind of a database; an empty one has neither application nor version."""

    application: int
    version: int
    schema: list[str]  # sorted

    @property
    def is_empty(self) -> bool:
        return not self.schema


_STATEMENTS = 10  # of a schema that are read: ours have fewer


def connect(path: Path, *, mode: str = "mode=rwc", timeout: float, limit: int) -> sqlite3.Connection:
    """Open the database without a transaction. `limit`: bytes of a value; `timeout`: seconds to wait for a writer."""
    address = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(address, uri=True, timeout=timeout, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        contents(connection)  # the first read of the file
    except BaseException:
        connection.close()
        raise
    return connection


def contents(connection: sqlite3.Connection) -> Contents:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    query = "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' LIMIT ?"
    return Contents(application, version, sorted(str(sql) for (sql,) in connection.execute(query, (_STATEMENTS,))))


def create(connection: sqlite3.Connection, application: int, version: int, schema: Sequence[str]) -> None:
    """Make the tables of an empty database, unless another process has made them."""
    connection.execute("BEGIN IMMEDIATE")
    if contents(connection).is_empty:
        for statement in schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")
