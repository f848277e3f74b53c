# SPDX-License-Identifier: GPL-3.0-or-later
"""A session is committed once its frames are approved, or if told; and no longer once something changes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.errors import ReviewOpen, TrackingUnfinished
from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.records import Event, FrameRecord, TracksRecord, tracks_removed
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.model.types import SessionState, TrackData
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review import actions
from tracking_sessions.core.review.committing import Commit, decision, last_commit
from tracking_sessions.tests.core.review.reviews import WHO, audit, begin, edit, jump, put, tracked_session
from tracking_sessions.tests.core.shots import make_session, marker, start_run


@pytest.fixture
def session(tmp_path: Path) -> Iterator[TrackingSessionManager]:
    with tracked_session(tmp_path / "shot") as session:
        begin(session)
        audit(session, "1-10", jump(1, 4))
        session.mark_tracking_complete()
        yield session


def commit(session: TrackingSessionManager, *, is_forced: bool = False) -> Commit:
    state, facts = decision(session, WHO, is_forced=is_forced)
    session.set_state(state, **facts)
    found = last_commit(session)
    assert found is not None and session.session.state is SessionState.COMMITTED
    return found


def test_open_frames_are_committed_only_if_told_and_it_is_recorded_what_was_open(
    session: TrackingSessionManager,
) -> None:
    with pytest.raises(ReviewOpen, match="1 failed") as refused:
        commit(session)
    assert (refused.value.words, last_commit(session)) == ("1 failed", None)
    assert commit(session, is_forced=True)[::2] == (WHO, "1 failed")
    again = last_commit(TrackingSessionManager(session.path))
    assert again == last_commit(session) and again is not None and again.holds and again.time


def test_approved_frames_are_committed_without_a_word(session: TrackingSessionManager) -> None:
    put(session, actions.approved(session, FrameRanges([(4, 4)]), WHO))
    assert commit(session).open == ""


def test_a_session_that_is_still_to_be_tracked_is_not_committed(tmp_path: Path) -> None:
    with make_session(tmp_path / "shot") as session:
        run = start_run(session, [(1, 6)])
        with run:
            run.step()
            with pytest.raises(TrackingUnfinished, match="is not finished"):
                decision(session, WHO, is_forced=True)
        run.session.close()


ROW = marker(1, 4, (0.6,))
CHANGES: dict[str, Callable[[TrackingSessionManager], None]] = {
    "an edit": lambda session: edit(session, 1, 4),
    "a removed track": lambda session: put(session, [tracks_removed([3])]),
    "a step": lambda session: put(session, [FrameRecord(1, 4, 1, ROW)]),
    "an approval taken back": lambda session: put(session, actions.taken_back(session, FrameRanges([(7, 7)]), WHO)),
    "a flag that is not fine": lambda session: put(session, actions.not_fine(session, jump(1, 4), WHO)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_a_committed_session_active_again(session: TrackingSessionManager, change: str) -> None:
    put(session, actions.accepted(session, jump(1, 4), WHO))
    put(session, actions.approved(session, FrameRanges([(7, 7)]), WHO))
    was = commit(session)
    CHANGES[change](session)
    assert session.session.state is SessionState.ACTIVE
    assert last_commit(session) == was._replace(holds=False)
    read = TrackingSessionManager(session.path)
    assert (read.session.state, last_commit(read)) == (SessionState.ACTIVE, was._replace(holds=False))
    end = session.position
    CHANGES["an edit"](session)
    events = [event for event in session.state["history"] if event["event"] == "state"]
    assert session.position > end and len(events) == 2, "it is said once"
    session.set_state(SessionState.DISCARDED)
    session.set_state(SessionState.ACTIVE)
    assert last_commit(session) is None


def test_what_changes_no_marker_leaves_a_commit(session: TrackingSessionManager) -> None:
    was = commit(session, is_forced=True)
    audit(session, "1-10", jump(1, 5))
    put(session, actions.noted(session, 4, 4, "the car", WHO))
    put(session, actions.approved(session, FrameRanges([(5, 5)]), WHO))
    put(session, [TracksRecord((TrackData(1, "Camera", "renamed"),))])
    put(session, [event_record(Event.SOLVE, solve={"id": "one", "average_error": 0.3})])
    session.acquire().write_file()
    assert last_commit(TrackingSessionManager(session.path)) == was


def test_a_committed_session_whose_history_is_cut_has_no_name(session: TrackingSessionManager) -> None:
    commit(session, is_forced=True)
    for number in range(100):
        put(session, [event_record(Event.SOLVE, solve={"id": str(number)})])
    assert last_commit(session) == Commit("", "", "", holds=True)
