# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleted batches and batches that stay, also after a deletion that was killed in the middle."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking_sessions.core.batch import ledger_database
from tracking_sessions.core.batch.deletion import OldBatch, delete_batches, find_old_batches
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.errors import LedgerUnreadable, UsageError
from tracking_sessions.core.library.deletion import Deleted
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.storage.lease import Lease
from tracking_sessions.tests.core.claims import make_batch, posix
from tracking_sessions.tests.core.shots import run_child

LIMIT = datetime.now(UTC) - timedelta(days=30)
SESSIONS = ("session-1", "session-2")


def ids(root: Path) -> list[str]:
    with Ledger(root, readonly=True) as ledger:
        return [batch.id for batch in ledger.batches()]


def find(root: Path) -> tuple[list[OldBatch], list[tuple[Path, str]]]:
    with Ledger(root, readonly=True) as ledger:
        return find_old_batches(ledger, LIMIT)


def clean(root: Path) -> Deleted[OldBatch]:
    done = Deleted[OldBatch]().add(delete_batches(root, find(root)[0]))
    return done


def test_only_batches_that_ended_before_the_limit_are_old(root: Path) -> None:
    kept = [make_batch(root, status, SESSIONS, days=40) for status in (BatchStatus.PAUSED, BatchStatus.IN_PROGRESS)]
    kept.append(make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=20))
    gone = [make_batch(root, status, SESSIONS, days=40) for status in (BatchStatus.COMPLETED, BatchStatus.FAILED)]
    size = sum(path.stat().st_size for one in gone for path in SessionFolder(root).batch(one).iterdir())
    old, left = find(root)
    assert [(one.id, one.name, one.status) for one in old] == [
        (gone[1], "night", "failed"),
        (gone[0], "night", "completed"),
    ]
    assert left == [] and sum(one.size for one in old) == size > 0
    done = clean(root)
    assert (done.gone, done.left, done.freed) == (old, [], size)
    assert ids(root) == kept[::-1] and {path.name for path in (root / "batches").iterdir()} == set(kept)
    with Ledger(root) as ledger:
        assert ledger.check() == [] and all(len(ledger.shots(one)) == 2 for one in kept)
        assert not any(ledger.shots(one) for one in gone)


def test_a_batch_in_use_is_left_alone(root: Path) -> None:
    batch, leftover = (make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40) for _ in range(2))
    with Ledger(root) as ledger:
        assert ledger.delete(leftover, ledger.batch(leftover).modified)
    before, _ = find(root)
    leases = [Lease.take(SessionFolder(root).batch(one), timestamp()) for one in (batch, leftover)]
    old, left = find(root)
    assert old == [] and {path.name for path, _ in left} == {batch, leftover}
    assert all("it is in use by process" in reason for _, reason in left)
    done = Deleted[OldBatch]().add(delete_batches(root, before))  # taken after the batch was read
    assert done.gone == [] and len(done.left) == 2 and ids(root) == [batch]
    for lease in leases:
        lease.release()
    assert len(clean(root).gone) == 2


@pytest.mark.parametrize("ends", [False, True])
def test_a_batch_that_changed_since_it_was_read_is_left_alone(root: Path, ends: bool) -> None:
    batch = make_batch(root, BatchStatus.FAILED, SESSIONS, days=40)
    old, _ = find(root)
    with Ledger(root) as ledger:
        ledger.set_status(batch, BatchStatus.IN_PROGRESS)
        if ends:
            ledger.set_status(batch, BatchStatus.FAILED)
    done = Deleted[OldBatch]().add(delete_batches(root, old))
    assert (done.gone, done.left) == ([], [(SessionFolder(root).batch(batch), "somebody has worked on it just now")])
    assert ids(root) == [batch] and (SessionFolder(root).batch(batch) / "1.log").exists()


def test_a_deleted_batch_cannot_be_resumed(root: Path) -> None:
    batch = make_batch(root, BatchStatus.FAILED, SESSIONS, days=40)
    with Ledger(root) as ledger:
        assert clean(root).gone
        for act in (lambda: ledger.requeue(batch), lambda: ledger.set_status(batch, BatchStatus.IN_PROGRESS)):
            with pytest.raises(UsageError, match="There is no batch"):
                act()


def test_a_batch_without_a_folder_goes_and_a_folder_without_a_batch(root: Path) -> None:
    row, folder, fresh = (make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40) for _ in range(3))
    shutil.rmtree(SessionFolder(root).batch(row))
    with Ledger(root) as ledger:
        for one in (folder, fresh):
            assert ledger.delete(one, ledger.batch(one).modified)
    (SessionFolder(root).batch(fresh) / "1.log").write_text("just now")
    empty = SessionFolder(root).batch("20260101-101500-00000000")
    empty.mkdir()
    done = clean(root)
    assert [(one.id, one.status) for one in done.gone] == [(row, "completed"), (folder, ""), (empty.name, "")]
    assert ids(root) == [] and [path.name for path in (root / "batches").iterdir()] == [fresh]


def test_folders_without_a_ledger_go_and_no_ledger_is_made(root: Path) -> None:
    make_batch(root, BatchStatus.PAUSED, SESSIONS, days=40)
    SessionFolder(root).ledger.unlink()
    assert len(clean(root).gone) == 1 and os.listdir(root / "batches") == []
    assert not SessionFolder(root).ledger.exists()


