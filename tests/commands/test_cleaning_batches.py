# SPDX-License-Identifier: GPL-3.0-or-later
"""`clean` and `delete` beside batches, as processes of a Python that has no Blender."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.model.wording import size_words
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.commands.processes import Commands, make
from tracking_sessions.tests.core.claims import make_batch
from tracking_sessions.tests.core.shots import start_child

FORCE, DRY = ("clean", "--older-than", "1m", "--force"), ("clean", "--older-than", "1m", "--dry-run")


def batches(commands: Commands) -> list[str]:
    rows: Any = commands.json("batch", "list", says=()) if SessionFolder(commands.root).ledger.exists() else []
    return [row["id"] for row in rows]


@pytest.mark.parametrize("status", [BatchStatus.PAUSED, BatchStatus.IN_PROGRESS])
def test_clean_leaves_the_sessions_of_an_unfinished_batch(commands: Commands, status: BatchStatus) -> None:
    needed, old = make(commands, "needed", days=40), make(commands, "old", days=40)
    batch = make_batch(commands.root, status, [needed.session.id], days=40)
    says = f"{needed.session.id} is left alone: needed by batch {batch}; go on with: batch resume {batch} --root "
    for flag in ("--dry-run", "--force"):
        out = commands.run("clean", "--older-than", "1m", flag, says=(says,))
        assert out.startswith(old.session.id) and "1 session " in out and needed.session.id not in out
    assert needed.path.exists() and not old.path.exists() and batches(commands) == [batch]
    row: Any = commands.json(*FORCE, says=(says, "There is nothing to clean."))
    assert [one["file"] for one in row["left"]] == [str(needed.path)] and row["batches"] == row["sessions"] == []
    with Ledger(commands.root) as ledger:
        ledger.set_status(batch, BatchStatus.COMPLETED)
    assert "1 session deleted" in commands.run(*FORCE)
    assert not needed.path.exists() and batches(commands) == [batch]


def test_many_that_are_left_for_one_reason_take_one_line(commands: Commands) -> None:
    needed = [make(commands, "needed", days=40).session.id for _ in range(5)]
    make_batch(commands.root, BatchStatus.PAUSED, needed)
    shown = ", ".join(needed[:1:-1])
    commands.run(*DRY, says=(f"{shown} and 2 more are left alone: needed by batch ",))
    row: Any = commands.json(*DRY, says=("There is nothing to clean.",))
    assert len(row["left"]) == 5


def test_clean_deletes_batches_that_ended_long_ago(commands: Commands) -> None:
    old = make(commands, "old", days=40)
    kept = make_batch(commands.root, BatchStatus.PAUSED, ["x"], days=40)
    new = make_batch(commands.root, BatchStatus.COMPLETED, ["x"], days=20)
    gone = make_batch(commands.root, BatchStatus.FAILED, ["x"], days=40)
    left_over = SessionFolder(commands.root).batch("20200101-101500-00000000")
    left_over.mkdir()
    (left_over / "1.log").write_text("frame 1\n")
    os.utime(left_over / "1.log", (1e9, 1e9))
    before = {path: path.stat().st_size for path in commands.root.rglob("*") if path.is_file()}
    row: Any = commands.json(*DRY)
    assert [(one["id"], one["status"]) for one in row["batches"]] == [(gone, "failed"), (left_over.name, "")]
    assert row["batches"][0]["name"] == "night" and row["batches"][1]["modified"].startswith("2001-09-09T01:46:40")
    told = commands.run(*DRY).splitlines()
    assert told[0].startswith(old.session.id) and told[1].startswith(gone) and told[1].endswith("batch, failed  night")
    assert told[2].startswith(left_over.name) and told[2].endswith("folder of a deleted batch")
    size = size_words(row["freed"])
    assert told[3:] == [f"1 session and 2 batches would be deleted, which frees {size}."]
    assert batches(commands) == [gone, new, kept] and all(path.exists() for path in before)
    commands.run(*FORCE[:-1], code=2, says=(f"This would delete 1 session and 2 batches ({size})",))
    out, said = commands.ask(*FORCE[:-1], answer="n\n")
    assert out == "" and f"Delete 1 session and 2 batches ({size})? [y/N]" in said and told[1] in said
    assert batches(commands) == [gone, new, kept]

    done = commands.run(*FORCE).splitlines()
    assert done[-1] == f"1 session and 2 batches deleted, which freed {size}."
    folders = {path.name for path in (commands.root / "batches").iterdir()}
    assert batches(commands) == [new, kept] and folders == {new, kept}
    lost = sum(size for path, size in before.items() if not path.exists() and path.suffix not in (".db-wal", ".db-shm"))
    assert lost == row["freed"]
    commands.run(*FORCE, says=("No session and no batch is that old: there is nothing to clean.",))
    assert "1 batch deleted" in commands.run("clean", "--older-than", "1w", "--force") and batches(commands) == [kept]


HOLDER = """
from pathlib import Path
from tracking_sessions.core.storage.lease import Lease
lease = Lease.take(Path(sys.argv[1]), "just now")
print("owned", flush=True)
sys.stdin.readline()
lease.release()
"""


def test_clean_never_touches_a_batch_that_is_owned(commands: Commands) -> None:
    batch = make_batch(commands.root, BatchStatus.COMPLETED, ["x"], days=40)
    child = start_child(HOLDER, SessionFolder(commands.root).batch(batch))
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    commands.run(*FORCE, says=(f"Batch {batch} is left alone: it is in use by process {child.pid} on ",))
    assert batches(commands) == [batch]
    child.communicate("\n")
    assert "1 batch deleted" in commands.run(*FORCE) and batches(commands) == []


def damage(path: Path) -> None:
    path.write_bytes(b"no ledger " * 1000)


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 9")


@pytest.mark.parametrize(("harm", "advice"), [(damage, "move it away"), (make_newer, "update the extension")])
def test_a_ledger_that_cannot_be_read_is_no_reason_to_delete_or_to_fail(
    commands: Commands, harm: Any, advice: str
) -> None:
    old, older = make(commands, "old", days=40), make(commands, "older", days=50)
    one = old.session.id
    batch = make_batch(commands.root, BatchStatus.COMPLETED, [one], days=40)
    path = SessionFolder(commands.root).ledger
    harm(path)
    content = path.read_bytes()
    says = (
        f"{older.session.id}, {one} are left alone: possibly needed by a batch; to delete one anyway: "
        "delete SESSION --force.",
        f"Each batch is left alone: {path}, the ledger of batches, cannot be used: ",
        advice,
    )
    assert commands.run(*FORCE, says=says) == ""
    row: Any = commands.json(*FORCE, says=says)
    assert [one["file"] for one in row["left"]] == [str(older.path), str(old.path), str(path)]
    unknown = "Whether a batch needs it is not known: "
    commands.run("delete", one, code=2, says=(f"This would delete “old” ({one}), 3 frames tracked. {unknown}",))
    assert old.path.exists() and older.path.exists() and SessionFolder(commands.root).batch(batch).exists()
    commands.run("delete", one, "--force", says=(unknown,))
    assert not old.path.exists() and path.read_bytes() == content
    path.unlink()
    assert "1 session and 1 batch deleted" in commands.run(*FORCE)


def test_delete_says_that_a_batch_needs_it(commands: Commands) -> None:
    manager = make(commands)
    one = manager.session.id
    batch = make_batch(commands.root, BatchStatus.PAUSED, [one])
    need = f"It is needed by batch {batch}; go on with: batch resume {batch} --root {commands.root}."
    says = f"This would delete “shot” ({one}), 3 frames tracked. {need} To delete it anyway: --force"
    commands.run("delete", one, code=2, says=(says,))
    out, said = commands.ask("delete", one, answer="n\n")
    assert out == "" and need in said and manager.path.exists()
    assert commands.run("delete", one, "--force", says=(need,)).startswith(f"Deleted {one}")
    assert not manager.path.exists()
