# SPDX-License-Identifier: GPL-3.0-or-later
"""Session folders written before: sessions of every kind are listed, read, reported, merged and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.commands.processes import Commands
from tracking_sessions.tests.core.shots import Markers, final_markers, finish, go_on, start_run
from tracking_sessions.tests.old_folders.folders import unpack

# Of each session its status, state and counted frames.
SESSIONS = {
    "interrupted": ("interrupted", "active", "1-4"),
    "generations": ("interrupted", "active", "1-6"),
    "salvaged": ("interrupted", "active", "1-2"),
    "discarded": ("tracking", "discarded", "1-4"),
    "completed": ("tracking_complete", "active", "1-8"),
    "lost": ("tracking_complete", "active", "1-5"),
    "part 1": ("tracking_complete", "active", "1-4"),
    "part 5": ("tracking_complete", "active", "5-8"),
    "merged": ("tracking_complete", "active", "1-8"),
    "json": ("interrupted", "active", "1-3"),
}
RESUMED = ("interrupted", "generations", "salvaged", "json")


@pytest.fixture
def old(commands: Commands, tmp_path: Path) -> dict[str, str]:
    """The ids of the sessions, on which the commands work."""
    commands.root, made = unpack("core", tmp_path)
    return made


def file_of(commands: Commands, session: str) -> Path:
    (path,) = (path for path in (commands.root / "sessions").glob(f"{session}.*") if path.is_file())
    return path


def markers_of(path: Path) -> Markers:
    return load_session(path).replay().markers


@pytest.mark.parametrize("is_indexed", [True, False])
def test_each_session_is_listed_with_its_status(commands: Commands, old: dict[str, str], is_indexed: bool) -> None:
    if not is_indexed:
        SessionFolder(commands.root).index.unlink()
    rows: Any = commands.json("list")
    assert {row["id"]: (row["status"], row["state"]) for row in rows} == {
        old[kind]: (status, state) for kind, (status, state, _) in SESSIONS.items()
    }
    assert all(row["owner"] == "" and row["total_frames"] in (4, 8) for row in rows)
    assert {row["id"]: row["lost_at"] for row in rows if row["lost_at"]} == {old["lost"]: 5}


def test_each_session_is_read_with_its_frames(commands: Commands, old: dict[str, str]) -> None:
    for kind, (_, _, frames) in SESSIONS.items():
        session = load_session(file_of(commands, old[kind]))
        assert (kind, str(session.session.tracked_frames)) == (kind, frames)
        assert session.session.footage.fingerprint


def test_each_session_has_its_info_and_its_report(commands: Commands, old: dict[str, str]) -> None:
    for kind in ("generations", "lost", "merged", "json"):
        found: Any = commands.json("info", old[kind])
        assert (found["id"], found["status"]) == (old[kind], SESSIONS[kind][0])
        report = commands.root.parent / f"{kind}.html"
        commands.run("report", old[kind], "--output", report)
        assert old[kind] in report.read_text("utf-8")


@pytest.mark.parametrize("kind", RESUMED)
def test_a_session_is_resumed_to_the_markers_of_a_run_that_nobody_killed(
    commands: Commands, old: dict[str, str], kind: str
) -> None:
    path = file_of(commands, old[kind])
    before, last = markers_of(path), max(load_session(path).session.tracked_frames)
    whole = create_session(commands.root.parent / "plates", "whole", commands.root)
    finish(start_run(whole, [(1, 8)]))
    expected = final_markers(whole.path)
    assert go_on(path, []) == expected
    kept = {(track, frame) for track, rows in before.items() for frame in rows if frame <= last}
    assert kept and all(expected[track][frame] == before[track][frame] for track, frame in kept)


def test_a_completed_session_has_the_markers_that_todays_run_records(commands: Commands, old: dict[str, str]) -> None:
    whole = create_session(commands.root.parent / "plates", "whole", commands.root)
    finish(start_run(whole, [(1, 8)]))
    assert markers_of(file_of(commands, old["completed"])) == final_markers(whole.path)


def test_sessions_are_merged_to_the_markers_of_the_merged_session(commands: Commands, old: dict[str, str]) -> None:
    output = commands.root / "sessions" / "again.yaml"
    commands.run("merge", old["part 1"], old["part 5"], "--output", output)
    assert markers_of(output) == markers_of(file_of(commands, "merged"))


def test_a_discarded_session_is_brought_back_and_a_lost_one_deleted(commands: Commands, old: dict[str, str]) -> None:
    commands.run("commit", old["discarded"])
    commands.run("delete", old["lost"], "--force")
    states = {row["id"]: row["state"] for row in json.loads(commands.run("list", "--json"))}
    assert states[old["discarded"]] == "active" and old["lost"] not in states
