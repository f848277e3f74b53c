# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are refused as a ledger of batches: damaged ones, and those of other programs and versions."""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.errors import (
    Action,
    LedgerUnreadable,
    TrackingSessionError,
    UsageError,
)
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.claims import COMPLETED, FAILED, everything_dead, everything_live, make


def raw(root: Path, *statements: str) -> None:
    """Change the file past the ledger."""
    connection = sqlite3.connect(SessionFolder(root).ledger)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def refused(root: Path, match: str, advice: str | None = None) -> None:
    """The ledger cannot be opened, and stays unchanged."""
    before = SessionFolder(root).ledger.read_bytes()
    for readonly in (False, True):
        with pytest.raises(LedgerUnreadable, match=match) as caught, Ledger(root, readonly=readonly):
            pass
        assert "The sessions are unharmed" in str(caught.value)
        assert caught.value.actions == ((Action.MOVE_LEDGER_AWAY,) if advice is None else ())
        assert advice is None or str(caught.value).endswith(f"The sessions are unharmed: {advice}")
    assert SessionFolder(root).ledger.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger.close()
    raw(root, "PRAGMA user_version = 5")
    refused(root, r"newer version wrote it \(schema 5\)\. ", "update the extension")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER UPDATE ON shots BEGIN DELETE FROM batches; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE shots ADD COLUMN more TEXT",
        "DROP INDEX shots_by_status",
        "PRAGMA user_version = 0",
    ],
)
def test_a_foreign_schema_is_refused(ledger: Ledger, root: Path, statement: str) -> None:
    make(ledger)
    ledger.close()
    raw(root, statement)
    refused(root, "its tables are not those of a ledger")


def test_a_database_of_another_program_is_refused(root: Path) -> None:
    root.mkdir(parents=True)
    raw(root, "CREATE TABLE bookmarks (url TEXT)")
    refused(root, "another program")


@pytest.mark.parametrize("content", [b"x", b"not a database " * 1000, b"SQLite format 3\0", b"SQLite format 3\0" * 999])
def test_a_file_that_is_no_database_is_refused(root: Path, content: bytes) -> None:
    root.mkdir(parents=True)
    SessionFolder(root).ledger.write_bytes(content)
    refused(root, "no ledger at all")


def test_a_folder_in_its_place_is_refused(root: Path) -> None:
    SessionFolder(root).ledger.mkdir(parents=True)
    with pytest.raises(LedgerUnreadable, match="it is no file"):
        Ledger(root)


def test_an_empty_file_is_a_ledger_from_a_killed_process(root: Path) -> None:
    root.mkdir(parents=True)
    SessionFolder(root).ledger.touch()
    with Ledger(root, readonly=True) as reader:
        assert reader.batches() == []
    with Ledger(root) as ledger:
        assert len(ledger.shots(make(ledger))) == 3


def test_a_new_ledger_begins_after_a_damaged_ledger_was_moved_away(ledger: Ledger, root: Path) -> None:
    make(ledger)
    SessionFolder(root).ledger.rename(root / "damaged.db")  # its log may stay behind
    ledger.close()
    (root / "batch.db-wal").write_bytes(os.urandom(5000))
    with Ledger(root) as fresh:
        assert fresh.batches() == [] and len(fresh.shots(make(fresh))) == 3 and fresh.check() == []


@pytest.mark.parametrize(
    "change",
    [
        *(
            f"UPDATE shots SET {column} = {value} WHERE number = 2"
            for column in ("number", "spec", "status", "session", "attempts", "batch")
            for value in ("''", "'../../x'", "-1", "1.5", "x'ff'", "1 << 60")
            if (column, value) not in {("session", "''"), ("session", "1 << 60"), ("batch", "'../../x'")}
        ),
        *(
            f"UPDATE shots SET spec = json_set(spec, '$.{option}', {value}) WHERE number = 2"
            for option in ("footage", "name", "start", "direction", "detect", "tracks", "settings", "newer")
            for value in ("-1", "1.5", "json('[]')", "'a' || char(0)", "1 << 60", "NULL")
            if (option, value) != ("start", "NULL")  # the natural one
        ),
        "UPDATE shots SET spec = '[]'",
        "UPDATE shots SET spec = printf('%.*c', 3000000, 'x')",
        f"UPDATE shots SET spec = '{'[' * 100_000}'",
        "UPDATE batches SET id = '../../x'",
        "UPDATE batches SET config = 'null'",
        "UPDATE batches SET status = 'processing'",
        "UPDATE batches SET created = x'00'",
    ],
)
def test_nonsense_values_are_reported_and_harm_nothing(ledger: Ledger, root: Path, change: str) -> None:
    batch = make(ledger)
    ledger.close()
    raw(root, change)
    with Ledger(root) as opened:
        told = 0
        for use in (
            opened.batches,
            lambda: opened.shots(batch),
            lambda: opened.counts(batch),
            lambda: [opened.claim(batch, everything_live) for _ in range(3)],
        ):
            try:
                use()
            except LedgerUnreadable:
                told += 1
        assert told or len(opened.shots(batch)) < 3 or opened.check()


def test_a_text_without_end_is_not_read(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    ledger.close()
    raw(root, "UPDATE shots SET error = printf('%.*c', 3000000, 'x')")
    with Ledger(root) as opened, pytest.raises(LedgerUnreadable, match="it is damaged"):
        opened.shots(batch)


@pytest.mark.slow
def test_random_damage_is_reported_or_harmless(ledger: Ledger, root: Path, tmp_path: Path) -> None:
    batch = make(ledger, 60)
    for _ in range(9):
        ledger.finish(ledger.claim(batch, everything_dead), FAILED, "x" * 300)
    ledger.close()
    content = SessionFolder(root).ledger.read_bytes()
    chance = random.Random(4)
    told = 0
    for number in range(250):
        copy = tmp_path / str(number)
        copy.mkdir()
        changed = bytearray(content)
        for _ in range(chance.choice((1, 3, 40))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        if chance.random() < 0.2:
            del changed[chance.randrange(len(changed)) :]
        SessionFolder(copy).ledger.write_bytes(changed)
        for readonly in (True, False):
            try:
                with Ledger(copy, readonly=readonly) as opened:
                    use_everything(opened, batch, readonly)
            except TrackingSessionError as error:
                told += 1
                assert isinstance(error, (LedgerUnreadable, UsageError)), repr(error)
        shutil.rmtree(copy)
    assert told > 100


def use_everything(ledger: Ledger, batch: str, readonly: bool) -> None:
    ledger.check()
    ledger.batches()
    ledger.batch(batch)
    ledger.counts(batch)
    ledger.shots(batch)
    if not readonly:
        ledger.requeue(batch, FAILED)
        shot = ledger.claim(batch, everything_live)
        if shot is not None:
            ledger.finish(shot, COMPLETED)
        make(ledger)
