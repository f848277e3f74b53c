# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip over the timeline, compared with the state of each single frame."""

import random
from itertools import pairwise
from typing import Any

import pytest

from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review.timeline import Kind, Segment, dashes, segments, spans

NONE = FrameRanges()


def frames(text: str) -> FrameRanges:
    return FrameRanges.parse(text)


def strip(tracked: str, requested: str = "", problems: str = "", **more: Any) -> list[tuple[int, int, Kind]]:
    where = {"scene": (1, 100), "clip_start": 1, "columns": 1000, **more}
    return [tuple(segment) for segment in segments(frames(tracked), frames(requested), frames(problems), **where)]


def test_each_frame_is_tracked_due_untracked_or_a_problem() -> None:
    assert strip("10-60", "10-80", "20,40-41") == [
        (1, 9, Kind.UNTRACKED),
        (10, 19, Kind.TRACKED),
        (20, 20, Kind.PROBLEM),
        (21, 39, Kind.TRACKED),
        (40, 41, Kind.PROBLEM),
        (42, 60, Kind.TRACKED),
        (61, 80, Kind.DUE),
        (81, 100, Kind.UNTRACKED),
    ]


def test_frames_with_few_tracks_and_frames_that_the_file_lacks_are_kinds_of_their_own() -> None:
    assert strip("10-60", "10-80", "50", thin=frames("20-30,50"), absent=frames("28-60")) == [
        (1, 9, Kind.UNTRACKED),
        (10, 19, Kind.TRACKED),
        (20, 27, Kind.THIN),
        (28, 49, Kind.ABSENT),
        (50, 50, Kind.PROBLEM),
        (51, 60, Kind.ABSENT),
        (61, 80, Kind.DUE),
        (81, 100, Kind.UNTRACKED),
    ]


def test_the_verdicts_of_a_review_have_kinds_of_their_own() -> None:
    verdicts = {"approved": frames("10-40"), "suspect": frames("20-25,45"), "failed": frames("22,50")}
    assert strip("10-60", "10-80", "45,48", **verdicts) == [
        (1, 9, Kind.UNTRACKED),
        (10, 19, Kind.APPROVED),
        (20, 21, Kind.SUSPECT),
        (22, 22, Kind.FAILED),
        (23, 25, Kind.SUSPECT),
        (26, 40, Kind.APPROVED),
        (41, 44, Kind.TRACKED),
        (45, 45, Kind.PROBLEM),
        (46, 47, Kind.TRACKED),
        (48, 48, Kind.PROBLEM),
        (49, 49, Kind.TRACKED),
        (50, 50, Kind.FAILED),
        (51, 60, Kind.TRACKED),
        (61, 80, Kind.DUE),
        (81, 100, Kind.UNTRACKED),
    ]


def test_a_column_is_approved_only_if_all_of_its_frames_are() -> None:
    where = {"scene": (1, 100), "columns": 10}
    found = strip("1-100", approved=frames("1-20,25-40"), failed=frames("77"), **where)
    kinds = [Kind.APPROVED, Kind.TRACKED, Kind.APPROVED, Kind.TRACKED, Kind.FAILED, Kind.TRACKED]
    assert [kind for _, _, kind in found] == kinds


def test_a_single_frame_that_is_thin_or_absent_shows_among_a_hundred_thousand() -> None:
    where = {"scene": (1, 100_000), "columns": 800}
    found = strip("1-100000", "1-100000", thin=frames("33333"), absent=frames("77777"), **where)
    assert [kind for _, _, kind in found] == [Kind.TRACKED, Kind.THIN, Kind.TRACKED, Kind.ABSENT, Kind.TRACKED]


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ((0, 20), [(0, 4), (8, 12), (16, 20)]),
        ((2, 9), [(2, 4), (8, 9)]),
        ((5, 8), [(5, 8)]),
        ((13.5, 18), [(16, 18)]),
    ],
)
def test_a_place_is_dashed_on_the_same_pixels_wherever_it_begins(
    ends: tuple[float, float], found: list[tuple[float, float]]
) -> None:
    assert dashes([ends], 4) == found


def test_clip_frames_are_shown_where_the_scene_has_them() -> None:
    assert strip("1-12", "1-20", "12", scene=(98, 130), clip_start=101) == [
        (98, 100, Kind.UNTRACKED),
        (101, 111, Kind.TRACKED),
        (112, 112, Kind.PROBLEM),
        (113, 120, Kind.DUE),
        (121, 130, Kind.UNTRACKED),
    ]


def test_only_the_frames_of_the_scene_are_shown() -> None:
    assert strip("1-500", "1-500", "1,30,500", scene=(20, 40)) == [
        (20, 29, Kind.TRACKED),
        (30, 30, Kind.PROBLEM),
        (31, 40, Kind.TRACKED),
    ]


@pytest.mark.parametrize(("scene", "columns"), [((10, 9), 100), ((1, 10), 0)])
def test_no_frames_or_no_room_make_no_strip(scene: tuple[int, int], columns: int) -> None:
    assert strip("1-5", scene=scene, columns=columns) == []


