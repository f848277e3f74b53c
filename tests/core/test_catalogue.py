# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of a session folder: quick, and never believed where it may be wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core import catalogue as module
from tracking_sessions.core.catalogue import APPLICATION_ID, INDEX_NAME, Entry, Unreadable, catalogue
from tracking_sessions.core.model import SessionState
from tracking_sessions.core.session import TrackingSessionManager, create_session, load_session, session_files
from tracking_sessions.core.session_file import resolve
from tracking_sessions.core.storage import encode_document, read_document
from tracking_sessions.tests.core.shots import finish, make_footage, start_child, start_run


class CountedManager(TrackingSessionManager):
    """Counts the sessions that are read."""

    reads = 0

    def __init__(self, *args: object, **kwargs: object) -> None:
        CountedManager.reads += 1
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TrackingSessionManager", CountedManager)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six sessions in all stages. They may have changed just now: waiting for each test would take long."""
    monkeypatch.setattr(module, "SETTLED", -1.0)
    return make_sessions(tmp_path)


def make_sessions(folder: Path) -> Path:
    root = folder / "tracking_sessions"
    footage = make_footage(folder / "plates")
    for number in range(6):
        manager = create_session(footage, f"Käfer {number}", root, blend=str(folder / "a.blend"), clip=f"clip {number}")
        with manager:
            if number == 1:
                finish(start_run(manager, [(1, 6)]))
            elif number:
                manager.save_checkpoint(number, "track")
            if number == 3:
                manager.set_state(SessionState.DISCARDED)
            if number == 4:
                manager.mark_tracking_complete()
    return root


def reads(root: Path) -> int:
    """How many sessions were read to list all of them. All that the list says must be true."""
    before = CountedManager.reads
    entries = catalogue(root)
    count = CountedManager.reads - before
    assert_true(root, entries)
    return count


def assert_true(root: Path, entries: list[Entry | Unreadable]) -> None:
    assert [one.path for one in entries] == session_files(root)[::-1]
    for one in entries:
        if isinstance(one, Unreadable):
            with pytest.raises(type(one.error)):
                load_session(one.path)
            continue
        manager = load_session(one.path)
        said = manager.session
        assert (one.id, one.name, one.state, one.status) == (said.id, said.name, said.state, said.status)
        assert (one.created, one.modified, one.blend, one.clip) == (said.created, said.modified, said.blend, said.clip)
        assert one.progress == manager.get_progress() and one.owner == manager.owner
        assert (one.footage_path, one.fingerprint) == (resolve(one.path, said.footage.path), said.footage.fingerprint)
        assert (one.is_working and not one.owner) == manager.is_interrupted
        assert one.size == sum(path.stat().st_size for path in (one.path, *manager.folder.glob("*")))


