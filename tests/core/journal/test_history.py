# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a session: its states, what each one is, and the way back to any of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.history import Kind
from tracking_sessions.core.journal.records import (
    EditRecord,
    EndRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    TracksRecord,
    tracks_removed,
)
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.journal.rows import GUARDED
from tracking_sessions.core.journal.states import compare
from tracking_sessions.core.model.types import Outcome, Pass, SessionStatus, TrackData
from tracking_sessions.core.recording.going_back import go_back, name_state
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.core.journal.random_records import random_records
from tracking_sessions.tests.core.shots import make_session, marker


def a_pass(number: int, start: int, end: int, reached: int, tracks: tuple[int, ...] = (1, 2)) -> list[JournalRecord]:
    """The records of a pass that goes on from `start`, without its end."""
    plan = Pass(number, start, end, tracks)
    onwards = plan.direction
    steps = [
        FrameRecord(number, at, len(tracks), b"".join(marker(n, at, (0.5 + number / 100,), GUARDED) for n in tracks))
        for at in range(start + onwards, reached + onwards, onwards)
    ]
    return [PassRecord(plan, (), plan.operation, f"2026-01-0{number}T00:00:00Z"), *steps]


@pytest.fixture
def session(tmp_path: Path) -> TrackingSessionManager:
    """Two tracks, tracked to frame 4, edited, and tracked to frame 6 by Blender."""
    session = make_session(tmp_path)
    with session:
        recorder = session.acquire()
        recorder.append(TracksRecord((TrackData(1, "Camera", "A"), TrackData(2, "Camera", "B"))))
        recorder.append(MarkersRecord(1, marker(1, 1)), MarkersRecord(2, marker(2, 1)))
        recorder.append(*a_pass(1, 1, 4, 4), EndRecord(1, Outcome.COMPLETE, "", "2026-01-01T00:01:00Z"))
        recorder.append_event("edited", operator="Delete Marker")
        recorder.append(EditRecord(1, (3, 2, 0), b""), EditRecord(2, (), marker(2, 4, (0.9,))))
        opened, *steps = a_pass(2, 4, 6, 6)
        assert isinstance(opened, PassRecord)
        recorder.append(PassRecord(opened.plan, (), opened.operation, opened.time, "blender"), *steps)
        recorder.append(EndRecord(2, Outcome.COMPLETE, "", "2026-01-02T00:01:00Z"))
        recorder.append_event("solve", solve={"id": "s"})
        recorder.write_file()
    return session


def positions(session: TrackingSessionManager) -> list[Position]:
    return [state.position for state in session.history().states]


def test_each_action_is_a_state(session: TrackingSessionManager) -> None:
    states = session.history().states
    assert [(s.kind, s.who, s.first, s.last, s.tracks, s.outcome) for s in states] == [
        (Kind.EDIT, "", 1, 1, 2, None),
        (Kind.PASS, "", 1, 4, 2, Outcome.COMPLETE),
        (Kind.EDIT, "Delete Marker", 2, 4, 2, None),
        (Kind.PASS, "blender", 4, 6, 2, Outcome.COMPLETE),
        (Kind.SOLVE, "", None, None, 0, None),
    ]
    assert [state.time[:16] for state in states[:2]] == ["2026-01-01T00:00", "2026-01-01T00:01"]
    assert states[-1].position == session.position and not any(state.name or state.is_set_aside for state in states)


