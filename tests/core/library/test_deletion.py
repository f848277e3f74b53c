# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting sessions: their belongings go, footage and sessions in use stay."""

from __future__ import annotations

import errno
import json
import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking_sessions.commands import arguments
from tracking_sessions.core.batch.needs import batch_of
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.errors import LeaseHeld, LedgerUnreadable, StorageFailed
from tracking_sessions.core.library import deletion
from tracking_sessions.core.library.catalogue import Entry, catalogue, session_files
from tracking_sessions.core.library.deletion import (
    Deleted,
    bytes_freed,
    delete_files,
    delete_old,
    delete_session,
    find_old,
    is_session,
)
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import TrackingSessionManager, cleanup_old_sessions
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.claims import make_batch
from tracking_sessions.tests.core.faults import Faults, failing, nothing
from tracking_sessions.tests.core.shots import make_footage

LIMIT = datetime.now(UTC) - timedelta(days=30)
LONG_AGO = (LIMIT - timedelta(days=10)).isoformat()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


def make(root: Path, plates: str = "a", modified: str = "") -> TrackingSessionManager:
    """A session with a report and a solve."""
    footage = root.parent / plates
    if not footage.exists():
        make_footage(footage, 3 + len(list(root.parent.iterdir())))
    with create_session(footage, plates, root) as manager:
        manager.save_checkpoint(1, "track")
    export_session_report(manager.path, root / "reports" / f"{manager.session.id}.html")
    solves = root / "solves" / manager.session.id
    solves.mkdir(parents=True)
    (solves / "1.yaml").write_text("x" * 100)
    if modified:
        state = read_document(manager.path)
        state["session"]["modified"] = modified
        manager.path.write_bytes(encode_document(state, ".yaml"))
    return TrackingSessionManager(manager.path)


def files(root: Path) -> set[str]:
    """All files under `root` but the index."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "index.db"}


def disk_use(root: Path) -> int:
    return sum((root / name).stat().st_size for name in files(root))


def footage_of(manager: TrackingSessionManager) -> str:
    return f"footage/{manager.session.footage.fingerprint}.yaml"


@pytest.mark.parametrize("owned", [False, True])
def test_report_and_solves_go_with_the_session(root: Path, owned: bool) -> None:
    manager = make(root)
    before = disk_use(root)
    if owned:
        manager.acquire()
        delete_session(manager)
    else:
        assert delete_files(manager.path) == before - disk_use(root)
    assert files(root) == set()
    assert not (root / "solves" / manager.session.id).exists() and not manager.folder.exists()


@pytest.mark.parametrize("owned", [False, True])
def test_details_of_footage_go_with_the_last_session_of_it(root: Path, owned: bool) -> None:
    one, two, other = make(root), make(root), make(root, "b")
    delete_files(one.path)
    assert {footage_of(two), footage_of(other)} <= files(root)
    if owned:
        two.acquire()
        delete_session(two)
    else:
        before = disk_use(root)
        assert delete_files(two.path) == before - disk_use(root)
    assert [name for name in files(root) if name.startswith("footage")] == [footage_of(other)]
    assert other.details()


def test_a_session_that_cannot_be_read_may_use_any_footage(root: Path) -> None:
    gone, broken = make(root), make(root, "b")
    broken.path.write_text("[")
    delete_files(gone.path)
    assert {footage_of(gone), footage_of(broken)} <= files(root)


def test_a_session_with_a_damaged_journal_uses_the_footage_in_its_file(root: Path) -> None:
    gone, damaged = make(root), make(root, "b")
    journal = damaged.folder / "journal.1"
    journal.write_bytes(b"x" * len(journal.read_bytes()))
    delete_files(gone.path)
    assert footage_of(damaged) in files(root) and footage_of(gone) not in files(root)
    delete_files(damaged.path)
    assert files(root) == set()


@pytest.mark.parametrize("moment", ["before it is gone", "while it is gone"])
def test_a_session_made_during_a_deletion_keeps_its_details(
    root: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    gone = make(root)
    begun: list[TrackingSessionManager] = []

    def begin() -> None:
        if not begun:
            begun.append(create_session(root.parent / "a", "begun", root))

    look, rename = deletion.catalogue, deletion._renamed

    def looking(base: Path) -> list[object]:
        found = look(base)
        if moment == "before it is gone":
            begin()
        return found  # type: ignore[return-value]

    def renaming(path: Path, target: Path) -> bool:
        done = rename(path, target)
        if moment == "while it is gone":
            begin()
        return done

    monkeypatch.setattr(deletion, "catalogue", looking)
    monkeypatch.setattr(deletion, "_renamed", renaming)
    delete_files(gone.path)
    (manager,) = begun
    assert manager.details() and footage_of(manager) in files(root)


def test_a_new_session_saves_details_again_that_were_deleted_meanwhile(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its file exists, no other process sees that a new session uses the details."""
    gone = make(root)
    replace = os.replace

    def replacing(source: object, target: object) -> None:
        if str(target).endswith(".yaml") and "sessions" in str(target):
            monkeypatch.setattr(os, "replace", replace)
            delete_files(gone.path)
            assert footage_of(gone) not in files(root)
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", replacing)
    assert create_session(root.parent / "a", "begun", root).details()


