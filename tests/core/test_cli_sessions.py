# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that need no Blender, as processes of a Python that has none."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking_sessions.commands import arguments
from tracking_sessions.core.model import SessionState
from tracking_sessions.core.session import TrackingSessionManager, create_session, load_session, session_files
from tracking_sessions.core.storage import encode_document, read_document
from tracking_sessions.tests.core.shots import (
    FakeTracker,
    finish,
    make_footage,
    start_child,
    start_markers,
    start_run,
)

CHECKOUT = Path(__file__).resolve().parents[2]
ID = "20260131-101500-00000000"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a Python in which bpy cannot be imported, nor fsync waited for."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "bpy.py").write_text("raise ImportError('no bpy here')")
    (folder / "sitecustomize.py").write_text("import os\nos.fsync = lambda descriptor: None")
    return {**os.environ, "PYTHONPATH": str(folder)}


class Commands:
    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def start(self, *given: object, **options: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(CHECKOUT), *map(str, given)]
        where = ["--root", str(self.root)] if "--help" not in command and "--root" not in command else []
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environment,
            **options,
        }
        return subprocess.Popen([*command, *where], text=True, **options)  # type: ignore[call-overload]

    def run(self, *given: object, code: int = 0, says: tuple[str, ...] = ()) -> str:
        """What it prints; `says` must stand on standard error."""
        process = self.start(*given)
        out, error = process.communicate(timeout=60)
        assert process.returncode == code, (process.returncode, out, error)
        assert "Traceback" not in error and all(word in error for word in says), error
        assert not code or not out
        if not says:
            assert not error, error
        return out

    def json(self, *given: object, says: tuple[str, ...] = ()) -> object:
        return json.loads(self.run(*given, "--json", says=says))

    def ask(self, *given: object, answer: str) -> tuple[str, str]:
        """What it prints and what it says on a terminal, on which somebody answers."""
        master, slave = pty.openpty()
        process = self.start(*given, stdin=slave, stderr=slave)
        os.close(slave)
        said = b""
        deadline = time.monotonic() + 60
        asked = False
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 4096)
                except OSError:  # the other end is closed
                    break
                said += data
            if b"[y/N] " in said and not asked:
                asked = True
                os.write(master, answer.encode())
        out, _ = process.communicate(timeout=60)
        os.close(master)
        assert process.returncode == 0 and asked
        return out, said.decode().replace("\r\n", "\n")


@pytest.fixture
def commands(tmp_path: Path, environment: dict[str, str]) -> Commands:
    return Commands(tmp_path / "tracking_sessions", environment)


