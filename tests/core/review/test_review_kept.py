# SPDX-License-Identifier: GPL-3.0-or-later
"""A review is kept: in the session file, in a cut or damaged journal, by salvage, merge and letting go."""

from pathlib import Path

import pytest

from tracking_sessions.core.errors import LeaseHeld
from tracking_sessions.core.journal.records import RecordType
from tracking_sessions.core.model.flags import Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.recording.merge import merge_sessions
from tracking_sessions.core.recording.salvage import salvage
from tracking_sessions.core.review import actions
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.core.review.reviews import WHO, as_data, audit, begin, edit, jump, put, tracked_session
from tracking_sessions.tests.core.shots import write_raw


def whole_review(folder: Path) -> TrackingSessionManager:
    """A session with a review that has everything."""
    session = tracked_session(folder)
    state = session._content.file_state
    session._content.set_file({**state, "footage": {**state["footage"], "size": [100, 200]}})
    begin(session)
    audit(session, "1-9", jump(1, 4), jump(1, 5), jump(3, 5), jump(3, 7, Severity.WARNING))
    put(session, actions.accepted(session, jump(1, 4), WHO, "über"))
    put(session, actions.approved(session, FrameRanges([(7, 8)]), WHO))
    put(session, actions.noted(session, 2, 3, "soft: “focus”", WHO, 3))
    put(session, actions.nudged(session, session.replay().rows(1), 1, 6, (1, 1), WHO, ""))
    put(session, actions.taken_back(session, FrameRanges([(8, 8)]), WHO))
    put(session, actions.accepted(session, jump(1, 5), WHO))
    put(session, actions.not_fine(session, jump(1, 5), WHO))
    return session


def test_a_session_file_has_the_review_of_the_journal(tmp_path: Path) -> None:
    with whole_review(tmp_path / "shot") as session:
        session.acquire().write_file()
        assert read_document(session.path)["steps"]["review"] == "running"
        wanted = as_data(session.review)
        journal = session._content.reader()
        from_file = TrackingSessionManager(session.path)
        assert as_data(from_file.review) == wanted
        assert journal.contains(from_file.position)
        from_journal = session._content
        from_journal.read_again(salvage=False, replay=None)
        assert as_data(from_journal.summary.review) == wanted


@pytest.mark.parametrize("part", [{"review": 3}, {"review": {"id": "a"}}, {"audit_fail": "x"}, {"flags": ["JUMP"]}])
def test_a_damaged_review_in_the_session_file_is_read_from_the_journal(tmp_path: Path, part: dict[str, object]) -> None:
    with whole_review(tmp_path / "shot") as session:
        session.acquire().write_file()
        wanted = as_data(session.review)
    document = read_document(session.path)
    document["frames"] |= part
    session.path.write_bytes(encode_document(document, session.path.suffix))
    assert as_data(TrackingSessionManager(session.path).review) == wanted


@pytest.mark.parametrize(
    "payload",
    [
        b'{"event":"review"}',
        b'{"event":"review","action":"audit","frames":"a"}',
        b'{"event":"review","action":"note","text":"x","first":9e99}',
        b'{"event":"review","action":"override","kind":"nudge","first":1,"track":1,"original":[1e999,0]}',
        b'{"event":"review","action":"state","review":[]}',
        b'{"event":"review","action":["x"],"time":[]}',
        b'{"event":"review","action":"take_back","frames":"5","fail":"a"}',
        b'{"event":"review","action":"not_fine","kind":"JUMP","track":1,"first":4,"last":3}',
        b'{"event":"review","action":"not_fine","kind":"JUMP","track":1,"first":4,"fail":[]}',
    ],
)
def test_a_damaged_record_of_a_review_costs_no_tracking(tmp_path: Path, payload: bytes) -> None:
    with whole_review(tmp_path / "shot") as session:
        wanted, markers = session.review.to_state(), session.replay().markers
    write_raw(session, RecordType.EVENT, payload)
    again = TrackingSessionManager(session.path)
    assert again.replay().markers == markers
    assert again.review.to_state() == {**wanted, "damaged": 1}


def test_a_cut_journal_has_the_review_up_to_an_action_and_none_in_halves(tmp_path: Path) -> None:
    with whole_review(tmp_path / "shot") as session:
        folder, wanted = session.folder, session.review.to_state()
    newest = max(folder.glob("journal.*"), key=lambda path: int(path.suffix[1:]))
    whole = newest.read_bytes()
    seen: list[dict[str, object]] = []
    for size in range(80, len(whole) + 1):
        newest.write_bytes(whole[:size])
        cut = TrackingSessionManager(session.path, salvage=True)
        review = cut.review.to_state()
        changed = [state for state in cut.history().states if state.who == actions.NUDGE and state.tracks]
        assert len(changed) == len(cut.review.overrides)
        if not seen or seen[-1] != review:
            seen.append(review)
    assert seen[-1] == wanted
    assert len(seen) == 1 + 9  # nothing, then each action as a whole


def test_two_machines_review_one_after_the_other(tmp_path: Path) -> None:
    with tracked_session(tmp_path / "shot") as session:
        begin(session)
        audit(session, "1-10", jump(1, 4), jump(1, 5))
        with TrackingSessionManager(session.path) as other, pytest.raises(LeaseHeld):
            other.acquire()
    with TrackingSessionManager(session.path) as other:
        assert actions.begin(other) == []
        put(other, actions.approved(other, FrameRanges([(4, 4)]), "Jo"))
    with TrackingSessionManager(session.path) as session:
        put(session, actions.approved(session, FrameRanges([(4, 5)]), WHO))
        assert (str(session.review.signed), str(session.review.failed)) == ("4-5", "")


def test_letting_old_states_go_keeps_the_review(tmp_path: Path) -> None:
    with whole_review(tmp_path / "shot") as session:
        edit(session, 3, 9)
        edit(session, 3, 9, 0.5)
        audit(session, "9", jump(3, 9))
        wanted = as_data(session.review)
    with TrackingSessionManager(session.path) as session:
        assert session.let_go().states > 0
    assert as_data(TrackingSessionManager(session.path).review) == wanted


def test_salvage_goes_on_with_the_review(tmp_path: Path) -> None:
    with whole_review(tmp_path / "shot") as session:
        wanted = as_data(session.review)
    first = min(session.folder.glob("journal.*"), key=lambda path: int(path.suffix[1:]))
    data = bytearray(first.read_bytes())
    data[-30] ^= 1  # in the last record of tracking
    first.write_bytes(data)
    with TrackingSessionManager(session.path, salvage=True) as damaged:
        salvage(damaged)
    review = TrackingSessionManager(session.path).review
    assert review.to_state()["notes"] == wanted["verdicts"]["notes"]  # type: ignore[index]


def test_a_merged_session_has_the_reviews_of_all(tmp_path: Path) -> None:
    with whole_review(tmp_path / "shot") as session:
        session.acquire().write_file()
        one = session.review
    merged = merge_sessions([session.path], tmp_path / "merged.yaml")
    assert as_data(merged.review) == as_data(one)
    twice = merge_sessions([session.path, merged.path], tmp_path / "twice.yaml")
    assert (len(twice.review.failed), twice.review.flags) == (0, [])  # which of the markers were judged?
    assert len(twice.review.notes) == 2
