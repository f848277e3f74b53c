# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from tracking_sessions.core.errors import FramesNotJudged, UsageError
from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.journal.head import Head, row_on
from tracking_sessions.core.journal.records import EditRecord, Event, tracks_removed
from tracking_sessions.core.journal.review import FLAGS_KEPT, Review
from tracking_sessions.core.journal.rows import MUTED, is_muted, position_of, with_flags
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.frame_status import TRANSITIONS, Cause, FrameStatus
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review import actions
from tracking_sessions.core.review.frames import FrameStates, attempts
from tracking_sessions.tests.core.review.reviews import WHO, as_data, audit, begin, edit, jump, put, tracked_session
from tracking_sessions.tests.core.shots import make_session, marker, start_run

AT = 5  # the frame that is looked at


@pytest.fixture
def session(tmp_path: Path) -> Iterator[TrackingSessionManager]:
    with tracked_session(tmp_path / "shot") as session:
        begin(session)
        yield session


def state(session: TrackingSessionManager) -> FrameStatus:
    return FrameStates(session).status(AT)


REACH: dict[FrameStatus, Callable[[TrackingSessionManager], None]] = {
    FrameStatus.TRACKED: lambda session: None,
    FrameStatus.AUDIT_FAIL: lambda session: audit(session, "1-10", jump(1, AT)),
    FrameStatus.AUDIT_WARN: lambda session: audit(session, "1-10", jump(1, AT, Severity.WARNING)),
    FrameStatus.APPROVED: lambda session: audit(session, "1-10"),
}
ACT: dict[Cause, Callable[[TrackingSessionManager], None]] = {
    Cause.PERSON: lambda session: put(session, actions.approved(session, FrameRanges([(AT, AT)]), WHO)),
    Cause.CHANGE: lambda session: edit(session, 1, AT),
    Cause.AUDIT: lambda session: audit(session, "1-10", jump(3, AT)),
}
FOUND: dict[FrameStatus, tuple[Flag, ...]] = {
    FrameStatus.AUDIT_FAIL: (jump(1, AT), jump(3, AT, Severity.WARNING)),
    FrameStatus.AUDIT_WARN: (jump(1, AT, Severity.WARNING), jump(3, AT, Severity.NOTE)),
    FrameStatus.APPROVED: (jump(1, AT, Severity.NOTE),),
}


@pytest.mark.parametrize(("before", "cause"), list(product(REACH, ACT)))
def test_each_state_has_its_transitions_and_no_others(
    session: TrackingSessionManager, before: FrameStatus, cause: Cause
) -> None:
    REACH[before](session)
    assert state(session) is before
    legal = {after for was, why, after in TRANSITIONS if (was, why) == (before, cause)}
    if cause is Cause.AUDIT and before is not FrameStatus.TRACKED:
        assert (before, Cause.AUDIT_AGAIN, FrameStatus.TRACKED) in TRANSITIONS
        legal = {FrameStatus.AUDIT_FAIL}  # as a judged frame is withdrawn before
    position = session.position
    if before is FrameStatus.TRACKED and cause is Cause.PERSON:
        with pytest.raises(FramesNotJudged, match="5 are not audited"):
            ACT[cause](session)
        assert session.position == position
    else:
        ACT[cause](session)
    assert state(session) in legal or (not legal and state(session) is before)


@pytest.mark.parametrize("judged", FOUND)
def test_an_approval_that_is_taken_back_leaves_what_the_last_audit_said(
    session: TrackingSessionManager, judged: FrameStatus
) -> None:
    audit(session, "1-10", *FOUND[judged])
    before = as_data(session.review)
    put(session, actions.approved(session, FrameRanges([(1, 10)]), WHO))
    assert state(session) is FrameStatus.APPROVED and session.review.open_flags == []
    audit(session, "1-10", *FOUND[judged])  # leaves it
    put(session, actions.taken_back(session, FrameRanges([(AT, AT)]), "Jo", "the wrong key"))
    assert state(session) is judged
    assert judged is FrameStatus.APPROVED or (FrameStatus.APPROVED, Cause.TAKEN_BACK, judged) in TRANSITIONS
    assert str(session.review.signed) == "1-4,6-10"
    position = session.position
    with pytest.raises(UsageError, match=r"Nobody has approved frame 5$"):
        actions.taken_back(session, FrameRanges([(AT, AT)]), WHO)
    assert session.position == position
    put(session, actions.taken_back(session, FrameRanges([(1, 10)]), WHO))
    assert as_data(session.review) == before


