# SPDX-License-Identifier: GPL-3.0-or-later
"""The rolling shutter: how much of a frame it takes is found, and it is taken out of the positions."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.review.audit import LOCAL, Level, audit, audit_frames
from tracking_sessions.core.review.jumps import REACH
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.review.shutter import estimated, inner, unrolled
from tracking_sessions.tests.core.review.shots import SIZE, Journal, motion
from tracking_sessions.tools.truth.defects import with_jumps
from tracking_sessions.tools.truth.scenes import HEIGHT, WIDTH, Floats, Scene, make, project

SHARE = 0.5  # of the shots that `make` calls rolling


def found(positions: Floats) -> float:
    steps = estimated(Motion.of_positions(positions, (WIDTH, HEIGHT)))
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            assert shares == sorted(shares) and all(0 <= share < 1 for share in shares)
            return end.value


def rolling(seed: int, **options: float) -> Scene:
    return make("rolling", seed=seed, tracks=60, frames=120, **options)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_the_share_of_a_shaking_camera_is_found_in_spite_of_jumps(noise: float) -> None:
    scene = rolling(31, noise=noise)
    made = with_jumps(scene.positions, seed=31, hop=scene.hop)
    assert found(made.positions) == pytest.approx(SHARE, abs=0.05)
    upside_down = (WIDTH, HEIGHT) - made.positions
    assert found(upside_down) == pytest.approx(-SHARE, abs=0.05)


@pytest.mark.parametrize("camera", ["dolly", "hand-held", "pan", "locked", "zoom", "near"])
@pytest.mark.parametrize("tracks", [12, 60])
def test_a_global_shutter_has_none(camera: str, tracks: int) -> None:
    assert found(make(camera, seed=32, tracks=tracks, frames=120, noise=0.2).positions) == 0


def test_no_share_is_larger_than_a_frame() -> None:
    """The journal takes no other one, and its verdict would be lost."""
    scene = rolling(36)
    positions = project(scene.points, scene.rotations, scene.centres, scene.focal, scene.k1, rolling=1.2)
    positions[~np.isfinite(scene.positions)] = np.nan
    assert 0.9 < found(positions) <= 1


def test_tracks_without_pairs_have_none() -> None:
    assert found(np.full((3, 2, 2), 500.0)) == 0
    assert found(np.zeros((0, 0, 2))) == 0


def test_positions_are_those_of_one_moment() -> None:
    scene = rolling(33, noise=0.0)
    truth = project(scene.points, scene.rotations, scene.centres, scene.focal, scene.k1)

    def off(motion: Motion) -> Floats:
        x, y = truth[motion.track, motion.frame - 1].T - np.array([[WIDTH / 2], [HEIGHT / 2]])
        return np.hypot(motion.x - x, motion.y - y)

    rolled = Motion.of_positions(scene.positions, (WIDTH, HEIGHT))
    still = unrolled(rolled, SHARE)
    is_inner = np.isfinite(inner(still).x)
    assert 0.9 < is_inner.mean() < 1
    assert np.quantile(off(rolled)[is_inner], 0.9) > 1
    assert np.quantile(off(still)[is_inner], 0.99) < 0.05
    assert np.nanquantile(off(still)[~is_inner], 0.5) < 0.5 < np.nanquantile(off(rolled)[~is_inner], 0.5)
    assert unrolled(rolled, 0.0) is rolled


def test_an_audit_takes_it_out() -> None:
    scene = rolling(34)
    made = with_jumps(scene.positions, seed=34, hop=scene.hop)
    whole = Motion.of_positions(made.positions, (WIDTH, HEIGHT))

    def false(share: float | None) -> int:
        flags = audit(whole, level=Level.FULL, lens=scene.undistort, rolling=share)
        return sum(
            flag.kind is FlagKind.JUMP and not made.dirty[flag.track - 1, flag.first - 1 : flag.last].any()
            for flag in flags
        )

    assert false(None) <= 1
    assert false(0.0) > 10


def test_an_audit_of_frames_equals_the_whole_one_there() -> None:
    scene = rolling(35)
    made = with_jumps(scene.positions, seed=35, hop=scene.hop)
    journal = Journal(made.positions)
    assert (WIDTH, HEIGHT) == SIZE
    whole = audit(Motion.of(journal, SIZE), level=Level.FULL, lens=scene.undistort, rolling=SHARE)
    frames = range(70, 90)
    part = Motion.of(journal, SIZE, between=(frames[0] - 2 * REACH, frames[-1] + 2 * REACH))
    expected = [flag for flag in whole if flag.kind in LOCAL and flag.last >= frames[0] and flag.first <= frames[-1]]
    assert audit_frames(part, frames, level=Level.FULL, lens=scene.undistort, rolling=SHARE) == expected
    assert expected


def test_few_markers_are_no_error() -> None:
    for count in (0, 1, 2, 3):
        assert len(unrolled(motion(np.full((1, count, 2), 500.0)), SHARE)) == count