def test_a_single_problem_shows_among_a_hundred_thousand_frames() -> None:
    found = strip("1-100000", "1-100000", "33333,77778-77779", scene=(1, 100_000), columns=800)
    problems = [(first, last) for first, last, kind in found if kind is Kind.PROBLEM]
    assert len(found) == 5
    assert len(problems) == 2
    assert problems[0][0] <= 33333 <= problems[0][1] and problems[0][1] - problems[0][0] == 124
    assert problems[1][0] <= 77778 <= problems[1][1]


def test_a_single_frame_that_is_due_shows_among_a_hundred_thousand() -> None:
    tracked = "1-54320,54322-100000"
    kinds = [kind for _, _, kind in strip(tracked, "1-100000", scene=(1, 100_000), columns=800)]
    assert kinds == [Kind.TRACKED, Kind.DUE, Kind.TRACKED]


def test_scattered_frames_make_no_more_segments_or_look_ups_than_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    following = FrameRanges.following

    def counted(ranges: FrameRanges, frame: int) -> tuple[int, int] | None:
        nonlocal calls
        calls += 1
        return following(ranges, frame)

    monkeypatch.setattr(FrameRanges, "following", counted)
    every_other = FrameRanges((frame, frame) for frame in range(1, 100_001, 2))
    found = segments(every_other, every_other, every_other, scene=(1, 100_000), clip_start=1, columns=800)
    assert [tuple(segment) for segment in found] == [(1, 100_000, Kind.PROBLEM)]
    thirds = FrameRanges((frame, frame + 400) for frame in range(1, 100_001, 600))
    assert len(segments(thirds, NONE, every_other, scene=(1, 100_000), clip_start=1, columns=200)) <= 200
    assert calls <= 2 * 3 * (800 + 200)


@pytest.mark.parametrize("seed", range(60))
def test_columns_look_as_their_frames_do(seed: int) -> None:
    chance = random.Random(seed)
    start = chance.randint(-5, 40)
    end = start + chance.randint(0, 120)
    clip_start = chance.randint(-10, 30)
    columns = chance.randint(1, 150)
    sets = [scattered(chance) for _ in range(3)]
    found = segments(*sets, scene=(start, end), clip_start=clip_start, columns=columns)
    assert [segment.first for segment in found][:1] == [start] and found[-1].last == end
    assert all(a.last + 1 == b.first and a.kind is not b.kind for a, b in pairwise(found))
    assert len(found) <= columns
    tracked, requested, problems = sets
    count = min(columns, end - start + 1)
    shown = {frame: segment.kind for segment in found for frame in range(segment.first, segment.last + 1)}
    for column in range(count):
        inside = [frame for frame in range(start, end + 1) if (frame - start) * count // (end - start + 1) == column]
        clip = [frame - clip_start + 1 for frame in inside]
        if any(frame in problems for frame in clip):
            expected = Kind.PROBLEM
        elif all(frame in tracked for frame in clip):
            expected = Kind.TRACKED
        elif all(frame in requested for frame in clip):
            expected = Kind.DUE
        else:
            expected = Kind.UNTRACKED
        assert {shown[frame] for frame in inside} == {expected}


def scattered(chance: random.Random) -> FrameRanges:
    starts = [chance.randint(-30, 150) for _ in range(chance.randint(0, 12))]
    return FrameRanges((start, start + chance.choice((0, 0, 1, 5, 30))) for start in starts)


def test_segments_name_their_frames() -> None:
    assert segments(frames("1-3"), NONE, NONE, scene=(1, 3), clip_start=1, columns=9) == [Segment(1, 3, Kind.TRACKED)]


PARTS = [Segment(101, 110, Kind.TRACKED), Segment(111, 111, Kind.PROBLEM), Segment(112, 120, Kind.TRACKED)]


def test_segments_are_placed_as_blender_places_frames_on_its_cache_line() -> None:
    assert spans(PARTS, scene=(101, 120), width=400) == {
        Kind.TRACKED: [(0, 200), (220, 400)],
        Kind.PROBLEM: [(200, 220)],
    }


@pytest.mark.parametrize(
    ("gap", "tracked", "problems"),
    [
        ((190, 240), [(0, 190), (240, 400)], []),
        ((50, 70), [(0, 50), (70, 200), (220, 400)], [(200, 220)]),
        ((205, 210), [(0, 200), (220, 400)], [(200, 205), (210, 220)]),
        ((-30, 10), [(10, 200), (220, 400)], [(200, 220)]),
        ((390, 420), [(0, 200), (220, 390)], [(200, 220)]),
        ((450, 470), [(0, 200), (220, 400)], [(200, 220)]),
        ((-30, -10), [(0, 200), (220, 400)], [(200, 220)]),
    ],
)
def test_a_gap_is_left_free(gap: tuple[int, int], tracked: list[Any], problems: list[Any]) -> None:
    found = spans(PARTS, scene=(101, 120), width=400, gap=gap)
    assert (found.get(Kind.TRACKED, []), found.get(Kind.PROBLEM, [])) == (tracked, problems)