def test_an_approval_that_an_audit_has_made_cannot_be_taken_back(session: TrackingSessionManager) -> None:
    audit(session, "1-10")
    with pytest.raises(UsageError, match="Nobody has approved frames 4 to 6"):
        actions.taken_back(session, FrameRanges([(4, 6)]), WHO)


def test_a_possible_jump_is_suspect_again_until_a_second_opinion_was_asked(session: TrackingSessionManager) -> None:
    possible = Flag(FlagKind.POSSIBLE_JUMP, Severity.NOTE, 1, AT, AT, 0.9, 0.5, "px")
    for is_full, wanted in ((False, FrameStatus.AUDIT_WARN), (True, FrameStatus.APPROVED)):
        frames = FrameRanges([(1, 10)])
        put(session, actions.audited(session, frames, [possible], frozenset(FlagKind), is_full=is_full))
        put(session, actions.approved(session, frames, WHO))
        put(session, actions.taken_back(session, frames, WHO))
        assert state(session) is wanted


def test_of_more_flags_than_are_kept_a_frame_without_an_error_is_not_judged(session: TrackingSessionManager) -> None:
    many = [Flag(FlagKind.JUMP, Severity.ERROR, 1, 2, 2, 3 + n / 1000, 0.5, "px") for n in range(FLAGS_KEPT)]
    audit(session, "1-10", *many, jump(1, AT, Severity.WARNING))
    put(session, actions.approved(session, FrameRanges([(1, 10)]), WHO))
    put(session, actions.taken_back(session, FrameRanges([(2, AT)]), WHO))
    assert (str(session.review.failed), state(session)) == ("2", FrameStatus.TRACKED)
    assert (FrameStatus.APPROVED, Cause.TAKEN_BACK, FrameStatus.TRACKED) in TRANSITIONS


def test_a_frame_is_pending_until_the_tracker_reaches_it_and_cannot_be_judged_before(tmp_path: Path) -> None:
    with make_session(tmp_path / "shot") as session:
        run = start_run(session, [(1, 6)])
        with run:
            run.step()
            begin(session)
            audit(session, "1-6")
            with pytest.raises(FramesNotJudged):
                put(session, actions.approved(session, FrameRanges([(1, 6)]), WHO))
            sets = FrameStates(session).sets()
            assert (str(sets[FrameStatus.PENDING]), str(sets[FrameStatus.APPROVED])) == ("3-6", "1-2")
            run.step()
            assert FrameStates(session).status(3) is FrameStatus.TRACKED
        run.session.close()


def test_states_of_all_frames_are_counted(session: TrackingSessionManager) -> None:
    audit(session, "1-8", jump(1, 2), jump(3, 4, Severity.WARNING), jump(1, 6, Severity.NOTE))
    sets = {status.value: str(frames) for status, frames in FrameStates(session).sets().items()}
    assert sets == {"pending": "", "tracked": "9-10", "audit_fail": "2", "audit_warn": "4", "approved": "1,3,5-8"}


def test_what_a_person_approved_stays_when_it_is_audited_again(session: TrackingSessionManager) -> None:
    audit(session, "1-10", jump(1, AT), jump(1, 7))
    put(session, actions.approved(session, FrameRanges([(AT, AT)]), WHO))
    audit(session, "1-10", jump(1, AT), jump(1, 7))
    assert str(session.review.failed) == "7" and session.review.open_flags == [jump(1, 7)]
    edit(session, 3, AT)
    assert state(session) is FrameStatus.TRACKED
    audit(session, "1-10", jump(1, AT))
    assert str(session.review.failed) == str(AT)


def test_the_rolling_shutter_of_the_last_full_audit_is_kept(session: TrackingSessionManager) -> None:
    frames = FrameRanges([(1, 10)])
    for is_full, share, kept in ((True, 0.51234, 0.5123), (False, 0.0, 0.5123), (True, 0.0, 0.0)):
        put(session, actions.audited(session, frames, [], frozenset(FlagKind), is_full=is_full, rolling=share))
        assert session.review.rolling == kept
        assert Review.from_state(session.review.to_state()).rolling == kept


