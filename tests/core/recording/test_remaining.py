# SPDX-License-Identifier: GPL-3.0-or-later
"""The remaining frames, and the frame where tracking resumes."""

import time
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import SessionUnreadable, UsageError
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.model.types import FootageMetadata, Outcome, Pass, SessionState, SessionStatus
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session, resume_tracking
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.core.shots import FakeTracker, make_footage, make_session, marker, start_markers, start_run

Range = tuple[int, int]


def left(manager: TrackingSessionManager) -> list[int]:
    """The remaining frames, after a check of their number."""
    listed: list[int] = manager.get_progress()["remaining_frames"]
    assert manager.progress == {**manager.get_progress(), "remaining_frames": len(listed)}
    return listed


def long_session(folder: Path, frames: int) -> TrackingSessionManager:
    """A session of a clip with this number of frames, or of unknown length."""
    footage = make_footage(folder / "plates", 1)
    return create_session(footage, "", folder / "base", metadata=FootageMetadata("", frame_count=frames))


@pytest.mark.parametrize("lost", [{}, {2: 3}, {1: 4, 2: 4, 3: 4}, {1: 2, 2: 2, 3: 2}], ids=str)
@pytest.mark.parametrize(
    "ranges", [[(1, 6)], [(6, 1)], [(3, 6), (3, 1)], [(3, 1), (3, 6)], [(1, 1)], [(2, 6), (2, 2)]], ids=str
)
def test_at_any_time_the_resume_point_is_the_frame_that_the_run_tracks_next(
    tmp_path: Path, ranges: list[Range], lost: dict[int, int]
) -> None:
    """Also between the last frame of a pass and its end, and between a pass and the one that follows."""
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), ranges[0][0]), lost)
    foretold: list[int | None] = []
    reached: list[int] = []
    with start_run(session, ranges, tracker) as run:
        goes_on = True
        while goes_on:
            point = load_session(session.path).get_resume_point()
            assert point == session.get_resume_point() and (point is None or point in left(session))
            steps = run.steps
            goes_on = run.step()
            if run.steps > steps:
                foretold.append(point)
                reached.append(run.frame)
            else:  # it closed the pass
                assert load_session(session.path).get_resume_point() == point
        assert load_session(session.path).get_resume_point() is None  # though not marked as complete
    assert foretold == reached
    session.close()
    with resume_tracking(session.path) as again:
        again.mark_tracking_complete()
    done = load_session(session.path)
    assert done.get_resume_point() is None and set(left(done)).isdisjoint(reached)


