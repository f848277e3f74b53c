# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of batches beside other writers, and on disks that are full, remote or read-only."""

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracking_sessions.core.batch import ledger_database
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.ledger_database import is_local
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.errors import (
    LedgerBusy,
    LedgerUnreadable,
    StorageFailed,
)
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.claims import (
    COMPLETED,
    everything_dead,
    journal_mode,
    make,
    posix,
)
from tracking_sessions.tests.core.shots import run_child


def test_a_ledger_waits_for_another_writer_and_then_reports_it(
    ledger: Ledger, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make(ledger)
    monkeypatch.setattr(ledger_database, "BUSY_TIME", 0.2)
    holder = sqlite3.connect(SessionFolder(root).ledger, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Ledger(root) as other:
        assert len(other.shots(batch)) == 3  # reading still works
        with pytest.raises(LedgerBusy, match="held by another process"):
            other.claim(batch, everything_dead)
        holder.execute("ROLLBACK")
        assert other.claim(batch, everything_dead).number == 1
    holder.close()


@pytest.mark.parametrize("is_disk, mode", [(True, "wal"), (False, "delete")])
def test_the_disk_where_a_ledger_is_made_decides_its_journal_mode(
    root: Path, monkeypatch: pytest.MonkeyPatch, is_disk: bool, mode: str
) -> None:
    monkeypatch.setattr(ledger_database, "is_local", lambda folder: is_disk)
    with Ledger(root) as ledger:
        batch = make(ledger)
    assert journal_mode(root) == mode
    monkeypatch.setattr(ledger_database, "is_local", lambda folder: not is_disk)
    with Ledger(root) as ledger, Ledger(root, readonly=True) as reader:
        assert ledger.claim(batch, everything_dead).number == 1
        assert [shot.attempts for shot in reader.shots(batch)] == [1, 0, 0]
    assert journal_mode(root) == mode


def test_mounts_list_the_folders_on_disks_of_this_machine(tmp_path: Path) -> None:
    place = os.path.realpath(tmp_path).replace(" ", "\\040")
    (tmp_path / "a b" / "c").mkdir(parents=True)
    mounts = (
        f"/dev/sda1 / ext4 rw 0 0\nserver:/x {place}/a\\040b nfs4 rw 0 0\n"
        f"tmpfs {place}/a\\040b/c tmpfs rw 0 0\n//s/y {place}/cifs cifs rw 0 0\nme@h: {place}/ssh fuse.sshfs rw 0 0\n"
        f"x {place}/new newfs rw 0 0\n"
    )
    found = {
        name: is_local(tmp_path / name, mounts)
        for name in ("", "a b/c", "a bc", "a b", "a b/x", "cifs/x", "ssh", "new")
    }
    assert [name for name, is_ours in found.items() if is_ours] == ["", "a b/c", "a bc"]


FULL = """
import resource, signal
from pathlib import Path
from tracking_sessions.core.errors import StorageFailed
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.tests.core import claims
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    root = Path(sys.argv[1])
    with Ledger(root) as ledger:
        batch = ledger.create("night", claims.specs(root, 40), {}).id
    print("batch", batch)
    claims.work(root, batch, print)
except StorageFailed as error:
    print(error)
"""


@posix
@pytest.mark.parametrize("limit", [0, 1000, 5000, 20_000, 36_000, 50_000, 70_000, 100_000, 200_000, 500_000])
def test_a_file_that_may_not_grow_any_more_loses_nothing(root: Path, limit: int) -> None:
    lines = run_child(FULL, root, limit).splitlines()
    assert "cannot be written" in lines[-1] and "fix this, then resume" in lines[-1]
    with Ledger(root) as ledger:
        assert ledger.check() == []
        if not lines[0].startswith("batch"):
            assert len(ledger.batches()) in (0, 1)
            return
        batch = lines[0].split()[1]
        done = {int(line.split()[1]) for line in lines if line.startswith("finished")}
        found = {shot.number for shot in ledger.shots(batch) if shot.status is COMPLETED}
        assert done <= found and len(found - done) <= 1
        ledger.requeue(batch)
        rest = [shot.number for shot in iter(lambda: ledger.claim(batch, everything_dead), None)]
        assert sorted({*found, *rest}) == list(range(1, 41)) and len(found) + len(rest) == 40


@pytest.fixture
def disk(mounted: Callable[[str], Path]) -> Path:
    return mounted("400k")


def test_a_disk_that_is_really_full_loses_nothing(disk: Path) -> None:
    with Ledger(disk) as ledger:
        batch = make(ledger, 200)
        first = ledger.finish(ledger.claim(batch, everything_dead), COMPLETED)
        filling = disk / "filling"
        with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        with pytest.raises(StorageFailed, match=r"The disk is full.*fix this, then resume"):
            for _ in range(200):
                ledger.finish(ledger.claim(batch, everything_dead), COMPLETED, "x" * 4000)
        with pytest.raises(StorageFailed, match="The disk is full"):
            for _ in range(200):
                ledger.set_status(batch, BatchStatus.PAUSED)
                ledger.claim(batch, everything_dead)
        assert ledger.shots(batch)[0] == first and ledger.check() == []
        filling.unlink()
        ledger.requeue(batch)
        assert ledger.claim(batch, everything_dead) and ledger.check() == []


def test_a_full_disk_is_reported_before_a_batch_begins(disk: Path) -> None:
    with Ledger(disk) as ledger:
        make(ledger)
    filling = disk / "filling"
    with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    with pytest.raises(StorageFailed, match="The disk is full"), Ledger(disk) as ledger:
        make(ledger)


def test_a_read_only_disk_is_read_and_reported_on_writing(disk: Path) -> None:
    with Ledger(disk) as ledger:
        batch = make(ledger)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with Ledger(disk, readonly=True) as ledger:
        assert len(ledger.shots(batch)) == 3
    with pytest.raises(StorageFailed, match="cannot be written: The disk is read-only"), Ledger(disk) as ledger:
        ledger.claim(batch, everything_dead)


def test_a_ledger_without_the_right_to_read_is_not_empty(
    ledger: Ledger, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: object, *_: object, **__: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    make(ledger)
    monkeypatch.setattr(os, "stat", denied)  # root may read everything
    with pytest.raises(LedgerUnreadable, match=r"it cannot be read.*ask for the right"):
        Ledger(root, readonly=True)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        Ledger(tmp_path / "file" / "root")
