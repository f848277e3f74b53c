# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that read sessions, as processes of a Python without Blender."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking_sessions.commands import words
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.model.wording import age, size_words
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.solve.recording import mark_best
from tracking_sessions.tests.commands.processes import HOLDER, Commands, make, make_whole, owned
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.grey import grey_png
from tracking_sessions.tests.core.shots import FakeTracker, finish, start_child, start_markers, start_run

ID = "20260131-101500-00000000"


# the solves of a session


def test_info_lists_the_solves_as_a_table_with_the_best_one(commands: Commands) -> None:
    session = make_whole(commands)
    with session:
        figures = {
            "cameras": 6,
            "frames": 6,
            "tracks_kept": 8,
            "tracks_made": 9,
            "focal_length": 35,
            "keyframes": [1, 5],
        }
        session.mark_solve_complete("solve-1", verdict="solved", average_error=0.1234, **figures)
        session.mark_solve_complete("solve-2", verdict="not_solved", average_error=1.5, **figures)
        session.mark_solve_complete("script\x1b[31m", average_error="low")
        mark_best(session, "solve-2", "Ann")
    lines = [line for line in commands.run("info", session.id).splitlines() if line.startswith("Solve:")]
    assert len(lines) == 3 and "\x1b" not in lines[2] and "no camera" in lines[2]
    for words_ in ("solve-1", "solved", "0.123 px", "6 of 6 frames", "8 of 9 tracks", "35.00 mm", "keyframes 1 and 5"):
        assert words_ in lines[0]
    assert [line.endswith("best, says Ann") for line in lines] == [False, True, False]
    row = commands.json("info", session.id)
    assert isinstance(row, dict)
    assert [solve["is_best"] for solve in row["solves"]] == [False, True, False]
    assert row["solves"][0]["shown_keyframes"] == row["solves"][0]["keyframes"] == [1, 5]
    assert row["solves"][1]["best_by"] == "Ann" and row["solves"][2]["average_error"] == 0.0


# list


def test_list_is_newest_first_with_age_and_owner(commands: Commands) -> None:
    old, done = make(commands, "old\n\x1b[31mshot", days=3), make_whole(commands)
    child = start_child(HOLDER, done.path)
    assert child.stdout is not None and child.stdout.readline() == "owned\n"
    first, second = commands.run("list").splitlines()
    child.communicate("\n")
    assert first.startswith(f"{done.session.id}        just now  100.0 %       6 frames  tracking complete  whole  (in")
    assert first.endswith(")") and f"(in use by process {child.pid} on " in first
    assert second == f"{old.session.id}      3 days ago   50.0 %       3 frames  interrupted        old  [31mshot"
    rows = commands.json("list")
    assert isinstance(rows, list)
    assert rows[1] == words.described(old) and rows[0] == words.described(load_session(done.path))
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
    assert commands.json("list", "--status", "failed") == []
    assert commands.run("list", "--status", "failed", says=("There are no such sessions in",)) == ""
    commands.run("list", "--status", "done", code=2, says=("interrupted", "tracking_complete", "committed"))
    commands.run("list", "--limit", "0", code=2, says=("'0' is no whole number from 1 on",))
    stopped.path.write_text("[")
    assert len(commands.run("list", says=(f"{stopped.path} cannot be read",)).splitlines()) == 3


def test_list_without_sessions(commands: Commands) -> None:
    assert commands.run("list", says=("There are no sessions in",)) == ""
    assert not commands.root.exists()


