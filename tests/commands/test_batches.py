# SPDX-License-Identifier: GPL-3.0-or-later
"""`batch list`, `delete` and `clean`, and ledgers that lie elsewhere, as processes of a Python that has no Blender."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.needs import needed_sessions
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.session import cleanup_old_sessions
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.commands.processes import Commands, make
from tracking_sessions.tests.commands.test_cleaning_batches import HOLDER
from tracking_sessions.tests.core.batch.supervised import command
from tracking_sessions.tests.core.claims import make_batch
from tracking_sessions.tests.core.shots import start_child

OLD = ("--older-than", "1m")


def ids(commands: Commands, *given: object, says: tuple[str, ...] = ()) -> list[str]:
    rows: Any = commands.json("batch", "list", *given, says=says)
    return [row["id"] for row in rows]


def test_batches_are_listed_by_status_and_limit(commands: Commands) -> None:
    paused = make_batch(commands.root, BatchStatus.PAUSED, ["x"])
    left, done = (make_batch(commands.root, one, ["x"]) for one in (BatchStatus.IN_PROGRESS, BatchStatus.COMPLETED))
    assert ids(commands) == [done, left, paused]
    assert ids(commands, "-n", "2") == ids(commands, "--limit", "2") == [done, left]
    assert ids(commands, "-s", "paused") == ids(commands, "--status=paused") == [paused]
    assert ids(commands, "-s", "interrupted", "-n1") == [left]
    commands.run("batch", "list", "-s", "failed", says=("There are no such batches in ",))
    commands.run("batch", "list", "-s", "odd", code=2, says=("invalid choice: 'odd'",))


def test_short_options_mean_the_long_ones(commands: Commands) -> None:
    one, other = make(commands, "one", days=40), make(commands, "other")
    rows: Any = commands.json("list", "-n", "1", "-s", "interrupted")
    assert [row["id"] for row in rows] == [other.session.id]
    assert "1 session deleted" in commands.run("clean", *OLD, "-f") and not one.path.exists()
    assert commands.run("delete", other.session.id, "-f").startswith("Deleted")


@pytest.mark.parametrize("status", [BatchStatus.PAUSED, BatchStatus.COMPLETED])
def test_a_batch_is_deleted_and_its_sessions_stay(commands: Commands, status: BatchStatus) -> None:
    session = make(commands)
    kept, gone = (make_batch(commands.root, status, [session.session.id]) for _ in range(2))
    says = f"This would delete batch {gone} “night” (1 shot; their sessions stay): run it again with --force"
    commands.run("batch", "delete", gone, code=2, says=(says,))
    out, said = commands.ask("batch", "delete", gone, answer="n\n")
    assert out == "" and "Nothing was deleted." in said and ids(commands) == [gone, kept]
    out, _ = commands.ask("batch", "delete", gone, answer="y\n")
    assert out.startswith(f"Deleted batch {gone}, which freed ") and "sessions of its shots are kept" in out
    assert ids(commands) == [kept] and not SessionFolder(commands.root).batch(gone).exists()
    assert session.path.exists() and SessionFolder(commands.root).batch(kept).exists()
    commands.run("batch", "delete", gone, "-f", code=2, says=("There is no batch",))
    assert json.loads(commands.run("batch", "delete", kept, "--force", "--json"))["id"] == kept


def test_a_running_batch_is_not_deleted(commands: Commands) -> None:
    batch = make_batch(commands.root, BatchStatus.IN_PROGRESS, ["x"])
    child = start_child(HOLDER, SessionFolder(commands.root).batch(batch))
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    commands.run("batch", "delete", batch, "-f", code=75, says=(f"The batch {batch} is run by process {child.pid}",))
    assert ids(commands) == [batch]
    child.communicate("\n")
    commands.run("batch", "delete", batch, "-f")


def test_batch_clean_deletes_old_ended_batches_and_no_session(commands: Commands) -> None:
    session = make(commands, days=40)
    paused = make_batch(commands.root, BatchStatus.PAUSED, ["x"], days=40)
    new, old = (make_batch(commands.root, BatchStatus.COMPLETED, [session.session.id], days=days) for days in (1, 40))
    told = commands.run("batch", "clean", *OLD, "--dry-run")
    assert told.startswith(old) and "1 batch would be deleted, which frees" in told
    commands.run("batch", "clean", *OLD, code=2, says=("This would delete 1 batch (",))
    assert ids(commands) == [old, new, paused]
    assert "1 batch deleted" in commands.run("batch", "clean", *OLD, "-f")
    assert ids(commands) == [new, paused] and session.path.exists()
    commands.run("batch", "clean", *OLD, "-f", says=("No batch is that old: there is nothing to clean.",))


# A ledger that lies elsewhere


@pytest.fixture
def db(tmp_path: Path) -> Path:
    (tmp_path / "farm").mkdir()
    return tmp_path / "farm" / "night shift.db"


def make_apart(root: Path, db: Path, session: str, *, days: int = 0, ended: bool = False) -> str:
    """A batch of `root` in the ledger `db` that was run and stopped; its shot has begun the session."""
    with Ledger(root, db=db) as ledger:
        batch = ledger.create("night", [ShotSpec(str(root / "nothing.mov"))], {})
        supervisor = Supervisor(ledger, batch, command(root), lambda _: None, jobs=1)
        supervisor.run(lambda: "stopped", lambda: None)
        shot = ledger.claim(batch.id, lambda _: False)
        assert shot is not None
        ledger.release(ledger.note_session(shot, session))
        if ended:
            ledger.set_status(batch.id, BatchStatus.COMPLETED)
    with closing(sqlite3.connect(db)) as raw, raw:
        raw.execute("UPDATE batches SET modified = datetime('now', ?) WHERE id = ?", (f"-{days} days", batch.id))
    return batch.id


def test_one_ledger_serves_several_session_folders(commands: Commands, db: Path, tmp_path: Path) -> None:
    roots = [tmp_path / "a", tmp_path / "b"]
    batches = [make_apart(root, db, "x") for root in roots]
    rows: Any = commands.json("batch", "list", "--db", db)
    assert [(row["id"], row["root"]) for row in rows] == [
        (batches[1], str(roots[1])),
        (batches[0], str(roots[0])),
    ]
    for root, batch in zip(roots, batches, strict=True):
        row: Any = commands.json("batch", "info", batch, "--db", db)
        assert row["shots"][0]["footage"] == str(root / "nothing.mov")
        assert not SessionFolder(root).ledger.exists()
        child = start_child(HOLDER, SessionFolder(root).batch(batch))
        assert child.stdout is not None and child.stdout.readline() == "owned\n"
        (one,) = [row for row in json.loads(commands.run("batch", "list", "--db", db, "--json")) if row["owner"]]
        assert one["id"] == batch
        commands.run("batch", "delete", batch, "-f", "--db", db, code=75, says=("is run by",))
        child.communicate("\n")
        assert batch in commands.run("batch", "delete", batch, "-f", "--db", db)
        assert not SessionFolder(root).batch(batch).exists()


def test_sessions_that_a_batch_in_another_ledger_needs_stay(commands: Commands, db: Path) -> None:
    session = make(commands, days=40)
    one = session.session.id
    batch = make_apart(commands.root, db, one, days=40)
    need = f"needed by batch {batch}; go on with: batch resume {batch} --db '{db}'"
    for given in ((), ("--db", db)):  # the folder of the batch names its ledger
        commands.run("clean", *OLD, "-f", *given, says=(need,))
        commands.run("delete", one, *given, code=2, says=(need,))
    assert cleanup_old_sessions(commands.root, 30) == 0 and session.path.exists()
    assert (SessionFolder(commands.root).batch(batch) / "ledger").exists()

    kept = db.rename(db.with_name("moved.db"))
    commands.run("clean", *OLD, "-f", says=("possibly needed by a batch", "it is missing"))
    assert cleanup_old_sessions(commands.root, 30) == 0 and session.path.exists()
    kept.rename(db)
    with Ledger(commands.root, db=db) as ledger:
        ledger.set_status(batch, BatchStatus.COMPLETED)
    assert needed_sessions(commands.root) == {}
    assert "1 session deleted" in commands.run("clean", *OLD, "-f")


def test_cleaning_a_ledger_leaves_the_folders_of_another(commands: Commands, db: Path) -> None:
    apart = make_apart(commands.root, db, "x", days=40, ended=True)
    own = make_batch(commands.root, BatchStatus.COMPLETED, ["x"], days=40)
    assert (
        apart not in commands.run("batch", "clean", *OLD, "-f") and SessionFolder(commands.root).batch(apart).exists()
    )
    own = make_batch(commands.root, BatchStatus.COMPLETED, ["x"], days=40)
    told = commands.run("batch", "clean", *OLD, "-f", "--db", db)
    assert apart in told and own not in told and ids(commands) == [own]
    assert not SessionFolder(commands.root).batch(apart).exists() and SessionFolder(commands.root).batch(own).exists()


def test_a_file_that_is_no_ledger_is_reported_and_left(commands: Commands, db: Path) -> None:
    every = (("batch", "list"), ("batch", "info"), ("batch", "delete", "x", "-f"), ("batch", "clean", *OLD, "-f"))
    for given in every:
        commands.run(*given, "--db", db, code=2, says=(f"There is no ledger {db}: check the path",))
    commands.run("clean", *OLD, "-f", "--db", db, code=2, says=("There is no ledger",))
    assert not db.exists()
    for content in (b"notes of the night " * 100, b"short"):
        db.write_bytes(content)
        for given in every:
            commands.run(*given, "--db", db, code=1, says=("no ledger at all", "name the ledger with --db"))
        assert db.read_bytes() == content
    with closing(sqlite3.connect(db.with_name("other.db"))) as raw, raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    commands.run("batch", "list", "--db", db.with_name("other.db"), code=1, says=("another program",))
    commands.run("batch", "list", "--db", db.parent, code=1, says=("it is no file",))


def test_a_batch_without_its_session_folder_can_be_listed_and_deleted(
    commands: Commands, db: Path, tmp_path: Path
) -> None:
    batch = make_apart(tmp_path / "a", db, "x")
    (tmp_path / "a").rename(tmp_path / "moved")
    assert ids(commands, "--db", db) == [batch]
    assert "not done" in commands.ask("batch", "delete", batch, "--db", db, answer="n\n")[1]
