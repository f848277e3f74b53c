# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that get new tracks."""

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.seeding import (
    APART,
    COLUMNS,
    COVERED,
    EVERY,
    ROWS,
    SEEDS,
    coverage,
    next_seed,
    positions,
    sizes,
)

SIZE, FRAMES = (960, 540), 60


def motion(alive: dict[tuple[int, int], tuple[int, int]], each: int = 2) -> Motion:
    """`each` tracks in the middle of each part of the picture, by column and row, alive on these frames."""
    places = np.full((each * len(alive), FRAMES, 2), np.nan)
    for index, ((column, row), (first, last)) in enumerate(alive.items()):
        for turn in range(each):
            place = (column + 0.5) / COLUMNS * SIZE[0] + turn, (row + 0.5) / ROWS * SIZE[1]
            places[each * index + turn, first - 1 : last] = place
    return Motion.of_positions(places, SIZE)


ALL = [(column, row) for column in range(COLUMNS) for row in range(ROWS)]


def test_a_new_shot_is_seeded_in_its_middle() -> None:
    assert [next_seed(motion({}), frames, ()) for frames in (1, 2, 60, 61)] == [1, 1, 30, 31]


def test_a_frame_is_covered_by_the_parts_of_its_picture_that_have_two_tracks() -> None:
    half = motion({place: (1, 30) for place in ALL[:20]})
    assert coverage(half, FRAMES).tolist() == [0.5] * 30 + [0.0] * 30
    one = motion({place: (1, 60) for place in ALL}, each=1)
    assert coverage(one, FRAMES).tolist() == [0.5] * 60
    many = motion({place: (1, 60) for place in ALL[:4]}, each=9)
    assert coverage(many, FRAMES).tolist() == pytest.approx([0.1] * 60)


def test_the_worst_frame_is_next_until_all_are_covered() -> None:
    partly = {place: (1, 60) for place in ALL[:24]} | {place: (1, 50) for place in ALL[24:]}
    seed = next_seed(motion(partly), FRAMES, (30,))
    assert seed == 51
    assert next_seed(motion({place: (1, 60) for place in ALL}), FRAMES, (30,)) is None
    enough = {place: (1, 60) for place in ALL[: round(COVERED * len(ALL))]}
    assert next_seed(motion(enough), FRAMES, (30,)) is None


def test_no_seed_is_near_an_earlier_one_and_they_end() -> None:
    nothing = motion({})
    seeds: list[int] = []
    while (seed := next_seed(nothing, FRAMES, seeds)) is not None:
        assert all(abs(seed - other) > APART for other in seeds)
        seeds.append(seed)
    assert 1 < len(seeds) <= SEEDS
    long: list[int] = []
    while (seed := next_seed(nothing, 1000, long)) is not None:
        long.append(seed)
    assert len(long) == 1000 // EVERY


def test_frames_without_good_features_get_no_seed() -> None:
    assert next_seed(motion({}), FRAMES, (), range(28, 32)) in (27, 32)
    assert next_seed(motion({}), FRAMES, (), range(1, 61)) == 30
    seeds: list[int] = []
    while (seed := next_seed(motion({}), FRAMES, seeds, range(20, 50))) is not None:
        assert seed not in range(20, 50)
        seeds.append(seed)
    assert len(seeds) > 1


def test_markers_outside_the_picture_and_the_shot_do_no_harm() -> None:
    places = np.full((1, 90, 2), 5000.0)
    outside = Motion.of_positions(places, SIZE, first=-10)
    assert coverage(outside, FRAMES).max() <= 1 / (2 * len(ALL))


def test_sizes_grow_with_the_picture() -> None:
    assert sizes(960) == (31, 71)
    assert [sizes(width)[0] % 2 for width in (320, 640, 1280, 3840)] == [1, 1, 1, 1]
    assert sizes(3840)[0] == pytest.approx(4 * 31, abs=2) and sizes(3840)[1] == pytest.approx(4 * 71, abs=2)
    assert sizes(100)[0] == 15


def test_positions_are_those_of_the_frame() -> None:
    some = motion({(0, 0): (1, 10), (7, 4): (5, 20)}, each=1)
    assert positions(some, 3) == [pytest.approx((0.5 / COLUMNS, 0.5 / ROWS))]
    assert len(positions(some, 7)) == 2 and positions(some, 30) == []
