# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches on a terminal: redrawn lines, questions, and the restored terminal."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from tracking_sessions.commands.terminal import columns_of, fit
from tracking_sessions.tests.bpy.command_line import (
    LONG,
    ROOT,
    children_stopped,
    copied,
    sessions_in,
    start,
    wait_for_frames,
)
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import link
from tracking_sessions.tests.pseudo_terminal import Terminal


def opened(folder: Path, *arguments: str | Path, rows: int = 24, columns: int = 80) -> Terminal:
    command = [sys.executable, str(ROOT), *map(str, arguments)]
    return Terminal(command, rows=rows, columns=columns, cwd=folder)


@pytest.fixture
def job(long: Path, shot: Shot, tmp_path: Path) -> Path:
    """A folder with tracks.json and shots/: one of 200 frames, a short one, and one with invalid images."""
    copied(long / "plate", tmp_path / "shots" / "ein sehr langer Name für ein Käferbild 漢字")
    for name in ("020", "030"):
        (tmp_path / "shots" / name).mkdir()
    for file in shot.files[:8]:
        link(file, tmp_path / "shots" / "020" / file.name)
    for number in (1, 2):
        (tmp_path / "shots" / "030" / f"plate_{number}.png").write_bytes(b"no image")
    shutil.copy(long / "tracks.json", tmp_path)
    return tmp_path


@pytest.mark.parametrize("columns", [80, 40])
def test_a_line_for_each_running_shot_and_the_totals(job: Path, columns: int) -> None:
    terminal = opened(job, "batch", "run", "shots", "--tracks=tracks.json", "--jobs=2", columns=columns)
    code, stdout = terminal.end()
    assert code == 1 and "completed   200 of 200 frames, 8 of 8 tracks alive" in stdout
    wrapped = terminal.picture.wrapped  # lasting text may be longer than a line, redrawn text not
    assert wrapped and not [line for line in wrapped if line.startswith(("ein sehr", "3 shots"))]
    drawn = [screen.splitlines()[1:] for screen in terminal.screens if "3 shots: " in screen]
    assert {sum(line.startswith("ein sehr") for line in lines) for lines in drawn} <= {0, 1}  # never twice
    assert {sum(line.startswith("3 shots: ") for line in lines) for lines in drawn} == {1}
    assert any("2 running, 1 to do" in screen for screen in terminal.screens)
    long = [line for lines in drawn for line in lines if line.startswith("ein sehr")]
    frames = [line.split("frame")[1].split()[0] for line in long if "frame " in line and columns == 80]
    assert columns < 80 or len(set(frames)) > 1
    last = terminal.picture.text
    assert "030: skipped. Frame 1 (plate_1.png) is no picture that Blender reads" in last.replace("\n", "")
    assert last.endswith("1 shot skipped (030).\n") and "3 shots: " not in last
    assert terminal.picture.column == 0


def test_ctrl_c_says_how_to_go_on(job: Path) -> None:
    terminal = opened(job, "batch", "run", "shots", "--tracks=tracks.json")
    terminal.wait_for("of 200  8 tracks")
    terminal.process.send_signal(signal.SIGINT)
    code, stdout = terminal.end()
    assert code == 75 and "pending" in stdout
    assert any("; SIGINT: each records its frame" in screen for screen in terminal.screens)
    assert (
        "SIGINT: stopped. Every frame so far is recorded; go on with: batch resume 20"
        in terminal.picture.text.replace("\n", "")
    )
    assert "3 shots: " not in terminal.picture.text


def test_a_second_terminal_watches_and_leaves(job: Path) -> None:
    runs = start("batch", "run", "shots", "--tracks=tracks.json", "--jobs=2", cwd=job)
    wait_for_frames(runs, job / "tracking_sessions", 2)
    with children_stopped(runs):
        terminal = opened(job, "batch", "info", "--follow")
        terminal.wait_for("3 shots: ")
        assert " running" in terminal.picture.text
        terminal.process.send_signal(signal.SIGINT)
        code, stdout = terminal.end()
    assert code == 0 and terminal.picture.text == "" and "Owner:    process " in stdout
    runs.communicate()
    assert runs.returncode == 1


def test_more_shots_than_lines(job: Path) -> None:
    terminal = opened(job, "batch", "run", "shots", "--tracks=tracks.json", "--jobs=3", rows=3)
    terminal.wait_for("… and 3 more")
    assert "3 shots: 3 running" in terminal.picture.text
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end()[0] == 75


@pytest.mark.parametrize("command", ["track", "batch run"])
@pytest.mark.parametrize(
    ("typed", "code", "states"),
    [
        ("what?\nr\n", 0, ["active"]),
        ("fresh\n", 0, ["active", "discarded"]),
        ("q\n", 2, ["active"]),
        ("\x04", 2, ["active"]),  # Ctrl+D
    ],
)
def test_unfinished_sessions_are_asked_about(
    stopped: Path, command: str, typed: str, code: int, states: list[str]
) -> None:
    terminal = opened(stopped, *command.split(), "plate", "--tracks=tracks.json")
    terminal.wait_for("> ")
    assert "unfinished session" in terminal.picture.text
    assert "[r]esume: " in terminal.picture.text and "[q]uit: " in terminal.picture.text
    terminal.type(typed)
    assert terminal.end()[0] == code
    found = sessions_in(stopped / "tracking_sessions")
    assert [str(session.state) for session in found] == states
    if code:
        assert "Nothing was begun." in terminal.picture.text and len(found[0].tracked_frames) < LONG
    else:
        assert len(found[0].tracked_frames) == LONG
    assert terminal.picture.text.count("Answer resume or fresh or quit.") == typed.startswith("what")


def test_names_are_cut_to_columns() -> None:
    assert fit("Käfer", 5) == "Käfer" and fit("Käfer 1", 5) == "Käfe…"
    assert fit("漢字漢字", 5) == "漢字…" and columns_of("漢字…") == 5 and fit("漢字漢字", 4) == "漢…"
    assert fit("a\x1b[2Jb", 9) == "a [2Jb"