def test_frames_that_no_track_reached_remain_but_are_not_resumed(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    with start_run(session, [(1, 6)], FakeTracker(start_markers((1, 2, 3), 1), {1: 4, 2: 4, 3: 4})) as run:
        while run.step():
            pass
    session.mark_tracking_complete()
    assert session.passes[0].outcome == Outcome.LOST
    assert session.get_resume_point() is None and left(session) == [5, 6]
    assert session.progress["percent_complete"] == 66.67


def test_a_pass_over_recorded_frames_tracks_them_again(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    with start_run(session, [(1, 6)]) as run:
        while run.step():
            pass
    session.mark_tracking_complete()
    assert left(session) == []
    session.acquire().open_pass(Pass(2, 6, 2, (1, 3)), (), ())
    for known in (session, load_session(session.path)):
        assert known.get_resume_point() == 5 and left(known) == [2, 3, 4, 5]
    session.acquire().append(FrameRecord(2, 5, 2, marker(1, 5) + marker(3, 5)))
    assert load_session(session.path).get_resume_point() == 4 and left(session) == [2, 3, 4]
    assert session.progress["tracked_frames"] == 6 and session.progress["percent_complete"] == 50.0
    session.close()


def test_planned_passes_missing_in_the_file_are_read_from_the_journal(tmp_path: Path) -> None:
    """Change the session file to that of an earlier version."""
    session = make_session(tmp_path)
    run = start_run(session, [(3, 4), (3, 1)])
    with run:
        run.step()
        run.step()
        run.pause()
    session.close()
    state = read_document(session.path)
    assert state["tracking"]["passes"][0].pop("then") == "3-1" and state["tracking"].pop("live")
    session.path.write_bytes(encode_document(state, ".yaml"))
    known = load_session(session.path)
    assert known.get_resume_point() == 2 and left(known) == [1, 2]
    assert (known.session, known.resume_frame) == (session.session, session.resume_frame)


def test_a_discarded_session_keeps_its_next_frame_and_is_not_resumed(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        session.save_checkpoint(1, "track")
        session.set_state(SessionState.DISCARDED)
    assert load_session(session.path).get_resume_point() == 2 and left(session) == [2, 3, 4, 5, 6]
    before = sorted(session.folder.iterdir())
    with pytest.raises(UsageError, match="is discarded: bring it back"):
        resume_tracking(session.path)
    assert sorted(session.folder.iterdir()) == before
    with session:
        session.set_state(SessionState.COMMITTED)
    with pytest.raises(UsageError, match="is committed"):
        resume_tracking(session.path)
    with session:
        session.set_state(SessionState.ACTIVE)
        session.set_status(SessionStatus.FAILED)
    assert load_session(session.path).get_resume_point() == 2
    with pytest.raises(UsageError, match="marked as failed"):
        resume_tracking(session.path)


@pytest.mark.parametrize(
    ("operation", "frames", "then"),
    [
        ("track_forwards", [1], [2, 3, 4, 5, 6]),
        ("track_forwards", [4], [5, 6, 3, 2, 1]),
        ("track_backwards", [6], [5, 4, 3, 2, 1]),
        ("Track Backward", [3], [2, 1, 4, 5, 6]),
        ("track", [1, 2], [3, 4, 5, 6]),
        ("track", [6, 5], [4, 3, 2, 1]),
        ("track", [2, 4], [5, 6, 3, 1]),
        ("track_forwards", [4, 5, 6, 1], [2, 3]),
        ("track_forwards", [6], [5, 4, 3, 2, 1]),
        ("track_backwards", [1], [2, 3, 4, 5, 6]),
        ("track", [0], [1, 2, 3, 4, 5, 6]),
        ("track", [9], [6, 5, 4, 3, 2, 1]),
    ],
)
def test_a_script_gets_all_frames_in_its_direction_first(
    tmp_path: Path, operation: str, frames: list[int], then: list[int]
) -> None:
    with make_session(tmp_path) as session:
        for frame in frames:
            session.save_checkpoint(frame, operation)
        for frame in then:
            assert load_session(session.path).get_resume_point() == session.get_resume_point() == frame
            assert left(session)[0] <= frame <= left(session)[-1]
            session.save_checkpoint(frame, operation)
        assert session.get_resume_point() is None and left(session) == []
        assert session.progress["percent_complete"] == 100.0


@pytest.mark.parametrize(
    ("ranges", "steps", "then"),
    [
        ([(1, 6)], 2, [4, 5, 6]),
        ([(5, 1)], 1, [3, 2, 1]),
        ([(3, 6), (3, 1)], 1, [5, 6, 2, 1]),
        ([(3, 6), (3, 1)], 4, [2, 1]),  # it has closed the first pass
        ([(3, 6), (3, 1)], 5, [1]),
    ],
)
def test_a_script_can_finish_a_pass_of_the_tracker(
    tmp_path: Path, ranges: list[Range], steps: int, then: list[int]
) -> None:
    session = make_session(tmp_path)
    with start_run(session, ranges) as run:
        for _ in range(steps):
            run.step()
        run.pause()
    session.close()
    with resume_tracking(session.path) as again:
        for frame in then:
            assert again.get_resume_point() == load_session(session.path).get_resume_point() == frame
            assert sorted(left(again)) == sorted(then[then.index(frame) :])
            again.save_checkpoint(frame, "track_forwards")
        assert again.get_resume_point() is None and left(again) == []


def test_a_script_can_finish_a_pass_over_recorded_frames(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    with start_run(session, [(1, 6)]) as run:
        while run.step():
            pass
    session.acquire().open_pass(Pass(2, 6, 2, (1, 3)), (), ())
    for frame in (5, 4, 3, 2):
        assert session.get_resume_point() == frame
        session.save_checkpoint(frame, "track_backwards")
    assert session.get_resume_point() is None and left(session) == []
    session.close()


def test_a_script_goes_on_behind_the_passes_of_the_tracker(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    with start_run(session, [(1, 4)], FakeTracker(start_markers((1, 2, 3), 1), {1: 2, 2: 2, 3: 2})) as run:
        while run.step():
            pass
    assert session.get_resume_point() is None and left(session) == [3, 4]
    session.save_checkpoint(3, "my tracker")
    assert session.get_resume_point() == 4
    session.close()


def test_a_clip_of_unknown_length_begins_at_1_and_is_never_complete(tmp_path: Path) -> None:
    with long_session(tmp_path, 0) as session:
        assert session.get_resume_point() == 1
        for frame in (1, 2):
            session.save_checkpoint(frame, "track_forwards")
        assert session.get_resume_point() == 3
        progress = session.get_progress()
        assert (progress["total_frames"], progress["tracked_frames"]) == (0, 2)
        assert (progress["percent_complete"], progress["remaining_frames"]) == (0.0, [])
        session.mark_tracking_complete()
        assert session.get_resume_point() is None


def test_all_but_one_frame_is_less_than_100_percent(tmp_path: Path) -> None:
    with long_session(tmp_path, 1_000_000) as session:
        session.acquire().append_event("tracked", frames="1-999999", asked="1-1000000")
        assert left(session) == [1_000_000] and session.progress["percent_complete"] == 99.99


def test_progress_is_cheap_for_a_shot_of_any_length(tmp_path: Path) -> None:
    session = long_session(tmp_path, 10_000_000)
    session.save_checkpoint(5_000, "track")
    began = time.process_time()
    for _ in range(1000):
        assert session.progress["remaining_frames"] == 9_999_999 and session.resume_frame == 5_000
    assert time.process_time() - began < 1
    session.close()


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        (("footage", "frame_count"), 1 << 40),
        (("footage", "frame_count"), -1),
        (("tracking", "asked_frames"), "1-999999999"),
        (("tracking", "tracked_frames"), "-99999999-1"),
        (("tracking", "passes", 0, "range"), "1-"),
        (("tracking", "passes", 0, "range"), "1-99999999"),
        (("tracking", "passes", 0, "then"), "1-2,"),
        (("tracking", "passes", 0, "then"), "3"),
        (("tracking", "passes", 0, "outcome"), "won"),
        (("tracking", "passes", 0, "last_frame"), 1 << 40),
    ],
)
def test_impossible_frames_are_refused_before_they_are_listed(
    tmp_path: Path, way: tuple[Any, ...], wrong: object
) -> None:
    session = make_session(tmp_path)
    with start_run(session, [(1, 6)]) as run:
        run.pause()
    session.close()
    state = part = read_document(session.path)
    for key in way[:-1]:
        part = part[key]
    part[way[-1]] = wrong
    session.path.write_bytes(encode_document(state, ".yaml"))
    with pytest.raises(SessionUnreadable):
        load_session(session.path)
