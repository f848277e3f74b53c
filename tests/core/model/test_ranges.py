# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of frames against Python's own sets."""

import random
from itertools import pairwise

import pytest

from tracking_sessions.core.model.ranges import FrameRanges


def frames_of(ranges: FrameRanges) -> set[int]:
    return {frame for start, end in ranges.ranges() for frame in range(start, end + 1)}


@pytest.mark.parametrize("seed", range(40))
def test_ranges_are_sets(seed: int) -> None:
    chance = random.Random(seed)
    ranges, frames = FrameRanges(), set[int]()
    for _ in range(60):
        start = chance.randint(-20, 60)
        end = start + chance.choice((0, 0, 0, 1, 2, 9))
        ranges.add(start, end)
        frames.update(range(start, end + 1))
        assert frames_of(ranges) == frames and len(ranges) == len(frames)
        pairs = list(ranges.ranges())
        assert all(a <= b for a, b in pairs)
        assert all(end + 1 < start for (_, end), (start, _) in pairwise(pairs)), "they touch"
        assert {frame for frame in range(-30, 80) if frame in ranges} == frames
        for frame in range(-30, 80):
            assert ranges.following(frame) == next((pair for pair in pairs if pair[1] >= frame), None)
        low, high = chance.randint(-25, 70), chance.randint(-25, 70)
        assert frames_of(ranges.missing(low, high)) == set(range(low, high + 1)) - frames
        assert FrameRanges.parse(str(ranges)) == ranges == FrameRanges.of(chance.sample(list(frames), len(frames)))
    other = FrameRanges.parse("-3--1,5,50-70")
    assert frames_of(ranges.without(other)) == frames - frames_of(other)
    assert frames_of(other.without(ranges)) == frames_of(other) - frames
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(ranges.without(other).ranges()))
    other.update(ranges)
    assert frames_of(other) == frames | {-3, -2, -1, 5, *range(50, 71)}


def test_ranges_read_and_write_the_form_of_session_files() -> None:
    ranges = FrameRanges.parse(" 140 , 1 - 137 ")
    assert str(ranges) == "1-137,140" and repr(ranges) == "FrameRanges.parse('1-137,140')"
    assert len(ranges) == 138 and 137 in ranges and 138 not in ranges
    assert str(FrameRanges.parse("")) == str(FrameRanges.parse("  ")) == "" and not len(FrameRanges())
    assert FrameRanges.parse("3,1,2") == FrameRanges([(1, 3)])
    assert FrameRanges.parse("1") != "1"


@pytest.mark.parametrize(
    "text", ["x", "1-", "-", ",", "1,", "1,,2", "9-1", "1-2-3", "1.5", "1e3", "1" * 10, "1;2", "1\0"]
)
def test_other_text_than_a_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        FrameRanges.parse(text)


def test_a_long_run_stays_one_range() -> None:
    ranges = FrameRanges()
    for frame in range(1, 100_001):
        ranges.add(frame)
    assert str(ranges) == "1-100000"
