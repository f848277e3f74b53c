# SPDX-License-Identifier: GPL-3.0-or-later
"""The new markers that a re-track or a filled gap keeps; the picture has 100 x 100 pixels."""

from __future__ import annotations

import pytest

from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.journal.rows import GUARDED, KEYED, MARKER, MUTED, flags_of, is_muted, position_of
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.tracking.retrack import DISTANCE, Fill, Retrack, Trials, reference, suspect_frames
from tracking_sessions.core.tracking.run import Step

SIZE = (100, 100)
SHOWN = Counting(101)
Rows = dict[int, bytes]


def row(frame: int, x: float, flags: int = 0) -> bytes:
    return MARKER.pack(3, frame, flags, x / 100, 0.5, *[0.0] * 12)


def rows(first: int, last: int, x: float = 50.0) -> Rows:
    return {frame: row(frame, x) for frame in range(first, last + 1)}


def pixels(row: bytes) -> float:
    return round(position_of(row)[0] * 100, 3)


def retrack(old: Rows, frame: int, direction: int, suspect: str = "") -> Retrack:
    return Retrack(old, frame, direction, FrameRanges.parse(suspect), SIZE, DISTANCE)


def follow(trial: Retrack | Fill, x: float, *, lost: int = 0, flags: int = GUARDED) -> None:
    """Take markers at `x` along all ways, until a way is over or the track is lost on the frame `lost`."""
    for way in trial.ways:
        for frame in range(way.start + way.direction, way.end + way.direction, way.direction):
            muted = MUTED if frame == lost else 0
            if trial.take(way, frame, row(frame, x, flags | muted)):
                break


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("apart", "joins"), [(0.99, True), (1.01, False)])
def test_the_first_marker_within_the_distance_is_joined(direction: int, apart: float, joins: bool) -> None:
    old = rows(1, 21, 50 + apart) | {frame: row(frame, 60) for frame in (9, 10, 12, 13)}
    trial = retrack(old, 11, direction)
    follow(trial, 50)
    bad = [12, 13] if direction > 0 else [9, 10]
    changed = bad if joins else [*range(12, 23)] if direction > 0 else [*range(0, 11)]
    assert sorted(trial.rows()) == sorted([11, *changed])
    assert {pixels(trial.rows()[frame]) for frame in bad} == {50}
    assert flags_of(trial.rows()[11]) == KEYED


def test_a_suspect_marker_is_passed_by() -> None:
    trial = retrack(rows(1, 9), 3, 1, "4-6")
    follow(trial, 50.5)
    assert sorted(trial.rows()) == [3, 4, 5, 6]
    assert trial.span() == (4, 6)
    assert trial.words(SHOWN) == "re-tracked 104 to 106 up to the good marker on frame 107, 0.50 px away"


def test_a_keyed_marker_ends_the_way_even_if_it_is_suspect() -> None:
    trial = retrack(rows(1, 9) | {6: row(6, 50, KEYED)}, 3, 1, "4-9")
    follow(trial, 40)
    assert sorted(trial.rows()) == [3, 4, 5]
    assert trial.words(SHOWN) == "re-tracked 104 to 105, 10.00 px off the keyed marker on frame 106"


@pytest.mark.parametrize("border", [{}, {7: row(7, 50, MUTED | KEYED)}])
def test_at_the_end_of_the_segment_the_border_goes_with_the_marker(border: Rows) -> None:
    trial = retrack(rows(1, 6) | border | rows(8, 9), 3, 1)
    follow(trial, 40)
    new = trial.rows()
    assert sorted(new) == [3, 4, 5, 6, 7]
    assert (flags_of(new[6]), flags_of(new[7]), pixels(new[7])) == (0, MUTED | KEYED, 40)
    assert trial.words(SHOWN) == "re-tracked 104 to 106, 10.00 px off the old markers to their end"


def test_behind_a_loss_the_old_markers_stay() -> None:
    trial = retrack(rows(1, 9), 3, 1)
    follow(trial, 40, lost=6)
    new = trial.rows()
    assert sorted(new) == [3, 4, 5, 6]
    assert is_muted(new[6])
    assert trial.span() == (4, 5)
    assert trial.words(SHOWN) == "re-tracked 104 to 105, lost on frame 106: the markers behind stay"


def test_a_track_lost_at_once_changes_nothing() -> None:
    trial = retrack(rows(1, 9), 3, 1)
    follow(trial, 40, lost=4)
    assert not trial.rows()
    assert trial.words(SHOWN) == "nothing changed: it is lost on frame 104"


def test_a_track_that_leaves_the_picture_has_no_marker_there() -> None:
    trial = retrack(rows(1, 9), 3, -1)
    (way,) = trial.ways
    assert not trial.take(way, 2, row(2, 40))
    assert trial.take(way, 1, b"")
    assert sorted(trial.rows()) == [2, 3]
    assert trial.words(SHOWN) == "re-tracked 102, out of the picture on frame 101: the markers behind stay"


def test_the_tracker_sees_no_marker_on_its_way() -> None:
    trial = retrack(rows(1, 9), 5, -1)
    (way,) = trial.ways
    assert sorted(trial.behind(way)) == [5, 6, 7, 8, 9]
    trial.take(way, 4, row(4, 40))
    assert sorted(trial.behind(way)) == [4, 5, 6, 7, 8, 9]
    assert flags_of(trial.behind(way)[5]) == KEYED