def test_files_of_others_stay(root: Path, tmp_path: Path) -> None:
    batch, linked = (make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40) for _ in range(2))
    folder, other = SessionFolder(root).batch(batch), tmp_path / "other"
    (folder / "notes.txt").write_text("dear")
    (folder / "frames").mkdir()
    SessionFolder(root).batch(linked).rename(other)
    SessionFolder(root).batch(linked).symlink_to(other)
    kept = sorted(os.listdir(other))
    mine = root / "batches" / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    (root / "batches" / "link").symlink_to(other)
    assert {one.id for one in clean(root).gone} == {batch, linked} and ids(root) == []
    assert sorted(os.listdir(folder)) == ["frames", "notes.txt"] and sorted(os.listdir(other)) == kept
    assert clean(root).gone == [] and (mine / "letter.txt").exists()


def test_batches_that_lie_elsewhere_keep_their_folders(root: Path, tmp_path: Path) -> None:
    batch, orphan = (make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40) for _ in range(2))
    with Ledger(root) as ledger:
        assert ledger.delete(orphan, ledger.batch(orphan).modified)
    (root / "batches").rename(tmp_path / "elsewhere")
    (root / "batches").symlink_to(tmp_path / "elsewhere")
    assert [one.id for one in clean(root).gone] == [batch] and ids(root) == []
    assert (SessionFolder(root).batch(batch) / "1.log").exists() and (
        SessionFolder(root).batch(orphan) / "1.log"
    ).exists()


def test_a_ledger_with_another_writer_keeps_its_batches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, orphan = (make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40) for _ in range(2))
    with Ledger(root) as ledger:
        assert ledger.delete(orphan, ledger.batch(orphan).modified)
    monkeypatch.setattr(ledger_database, "BUSY_TIME", 0.1)
    with closing(sqlite3.connect(SessionFolder(root).ledger, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        done = clean(root)
        assert done.gone == [] and all("held by another process" in str(reason) for _, reason in done.left)
        assert [path.name for path, _ in done.left] == [batch, orphan]
        holder.execute("ROLLBACK")
    assert len(clean(root).gone) == 2


def test_a_session_is_needed_by_the_newest_unfinished_batch(root: Path) -> None:
    first = make_batch(root, BatchStatus.PAUSED, ["one", "both"])
    make_batch(root, BatchStatus.COMPLETED, ["two"])
    second = make_batch(root, BatchStatus.IN_PROGRESS, ["both"])
    with Ledger(root, readonly=True) as ledger:
        assert ledger.needed() == {"one": first, "both": second}


def test_a_batch_with_an_unknown_status_is_unfinished(root: Path) -> None:
    batch = make_batch(root, BatchStatus.COMPLETED, ["one"])
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.executescript("PRAGMA ignore_check_constraints = ON; UPDATE batches SET status = 'stopped'")
        (modified,) = raw.execute("SELECT modified FROM batches").fetchone()
    with Ledger(root, readonly=True) as ledger:
        assert ledger.needed() == {"one": batch}
    with Ledger(root) as ledger:
        assert not ledger.delete(batch, modified)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shots SET session = '../../x'",
        "DELETE FROM batches",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 2 WHERE type = 'index'",
    ],
)
def test_a_damaged_ledger_names_no_needed_sessions(root: Path, change: str) -> None:
    make_batch(root, BatchStatus.PAUSED, SESSIONS)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.executescript(f"PRAGMA ignore_check_constraints = ON; {change}")
    with pytest.raises(LedgerUnreadable), Ledger(root, readonly=True) as ledger:
        ledger.needed()


# Kills

DIE = """
from pathlib import Path
from tracking_sessions.tests.core import claims
from tracking_sessions.tests.core.batch import test_deletion
claims.die_at_each_step(Path(sys.argv[1]), test_deletion.clean)
"""


@posix
@pytest.mark.slow
def test_sigkill_at_any_moment_leaves_a_batch_or_a_folder_for_the_next_cleaning(tmp_path: Path) -> None:
    root = tmp_path / "whole"
    paused = make_batch(root, BatchStatus.PAUSED, SESSIONS, days=40)
    batch = make_batch(root, BatchStatus.COMPLETED, SESSIONS, days=40)
    printed = {"1.log", "1.events", "2.log", "2.events"}
    count = int(run_child(DIE, root))
    assert count > 40
    seen: set[str] = set()
    for number in range(1, count + 1):
        root = tmp_path / str(number)
        folder = SessionFolder(root).batch(batch)
        with Ledger(root) as ledger:
            assert ledger.check() == []
            rows = {one.id: len(ledger.shots(one.id)) for one in ledger.batches()}
        names = set(os.listdir(folder)) if folder.exists() else set()
        if batch in rows:
            assert rows == {paused: 2, batch: 2} and printed <= names
            seen.add("whole")
        else:
            assert rows == {paused: 2}
            seen.add("gone" if not folder.exists() else "begun" if printed <= names else "half")
        old, left = find(root)
        assert [one.id for one in old] == [batch] * (batch in rows or folder.exists()) and left == []
        assert clean(root).gone == old
        assert ids(root) == [paused] and os.listdir(root / "batches") == [paused]
        assert printed <= set(os.listdir(SessionFolder(root).batch(paused)))
    assert seen == {"whole", "begun", "half", "gone"}
