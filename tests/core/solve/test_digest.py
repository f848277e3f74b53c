# SPDX-License-Identifier: GPL-3.0-or-later
"""A solve is stale as soon as a marker that it was made from is another one."""

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion, Track
from tracking_sessions.core.solve.digest import digest, is_stale, used_by
from tracking_sessions.core.solve.solve import Drop, Lens, Mute, Solve, Verdict, VerdictKind

SIZE = (1920, 1080)
DROPPED, MUTED = (Drop(20, "slides"),), (Mute(30, 5, 8, 2.5),)


def made(change: float = 0.0) -> tuple[np.ndarray, Motion]:
    places = np.random.default_rng(1).uniform(10, 1000, (4, 12, 2)).astype(np.float32).astype(float)
    places[0, 3] += change
    return places, of(places)


def of(places: np.ndarray, numbers: tuple[int, ...] = (10, 20, 30, 40)) -> Motion:
    return Motion.of_positions(places, SIZE, tracks=[Track(number) for number in numbers])


def solve(motion: Motion) -> Solve:
    used = used_by(motion, DROPPED, MUTED)
    return Solve(
        *("a", "", "", "Camera", digest(motion, used), Verdict(VerdictKind.SOLVED, "")),
        *(Lens(35, 36, SIZE), (1, 12)),
        dropped=DROPPED,
        muted=MUTED,
    )


def test_the_solve_of_unchanged_markers_is_not_stale() -> None:
    _, motion = made()
    assert not is_stale(motion, solve(motion))


@pytest.mark.parametrize("change", [0.001, -1.0])
def test_a_moved_marker_makes_it_stale(change: float) -> None:
    assert is_stale(made(change)[1], solve(made()[1]))


def test_an_added_a_removed_and_a_renumbered_marker_make_it_stale() -> None:
    places, motion = made()
    stored = solve(motion)
    without = places.copy()
    without[3, 11] = np.nan
    assert is_stale(of(without), stored)
    assert is_stale(of(np.concatenate([places, places[:1] + 3]), (10, 20, 30, 40, 50)), stored)
    assert is_stale(of(places, (10, 20, 30, 41)), stored)


def test_what_the_solve_leaves_out_may_go() -> None:
    """Muted and deleted as it asks, or moved by the artist: it is not made from that."""
    places, motion = made()
    stored = solve(motion)
    left = places.copy()
    left[1] = np.nan
    left[2, 4:8] = np.nan
    assert not is_stale(of(left), stored)
    left[1] = 5.0
    assert not is_stale(of(left), stored)
    left[2, 8] = np.nan
    assert is_stale(of(left), stored)


def test_the_order_of_the_tracks_does_not_count() -> None:
    places, motion = made()
    other = of(places[::-1], (40, 30, 20, 10))
    assert not is_stale(other, solve(motion))
