# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of a session folder: quick, and never trusted when it may be outdated."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core.library import catalogue as module
from tracking_sessions.core.library.catalogue import Entry, Unreadable, catalogue, session_files
from tracking_sessions.core.library.index import APPLICATION_ID
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.library.listing import CountedManager, assert_true, grow_journal_alone, index, reads


def test_an_unchanged_session_is_not_read_again(root: Path) -> None:
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


def test_a_session_that_has_just_changed_is_not_cached(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change right after the read could have the same time."""
    monkeypatch.setattr(module, "SETTLED", 3600.0)
    assert [reads(root), reads(root)] == [6, 6]
    monkeypatch.setattr(module, "SETTLED", -1.0)
    assert [reads(root), reads(root)] == [6, 0]


def test_reading_many_sessions_gives_a_message(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 6)
    messages: list[str] = []
    for _ in range(2):
        catalogue(root, messages.append)
    assert len(messages) == 1 and "Reading 6 sessions" in messages[0]


# A session changes between two lists


def append_to_journal(path: Path) -> None:
    """The same in a journal that the index has seen: no file is new."""
    manager = load_session(path)
    manager.acquire()
    before = path.read_bytes(), path.stat()
    catalogue(path.parent.parent)
    manager.acquire().write_file = lambda: None  # type: ignore[method-assign]
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


def test_an_unreadable_session_is_read_each_time(root: Path) -> None:
    path = session_files(root)[1]
    whole = path.read_bytes()
    spoil_file(path)
    assert [reads(root), reads(root)] == [6, 1]
    path.write_bytes(whole)
    assert [reads(root), reads(root)] == [1, 0]


def test_a_session_with_a_damaged_journal_has_the_entry_of_its_file(root: Path) -> None:
    path = session_files(root)[1]
    flip(path.with_suffix("") / "journal.1", -30, 4)
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


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_the_owner_of_a_session_is_never_cached(root: Path) -> None:
    reads(root)
    path = session_files(root)[2]

    def entry() -> Entry:
        (found,) = (one for one in catalogue(root) if one.path == path)
        assert isinstance(found, Entry)
        return found

    with owned(path) as process:
        for _ in range(2):
            assert f"process {process}" in entry().owner
    before = CountedManager.reads
    assert entry().owner == "" and entry().is_working
    assert CountedManager.reads == before
    assert_true(root, catalogue(root))


def test_rows_hold_nothing_but_plain_values(root: Path) -> None:
    reads(root)
    with closing(index(root)) as database:
        for (values,) in database.execute("SELECT said FROM session"):
            assert all(isinstance(value, (str, int, float)) for value in json.loads(values))