def make(commands: Commands, name: str = "shot", *, days: float = 0, plates: str = "plates") -> TrackingSessionManager:
    """A session that was stopped on frame 3 of 6, with a track lost there, `days` ago."""
    footage = commands.root.parent / plates
    if not footage.exists():
        make_footage(footage)
    manager = create_session(footage, name, commands.root)
    with start_run(manager, [(1, 6)]) as run:
        run.step()
        run.step()
        run.pause()
    manager.close()
    if days:
        state = read_document(manager.path)
        state["session"]["modified"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        manager.path.write_bytes(encode_document(state, ".yaml"))
    return load_session(manager.path)


def make_whole(commands: Commands, name: str = "whole", start: int = 1, end: int = 6) -> TrackingSessionManager:
    footage = commands.root.parent / "plates"
    if not footage.exists():
        make_footage(footage)
    manager = create_session(footage, name, commands.root)
    finish(start_run(manager, [(start, end)], FakeTracker(start_markers((1, 2, 3), start))))
    return load_session(manager.path)


HOLDER = """
from tracking_sessions.core.session import load_session
session = load_session(sys.argv[1])
session.acquire()
print("owned", flush=True)
sys.stdin.readline()
session.close()
"""


# list


def test_list_is_newest_first_with_age_and_owner(commands: Commands) -> None:
    old, done = make(commands, "old\n\x1b[31mshot", days=3), make_whole(commands)
    child = start_child(HOLDER, done.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    first, second = commands.run("list").splitlines()
    child.communicate("\n")
    assert first.startswith(
        f"{done.session.id}        just now  100.0 %       6 frames  tracking complete  whole  (in use by"
    )
    assert first.endswith(")") and f"process {child.pid} on " in first
    assert second == f"{old.session.id}      3 days ago   50.0 %       3 frames  interrupted        old  [31mshot"
    rows = commands.json("list")
    assert isinstance(rows, list)
    assert rows[1] == arguments.described(old) and rows[0] == arguments.described(load_session(done.path))
    assert commands.json("list", "--limit", 1) == rows[:1]


def test_list_by_status_and_state(commands: Commands) -> None:
    made = {name: make_whole(commands, name) for name in ("done", "kept", "aside")}
    stopped = make(commands, "stopped")
    with made["kept"] as manager:
        manager.set_state(SessionState.COMMITTED)
    with made["aside"] as manager:
        manager.set_state(SessionState.DISCARDED)
    for status, names in (
        ("interrupted", ["stopped"]),
        ("tracking_complete", ["aside", "kept", "done"]),
        ("committed", ["kept"]),
        ("discarded", ["aside"]),
    ):
        rows = commands.json("list", "--status", status)
        assert isinstance(rows, list) and [row["name"] for row in rows] == names
    assert commands.json("list", "--status", "failed", says=("There are no such sessions",)) == []
    commands.run("list", "--status", "done", code=2, says=("interrupted", "tracking_complete", "committed"))
    commands.run("list", "--limit", "0", code=2, says=("'0' is no whole number from 1 on",))
    stopped.path.write_text("[")
    assert len(commands.run("list", says=(f"{stopped.path} cannot be read",)).splitlines()) == 3


def test_list_where_there_is_nothing(commands: Commands) -> None:
    assert commands.run("list", says=("There are no sessions in",)) == ""
    assert not commands.root.exists()


def test_ages_as_people_say_them() -> None:
    now = datetime.now(UTC)
    for seconds, words in (
        (-500, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_400 * 1.5, "1 day ago"),
        (86_400 * 13, "1 week ago"),
        (86_400 * 364, "1 year ago"),
        (86_400 * 800, "2 years ago"),
    ):
        assert arguments.age((now - timedelta(seconds=seconds + 0.5)).isoformat()) == words
    assert arguments.age("yesterday") == "" and arguments.size_words(999_960_000) == "1.0 GB"


# info


def test_info_tells_passes_tracks_and_problems(commands: Commands) -> None:
    manager = make(commands)
    lines = commands.run("info", manager.session.id).splitlines()
    assert "Tracks:   3, each with markers on 2 to 3 frames" in lines
    assert "Pass 1:   track forwards 1-6, at frame 3, 2 of 3 tracks alive, paused" in lines
    assert "Lost at frame 3: Track.2" in lines
    assert lines[-1] == f"Next:     go on with: resume {manager.session.id}"
    row = commands.json("info", manager.session.id[:12], "--frames")
    assert isinstance(row, dict)
    assert row["frames"] == {"1": 3, "2": 3, "3": 2} and row["lost"] == {"3": ["Track.2"]} and row["problems"] == []
    assert row["tracks"][1] == {"name": "Track.2", "object": "Camera", "frames": 2, "first": 1, "last": 2}
    for path in (commands.root.parent / "plates").iterdir():
        path.unlink()
    told = commands.run("info", manager.session.id)
    assert "Problem:  There is no footage at" in told and "put the footage back, then go on with: resume" in told


def test_info_says_what_to_do_next(commands: Commands) -> None:
    done = make_whole(commands)
    new = create_session(commands.root.parent / "plates", "new", commands.root)
    assert commands.run("info", done.path).endswith("Next:     nothing to do\n")
    assert commands.run("info", new.path).endswith("Next:     begin it with: track --resume\n")
    with new:
        new.set_state(SessionState.DISCARDED)
    assert commands.run("info", new.path).endswith(f"bring it back with: commit {new.session.id}\n")


def test_info_of_a_journal_that_is_damaged_in_what_is_summed_up(commands: Commands) -> None:
    manager = make(commands)
    journal = manager.folder / "journal.1"
    data = bytearray(journal.read_bytes())
    data[200] ^= 1
    journal.write_bytes(data)
    told = commands.run("info", manager.session.id)
    assert "Frames:   3 of 6 tracked: 1-3" in told and "Problem:  " in told and "resume --salvage" in told


# report and merge


def test_a_report_is_written_where_it_belongs_or_where_it_is_wanted(commands: Commands, tmp_path: Path) -> None:
    manager = make(commands)
    one = manager.session.id
    default = commands.root / "reports" / f"{one}.html"
    assert commands.run("report", one) == f"{default}\n"
    assert default.read_text(encoding="utf-8").startswith("<!doctype html>")
    wanted = tmp_path / "out" / "010.html"
    for _ in range(2):
        assert commands.json("report", one, "-o", wanted) == {"id": one, "report": str(wanted)}
    before = manager.path.read_bytes()
    commands.run("report", one, "-o", manager.path, code=2, says=("exists and is no .html",))
    commands.run("report", one, "-o", tmp_path, code=2, says=("is a folder",))
    assert manager.path.read_bytes() == before


def test_merging(commands: Commands) -> None:
    parts = [make_whole(commands, "a", 1, 3), make_whole(commands, "b", 6, 4)]
    other = make(commands, plates="others")
    ids = [part.session.id for part in parts]
    output = commands.root / "sessions" / "merged.yaml"
    first, second = commands.run("merge", *ids, "-o", output).splitlines()
    assert first == "Merged 2 sessions; 6 of 6 are recorded." and second == f"Session merged in {output}"
    assert "merged" in commands.run("list") and str(load_session(output).session.tracked_frames) == "1-6"
    commands.run("merge", *ids, "-o", output, code=2, says=("exists already",))
    commands.run("merge", *ids, code=2, says=("-o",))
    commands.run("merge", "-o", "x.yaml", code=2, says=("SESSION",))
    (commands.root.parent / "others" / "plate_0001.png").write_bytes(b"other")
    other = create_session(commands.root.parent / "others", "c", commands.root)
    commands.run("merge", ids[0], other.path, "-o", "x.yaml", code=2, says=("other footage",))
    row = commands.json("merge", *ids, "-o", commands.root / "more.yaml")
    assert isinstance(row, dict) and (row["id"], row["tracked_frames"]) == ("more", 6)


# clean and delete


def stems(commands: Commands) -> set[str]:
    return {path.stem for path in session_files(commands.root)}


def test_clean_deletes_what_is_old_and_says_so(commands: Commands) -> None:
    old, older, new = make(commands, "old", days=8), make(commands, "older", days=40), make(commands, "new")
    commands.run("report", older.session.id)
    before = {path: path.stat().st_size for path in commands.root.rglob("*") if path.is_file()}
    row = commands.json("clean", "--older-than", "1w", "--dry-run")
    assert isinstance(row, dict) and row["dry_run"] and row["left"] == []
    assert [one["id"] for one in row["sessions"]] == [older.session.id, old.session.id]
    told = commands.run("clean", "--older-than", "1w", "--dry-run").splitlines()
    assert told[0].startswith(f"{older.session.id}") and told[0].endswith("interrupted  older")
    assert told[-1] == f"2 sessions would be deleted, which frees {arguments.size_words(row['freed'])}."
    assert {path: path.stat().st_size for path in before} == before

    words = ("This would delete 2 sessions (", "--dry-run", "--force")
    commands.run("clean", "--older-than", "1w", code=2, says=words)
    assert len(stems(commands)) == 3
    done = commands.run("clean", "--older-than", "7d", "--force").splitlines()
    assert done[-1] == f"2 sessions deleted, which freed {arguments.size_words(row['freed'])}."
    assert stems(commands) == {new.session.id} and list((commands.root / "reports").iterdir()) == []
    assert sum(size for path, size in before.items() if not path.exists()) == row["freed"]
    says = ("there is nothing to clean",)
    assert commands.json("clean", "--older-than", "1m", says=says) == {
        "dry_run": False,
        "freed": 0,
        "left": [],
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


def test_clean_never_touches_what_is_owned_or_cannot_be_read(commands: Commands) -> None:
    owned, broken, old = (make(commands, name, days=60) for name in ("owned", "broken", "old"))
    text = broken.path.read_text(encoding="utf-8")
    broken.path.write_text(text[:50], encoding="utf-8")
    child = start_child(HOLDER, owned.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    says = (
        f"{owned.session.id} is left alone: it is in use by process {child.pid}",
        f"{broken.path.stem} is left alone",
    )
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
def test_an_age_that_is_none_is_answered_with_examples(commands: Commands, age: str) -> None:
    commands.run("clean", f"--older-than={age}", code=2, says=("--older-than", "7d, 2w or 1m"))


def test_an_age_before_the_beginning_of_time_is_older_than_all(commands: Commands) -> None:
    make(commands, days=2000)
    commands.run("clean", "--older-than", "999999m", "--force", says=("there is nothing to clean",))


def test_delete_asks_or_is_told_to(commands: Commands) -> None:
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
def test_what_is_owned_is_not_deleted(commands: Commands, flags: tuple[str, ...]) -> None:
    manager = make(commands)
    child = start_child(HOLDER, manager.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    for given in (("delete", *flags), ("discard",)):
        commands.run(given[0], manager.session.id, *given[1:], code=75, says=(f"in use by process {child.pid}",))
    child.communicate("\n")
    assert load_session(manager.path).session.state is SessionState.ACTIVE


def test_what_cannot_be_read_can_be_deleted(commands: Commands, tmp_path: Path) -> None:
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


# discard and commit


def test_discard_and_commit_and_the_way_back(commands: Commands) -> None:
    done, part = make_whole(commands), make(commands)
    new = create_session(commands.root.parent / "plates", "new", commands.root)

    def state(manager: TrackingSessionManager) -> str:
        return load_session(manager.path).session.state.value

    one = done.session.id
    assert commands.run("commit", one) == f"Committed “whole” ({one}).\n"
    assert commands.run("commit", one, says=(f"Nothing to do: “whole” ({one}) is committed.",)) == ""
    assert commands.run("discard", one) == f"Discarded “whole” ({one}); bring it back with: commit {one}\n"
    generations = len(list(done.folder.iterdir()))
    assert commands.run("discard", one, says=("Nothing to do",)) == "" and state(done) == "discarded"
    assert len(list(done.folder.iterdir())) == generations  # nothing was written
    row = commands.json("commit", one)
    assert isinstance(row, dict) and (row["state"], row["owner"]) == ("committed", "")

    two = part.session.id
    commands.run("commit", two, code=2, says=(f"resume {two}", f"discard {two}"))
    assert state(part) == "active"
    commands.run("discard", two)
    assert commands.run("commit", two) == f"“shot” ({two}) is back; go on with: resume {two}\n"
    assert state(part) == "active" and load_session(part.path).is_interrupted
    commands.run("discard", new.path)
    assert commands.run("commit", new.path).endswith("go on with: track --resume\n")


def test_a_discarded_session_is_not_resumed_unless_it_is_named(commands: Commands) -> None:
    manager = make(commands)
    commands.run("discard", manager.session.id)
    commands.run("resume", says=("No session was interrupted",))
    commands.run("commit", manager.session.id)
    commands.run("resume", code=1, says=("Tracking needs Blender",))  # it was found


# All of them


@pytest.mark.parametrize(
    "name", ["track", "resume", "list", "info", "report", "merge", "clean", "delete", "discard", "commit"]
)
def test_every_command_has_help_with_an_example(commands: Commands, name: str) -> None:
    told = commands.run(name, "--help")
    assert f"usage: tracking_sessions {name}" in told and f"Example: tracking_sessions {name} " in " ".join(
        told.split()
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("list", "--statsu", "x"), "did you mean --status?"),
        (("clean", "--older-than", "1d", "--dry"), ""),
        (("clean", "--older-than", "1d", "--dryrun"), "did you mean --dry-run?"),
        (("info", ID, "--quux"), "there are --help, --root, --frames, --json"),
        (("delete",), "SESSION"),
        (("lits",), "'list'"),
        ((), "COMMAND"),
    ],
)
def test_a_wrong_argument_names_the_right_one(commands: Commands, given: tuple[str, ...], words: str) -> None:
    if words:
        commands.run(*given, code=2, says=(words,))
    else:
        commands.run(*given, says=("nothing to clean",))


@pytest.mark.parametrize("name", ["info", "report", "delete", "discard", "commit"])
def test_a_session_that_is_not_there(commands: Commands, name: str) -> None:
    make(commands), make(commands)
    for unknown in ("19990101", "../../x", "x" * 10_000, "\N{SNOWMAN}", "", "x.yaml", "a\nb.yaml"):
        commands.run(name, unknown, code=2, says=("There is no session", "“list”"))
    commands.run(name, "20", code=2, says=("2 sessions begin with 20",))