def test_who_approved_a_frame_is_kept_while_it_counts(session: TrackingSessionManager) -> None:
    audit(session, "1-10", jump(1, AT), jump(1, 7))
    put(session, actions.approved(session, FrameRanges.parse("2-3,7"), WHO, "checked by hand"))
    approvals = FrameStates(session).frame(3).approvals
    assert [(one.first, one.last, one.who, one.note) for one in approvals] == [(2, 3, WHO, "checked by hand")]
    assert FrameStates(session).frame(4).approvals == ()  # by the audit
    edit(session, 3, 3)
    assert FrameStates(session).frame(3).approvals == () != FrameStates(session).frame(2).approvals
    assert [one.first for one in session.review.approvals] == [2, 7]
    put(session, actions.taken_back(session, FrameRanges.parse("7"), "Jo"))
    assert [one.first for one in session.review.approvals] == [2]


def test_an_audit_of_some_kinds_keeps_the_flags_of_the_others(session: TrackingSessionManager) -> None:
    drift = Flag(FlagKind.DRIFT, Severity.WARNING, 3, 2, 9, 1.5, 0.25, "px")
    put(session, actions.audited(session, FrameRanges([(1, 10)]), [drift], [FlagKind.DRIFT], is_full=True))
    put(session, actions.audited(session, FrameRanges([(4, 6)]), [jump(1, 5)], [FlagKind.JUMP], is_full=False))
    assert session.review.flags == [jump(1, 5), drift]
    assert (str(session.review.failed), str(session.review.warned)) == ("5", "2-4,6-9")


def test_a_possible_jump_is_suspect_until_a_second_opinion_was_asked(session: TrackingSessionManager) -> None:
    possible = Flag(FlagKind.POSSIBLE_JUMP, Severity.NOTE, 1, AT, AT, 0.9, 0.5, "px")
    for is_full, wanted in ((False, FrameStatus.AUDIT_WARN), (True, FrameStatus.APPROVED)):
        kinds = frozenset(FlagKind)
        put(session, actions.audited(session, FrameRanges([(1, 10)]), [possible], kinds, is_full=is_full))
        assert state(session) is wanted


def test_a_changed_marker_takes_its_own_flags_away_and_no_others(session: TrackingSessionManager) -> None:
    long = Flag(FlagKind.DRIFT, Severity.WARNING, 1, 2, 9, 1.5, 0.25, "px")
    audit(session, "1-10", jump(1, 4), jump(1, 5), jump(3, 5), long)
    edit(session, 1, 5)
    assert session.review.flags == [jump(1, 4), jump(3, 5), long]
    assert str(FrameStates(session).sets()[FrameStatus.TRACKED]) == "5"


def test_a_flag_that_is_fine_as_it_is_approves_frames_without_another(session: TrackingSessionManager) -> None:
    audit(session, "1-10", jump(1, 4), jump(1, 5), jump(3, 5))
    put(session, actions.accepted(session, jump(1, 4), WHO, "a real bump"))
    put(session, actions.accepted(session, jump(1, 5), WHO))
    assert str(session.review.failed) == "5"  # track 3 still fails there
    assert session.review.open_flags == [jump(3, 5)]
    audit(session, "1-10", jump(1, 4), jump(1, 5))  # found again, and fine
    assert str(session.review.failed) == ""
    assert actions.accepted(session, jump(1, 5), WHO) == []
    edit(session, 1, 5)
    assert [fine.first for fine in session.review.fine] == [4]


def test_a_flag_that_is_not_fine_is_open_again_and_so_are_its_frames(session: TrackingSessionManager) -> None:
    bump = Flag(FlagKind.DRIFT, Severity.WARNING, 3, 3, 6, 1.5, 0.25, "px")
    audit(session, "1-10", jump(1, AT), jump(1, 8), bump)
    before = as_data(session.review)
    put(session, actions.accepted(session, bump, WHO))
    put(session, actions.accepted(session, jump(1, AT), WHO))
    assert (str(session.review.failed), str(session.review.warned)) == ("8", "")
    put(session, actions.not_fine(session, jump(1, AT), "Jo"))
    assert (str(session.review.failed), str(session.review.signed)) == ("5,8", "3-4,6")
    assert session.review.open_flags == [jump(1, AT), jump(1, 8)]
    with pytest.raises(UsageError, match="Nobody has found this fine"):
        actions.not_fine(session, jump(1, AT), WHO)
    put(session, actions.not_fine(session, bump, WHO))
    assert as_data(session.review) == before