def index(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(root / INDEX_NAME)


def test_what_is_kept_is_not_read_again(root: Path) -> None:
    assert [reads(root), reads(root), reads(root)] == [6, 0, 0]
    with closing(index(root)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert database.execute("SELECT count(*) FROM session").fetchone() == (6,)


def test_a_folder_without_sessions_gets_no_index(tmp_path: Path) -> None:
    assert catalogue(tmp_path / "nowhere") == []
    (tmp_path / "sessions").mkdir()
    assert catalogue(tmp_path) == [] and [path.name for path in tmp_path.iterdir()] == ["sessions"]


def test_a_moved_folder_keeps_its_index(root: Path) -> None:
    reads(root)
    moved = root.parent / "elsewhere" / "deep"
    moved.parent.mkdir()
    root.rename(moved)
    assert reads(moved) == 0


def test_a_copied_folder_is_read_anew(root: Path) -> None:
    reads(root)
    assert reads(Path(shutil.copytree(root, root.parent / "copy"))) == 6


def test_what_has_just_changed_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change right after it was read could have the same time."""
    monkeypatch.setattr(module, "SETTLED", 1.0)
    assert [reads(root), reads(root)] == [6, 6]
    time.sleep(1.1)
    assert [reads(root), reads(root)] == [6, 0]


def test_many_sessions_to_read_are_worth_a_word(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 6)
    said: list[str] = []
    for _ in range(2):
        catalogue(root, said.append)
    assert len(said) == 1 and "Reading 6 sessions" in said[0]


# A session changes between two lists


def grow_journal_alone(path: Path) -> None:
    """As a process leaves it that is killed between a record and the session file."""
    with load_session(path) as manager:
        manager.acquire()
        manager.write_file = lambda: None  # type: ignore[method-assign]
        manager.save_checkpoint(5, "track")
        manager.set_state(SessionState.COMMITTED)


def append_to_journal(path: Path) -> None:
    """The same in a journal that the index has seen: no file is new."""
    manager = load_session(path)
    manager.acquire()
    before = path.read_bytes(), path.stat()
    catalogue(path.parent.parent)
    manager.write_file = lambda: None  # type: ignore[method-assign]
    manager.save_checkpoint(6, "track")
    manager.close()
    assert (path.read_bytes(), path.stat()) == before


def tear_journal(path: Path) -> None:
    manager = load_session(path)
    journal = manager.folder / f"journal.{manager.position.generation}"
    os.truncate(journal, journal.stat().st_size - 3)


def edit_in_place(path: Path) -> None:
    """The same size and the same time as before."""
    before = path.stat()
    data = path.read_bytes()
    with open(path, "r+b") as file:
        file.write(data.replace("Käfer".encode(), b"Kafer ", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns


def restore_backup(path: Path) -> None:
    folder = path.with_suffix("")
    backup = Path(shutil.copytree(folder, folder.with_name(".backup")))
    grow_journal_alone(path)
    catalogue(path.parent.parent)
    shutil.rmtree(folder)
    backup.rename(folder)


def lose_folder(path: Path) -> None:
    shutil.rmtree(path.with_suffix(""))


def spoil_file(path: Path) -> None:
    path.write_text("schema: 1\nsession: {")


CHANGES: list[Callable[[Path], None]] = [
    grow_journal_alone,
    append_to_journal,
    tear_journal,
    edit_in_place,
    restore_backup,
    lose_folder,
    spoil_file,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_changes_is_read_again_and_no_other(root: Path, change: Callable[[Path], None]) -> None:
    reads(root)
    before = catalogue(root)
    path = session_files(root)[2]
    change(path)
    assert reads(root) == 1
    after = catalogue(root)
    assert all(a == b for a, b in zip(before, after, strict=True) if a.path != path)


def test_new_and_deleted_sessions(root: Path) -> None:
    reads(root)
    gone = session_files(root)[0]
    gone.unlink()
    create_session(root.parent / "plates", "new", root)
    assert [reads(root), reads(root)] == [1, 0]
    with closing(index(root)) as database:
        names = {name for (name,) in database.execute("SELECT file FROM session")}
    assert names == {path.name for path in session_files(root)}


def test_what_cannot_be_read_is_tried_each_time(root: Path) -> None:
    path = session_files(root)[1]
    whole = path.read_bytes()
    spoil_file(path)
    assert [reads(root), reads(root)] == [6, 1]
    path.write_bytes(whole)
    assert [reads(root), reads(root)] == [1, 0]


def test_of_a_damaged_journal_it_knows_what_the_file_says(root: Path) -> None:
    path = session_files(root)[1]
    journal = path.with_suffix("") / "journal.1"
    data = bytearray(journal.read_bytes())
    data[-30] ^= 4
    journal.write_bytes(data)
    path.write_bytes(encode_document({**read_document(path), "checkpoint": {}}, ".yaml"))
    (damaged,) = (one for one in catalogue(root) if isinstance(one, Unreadable))
    assert damaged.path == path and damaged.known is not None
    assert (damaged.known.name, damaged.known.clip) == ("Käfer 1", "clip 1")


def test_a_name_of_any_length_is_listed(root: Path) -> None:
    path = session_files(root)[0]
    state = read_document(path)
    state["session"]["name"] = "x" * 1_000_000
    path.write_bytes(encode_document(state, ".yaml"))
    assert [reads(root), reads(root)] == [6, 1]


OWNER = """
from tracking_sessions.core.session import load_session
session = load_session(sys.argv[1])
session.acquire()
print("owned", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_who_owns_a_session_is_never_remembered(root: Path) -> None:
    reads(root)
    path = session_files(root)[2]
    child = start_child(OWNER, path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"

    def entry() -> Entry:
        (found,) = (one for one in catalogue(root) if one.path == path)
        assert isinstance(found, Entry)
        return found

    for _ in range(2):
        assert f"process {child.pid}" in entry().owner
    child.kill()
    child.communicate()
    before = CountedManager.reads
    assert entry().owner == "" and entry().is_working
    assert CountedManager.reads == before
    assert_true(root, catalogue(root))


# The index itself is damaged, foreign, or out of reach


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
    """A table that never ends, from somebody who means harm."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i, i, i, i FROM n"
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE session")
        database.execute(f"CREATE VIEW session (file, stamp, journal, said, checksum) AS {endless}")
        database.commit()


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [garbage, empty, cut, header_only, older, view, gone])
def test_a_damaged_index_is_made_anew(root: Path, damage: Callable[[Path], None]) -> None:
    reads(root)
    damage(root / INDEX_NAME)
    assert [reads(root), reads(root)] == [6, 0]


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE session (id TEXT)")
        database.commit()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE session ADD COLUMN more TEXT")
        database.execute(f"PRAGMA user_version = {module.VERSION + 1}")
        database.commit()


@pytest.mark.parametrize("other", [foreign, newer])
def test_an_index_of_others_is_left_as_it_is(root: Path, other: Callable[[Path], None]) -> None:
    reads(root)
    other(root / INDEX_NAME)
    content = (root / INDEX_NAME).read_bytes()
    assert [reads(root), reads(root)] == [6, 6]
    assert (root / INDEX_NAME).read_bytes() == content


def test_where_there_can_be_no_index_sessions_are_read(root: Path) -> None:
    (root / INDEX_NAME).mkdir()
    assert [reads(root), reads(root)] == [6, 6]
    (root / INDEX_NAME).rmdir()
    elsewhere = root.parent / "elsewhere.db"
    (root / INDEX_NAME).symlink_to(elsewhere)
    assert [reads(root), reads(root)] == [6, 6]
    assert not elsewhere.exists()


def test_no_flipped_byte_makes_it_lie(root: Path) -> None:
    reads(root)
    whole = (root / INDEX_NAME).read_bytes()
    used = [at for at, byte in enumerate(whole) if byte]
    for at in (*used[:100], *used[100::41]):
        (root / INDEX_NAME).write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        reads(root)
        for path in root.glob(f"{INDEX_NAME}-*"):
            path.unlink()


@pytest.mark.parametrize(
    "said",
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
def test_a_row_that_makes_no_sense_is_read_anew(root: Path, said: str) -> None:
    reads(root)
    with closing(index(root)) as database:
        rows = database.execute("SELECT file, stamp, journal FROM session").fetchall()
        for name, stamp, journal in rows:
            row = module._Row(stamp, journal, said)
            values = (said, row.checksum(name), name)
            database.execute("UPDATE session SET said = ?, checksum = ? WHERE file = ?", values)
        database.execute("UPDATE session SET journal = 'x', stamp = NULL, checksum = x'00' WHERE file = ?", rows[0][:1])
        database.execute("INSERT INTO session VALUES ('../../x.yaml', '- - -', 0, '[]', 0)")
        database.commit()
    assert [reads(root), reads(root)] == [6, 0]


def test_a_locked_index_is_done_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    reads(root)
    grow_journal_alone(session_files(root)[0])
    with closing(index(root)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert reads(root) == 6
        other.rollback()
        other.execute("BEGIN IMMEDIATE")  # it can be read, and not be written
        assert [reads(root), reads(root)] == [1, 1]
        other.rollback()
    assert [reads(root), reads(root)] == [1, 0]


READ_ONLY = """
import os
from tracking_sessions.core import catalogue
from tracking_sessions.core.storage import *
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
    with tempfile.TemporaryDirectory() as name:  # which, unlike pytest's, everybody may come to
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


# Several at once, and killed


LISTER = """
import os
from tracking_sessions.core import catalogue
os.fsync = lambda descriptor: None
catalogue.SETTLED, catalogue._SAVE_EVERY = -1.0, 0.0
print("begun", flush=True)
for _ in range(int(sys.argv[2])):
    catalogue.catalogue(sys.argv[1])
"""


def _check_integrity(root: Path) -> None:
    with closing(index(root)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_several_processes_and_sessions_that_come_and_go(root: Path) -> None:
    children = [start_child(LISTER, root, 25) for _ in range(3)]
    for number in range(100):
        manager = create_session(root.parent / "plates", f"new {number}", root)
        with manager:
            manager.save_checkpoint(1, "track")
        if number % 3 == 0:
            manager.path.unlink()
            shutil.rmtree(manager.folder)
        if number % 10 == 9:
            reads(root)
        if number % 40 == 39:
            (root / INDEX_NAME).unlink(missing_ok=True)
        if all(child.poll() is not None for child in children):
            break
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    reads(root)
    assert reads(root) == 0
    _check_integrity(root)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_while_it_is_written(root: Path) -> None:
    for number in range(20):
        create_session(root.parent / "plates", f"new {number}", root)
    dice = random.Random(4)
    cold: set[int] = set()
    for _ in range(8):
        (root / INDEX_NAME).unlink(missing_ok=True)
        child = start_child(LISTER, root, 1000, stderr=subprocess.DEVNULL)
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        time.sleep(dice.uniform(0, 0.1))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        cold.add(reads(root))
        assert reads(root) == 0
        _check_integrity(root)
    assert len(cold) > 1, "none was killed while it built the index"


def test_rows_hold_nothing_but_plain_values(root: Path) -> None:
    reads(root)
    with closing(index(root)) as database:
        for (said,) in database.execute("SELECT said FROM session"):
            assert all(isinstance(value, (str, int, float)) for value in json.loads(said))
