# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies that are islands in the picture, and the tracks beside them: objects in a blank set, and sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.bodies import Bodies, bodies
from tracking_sessions.core.solve.surroundings import BESIDE, SIDE, covered
from tracking_sessions.tests.core.solve.shots import HEIGHT, WIDTH, Shot, make

TRAVELLING = ("orbit", "lateral", "walk", "forward")
LARGE = 420.0
"""Pixels: the radius of an object that is as spread over the picture as a set."""


def found_in(shot: Shot, locked: set[int] = frozenset()) -> Bodies:  # type: ignore[assignment]
    found = bodies(shot.motion(locked))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", TRAVELLING)
def test_a_large_object_before_a_set_of_a_dozen_tracks_is_doubtful(kind: str) -> None:
    """It is the only body, and so large that the spread of what lies around it tells nothing."""
    shot = make(kind, 8, tracks=250, moving=0.95, radius=LARGE)
    found = found_in(shot)
    assert found.is_clear and found.found[found.set].is_member[shot.is_mover].mean() > 0.98
    assert found.surroundings.is_doubtful and not found.is_vouched
    assert found.surroundings.margin > SIDE
    assert BESIDE <= found.surroundings.beside <= (~shot.is_mover).sum()


@pytest.mark.parametrize("kind", TRAVELLING)
def test_an_object_alone_is_an_island_with_nothing_beside_it(kind: str) -> None:
    found = found_in(make(kind, 8, tracks=250, moving=1.0, radius=LARGE))
    assert found.surroundings.is_island and found.surroundings.beside == 0 and not found.surroundings.is_doubtful


@pytest.mark.parametrize("kind", TRAVELLING)
@pytest.mark.parametrize("how", [{}, {"bad": 0.3}, {"plane": 0.9}, {"moving": 0.5}, {"moving": 0.8}, {"tracks": 60}])
def test_a_set_reaches_both_sides_of_the_picture(kind: str, how: dict[str, float]) -> None:
    shot = make(kind, 7, **how)  # type: ignore[arg-type]
    found = found_in(shot)
    assert not found.found[found.set].is_member[shot.is_mover].any()
    assert not found.surroundings.is_island


@pytest.mark.parametrize("kind", ["lateral", "walk"])
def test_a_set_in_the_middle_of_a_blank_picture_is_an_island_but_not_doubtful(kind: str) -> None:
    """Bad tracks in it agree for a part of their life or lie within it, so they are no evidence against it."""
    shot = make(kind, 5, tracks=200, bad=0.3)
    middle = np.abs(shot.positions - (WIDTH / 2, HEIGHT / 2)) < (0.3 * WIDTH, 0.3 * HEIGHT)
    found = found_in(replace(shot, positions=np.where(middle.all(2)[..., None], shot.positions, np.nan)))
    assert found.surroundings.is_island and not found.surroundings.is_doubtful


@pytest.mark.parametrize("kind", TRAVELLING)
def test_black_bars_above_and_below_make_no_island(kind: str) -> None:
    positions = make(kind, 7).positions * (1.0, 0.7) + (0.0, 0.15 * HEIGHT)
    found = bodies(Motion.of_positions(positions, (WIDTH, HEIGHT)))
    assert found is not None and not found.surroundings.is_island


def test_locked_tracks_vouch_for_an_island() -> None:
    shot = make("orbit", 8, tracks=250, moving=0.95, radius=LARGE)
    locked = set((np.flatnonzero(shot.is_mover)[:3] + 1).tolist())
    assert found_in(shot, locked).is_vouched and not found_in(shot, set(sorted(locked)[:2])).is_vouched


def test_the_size_of_the_picture_changes_nothing() -> None:
    shot = make("orbit", 8, tracks=250, moving=0.95, radius=LARGE)
    large = bodies(Motion.of_positions(shot.positions * 4, (WIDTH * 4, HEIGHT * 4)))
    small = found_in(shot)
    assert large is not None and large.surroundings.beside == small.surroundings.beside
    assert large.surroundings.margin == pytest.approx(small.surroundings.margin)


def test_a_picture_full_of_tracks_is_covered_and_a_corner_of_it_is_not() -> None:
    shot = make("orbit", 7)
    motion = shot.motion()
    everywhere = covered(motion, np.ones(len(motion), bool))
    assert sorted(everywhere) == list(range(1, 61)) and min(everywhere.values()) > 0.85
    corner = (motion.x < -WIDTH / 4) & (motion.y < 0)  # an eighth of the picture
    assert all(0.05 < share < 0.25 for share in covered(motion, corner).values())


def test_few_tracks_all_over_the_picture_cover_it() -> None:
    for seed in range(5):
        motion = make("walk", seed, tracks=24).motion()
        assert min(covered(motion, np.ones(len(motion), bool)).values()) > 0.5


def test_frames_with_hardly_a_track_have_no_cover() -> None:
    motion = make("walk", 1, tracks=30).motion()
    used = (motion.frame != 9) | (motion.track < 3)
    assert 9 not in covered(motion, used) and 10 in covered(motion, used)