def test_there_has_to_be_a_marker_to_retrack_or_to_reach() -> None:
    with pytest.raises(UsageError, match="it has no markers to re-track on this side"):
        retrack(rows(1, 6) | {7: row(7, 50, MUTED)}, 6, 1)


def test_flags_of_the_track_that_are_more_than_notes_make_it_suspect() -> None:
    def flag(track: int, frame: int, severity: Severity, other: int = 0) -> Flag:
        return Flag(FlagKind.SWAP, severity, track, frame, frame + 1, 3.0, 1.0, "px", other)

    flags = [flag(3, 10, Severity.ERROR), flag(3, 20, Severity.NOTE), flag(4, 30, Severity.ERROR)]
    assert str(suspect_frames([*flags, flag(4, 40, Severity.WARNING, 3)], 3)) == "10-11,40-41"


# Fill


def test_both_sides_are_blended_by_the_frames_from_their_ends() -> None:
    trial = Fill(rows(1, 10, 50) | rows(15, 20, 50.8), 12, SIZE, DISTANCE)
    forwards, backwards = trial.ways
    for way, x in ((forwards, 50), (backwards, 50.8)):
        for frame in range(way.start + way.direction, way.end + way.direction, way.direction):
            trial.take(way, frame, row(frame, x, GUARDED))
    assert [(frame, pixels(new)) for frame, new in trial.rows().items()] == [
        (11, 50.16),
        (12, 50.32),
        (13, 50.48),
        (14, 50.64),
    ]
    assert {flags_of(new) for new in trial.rows().values()} == {0}
    assert trial.words(SHOWN) == "filled 111 to 114, both sides at most 0.80 px apart"


def test_a_side_that_is_lost_leaves_its_part_to_the_other() -> None:
    trial = Fill(rows(1, 10) | rows(16, 20), 12, SIZE, DISTANCE)
    forwards, backwards = trial.ways
    for frame in (11, 12, 13):
        trial.take(forwards, frame, row(frame, 50))
    assert trial.take(forwards, 14, row(14, 50, MUTED))
    for frame in (15, 14, 13):
        trial.take(backwards, frame, row(frame, 50.6))
    assert trial.take(backwards, 12, b"")
    assert [pixels(new) for new in trial.rows().values()] == [50, 50, 50.3, 50.6, 50.6]


def test_sides_that_never_reach_one_frame_leave_the_gap() -> None:
    trial = Fill(rows(1, 10) | rows(16, 20), 12, SIZE, DISTANCE)
    forwards, backwards = trial.ways
    trial.take(forwards, 11, row(11, 50))
    trial.take(forwards, 12, row(12, 50, MUTED))
    trial.take(backwards, 15, row(15, 50, MUTED))
    assert not trial.rows()
    assert trial.words(SHOWN) == "the gap stays: the track is lost forwards on frame 112, backwards on frame 115"


# Several tracks


def test_a_pass_ends_for_each_track_where_its_way_does() -> None:
    long, short = retrack(rows(1, 30), 10, 1), retrack(rows(1, 12), 10, 1)
    trials = Trials({3: long, 4: short}, object="Camera", blender="5.0.1")
    (plan,) = trials.passes
    assert (plan.start, plan.end, plan.tracks) == (10, 30, (3, 4))

    def step(frame: int) -> None:
        other = MARKER.pack(4, frame, GUARDED, 0.4, 0.5, *[0.0] * 12)
        trials.take(plan, Step(frame, frozenset((3, 4)), row(frame, 40) + other))

    step(11)
    assert trials.left(plan) == {3, 4}
    step(12)
    assert trials.left(plan) == {3} and not trials.is_over


def test_ways_from_one_frame_share_a_pass() -> None:
    wide, narrow = (Fill(rows(1, 10) | rows(right, 30), 11, SIZE, DISTANCE) for right in (20, 13))
    trials = Trials({3: wide, 4: narrow}, object="Camera", blender="5.0.1")
    assert [(each.start, each.end) for each in trials.passes] == [(10, 19), (20, 11), (13, 11)]
    assert [each.tracks for each in trials.passes] == [(3, 4), (3,), (4,)]
    assert [each.number for each in trials.passes] == [1, 2, 3]


# The reference


@pytest.mark.parametrize(("suspect", "start"), [("", 6), ("7-9", 6), ("6-9", 5), ("4-9", 3)])
def test_a_suspect_marker_is_no_reference(suspect: str, start: int) -> None:
    assert reference(rows(1, 9), 6, 1, FrameRanges.parse(suspect)) == start


def test_a_keyed_marker_is_a_reference_in_either_direction() -> None:
    old = rows(1, 9) | {4: row(4, 50, KEYED), 8: row(8, 50, KEYED)}
    suspect = FrameRanges.parse("2-8")
    assert reference(old, 6, 1, suspect) == 4
    assert reference(old, 6, -1, suspect) == 8
    assert reference(old, 8, 1, suspect) == 8


def test_without_a_good_marker_a_person_has_to_place_one() -> None:
    with pytest.raises(UsageError, match="all its markers up to here are suspect"):
        reference(rows(3, 9), 6, 1, FrameRanges.parse("3-9"))
