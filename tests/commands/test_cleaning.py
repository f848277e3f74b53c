# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `clean` and `delete`, as processes of a Python without Blender."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.model.wording import size_words
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.commands.processes import HOLDER, Commands, make
from tracking_sessions.tests.core.shots import start_child

# clean and delete


def stems(commands: Commands) -> set[str]:
    return {path.stem for path in session_files(commands.root)}


def test_clean_deletes_and_lists_old_sessions(commands: Commands) -> None:
    old, older, new = make(commands, "old", days=8), make(commands, "older", days=40), make(commands, "new")
    commands.run("report", older.session.id)
    before = {path: path.stat().st_size for path in commands.root.rglob("*") if path.is_file()}
    row = commands.json("clean", "--older-than", "1w", "--dry-run")
    assert isinstance(row, dict) and row["dry_run"] and row["left"] == []
    assert [one["id"] for one in row["sessions"]] == [older.session.id, old.session.id]
    told = commands.run("clean", "--older-than", "1w", "--dry-run").splitlines()
    assert told[0].startswith(f"{older.session.id}") and told[0].endswith("interrupted  older")
    assert told[-1] == f"2 sessions would be deleted, which frees {size_words(row['freed'])}."
    assert {path: path.stat().st_size for path in before} == before

    words = ("This would delete 2 sessions (", "--dry-run", "--force")
    commands.run("clean", "--older-than", "1w", code=2, says=words)
    assert len(stems(commands)) == 3
    done = commands.run("clean", "--older-than", "7d", "--force").splitlines()
    assert done[-1] == f"2 sessions deleted, which freed {size_words(row['freed'])}."
    assert stems(commands) == {new.session.id} and list((commands.root / "reports").iterdir()) == []
    assert sum(size for path, size in before.items() if not path.exists()) == row["freed"]
    says = ("there is nothing to clean",)
    assert commands.json("clean", "--older-than", "1m", says=says) == {
        "dry_run": False,
        "freed": 0,
        "left": [],
        "batches": [],
        "sessions": [],
    }


def test_clean_asks_on_a_terminal(commands: Commands) -> None:
    old = make(commands, "old", days=8)
    for answer in ("n\n", "\n", "\x04"):
        out, said = commands.ask("clean", "--older-than", "1w", answer=answer)
        assert out == "" and "Delete 1 session (" in said and said.endswith("Nothing was deleted.\n")
        assert f"{old.session.id}      1 week ago" in said
    assert stems(commands) == {old.session.id}
    out, _ = commands.ask("clean", "--older-than", "1w", answer="y\n")
    assert "1 session deleted" in out and stems(commands) == set()


def test_clean_leaves_sessions_in_use_and_unreadable_sessions(commands: Commands) -> None:
    owned, broken, old = (make(commands, name, days=60) for name in ("owned", "broken", "old"))
    text = broken.path.read_text(encoding="utf-8")
    broken.path.write_text(text[:50], encoding="utf-8")
    child = start_child(HOLDER, owned.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    owner = f"it is in use by process {child.pid} on "
    says = (f"{owned.session.id} is left alone: {owner}", f"{broken.path.stem} is left alone: ")
    for flag in ("--dry-run", "--force"):
        out = commands.run("clean", "--older-than", "1m", flag, says=says)
        assert "1 session " in out and old.session.id in out
        assert owned.session.id not in out
    assert stems(commands) == {owned.session.id, broken.path.stem}
    assert broken.path.read_text(encoding="utf-8") == text[:50]
    row = commands.json("clean", "--older-than", "0d", "--force", says=says)
    assert isinstance(row, dict) and {one["file"] for one in row["left"]} == {str(owned.path), str(broken.path)}
    child.communicate("\n")
    commands.run("clean", "--older-than", "1m", "--force", says=(broken.path.stem,))
    assert stems(commands) == {broken.path.stem}


@pytest.mark.parametrize("age", ["", "7", "d", "-7d", "7y", "1.5d", "d7", "7d ", "٣d", "1" * 7 + "d"])
def test_an_invalid_age_is_answered_with_examples(commands: Commands, age: str) -> None:
    commands.run("clean", f"--older-than={age}", code=2, says=("--older-than", "7d, 2w or 1m"))


def test_an_age_before_the_beginning_of_time_is_older_than_all(commands: Commands) -> None:
    make(commands, days=2000)
    commands.run("clean", "--older-than", "999999m", "--force", says=("there is nothing to clean",))


def test_delete_asks_or_needs_force(commands: Commands) -> None:
    manager = make(commands)
    one = manager.session.id
    commands.run("delete", one, code=2, says=(f"This would delete “shot” ({one}), 3 frames tracked", "--force"))
    out, said = commands.ask("delete", one, answer="no\n")
    assert out == "" and said.endswith("Nothing was deleted.\n")
    before = sum(path.stat().st_size for path in commands.root.rglob("*") if path.is_file())
    row = commands.json("delete", one, "--force")
    after = sum(path.stat().st_size for path in commands.root.rglob("*") if path.is_file() and path.name != "index.db")
    assert isinstance(row, dict) and row["id"] == one and row["freed"] > 0
    assert after == 0 and row["freed"] <= before
    commands.run("delete", one, "--force", code=2, says=(f"There is no session '{one}'",))
    other = make(commands)
    out, _ = commands.ask("delete", other.session.id, answer="yes\n")
    assert out.startswith(f"Deleted {other.session.id}, which freed ")


@pytest.mark.parametrize("flags", [(), ("--force",)])
def test_a_session_in_use_is_not_deleted(commands: Commands, flags: tuple[str, ...]) -> None:
    manager = make(commands)
    child = start_child(HOLDER, manager.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    for given in (("delete", *flags), ("discard",)):
        commands.run(given[0], manager.session.id, *given[1:], code=75, says=(f"in use by process {child.pid}",))
    child.communicate("\n")
    assert load_session(manager.path).session.state is SessionState.ACTIVE


def test_an_unreadable_session_can_be_deleted(commands: Commands, tmp_path: Path) -> None:
    manager = make(commands)
    manager.path.write_text("[")
    commands.run("info", manager.session.id, code=1, says=("cannot be read",))
    commands.run("delete", manager.session.id, code=2, says=(f"{manager.path}, which cannot be read", "--force"))
    commands.run("delete", manager.session.id, "--force")
    assert not manager.path.exists() and not manager.folder.exists()
    damaged = make(commands)
    journal = damaged.folder / "journal.1"
    journal.write_bytes(b"x" * 500)
    commands.run("delete", damaged.path, "--force")
    assert stems(commands) == set()
    mine = tmp_path / "settings.yaml"
    mine.write_text("a: 1")
    commands.run("delete", mine, "--force", code=2, says=("is no session",))
    assert mine.exists()