def test_the_predicted_size_is_freed(root: Path) -> None:
    make(root, "a", LONG_AGO), make(root, "a", LONG_AGO), make(root, "b", LONG_AGO), make(root, "b")
    entries = catalogue(root)
    old, left = find_old(entries, LIMIT, {})
    assert len(old) == 3 and left == []
    foretold, before = bytes_freed(root, old, entries), disk_use(root)
    assert cleanup_old_sessions(root) == 3
    assert before - disk_use(root) == foretold
    assert len(session_files(root)) == 1 and len(files(root)) == 6


def test_old_sessions_are_left_alone_with_a_reason(root: Path) -> None:
    owned, broken, timeless, needed = (make(root, "a", LONG_AGO) for _ in range(4))
    entries, _ = find_old(catalogue(root), LIMIT, {})
    assert len(entries) == 4
    state = read_document(timeless.path)
    state["session"]["modified"] = "yesterday"
    timeless.path.write_bytes(encode_document(state, ".yaml"))
    owned.acquire()
    broken.path.write_text("[")
    old, left = find_old(catalogue(root), LIMIT, {needed.session.id: "needed by a friend"})
    assert old == []
    reasons = dict(left)
    assert reasons.keys() == {owned.path, broken.path, needed.path}
    assert "in use by process" in str(reasons[owned.path]) and "cannot be read" in str(reasons[broken.path])
    assert reasons[needed.path] == "needed by a friend"
    before = files(root)
    with pytest.raises(LeaseHeld):
        delete_files(owned.path)
    going = [one for one in entries if one.id != needed.session.id]
    done = Deleted[Entry]().add(delete_old(root, going, LIMIT))
    reasons = dict(done.left)
    assert done.gone == [] and done.freed == 0 and before <= files(root)
    assert "in use by process" in str(reasons[owned.path]) and "cannot be read" in str(reasons[broken.path])
    assert reasons[timeless.path] == "somebody has worked on it just now"
    owned.close()


def test_a_session_changed_since_the_list_is_not_deleted(root: Path) -> None:
    manager = make(root, "a", LONG_AGO)
    old, _ = find_old(catalogue(root), LIMIT, {})
    with manager:
        manager.save_checkpoint(2, "track")
    done = Deleted[Entry]().add(delete_old(root, old, LIMIT))
    assert [path for path, _ in done.left] == [manager.path] and manager.path.exists()


