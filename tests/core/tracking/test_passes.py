# SPDX-License-Identifier: GPL-3.0-or-later
"""The passes of a run, its first frame and its tracks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tracking_sessions.core.errors import NothingToTrack
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.types import Outcome
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.tracking import passes
from tracking_sessions.tests.core.shots import FakeTracker, make_session, marker, start_markers, start_run


def recorded(folder: Path, ranges: Sequence[tuple[int, int]], steps: int, *, is_closed: bool = False) -> Replay:
    """The replay of passes paused after some steps, with the tracks 1 to 3, none of them lost."""
    session = make_session(folder, 8)
    run = start_run(session, ranges, FakeTracker(start_markers((1, 2, 3), ranges[0][0])))
    with run:
        for _ in range(steps):
            run.step()
        if is_closed:
            run.step()
            assert run.outcome is Outcome.COMPLETE
        else:
            run.pause()
    session.close()
    return load_session(session.path).replay()


def as_recorded(known: Replay) -> passes.Edits:
    return passes.Edits(dict(known.tracks), {number: known.rows(number) for number in known.tracks}, set(), [])


def tracked_on(found: passes.Edits, number: int, frames: Sequence[int]) -> None:
    """The artist tracks on by other means."""
    found.rows[number] += b"".join(marker(number, frame, (0.3,)) for frame in frames)
    found.edited.add(number)


def resume(known: Replay, found: passes.Edits) -> passes.Plan:
    plan = passes.resume(known, found, Counting(1001), object="Door", blender="5.0.1")
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("pair", "limit", "expected"),
    [((1, 9), 0, (1, 9)), ((1, 9), 3, (1, 4)), ((9, 1), 3, (9, 6)), ((1, 3), 5, (1, 3)), ((4, 4), 2, (4, 4))],
)
def test_a_range_is_cut_to_the_frames_limit(pair: tuple[int, int], limit: int, expected: tuple[int, int]) -> None:
    assert passes.limited(*pair, limit) == expected


def test_new_passes_are_numbered_behind_those_of_the_session(tmp_path: Path) -> None:
    known = recorded(tmp_path, [(1, 4)], 1)
    plan = passes.begin([(3, 8), (3, 1)], [1, 3], known, object="Door", blender="5.0.1")
    assert [(one.number, one.start, one.end, one.tracks, one.object) for one in plan.passes] == [
        (2, 3, 8, (1, 3), "Door"),
        (3, 3, 1, (1, 3), "Door"),
    ]
    assert (plan.frame, plan.alive, plan.is_open) == (3, {1, 3}, False)
    assert str(plan.frames) == "1-8"


def test_a_paused_pass_goes_on_where_it_stopped_and_the_next_one_follows(tmp_path: Path) -> None:
    plan = resume(known := recorded(tmp_path, [(3, 8), (3, 1)], 2), as_recorded(known))
    assert [(one.number, one.start, one.end, one.object) for one in plan.passes] == [
        (1, 3, 8, "Door"),
        (2, 3, 1, "Door"),
    ]
    assert (plan.frame, plan.alive, plan.is_open, plan.left_out) == (5, {1, 2, 3}, True, 0)


def test_a_pass_that_was_to_follow_is_new(tmp_path: Path) -> None:
    plan = resume(known := recorded(tmp_path, [(6, 8), (6, 1)], 2, is_closed=True), as_recorded(known))
    assert [(one.number, one.start, one.end) for one in plan.passes] == [(2, 6, 1)]
    assert (plan.frame, plan.alive, plan.is_open) == (6, {1, 2, 3}, False)


def test_nothing_is_left_of_a_session_that_is_complete(tmp_path: Path) -> None:
    known = recorded(tmp_path, [(1, 3)], 2, is_closed=True)
    assert passes.resume(known, as_recorded(known), Counting(1), object="Camera", blender="") is None
    assert passes.resume(Replay(), passes.Edits({}, {}, set(), []), Counting(1), object="", blender="") is None


def test_a_deleted_track_takes_no_part(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(3, 8), (3, 1)], 1))
    del found.tracks[2]
    plan = resume(known, found)
    assert plan.alive == {1, 3} and plan.passes[1].tracks == (1, 3)


def test_a_track_without_a_live_marker_on_the_frame_of_the_pause_is_not_followed(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(1, 8)], 2))
    found.rows[2] = marker(2, 1)
    assert resume(known, found).alive == {1, 3}
    for number in (1, 3):
        found.rows[number] = b""
    with pytest.raises(NothingToTrack, match=r"The markers on frame 1003, where the pass stopped, are gone"):
        resume(known, found)


def test_a_lost_track_that_was_placed_again_takes_part(tmp_path: Path) -> None:
    known = recorded(tmp_path, [(1, 8)], 2)
    known.passes[1].followed = frozenset({1, 3})
    found = as_recorded(known)
    assert resume(known, found).alive == {1, 3}
    found.edited.add(2)
    assert resume(known, found).alive == {1, 2, 3}


def test_a_track_with_newer_markers_ahead_joins_where_they_end(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(1, 8)], 2))
    tracked_on(found, 2, [4, 5])
    plan = resume(known, found)
    assert (plan.frame, plan.alive, plan.joins, plan.left_out) == (3, {1, 3}, {5: {2}}, 1)
    tracked_on(found, 2, [6, 7, 8])
    plan = resume(known, found)
    assert (plan.frame, plan.alive, plan.joins, plan.left_out) == (3, {1, 3}, {}, 1)


def test_a_pass_goes_on_from_where_the_first_stop_if_all_were_tracked_on(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(1, 8)], 2))
    for number, frames in ((1, [4]), (2, [4, 5]), (3, [4, 5])):
        tracked_on(found, number, frames)
    plan = resume(known, found)
    assert (plan.frame, plan.alive, plan.joins, plan.left_out) == (4, {1}, {5: {2, 3}}, 2)


def test_a_pass_that_was_tracked_on_to_its_end_is_only_closed(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(1, 5)], 2))
    for number in (1, 2, 3):
        tracked_on(found, number, [4, 5])
    plan = resume(known, found)
    assert (plan.frame, plan.alive, plan.left_out, plan.is_tracked_on) == (5, frozenset(), 3, True)


def test_a_following_pass_that_was_tracked_on_is_opened_at_its_end(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(6, 8), (6, 4)], 2, is_closed=True))
    for number in (1, 2, 3):
        tracked_on(found, number, [5, 4])
    plan = resume(known, found)
    assert (plan.frame, plan.alive, plan.left_out, plan.is_tracked_on) == (4, frozenset(), 3, True)
    assert [(one.number, one.end) for one in plan.passes] == [(2, 4)] and not plan.is_open


def test_a_following_pass_keeps_the_tracks_that_were_not_tracked_on(tmp_path: Path) -> None:
    found = as_recorded(known := recorded(tmp_path, [(6, 8), (6, 4)], 1))
    tracked_on(found, 1, [5])
    plan = resume(known, found)
    assert plan.passes[1] == replace(plan.passes[1], tracks=(2, 3)) and plan.left_out == 1
