# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `history` and `restore`, without Blender."""

from __future__ import annotations

from typing import Any

import pytest

from tracking_sessions.core.journal.records import EditRecord, TracksRecord
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.commands.processes import Commands, make_whole, owned
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.shots import marker


@pytest.fixture
def session(commands: Commands) -> TrackingSessionManager:
    """A session on the files 1 to 6, tracked to its end, then edited, with one track more."""
    session = make_whole(commands)
    with session:
        recorder = session.acquire()
        recorder.append_event("edited", operator="Delete Marker")
        recorder.append(EditRecord(1, (4,), marker(1, 3, (0.25,))))
        recorder.append_event("edited", operator="Add Marker")
        recorder.append(TracksRecord((TrackData(9, "Camera", "New"),)), EditRecord(9, (), marker(9, 2)))
        recorder.write_file()
    return load_session(session.path)


def listed(commands: Commands, session: TrackingSessionManager) -> list[dict[str, Any]]:
    rows = commands.json("history", session.id)
    assert isinstance(rows, list)
    return rows


def test_history_lists_the_states_newest_first(commands: Commands, session: TrackingSessionManager) -> None:
    lines = commands.run("history", session.id).splitlines()
    rows = listed(commands, session)
    assert [row["action"] for row in rows] == ["Add Marker", "Delete Marker", "Track Forwards", "Changes in the Clip"]
    assert [(row["kind"], row["first"], row["last"], row["tracks"]) for row in rows[1:3]] == [
        ("edit", 3, 4, 1),
        ("pass", 1, 6, 3),
    ]
    assert lines[2].startswith(rows[2]["id"]) and lines[2].endswith("Track Forwards       1-6  3 tracks  complete")
    assert "just now  Delete Marker        3-4  1 track" in lines[1]
    assert commands.run("history", session.id, "--limit", 1).split()[0] == rows[0]["id"]


def test_history_of_a_new_session_is_empty(commands: Commands, session: TrackingSessionManager) -> None:
    new = create_session(commands.root.parent / "plates", "new", commands.root)
    assert commands.run("history", new.id, says=("Nothing is recorded in this session yet.",)) == ""
    assert commands.json("history", new.id) == []


def test_two_states_are_compared(commands: Commands, session: TrackingSessionManager) -> None:
    newest, edited, tracked, _ = (row["id"] for row in listed(commands, session))
    lines = commands.run("history", session.id, "--compare", tracked, newest).splitlines()
    assert lines[0].startswith("1 track added, 1 changed, the largest difference is ")
    assert lines[1:3] == ["Added:    New", "Changed:  Track.1"] and lines[3] == "Frames:   2 to 4"
    assert lines[4].endswith("pixels, Track.1 at frame 3")
    found = commands.json("history", session.id, "--compare", edited, edited)
    assert isinstance(found, dict) and found["changed"] == [] and found["largest"] is None
    assert commands.run("history", session.id, "--compare", edited, edited) == "No difference.\n"
    commands.run("history", session.id, "--compare", edited, "9:9", code=2, says=("no state '9:9'",))


def test_a_state_is_named_and_restored_by_its_name(commands: Commands, session: TrackingSessionManager) -> None:
    tracked = listed(commands, session)[2]["id"]
    words = commands.run("history", session.id, "--name", tracked, "before cleaning")
    assert words == f"State {tracked} is called “before cleaning”.\n"
    assert listed(commands, session)[2]["name"] == "before cleaning"
    lines = commands.run("restore", session.id, "--to", "before cleaning").splitlines()
    assert lines[0].startswith(f"Went back to {tracked}, Track Forwards: 1 track gone, 1 changed")
    again = load_session(session.path)
    assert 9 not in again.replay().tracks and 4 in again.replay().markers[1] and not again.owner
    assert [row["action"] for row in listed(commands, session)][:2] == ["Restore", "Add Marker"]
    words = commands.run("restore", session.id, "--to", "before cleaning")
    assert words == "The session is in this state already: Track Forwards.\n"
    assert commands.run("history", session.id, "--name", tracked, "") == f"State {tracked} has no name.\n"
    commands.run("restore", session.id, "--to", "before cleaning", code=2, says=("no state",))
    commands.run("restore", session.id, code=2, says=("--to",))


def test_a_restored_state_is_what_a_saved_file_lacks(commands: Commands, session: TrackingSessionManager) -> None:
    mark = session.position
    assert not len(session.missing_frames(mark).lost)
    commands.run("restore", session.id, "--to", listed(commands, session)[2]["id"])
    again = load_session(session.path)
    known = again.replay(since=again.contained(mark))
    assert len(again.missing_frames(mark).lost) and set(known.changed) == {1}


def test_old_states_are_let_go(commands: Commands, session: TrackingSessionManager) -> None:
    commands.run("history", session.id, "--let-go", code=2, says=("Say so with --force",))
    commands.run("history", session.id, "--older-than", "2w", code=2, says=("give both",))
    words = commands.run("history", session.id, "--let-go", "--older-than", "2w", "--force")
    assert words == "There is no state to let go.\n"
    rows = listed(commands, session)
    commands.run("history", session.id, "--name", rows[2]["id"], "tracked")
    before = load_session(session.path).replay()
    done = commands.json("history", session.id, "--let-go", "--force")
    assert isinstance(done, dict) and done["let_go"] == 2
    left = listed(commands, session)
    assert [(row["action"], row["name"], row["let_go"]) for row in left] == [
        ("Add Marker", "", 1),
        ("Track Forwards", "tracked", 1),
    ]
    assert load_session(session.path).replay().markers == before.markers
    assert commands.run("history", session.id).splitlines()[1].endswith("“tracked”, complete, 1 state before it let go")
    _, said = commands.ask("history", session.id, "--let-go", answer="y\n")
    assert "go? That cannot be undone. [y/N]" in said


def test_a_session_in_use_is_left_alone(commands: Commands, session: TrackingSessionManager) -> None:
    state = listed(commands, session)[1]["id"]
    with owned(session.path):
        for given in (
            ("restore", session.id, "--to", state),
            ("history", session.id, "--let-go", "-f"),
            ("history", session.id, "--name", state, "x"),
        ):
            commands.run(*given, code=75, says=("The session is in use by",))
        assert len(listed(commands, session)) == 4


def test_a_damaged_history_lists_what_is_before_the_damage(commands: Commands, session: TrackingSessionManager) -> None:
    path = max(session.folder.glob("journal.*"))
    flip(path, path.stat().st_size - 30)
    out = commands.run("history", session.id, says=("is damaged in record",))
    assert "Track Forwards" in out and "Delete Marker" in out


def test_the_newest_state_of_a_damaged_session_is_restored(commands: Commands, session: TrackingSessionManager) -> None:
    newest = session.replay().markers
    assert commands.run("restore", session.id, "--salvage") == "The session is not damaged.\n"
    first = min(session.folder.glob("journal.*"))
    frame = next(r for r in session._content.reader().records() if r.type == 4)
    flip(first, frame.end.offset - 5)  # in the first step of the pass
    words = commands.run("restore", session.id, "--salvage")
    assert words.startswith("Brought back ") and words.endswith(" records behind the damage; lost 1.\n")
    again = load_session(session.path).replay().markers
    assert {n: len(newest[n].keys() - again[n].keys()) for n in newest} == {1: 1, 2: 1, 3: 1, 9: 0}
    commands.run("restore", session.id, "--salvage", "--to", "x", code=2, says=("not allowed with",))