def test_an_error_that_is_not_fine_fails_a_suspect_frame_and_one_that_an_audit_approved(
    session: TrackingSessionManager,
) -> None:
    suspect = jump(3, AT, Severity.WARNING)
    audit(session, "1-10", jump(1, AT), jump(1, 8), suspect)
    for found in (jump(1, AT), jump(1, 8)):
        put(session, actions.accepted(session, found, WHO))
    audit(session, "1-10", jump(1, AT), jump(1, 8), suspect)  # finds the same
    assert (state(session), str(session.review.warned)) == (FrameStatus.AUDIT_WARN, str(AT))
    put(session, actions.not_fine(session, jump(1, AT), WHO))
    assert state(session) is FrameStatus.AUDIT_FAIL and str(session.review.warned) == ""
    assert (FrameStatus.AUDIT_WARN, Cause.TAKEN_BACK, FrameStatus.AUDIT_FAIL) in TRANSITIONS
    put(session, actions.not_fine(session, jump(1, 8), WHO))
    assert str(session.review.failed) == "5,8"


def test_a_changed_frame_stays_not_audited_when_its_flag_is_not_fine(session: TrackingSessionManager) -> None:
    drift = Flag(FlagKind.DRIFT, Severity.WARNING, 1, 4, 6, 1.5, 0.25, "px")
    audit(session, "1-10", drift)
    put(session, actions.accepted(session, drift, WHO))
    edit(session, 3, AT)
    put(session, actions.not_fine(session, drift, WHO))
    assert state(session) is FrameStatus.TRACKED and str(session.review.warned) == "4,6"


def test_both_tracks_of_a_swap_are_not_fine_together(session: TrackingSessionManager) -> None:
    swap = Flag(FlagKind.SWAP, Severity.ERROR, 1, AT, AT, 3.0, 0.5, "px", 3)
    audit(session, "1-10", swap)
    put(session, actions.accepted(session, replace(swap, track=3, other=1), WHO))
    assert session.review.is_fine(swap)
    put(session, actions.not_fine(session, swap, WHO))
    assert session.review.fine == [] and state(session) is FrameStatus.AUDIT_FAIL


def test_a_nudge_is_recorded_with_both_positions_and_can_be_gone_back_on(session: TrackingSessionManager) -> None:
    state = session._content.file_state
    session._content.set_file({**state, "footage": {**state["footage"], "size": [100, 200]}})
    before = session.position
    replay = session.replay()
    row = replay.rows(1)
    put(session, actions.nudged(session, row, 1, AT, (1.5, -2), WHO, "off the edge"))
    override = session.review.overrides[-1]
    x, y = position_of(replay.markers[1][AT])
    assert (override.kind, override.who, override.note) == (OverrideKind.NUDGE, WHO, "off the edge")
    assert override.original == pytest.approx((100 * x, 200 * y))
    assert override.position == pytest.approx((100 * x + 1.5, 200 * y - 2))
    now = position_of(session.replay().markers[1][AT])
    assert (100 * now[0], 200 * now[1]) == pytest.approx(override.position, abs=1e-4)
    assert session.history().states[-1].who == "Nudge"
    assert session.state_at(before).markers == replay.markers


def test_markers_moved_by_hand_are_nudges_of_each_one(session: TrackingSessionManager) -> None:
    state = session._content.file_state
    session._content.set_file({**state, "footage": {**state["footage"], "size": [100, 200]}})
    head = Head.of(session.replay())
    places = {(track, frame): position_of(row_on(head.rows(track), frame)) for track, frame in ((1, 4), (1, 5), (3, 4))}
    edits = [
        EditRecord(1, (), b"".join(marker(1, frame, (0.75,)) for frame in (4, 5))),
        EditRecord(3, (), marker(3, 4, (0.75,))),
    ]
    announced = actions.moved(session, head, edits, WHO)
    put(session, [*announced, event_record(Event.EDITED, operator="Move"), *edits])
    found = {(one.track, one.first): one for one in session.review.overrides}
    assert found.keys() == places.keys() and len(session.review.overrides) == 3
    x, y = position_of(edits[1].rows)
    for at, one in found.items():
        was_x, was_y = places[at]
        assert (one.kind, one.last, one.who) == (OverrideKind.NUDGE, at[1], WHO)
        assert one.original == pytest.approx((100 * was_x, 200 * was_y), abs=1e-4)
        assert one.position == pytest.approx((100 * x, 200 * y), abs=1e-4)
    assert session.history().states[-1].who == "Move"
    edit(session, 1, 4)
    assert len(session.review.overrides) == 3, "each was announced once"