def test_a_resumed_pass_is_one_state_for_each_run(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        recorder = session.acquire()
        recorder.append(TracksRecord((TrackData(1, "Camera", "A"),)), MarkersRecord(1, marker(1, 6)))
        opened, *steps = a_pass(1, 6, 1, 1, (1,))
        recorder.append(opened, *steps[:2], EndRecord(1, Outcome.PAUSED, "", ""))
        recorder.append_event("edited", operator="Translate")
        recorder.append(EditRecord(1, (), marker(1, 6, (0.7,))), *steps[2:])
        states = session.history().states[1:]
    assert [(s.kind, s.first, s.last, s.outcome) for s in states] == [
        (Kind.PASS, 6, 4, Outcome.PAUSED),
        (Kind.EDIT, 6, 6, None),
        (Kind.PASS, 3, 1, None),
    ]


def test_a_state_is_read_as_it_was(session: TrackingSessionManager) -> None:
    counts = [{n: len(rows) for n, rows in session.state_at(at).markers.items()} for at in positions(session)]
    assert counts == [{1: 1, 2: 1}, {1: 5, 2: 5}, {1: 3, 2: 5}, {1: 5, 2: 7}, {1: 5, 2: 7}]
    with pytest.raises(UsageError, match="no such state"):
        session.state_at(Position(1, positions(session)[0].offset + 1))
    with pytest.raises(UsageError, match="no such state"):
        session.state_at(Position(9, 80))


def test_two_states_are_compared_in_pixels() -> None:
    before, after = Replay(), Replay()
    tracks = [TrackData(n, "Camera", name, {"select": True, "margin": 5}) for n, name in enumerate("ABCD", 1)]
    at = Position(1, 100)
    before.apply(TracksRecord(tuple(tracks)), at)
    for n in range(1, 5):
        before.apply(MarkersRecord(n, marker(n, 1) + marker(n, 2) + marker(n, 3, flags=1)), at)
        if n != 3:
            after.apply(TracksRecord((TrackData(n, "Camera", "ABCD"[n - 1], {"select": False, "margin": 5}),)), at)
            after.apply(MarkersRecord(n, marker(n, 1) + marker(n, 2) + marker(n, 3, flags=1)), at)
    after.apply(tracks_removed([4]), at)
    after.apply(TracksRecord((TrackData(9, "Camera", "D", {"margin": 7}), TrackData(8, "Camera", "New"))), at)
    after.apply(TracksRecord((TrackData(2, "Camera", "Bee", {"margin": 5}),)), at)
    after.apply(MarkersRecord(9, marker(9, 1) + marker(9, 2) + marker(9, 3, flags=1)), at)
    after.apply(MarkersRecord(1, marker(1, 1, (0.5 + 3 / 128,)) + marker(1, 2, (0.5 + 1 / 128,)) + marker(1, 3)), at)
    found = compare(before, after, (128, 100))
    assert ([t.name for t in found.added], [t.name for t in found.gone]) == (["New"], ["C"])
    assert [(a.name, b.name) for a, b in found.renamed] == [("B", "Bee")]
    assert ([t.name for t in found.changed], [t.name for t in found.adjusted]) == (["A"], ["D"])
    assert str(found.frames) == "1-3" and found.largest is not None
    assert (found.largest.track.name, found.largest.frame, round(found.largest.pixels, 3)) == ("A", 1, 3)
    assert not found.is_equal and compare(after, after, (128, 100)).is_equal


def test_going_back_to_each_state_and_forward_again(session: TrackingSessionManager) -> None:
    for at in [*positions(session), *reversed(positions(session))]:
        then = session.state_at(at)
        with session:
            go_back(session, at)
        now = TrackingSessionManager(session.path).replay()
        assert (now.tracks, now.markers) == (then.tracks, then.markers)
    assert session.history().states[-1].kind is Kind.RESTORED


def test_going_back_to_an_equal_state_records_nothing(session: TrackingSessionManager) -> None:
    end = session.position
    with session:
        assert go_back(session, positions(session)[-1]).is_equal
    assert session.position == end


def test_a_pass_is_as_unfinished_as_it_was_in_the_state(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        recorder = session.acquire()
        recorder.append(TracksRecord((TrackData(1, "Camera", "A"),)), MarkersRecord(1, marker(1, 1)))
        before = recorder.position
        opened, *steps = a_pass(1, 1, 6, 6, (1,))
        paused = recorder.append(opened, *steps[:2], EndRecord(1, Outcome.PAUSED, "", ""))
        done = recorder.append(*steps[2:], EndRecord(1, Outcome.COMPLETE, "", ""))
        assert session.unfinished == []
        go_back(session, paused)
        (again,) = session.unfinished
        assert (again.start, again.end, again.followed, again.outcome) == (3, 6, {1}, Outcome.PAUSED)
        assert session.history().states[-1].kind is Kind.RESTORED
        restored = session.history().states[-1].position
        go_back(session, before)
        assert session.unfinished == [] and session.session.status is SessionStatus.NOT_STARTED
        assert not TrackingSessionManager(session.path).is_interrupted
        go_back(session, done)
        assert session.unfinished == []
        go_back(session, restored)
        assert [(one.start, one.end) for one in session.unfinished] == [(3, 6)]


def test_a_named_state_stays_when_its_pass_goes_on(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        recorder = session.acquire()
        recorder.append(TracksRecord((TrackData(1, "Camera", "A"),)), MarkersRecord(1, marker(1, 1)))
        opened, *steps = a_pass(1, 1, 6, 6, (1,))
        at = recorder.append(opened, *steps[:2])
        name_state(session, at, " before\ncleaning ")
        recorder.append(*steps[2:])
        states = session.history().states
        assert [(s.position == at, s.name, s.last) for s in states[1:]] == [
            (True, "before cleaning", 3),
            (False, "", 6),
        ]
        with pytest.raises(UsageError, match="is called"):
            name_state(session, states[-1].position, "before cleaning")
        name_state(session, at, "")
        assert not any(state.name for state in session.history().states)
        with pytest.raises(UsageError, match="no such state"):
            name_state(session, Position(1, 81), "x")


def test_a_state_that_was_set_aside_is_shown_so_until_it_is_restored(session: TrackingSessionManager) -> None:
    at = session.position
    with session:
        recorder = session.acquire()
        recorder.append_event("set_aside", reason="undo")
        recorder.append(EditRecord(2, (6,), b""))
        states = session.history().states
        assert [state.is_set_aside for state in states[-2:]] == [True, False]
        assert (states[-1].kind, states[-1].who, states[-1].tracks) == (Kind.SET_ASIDE, "undo", 1)
        go_back(session, at)
        assert not any(state.is_set_aside for state in session.history().states)
    assert session.asides == []


def test_settings_changed_since_count_for_every_state_that_was_set_aside(session: TrackingSessionManager) -> None:
    with session:
        recorder = session.acquire()
        for _ in range(2):
            recorder.append_event("set_aside", reason="older_file")
            recorder.append(EditRecord(2, (6,), b""))
            recorder.append_event("edited", operator="Lock Tracks")
        recorder.append(TracksRecord((TrackData(1, "Camera", "A", {"lock": True}),)))
    assert [aside.changed for aside in session.asides] == [{1, 2}, {1}]


@pytest.mark.parametrize("seed", range(20))
def test_any_state_of_any_session_can_be_gone_back_to(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    session = make_session(tmp_path, 20)
    with session:
        recorder = session.acquire()
        for records in random_records(chance, 40):
            recorder.append(*records)
        for at in chance.choices(positions(session), k=8):
            then = session.state_at(at)
            go_back(session, at)
            now = session.replay()
            assert (now.tracks, now.markers) == (then.tracks, then.markers)
            again = TrackingSessionManager(session.path)
            assert [p.number for p in again.unfinished] == [p.plan.number for p in now.unfinished]
            assert again.coverage.frames == session.coverage.frames