def test_ages_in_words() -> None:
    now = datetime.now(UTC)
    for seconds, expected in (
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
        assert age((now - timedelta(seconds=seconds + 0.5)).isoformat()) == expected
    assert age("yesterday") == "" and size_words(999_960_000) == "1.0 GB"


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
    known = {"name": "Track.2", "object": "Camera", "frames": 2, "first": 1, "last": 2}
    assert row["tracks"][1] == known | {"shown_first": 1, "shown_last": 2}
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


def test_info_of_a_journal_that_is_damaged_before_the_last_summary(commands: Commands) -> None:
    manager = make(commands)
    flip(manager.folder / "journal.1", 200)
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
    commands.run("merge", *ids, "-o", output, code=2, says=("already exists",))
    commands.run("merge", *ids, code=2, says=("-o",))
    commands.run("merge", "-o", "x.yaml", code=2, says=("SESSION",))
    (commands.root.parent / "others" / "plate_0001.png").write_bytes(grey_png(b"other"))
    other = create_session(commands.root.parent / "others", "c", commands.root)
    commands.run("merge", ids[0], other.path, "-o", "x.yaml", code=2, says=("their footage differs",))
    row = commands.json("merge", *ids, "-o", commands.root / "more.yaml")
    assert isinstance(row, dict) and (row["id"], row["tracked_frames"]) == ("more", 6)


def test_a_merged_session_says_which_frames_it_lacks(commands: Commands) -> None:
    """The passes of its parts are not in it, so that it cannot know where tracks were lost."""
    whole = make_whole(commands, "a", 1, 3)
    torn = create_session(commands.root.parent / "plates", "b", commands.root)
    finish(start_run(torn, [(1, 6)], FakeTracker(start_markers((1, 2, 3), 1), dict.fromkeys((1, 2, 3), 4))))
    merged = commands.root / "sessions" / "merged.yaml"
    told = commands.run("merge", whole.session.id, torn.session.id, "-o", merged)
    assert told.startswith("Merged 2 sessions; 4 of 6 are recorded; 5 to 6 are not.\n")
    listed = next(line for line in commands.run("list").splitlines() if line.startswith("merged"))
    assert "tracked but for 2 frames" in listed and "complete" not in listed
    told = commands.run("info", "merged")
    assert "Status:   tracked but for 2 frames\n" in told and "Missing:  5-6\n" in told
    assert told.endswith("Next:     track the missing frames with: track --start 5 --end 6\n")
    row = commands.json("info", "merged")
    assert isinstance(row, dict) and (row["missing"], row["shown_missing"]) == ("5-6", "5-6")
    report = Path(commands.run("report", "merged").strip()).read_text("utf-8")
    assert '<p class="bad">Not tracked: 5 to 6.</p>' in report
    told = commands.run("info", whole.session.id)
    assert "Status:   tracking complete\n" in told and "Missing:" not in told and "nothing to do" in told


# All of them


@pytest.mark.parametrize(
    "name", ["track", "resume", "list", "info", "report", "merge", "clean", "delete", "discard", "commit"]
)
def test_every_command_has_help_with_an_example(commands: Commands, name: str) -> None:
    told = commands.run(name, "--help")
    assert f"Example: tracking_sessions {name} " in " ".join(told.split())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("list", "--statsu", "x"), "did you mean --status?"),
        (("clean", "--older-than", "1d", "--dry"), ""),
        (("clean", "--older-than", "1d", "--dryrun"), "did you mean --dry-run?"),
        (("info", ID, "--quux"), "there are --help, --root, --frames, --frame, --json"),
        (("delete",), "SESSION"),
        (("lits",), "list"),
        ((), "COMMAND"),
    ],
)
def test_a_wrong_argument_names_the_right_one(commands: Commands, given: tuple[str, ...], words: str) -> None:
    if words:
        commands.run(*given, code=2, says=(words,))
    else:
        commands.run(*given, says=("nothing to clean",))


@pytest.mark.parametrize("name", ["info", "report", "delete", "discard", "commit"])
def test_a_missing_session_is_reported(commands: Commands, name: str) -> None:
    make(commands), make(commands)
    for unknown in ("19990101", "../../x", "x" * 10_000, "\N{SNOWMAN}", "", "x.yaml", "a\nb.yaml"):
        commands.run(name, unknown, code=2, says=("There is no session", "“list”"))
    commands.run(name, "20", code=2, says=("2 sessions begin with 20",))


def test_a_process_ends_with_the_exit_code_of_its_command(commands: Commands) -> None:
    manager = make(commands)
    assert manager.session.id in commands.run_apart("list")
    assert commands.run_apart("list", "--status", "none", code=2, says="interrupted") == ""
    with owned(manager.path) as pid:
        assert commands.run_apart("discard", manager.session.id, code=75, says=f"process {pid} on") == ""