def test_an_edit_that_does_more_than_move_a_few_markers_is_no_nudge(session: TrackingSessionManager) -> None:
    head = Head.of(session.replay())
    moved = EditRecord(1, (), marker(1, 4, (0.75,)))
    row = row_on(head.rows(1), 5)
    many = EditRecord(1, (), b"".join(marker(1, frame, (0.75,)) for frame in range(1, 10)))
    others = (
        [EditRecord(1, (), with_flags(row, bytes([MUTED])))],  # muted where it is
        [EditRecord(1, (6,), moved.rows)],
        [moved, EditRecord(1, (), marker(1, 12, (0.75,)))],  # a new marker
        [moved, tracks_removed([3])],
        [many],
    )
    assert len(actions.moved(session, head, [moved], WHO)) == 1
    assert [actions.moved(session, head, records, WHO) for records in others] == [[]] * len(others)
    state = session._content.file_state
    session._content.set_file({**state, "footage": {**state["footage"], "size": [0, 0]}})
    (announced,) = actions.moved(session, head, [moved], WHO)
    assert "position" not in announced.fields, "the size of the footage is not known"


def test_without_a_review_nothing_is_announced(tmp_path: Path) -> None:
    with tracked_session(tmp_path / "shot") as session:
        head = Head.of(session.replay())
        assert actions.moved(session, head, [EditRecord(1, (), marker(1, 4, (0.75,)))], WHO) == []


def test_a_nudge_that_never_came_is_replaced_by_one_of_the_same_marker(session: TrackingSessionManager) -> None:
    for place in ((1.0, 1.0), (2.0, 2.0)):
        put(session, actions.overridden(session, OverrideKind.NUDGE, 1, 4, 4, WHO, position=place))
    edit(session, 1, 4)
    assert [one.position for one in session.review.overrides] == [(2.0, 2.0)]


def test_muting_a_stretch_needs_a_live_marker(session: TrackingSessionManager) -> None:
    rows = session.replay().rows(1)
    put(session, actions.muted(session, rows, 1, 4, 6, WHO))
    markers = session.replay().markers[1]
    assert [frame for frame in range(1, 11) if is_muted(markers[frame])] == [4, 5, 6]
    assert [(one.kind, one.first, one.last) for one in session.review.overrides] == [(OverrideKind.MUTE, 4, 6)]
    with pytest.raises(UsageError, match="no live marker on 4 to 6"):
        actions.muted(session, session.replay().rows(1), 1, 4, 6, WHO)


def test_an_override_whose_change_never_came_does_not_count(session: TrackingSessionManager) -> None:
    put(session, actions.overridden(session, OverrideKind.RETRACK, 1, 4, 6, WHO))
    edit(session, 3, 4)
    assert session.review.overrides == []
    edit(session, 1, 4)
    assert session.review.overrides == []


def test_the_report_of_a_frame(session: TrackingSessionManager) -> None:
    drift = Flag(FlagKind.DRIFT, Severity.WARNING, 3, 2, 9, 1.5, 0.25, "px")
    audit(session, "1-10", jump(1, AT), drift)
    put(session, actions.noted(session, AT, AT, "the car", WHO))
    frame = FrameStates(session).frame(AT)
    assert frame.id == f"{session.review.id}:{AT}"
    assert (frame.report.score, frame.report.passed, frame.report.largest_drift) == (0.5 * 0.8, False, 1.5)
    assert ([note.text for note in frame.notes], frame.report.auto_corrected) == (["the car"], False)
    put(session, actions.accepted(session, jump(1, AT), WHO))
    assert FrameStates(session).frame(AT).report.passed
    assert [(one.way, one.first, one.last, one.outcome) for one in attempts(session.history(), session.review, AT)] == [
        ("forwards", 1, 10, "complete")
    ]
    assert attempts(session.history(), session.review, 11) == []
    put(session, actions.overridden(session, OverrideKind.RETRACK, 1, 4, 6, WHO))
    edit(session, 1, 5)
    assert [one.way for one in attempts(session.history(), session.review, AT)] == ["forwards", "retrack"]
    assert FrameStates(session).frame(AT).report.auto_corrected


# What lasts