@pytest.mark.parametrize(("code", "deleted"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_sessions_are_deleted_on_a_full_disk(root: Path, code: int, deleted: bool) -> None:
    manager, owned = make(root), make(root)
    owned.acquire()
    with Faults(root, failing(lambda _: True, code, frozenset({"write"})), nothing).watching():
        with nullcontext() if deleted else pytest.raises(StorageFailed):
            delete_files(manager.path)
        with pytest.raises(LeaseHeld):
            delete_files(owned.path)
    assert manager.path.exists() != deleted and owned.path.exists()
    owned.close()


@pytest.mark.parametrize("status", BatchStatus)
def test_cleaning_up_keeps_the_sessions_of_an_unfinished_batch(root: Path, status: BatchStatus) -> None:
    needed, other = make(root, "a", LONG_AGO), make(root, "a", LONG_AGO)
    batch = make_batch(root, status, [needed.session.id], days=40)
    is_needed = status in (BatchStatus.PAUSED, BatchStatus.IN_PROGRESS)
    need = batch_of(needed.path)
    assert (need.batch if need is not None else "") == (batch if is_needed else "") and batch_of(other.path) is None
    assert cleanup_old_sessions(root) == (1 if is_needed else 2)
    assert needed.path.exists() == is_needed and not other.path.exists()


def test_cleaning_up_deletes_nothing_if_the_ledger_cannot_be_read(root: Path) -> None:
    manager = make(root, "a", LONG_AGO)
    SessionFolder(root).ledger.write_bytes(b"no ledger " * 1000)
    with pytest.raises(LedgerUnreadable):
        batch_of(manager.path)
    assert cleanup_old_sessions(root) == 0 and manager.path.exists()
    SessionFolder(root).ledger.unlink()
    assert cleanup_old_sessions(root) == 1


@pytest.mark.parametrize("owned", [False, True])
def test_a_link_in_place_of_a_folder_is_not_followed(root: Path, tmp_path: Path, owned: bool) -> None:
    manager = make(root)
    precious = tmp_path / "precious"
    precious.mkdir()
    for name in ("lease.1", "journal.1", "letter.txt"):
        (precious / name).write_text("dear")
    solves = root / "solves" / manager.session.id
    for folder in (manager.folder, solves):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.symlink_to(precious)
    if owned:
        (precious / "journal.1").unlink()
        manager.acquire()
        delete_session(manager)
    else:
        delete_files(manager.path)
    assert (precious / "letter.txt").read_text() == "dear"
    assert not manager.path.exists() and not solves.is_symlink()


def test_only_session_files_count_as_sessions(root: Path, tmp_path: Path) -> None:
    manager = make(root)
    (tmp_path / "settings.yaml").write_text("a: 1")
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "more.yaml").write_text("b: 2")
    assert is_session(manager.path) and not is_session(tmp_path / "settings.yaml")
    moved = tmp_path / f"{manager.session.id}.yaml"
    os.rename(manager.path, moved)
    os.rename(manager.folder, moved.with_suffix(""))
    assert is_session(moved)


def test_a_session_that_is_gone_is_an_error_and_not_a_traceback(root: Path) -> None:
    manager = make(root)
    delete_files(manager.path)
    with pytest.raises(StorageFailed):
        delete_files(manager.path)


def test_a_lease_of_another_machine_is_watched_before_a_deletion(root: Path) -> None:
    manager = make(root)
    manager.acquire()
    lease = max(manager.folder.glob("lease.*"))
    left = lease.read_bytes()
    manager.close()
    content, counter = left.split(b"\n", 1)
    owner = {**json.loads(content), "host": "farm-7", "boot": "another", "machine": "another"}
    lease.write_bytes(json.dumps(owner).encode() + b"\n" + counter)
    with pytest.raises(LeaseHeld, match="farm-7") as held:
        delete_files(manager.path)
    assert held.value.elsewhere and manager.path.exists()

    waited: list[bool] = []

    def act(wait: bool) -> int | None:
        waited.append(wait)
        return delete_files(manager.path, wait=wait, lease_time=0.2)

    assert arguments.patiently(act) and waited == [False, True]
    assert not manager.path.exists() and not manager.folder.exists()
