# SPDX-License-Identifier: GPL-3.0-or-later
"""Old states are let go: the newest one, those with a name and what a session knows of its passes stay."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import JournalDamaged, LeaseHeld, TrackingSessionError, UsageError
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.coverage import Coverage
from tracking_sessions.core.journal.records import EditRecord, TracksRecord
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.recording.going_back import go_back, name_state
from tracking_sessions.core.recording.session_file import summary_to_state
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import numbered
from tracking_sessions.tests.core import format_reader
from tracking_sessions.tests.core.faults import ERRORS, Faults, failing, flip, nothing
from tracking_sessions.tests.core.journal.random_records import random_records
from tracking_sessions.tests.core.journal.test_format import compare
from tracking_sessions.tests.core.shots import Markers, make_session, marker, run_child


def random_session(folder: Path, seed: int, groups: int = 60) -> TrackingSessionManager:
    """A session of several generations; the first half of its edits is from 2001. Some states have names."""
    chance = random.Random(seed)
    session = make_session(folder, 20)
    session.durable = False
    for place, records in enumerate(random_records(chance, groups)):
        recorder = session.acquire()
        recorder.append(*records)
        kind = chance.choice(["edit", "edit", "checkpoint", "name", "set_aside", "close", *["nothing"] * 5])
        known = session.replay().tracks
        time = "2001-01-01T00:00:00Z" if place < groups // 2 else "2026-01-01T00:00:00Z"
        if kind == "edit":
            recorder.append_event("edited", operator=f"Operator {place}", time=time)
            recorder.append(*[EditRecord(n, (), marker(n, 7, (chance.random(),))) for n in (1, 2) if n in known])
        elif kind == "checkpoint" and place > groups // 2:
            recorder.append_event("checkpoint", frame=chance.randint(1, 20), operation="script", time=time)
        elif kind == "name" and session.history().states:
            name_state(session, chance.choice(session.history().states).position, f"state {place}")
        elif kind == "set_aside":
            recorder.append_event("set_aside", reason=chance.choice(["undo", "older_file"]), time=time)
            recorder.append(*[EditRecord(n, (3,), b"") for n in (2, 3) if n in known])
            recorder.append_event("edited", operator="Then", time=time)
        elif kind == "close":
            session.close()
    with session:
        session.acquire().write_file()
    return session


def known(session: TrackingSessionManager) -> dict[str, Any]:
    """What a session file says of the tracking, without positions, times and events."""
    session = TrackingSessionManager(session.path)
    state = summary_to_state(session._content.summary, session.session, Position(0, 0), 0)
    tracking = state["tracking"]
    tracking["live"] = live(tracking["live"])
    tracking["lost"] = {frame: set(tracks) for frame, tracks in session.lost.frames.items()}
    tracking["set_aside"] = [(aside["reason"], live(aside["live"])) for aside in tracking["set_aside"]]
    return {**state, "history": [], "checkpoint": {**state["checkpoint"], "timestamp": ""}}


def live(text: str) -> dict[int, str]:
    return {track: str(frames) for track, frames in Coverage.parse(text).frames.items() if len(frames)}


def passes_of(replay: Replay) -> dict[int, Any]:
    return {
        n: (p.plan, p.then, p.frame, bool(p.steps), p.alive, p.outcome, p.followed) for n, p in replay.passes.items()
    }


@pytest.mark.parametrize("before", ["", "2020"])
@pytest.mark.parametrize("seed", range(8))
def test_a_session_is_the_same_without_its_old_states(tmp_path: Path, seed: int, before: str) -> None:
    session = random_session(tmp_path, seed)
    was, facts, states = session.replay(), known(session), session.history().states
    kept = {state.name: session.state_at(state.position) for state in states if state.name}
    done = session.let_go(before)
    session = TrackingSessionManager(session.path)
    now = session.replay()
    assert (now.tracks, now.markers, now.damaged) == (was.tracks, was.markers, was.damaged)
    assert list(now.tracks) == list(was.tracks)
    assert (now.tracked, passes_of(now)) == (was.tracked, passes_of(was))
    assert known(session) == facts
    left = session.history().states
    assert {state.name for state in left if state.name} == set(kept)
    for state in left:
        then = session.state_at(state.position)
        if state.name:
            assert (then.tracks, then.markers) == (kept[state.name].tracks, kept[state.name].markers)
    assert 0 < done.states == len(states) - len(left) >= sum(state.let_go for state in left) > 0
    young = [(state.kind, state.who) for state in states if state.time > "2020"]
    assert not before or [(state.kind, state.who) for state in left if state.time > "2020"] == young
    compare(session.path)
    assert session.let_go(before).states == 0
    assert TrackingSessionManager(session.path).replay().markers == was.markers


@pytest.mark.parametrize("before", ["", "2020"])
@pytest.mark.parametrize("seed", range(4))
def test_marks_are_found_again_where_their_state_is_now(tmp_path: Path, seed: int, before: str) -> None:
    session = random_session(tmp_path, seed)
    young = {state.position for state in session.history().states if before and state.time > "2020"}
    files = [Position(number, 80) for number in session._content.reader().generations]
    ends = sorted([*files, *(record.end for record in session._content.reader().records())])
    states = {end: session.state_at(end) for end in ends if end not in files}
    states |= {end: states[max(other for other in states if other < end)] for end in files if end > min(states)}
    for turn in range(2):
        session.let_go(before)
        session = TrackingSessionManager(session.path)
        found = {end: session.contained(end) for end in states}
        assert found == {end: format_reader.place(session.folder, session.id, *end) for end in states}
        assert found[ends[-1]] is not None and all(found[end] is not None for end in young)
        for end, place in found.items():
            if place is not None and place.offset != 80:
                now = session.state_at(place)
                assert (now.tracks, now.markers) == (states[end].tracks, states[end].markers)
        with session:  # another state lets one more go
            name_state(session, session.history().states[-1].position, f"last {turn}")
            session.acquire().append(TracksRecord((TrackData(9, "Camera", "New", {"time": before}),)))


def test_what_a_file_lacks_is_known_after_its_state_was_let_go(tmp_path: Path) -> None:
    session = random_session(tmp_path, 1)
    states = session.history().states
    last = session.position
    session.let_go()
    session = TrackingSessionManager(session.path)
    gone = next(state.position for state in states if session.contained(state.position) is None)
    assert session.missing_frames(gone) == session.missing_frames(None)
    assert len(session.missing_frames(None).lost) > 0
    assert not len(session.missing_frames(last).lost) and session.contained(last) is not None


def test_the_old_files_are_gone_and_the_session_can_be_worked_on(tmp_path: Path) -> None:
    session = random_session(tmp_path, 2)
    files = numbered(session.folder, "journal")
    end = session.history().states[-1].position
    session.let_go()
    assert numbered(session.folder, "journal") == [files[-1] + 1, files[-1] + 2]
    assert not [path for path in session.folder.iterdir() if path.name.startswith(".")]
    with session:
        session.acquire().append(TracksRecord((TrackData(9, "Camera", "New"),)))
        go_back(session, session.history().states[0].position)
        assert 9 not in session.replay().tracks and session.contained(end) is not None


def test_a_reader_that_has_begun_reads_on(tmp_path: Path) -> None:
    session = random_session(tmp_path, 2)
    reader = session._content.reader()
    whole = [record.end for record in reader.records()]
    reading = reader.records()
    found = [next(reading).end]
    TrackingSessionManager(session.path).let_go()
    assert found + [record.end for record in reading] == whole
    session.refresh()
    assert session.session.tracked_frames == TrackingSessionManager(session.path).session.tracked_frames


def test_nothing_is_let_go_of_an_owned_or_damaged_session_or_one_of_a_newer_version(tmp_path: Path) -> None:
    session = random_session(tmp_path, 3)
    other = TrackingSessionManager(session.path)
    with other:
        other.acquire()
        with pytest.raises(LeaseHeld):
            session.let_go()
    with other:
        other.acquire()._journal.append((99, b"of the future"))
    data = {path: path.read_bytes() for path in session.folder.glob("journal.*")}
    session = TrackingSessionManager(session.path)
    with pytest.raises(UsageError, match="newer version"):
        session.let_go()
    first = min(data)
    flip(first, len(data[first]) // 2)
    data[first] = first.read_bytes()
    with pytest.raises(JournalDamaged):
        TrackingSessionManager(session.path, salvage=True).let_go()
    assert {path: path.read_bytes() for path in data} == data


def operations(folder: Path) -> tuple[Path, int]:
    """A session in `folder`, and the number of file operations that letting go of its states takes."""
    session = random_session(folder, 4, 16)
    copy = shutil.copytree(folder, folder.with_name(f"{folder.name}-counted"))
    faults = Faults(copy, nothing, nothing)
    with faults.watching():
        TrackingSessionManager(copy / session.path.relative_to(folder)).let_go()
    return session.path, faults.count


def check_kept(path: Path, markers: Markers, names: set[str]) -> None:
    """Check that the session has its newest state and its names, and lets its old states go at the next attempt."""
    session = TrackingSessionManager(path)
    assert session.replay().markers == markers
    assert {state.name for state in session.history().states if state.name} == names
    assert format_reader.read(session.folder, session.id).markers.keys() == markers.keys()
    session.let_go()
    session = TrackingSessionManager(path)
    assert session.replay().markers == markers and len(numbered(session.folder, "journal")) <= 3
    assert not [entry for entry in session.folder.iterdir() if entry.name.startswith(".journal")]


@pytest.mark.slow
@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_any_operation_that_fails_loses_nothing(tmp_path: Path, code: int) -> None:
    path, count = operations(tmp_path / "shot")
    session = TrackingSessionManager(path)
    markers, names = session.replay().markers, {state.name for state in session.history().states if state.name}
    for number in range(1, count + 1):
        copy = shutil.copytree(tmp_path / "shot", tmp_path / f"{number}")
        mine = copy / path.relative_to(tmp_path / "shot")
        with Faults(copy, failing(lambda at, number=number: at == number, code), nothing).watching():
            try:
                with TrackingSessionManager(mine) as session:
                    session.let_go()
            except TrackingSessionError:
                pass
        check_kept(mine, markers, names)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")
def test_a_kill_at_any_operation_loses_nothing(tmp_path: Path) -> None:
    path, count = operations(tmp_path / "shot")
    session = TrackingSessionManager(path)
    markers, names = session.replay().markers, {state.name for state in session.history().states if state.name}
    code = "from tracking_sessions.tests.core.journal import kill_letting_go as k; k.kill_at_each(*sys.argv[1:])"
    assert int(run_child(code, tmp_path, path.relative_to(tmp_path / "shot"), count)) == 2 * count
    for number in range(1, count + 1):
        for moment in ("before", "after"):
            check_kept(tmp_path / f"{number}-{moment}" / path.relative_to(tmp_path / "shot"), markers, names)
