# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of frames: what links them, and which of them are worth solving from."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.pairs import APART, COMMON, explained, link, live, ranked
from tracking_sessions.tests.core.solve.shots import HEIGHT, WIDTH, make


def everything(motion: Motion) -> np.ndarray:
    return np.ones(len(motion), bool)


def test_the_weakest_link_is_named_by_its_frame() -> None:
    shot = make("orbit", 1)
    crossing = np.flatnonzero(np.isfinite(shot.positions[:, 29:31, 0]).all(1))
    shot.positions[crossing[5:], 30:] = np.nan
    motion = shot.motion()
    found = link(motion, everything(motion))
    assert (found.tracks, found.frame) == (5, 30)
    counts = live(motion, everything(motion), 1, 60)
    assert counts[30] == np.isfinite(shot.positions[:, 30, 0]).sum()


def test_a_frame_without_markers_links_nothing() -> None:
    shot = make("orbit", 1)
    shot.positions[:, 20] = np.nan
    motion = shot.motion()
    found = link(motion, everything(motion))
    assert found.tracks == 0 and found.frame == 20
    assert live(motion, everything(motion), 1, 60)[20] == 0


def test_muted_markers_link_nothing() -> None:
    motion = make("orbit", 1).motion()
    used = (motion.frame != 21) | (motion.track < 3)
    assert link(motion, used).tracks <= 3


@pytest.mark.parametrize("kind", ["orbit", "lateral", "walk", "forward"])
def test_the_best_pairs_are_far_apart_where_there_is_depth(kind: str) -> None:
    motion = make(kind, 3).motion()
    found = ranked(motion, everything(motion), 5)
    assert len(found.best) == 5 and len(set(found.best)) == 5
    assert found.homography > 20
    first, second = found.best[0]
    assert second - first > 30
    of = {(pair.first, pair.second): pair for pair in found.looked_at}
    largest = max(pair.common for pair in found.looked_at)
    assert all(of[pair].common >= max(COMMON, 0.4 * largest) and pair[1] - pair[0] > APART for pair in found.best)


@pytest.mark.parametrize(("kind", "plane", "still"), [("pan", 0.0, False), ("static", 0.0, True), ("walk", 1.0, False)])
def test_a_homography_explains_pans_locked_cameras_and_walls(kind: str, plane: float, still: bool) -> None:
    motion = make(kind, 3, plane=plane).motion()
    found = ranked(motion, everything(motion), 5)
    assert found.homography < 1.0
    assert (found.motion < 0.5) == still


def test_the_quartile_sees_parallax_where_most_tracks_lie_on_a_wall() -> None:
    motion = make("walk", 3, plane=0.7).motion()
    found = ranked(motion, everything(motion), 5)
    assert found.homography > 5.0
    assert np.median([pair.parallax for pair in found.looked_at]) < 1.0


def test_pixels_count_by_the_width_of_the_picture() -> None:
    shot = make("walk", 3)
    small = shot.motion()
    large = Motion.of_positions(shot.positions * 4, (WIDTH * 4, HEIGHT * 4))
    one, other = (ranked(motion, everything(motion), 5) for motion in (small, large))
    assert one.best == other.best
    assert one.homography == pytest.approx(other.homography) and one.motion == pytest.approx(other.motion)


def test_a_long_shot_has_pairs_although_no_track_crosses_much_of_it() -> None:
    shot = make("orbit", 3, frames=600, tracks=700)
    time = np.arange(600)
    for index, row in enumerate(shot.positions):  # 60 frames each
        row[np.abs(time - index * 600 // 700) > 30] = np.nan
    motion = shot.motion()
    found = ranked(motion, everything(motion), 5)
    assert len(found.best) == 5 and len(found.looked_at) < 2000


def test_nothing_is_looked_at_without_enough_tracks_or_frames() -> None:
    for shot in (make("walk", 1, tracks=8), make("walk", 1, frames=2), make("walk", 1, frames=1)):
        motion = shot.motion()
        found = ranked(motion, everything(motion), 5)
        assert found.best == () and found.homography == found.motion == 0.0


def test_what_a_homography_does_not_explain_is_the_object() -> None:
    shot = make("pan", 11, moving=0.3)
    motion = shot.motion()
    share = explained(motion, everything(motion), ranked(motion, everything(motion), 5), 1.0)
    assert (share[~shot.is_mover] > 0.7).all() and (share[shot.is_mover] < 0.1).all()
