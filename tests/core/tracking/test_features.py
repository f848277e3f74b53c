# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of features: enough, the strongest, and from all parts of the picture."""

import math
import random
from collections import Counter
from itertools import combinations

import pytest

from tracking_sessions.core.tracking.features import WANTED, Candidate, Layout

HD = Layout.of(1920, 1080, 21)


def scattered(
    layout: Layout, level: int = 0, right: float = 1.0, left: float = 0.0, tries: int = 900, seed: int = 1
) -> list[Candidate]:
    """Candidates as Blender finds them: the strongest first, apart from each other, between `left` and `right`."""
    chance = random.Random(seed)
    x, y = layout.margin / layout.width, layout.margin / layout.height
    found: list[Candidate] = []
    places = [(chance.uniform(max(left, x), min(right, 1 - x)), chance.uniform(y, 1 - y)) for _ in range(tries)]
    layout.add(found, [Candidate(*place, level) for place in places])
    return found


def test_a_picture_full_of_features_gives_as_many_as_wanted_from_all_its_parts() -> None:
    found = scattered(HD)
    assert len(found) > 1.4 * WANTED
    kept = HD.choose(found)
    count = Counter(HD.part(feature) for feature in kept)
    assert len(kept) == WANTED and HD.parts == 50
    assert len(count) == HD.parts and set(count.values()) <= {1, 2, 3}


def test_the_strongest_of_each_part_is_kept() -> None:
    found = scattered(HD)
    kept = set(HD.choose(found))
    first = {HD.part(feature): feature for feature in reversed(found)}
    assert set(first.values()) <= kept


def test_any_first_features_are_spread_as_well() -> None:
    """An artist who takes some of the tracks gets them from all parts."""
    kept = HD.choose(scattered(HD))
    assert HD.parts_with(kept[: HD.parts]) == HD.parts


def test_features_in_one_corner_are_all_kept() -> None:
    corner = [feature for feature in scattered(HD, right=0.3) if feature.y > 0.7]
    noise = scattered(HD, level=2, left=0.3, seed=2)
    kept = HD.choose([*corner, *noise])
    assert set(corner) <= set(kept) and len(kept) == WANTED


def test_a_soft_half_gets_tracks_without_taking_those_of_the_sharp_one() -> None:
    sharp = scattered(HD, right=0.5)
    soft = scattered(HD, level=1, left=0.5, seed=3)
    kept = HD.choose([*sharp, *soft])
    assert sum(feature.level == 0 for feature in kept) >= 60
    assert HD.parts_with(feature for feature in kept if feature.level) >= 20


def test_grain_in_a_sky_takes_no_tracks_from_the_house() -> None:
    house = scattered(HD, right=0.7)
    grain = scattered(HD, level=2, left=0.7, seed=4)
    assert sum(feature.level for feature in HD.choose([*house, *grain])) / 2 <= WANTED - min(WANTED, len(house))


@pytest.mark.parametrize("right", [0.2, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("level", [1, 2])
def test_a_settled_choice_is_not_changed_by_weaker_features(right: float, level: int) -> None:
    found = scattered(HD, right=right, tries=150 if right == 1 else 900)
    for seed in range(6):
        weaker = [*found]
        HD.add(weaker, scattered(HD, level, seed=seed))
        assert HD.choose(weaker) == HD.choose(found) or not HD.is_settled(found, level)
    assert HD.is_settled(scattered(HD), 1)
    assert not HD.is_settled(scattered(HD, right=0.2), 1)


def test_a_feature_too_near_to_another_is_left_out() -> None:
    found = scattered(HD)
    before = list(found)
    HD.add(found, [Candidate(feature.x + 0.6 * HD.distance / HD.width, feature.y, 1) for feature in before])
    assert found[: len(before)] == before
    assert all(
        math.hypot((a.x - b.x) * HD.width, (a.y - b.y) * HD.height) >= HD.distance - 0.5
        for a, b in combinations(found, 2)
    )


@pytest.mark.parametrize(
    "size", [(160, 90), (320, 180), (720, 576), (1080, 1920), (1920, 804), (3840, 2160), (400, 9000)]
)
@pytest.mark.parametrize("pattern", [11, 21, 61])
def test_the_layout_follows_the_size_of_the_picture(size: tuple[int, int], pattern: int) -> None:
    layout = Layout.of(*size, pattern)
    assert layout.margin > pattern / 2, "a pattern would be cut off"
    assert layout.distance >= pattern / 2, "two patterns would be nearly the same"
    inner = size[0] - 2 * layout.margin, size[1] - 2 * layout.margin
    if min(inner) < 1:
        assert layout.wanted == 0
        return
    wide, high = inner[0] / layout.columns, inner[1] / layout.rows
    assert 0.4 < wide / high < 2.5 or 1 in (layout.columns, layout.rows)
    assert 1 <= layout.wanted <= WANTED
    found = scattered(layout)
    assert len(layout.choose(found)) == layout.wanted, "there is no room for them"
    assert layout.parts_with(layout.choose(found)) >= 0.9 * layout.parts


def test_a_4k_picture_wants_as_many_features_as_an_hd_one() -> None:
    large, small = Layout.of(3840, 2160, 21), Layout.of(160, 90, 21)
    assert (large.wanted, large.parts) == (HD.wanted, HD.parts)
    assert (large.margin, large.distance) == (2 * HD.margin, 2 * HD.distance)
    assert 30 <= small.wanted < WANTED


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (24, 1000), (1000, 24)])
def test_a_picture_without_room_wants_nothing(size: tuple[int, int]) -> None:
    layout = Layout.of(*size, 21)
    assert layout.wanted == 0
    assert layout.choose([Candidate(0.5, 0.5)]) == []
    assert layout.is_settled([], 1)


def test_where_tracks_are_no_feature_is_chosen() -> None:
    """The left half has its tracks: the features are those of the right half, as many as it lacks."""
    first = HD.choose(scattered(HD))
    left = [(feature.x, feature.y) for feature in first if feature.x < 0.5]
    around = HD.around(left)
    found: list[Candidate] = []
    around.add(found, scattered(HD, seed=2))
    kept = around.choose(found)
    assert len(kept) == around.wanted == WANTED - sum(min(2, count) for count in parts_of(left).values())
    assert sum(feature.x > 0.45 for feature in kept) > 0.8 * len(kept)
    for feature in kept:
        for x, y in left:
            away = math.hypot((feature.x - x) * HD.width, (feature.y - y) * HD.height)
            assert away >= 0.7 * HD.distance


def parts_of(places: list[tuple[float, float]]) -> Counter[int]:
    return Counter(HD.part(Candidate(x, y)) for x, y in places)


def test_a_picture_full_of_tracks_wants_no_feature() -> None:
    full = HD.around([(feature.x, feature.y) for feature in HD.choose(scattered(HD))] * 2)
    assert full.wanted == 0 and full.is_settled([], 0) and full.choose(scattered(HD, seed=3)) == []
