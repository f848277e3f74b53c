# SPDX-License-Identifier: GPL-3.0-or-later
"""A damaged, foreign or unwritable index of a session folder is rebuilt or ignored."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core.library import index as index_module
from tracking_sessions.core.library.catalogue import catalogue, session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.library.listing import grow_journal_alone, index, make_sessions, reads
from tracking_sessions.tests.core.shots import start_child


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(9000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, 3000)


def header_only(path: Path) -> None:
    os.truncate(path, 100)


def older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE session")
        database.execute("CREATE TABLE session (id TEXT, name TEXT)")
        database.execute("PRAGMA user_version = 0")
        database.commit()


def view(path: Path) -> None:
    """A hostile view in place of the table, with endless rows."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i, i, i, i FROM n"
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE session")
        database.execute(f"CREATE VIEW session (file, stamp, journal, said, checksum) AS {endless}")
        database.commit()


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [garbage, empty, cut, header_only, older, view, gone])
def test_a_damaged_index_is_rebuilt(root: Path, damage: Callable[[Path], None]) -> None:
    reads(root)
    damage(SessionFolder(root).index)
    assert [reads(root), reads(root)] == [6, 0]


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE session (id TEXT)")
        database.commit()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE session ADD COLUMN more TEXT")
        database.execute(f"PRAGMA user_version = {index_module.VERSION + 1}")
        database.commit()


@pytest.mark.parametrize("other", [foreign, newer])
def test_an_index_of_others_is_left_as_it_is(root: Path, other: Callable[[Path], None]) -> None:
    reads(root)
    other(SessionFolder(root).index)
    content = SessionFolder(root).index.read_bytes()
    assert [reads(root), reads(root)] == [6, 6]
    assert SessionFolder(root).index.read_bytes() == content


def test_without_an_index_sessions_are_read(root: Path) -> None:
    SessionFolder(root).index.mkdir()
    assert [reads(root), reads(root)] == [6, 6]
    SessionFolder(root).index.rmdir()
    elsewhere = root.parent / "elsewhere.db"
    SessionFolder(root).index.symlink_to(elsewhere)
    assert [reads(root), reads(root)] == [6, 6]
    assert not elsewhere.exists()


@pytest.mark.slow
def test_a_flipped_byte_never_changes_an_entry(root: Path) -> None:
    reads(root)
    whole = SessionFolder(root).index.read_bytes()
    used = [at for at, byte in enumerate(whole) if byte]
    for at in (*used[:100], *used[100::41]):
        SessionFolder(root).index.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        reads(root)
        for path in root.glob("index.db-*"):
            path.unlink()


@pytest.mark.parametrize(
    "values",
    [
        "[]",
        "{}",
        "null",
        "5",
        "[" * 5000,
        '["x", "neither", "nor", "", "", "", "", "", "", 1, 1, 1, 1.0, 1, true]',
        "\0",
    ],
)
def test_the_session_of_an_invalid_row_is_read_again(root: Path, values: str) -> None:
    reads(root)
    with closing(index(root)) as database:
        rows = database.execute("SELECT file, stamp, journal FROM session").fetchall()
        for name, stamp, journal in rows:
            row = index_module.IndexRow(stamp, journal, values)
            parameters = (values, row.checksum(name), name)
            database.execute("UPDATE session SET said = ?, checksum = ? WHERE file = ?", parameters)
        database.execute("UPDATE session SET journal = 'x', stamp = NULL, checksum = x'00' WHERE file = ?", rows[0][:1])
        database.execute("INSERT INTO session VALUES ('../../x.yaml', '- - -', 0, '[]', 0)")
        database.commit()
    assert [reads(root), reads(root)] == [6, 0]


def test_a_locked_index_is_ignored(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_PATIENCE", 0.05)
    reads(root)
    grow_journal_alone(session_files(root)[0])
    with closing(index(root)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert reads(root) == 6
        other.rollback()
        other.execute("BEGIN IMMEDIATE")  # readable, not writable
        assert [reads(root), reads(root)] == [1, 1]
        other.rollback()
    assert [reads(root), reads(root)] == [1, 0]


READ_ONLY = """
import os
from tracking_sessions.core.library import catalogue
catalogue.SETTLED = -1.0
if os.geteuid() == 0:
    os.setuid(65534)
for _ in range(2):
    entries = catalogue.catalogue(sys.argv[1])
    print([(one.name, one.status, one.owner) for one in entries])
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize("has_index", [False, True])
def test_a_folder_that_cannot_be_written_is_listed(has_index: bool) -> None:
    with tempfile.TemporaryDirectory() as name:  # unlike pytest's, open to all users
        os.chmod(name, 0o755)
        root = make_sessions(Path(name))
        if has_index:
            catalogue(root)
            grow_journal_alone(session_files(root)[0])
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        root.chmod(0o555)
        child = start_child(READ_ONLY, root)
        out, _ = child.communicate(timeout=60)
        root.chmod(0o755)
        assert child.returncode == 0
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
        first, second = map(eval, out.splitlines())
        assert first == second == [(one.session.name, one.session.status, "") for one in _managers(root)]


def _managers(root: Path) -> Iterator[TrackingSessionManager]:
    return map(load_session, session_files(root)[::-1])
