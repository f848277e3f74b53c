# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of cameras are measured exactly, and a wrong camera is never taken for a right one."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tools.accuracy.paths import facing
from tracking_sessions.tools.accuracy.scoring import angles, is_wrong, keeps_target, mean_turn, score, similarity
from tracking_sessions.tools.accuracy.surfaces import Doubles, about_z

SOLVED = VerdictKind.SOLVED
FOCAL = np.full(30, 900.0)
FRAMES = np.arange(1, 31)


def turn_of(x: float, y: float, z: float) -> Doubles:
    """About z, then a cyclic change of axes, and again: any rotation, of determinant 1."""
    cycle = np.roll(np.eye(3), 1, axis=0)
    return about_z(x) @ cycle @ about_z(y) @ cycle @ about_z(z)


def cameras(count: int = 30) -> Doubles:
    """Around the middle, in Blender's axes."""
    angle = np.linspace(0.3, 1.5, count)
    centres = np.stack([5 * np.cos(angle), 5 * np.sin(angle), 1 + angle**2], 1)
    turns = facing(centres, np.zeros_like(centres)) * (1.0, -1.0, -1.0)
    return np.concatenate([turns, centres[:, :, None]], 2)


def changed(matrices: Doubles, scale: float, turn: Doubles, shift: Doubles) -> Doubles:
    """The same cameras in a world of another scale, direction and origin."""
    return np.concatenate([turn @ matrices[:, :, :3], (scale * matrices[:, :, 3] @ turn.T + shift)[:, :, None]], 2)


def test_a_similarity_is_found_exactly() -> None:
    points = np.random.default_rng(3).normal(size=(12, 3))
    turn, shift = turn_of(0.4, 2.0, -1.1), np.array([3.0, -8.0, 0.5])
    found = similarity(points, 0.37 * points @ turn.T + shift)
    assert found.scale == pytest.approx(0.37)
    assert found.turn == pytest.approx(turn)
    assert found.shift == pytest.approx(shift)


def test_a_similarity_never_mirrors() -> None:
    points = np.random.default_rng(3).normal(size=(40, 3))
    found = similarity(points, points * (1.0, 1.0, -1.0))
    assert np.linalg.det(found.turn) == pytest.approx(1.0)
    assert np.abs(found(points) - points * (1.0, 1.0, -1.0)).max() > 0.5


def test_no_other_similarity_is_nearer() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(20, 3))
    targets = 2 * points @ turn_of(1.0, 0.2, 0.3).T + rng.normal(0, 0.2, (20, 3))
    found = similarity(points, targets)
    least = ((found(points) - targets) ** 2).sum()
    for _ in range(50):
        small = turn_of(*rng.normal(0, 0.01, 3)) @ turn_of(0, 0, 0).T
        other = found.scale * (1 + rng.normal(0, 0.01)) * points @ (small @ found.turn).T
        other += (targets - other).mean(0)
        assert ((other - targets) ** 2).sum() > least


def test_points_in_one_place_have_no_similarity() -> None:
    with pytest.raises(ValueError, match="differ"):
        similarity(np.ones((4, 3)), np.random.default_rng(1).normal(size=(4, 3)))


def test_the_true_cameras_in_another_world_have_no_error() -> None:
    truth = cameras()
    made = score(FRAMES, changed(truth, 7.3, turn_of(2.0, 1.0, 0.4), np.array([1.0, 2.0, 3.0])), 900.0, truth, FOCAL)
    assert (made.path, made.worst, made.turn, made.focal) == pytest.approx((0, 0, 0, 0), abs=1e-9)
    assert (made.cameras, made.frames) == (30, 30)
    assert not is_wrong(SOLVED, made)


def test_a_camera_off_by_a_known_distance_is_off_by_its_share_of_the_path() -> None:
    truth = cameras()
    off = truth.copy()
    off[12, 2, 3] += 0.4
    length = np.linalg.norm(np.diff(truth[:, :, 3], axis=0), axis=1).sum()
    made = score(FRAMES, off, 900.0, truth, FOCAL)
    assert made.worst == pytest.approx(0.4 / length, rel=0.15)  # the fit gives way a little
    assert made.path == pytest.approx(0.4 / length / np.sqrt(30), rel=0.15)


def test_rotations_are_compared_after_the_best_common_one() -> None:
    truth = cameras()
    off = truth.copy()
    off[::2, :, :3] = off[::2, :, :3] @ turn_of(0, 0, 0).T @ turn_of(0, 0, np.radians(1.0))
    made = score(FRAMES, changed(off, 1.0, turn_of(0.3, 0.1, 2.0), np.zeros(3)), 900.0, truth, FOCAL)
    assert 0.2 < made.turn < 1.0


def test_angles_are_exact_near_none_and_near_all() -> None:
    for degrees in (0.0, 1e-5, 0.3, 90.0, 179.9):
        assert angles(about_z(np.radians(degrees))[None])[0] == pytest.approx(degrees, abs=1e-9, rel=1e-6)


def test_the_mean_of_opposite_turns_is_the_middle() -> None:
    turn = turn_of(0.5, 0.5, 0.5)
    pair = np.array([turn @ about_z(0.2), turn @ about_z(-0.2)])
    assert mean_turn(pair) == pytest.approx(turn)


def test_a_missing_camera_and_one_of_a_frame_without_truth_are_counted_out() -> None:
    truth = cameras()
    truth[5] = np.nan
    made = score(FRAMES[:20], cameras()[:20], 900.0, truth, FOCAL)
    assert (made.cameras, made.frames) == (19, 29)
    assert is_wrong(SOLVED, made)


@pytest.mark.parametrize("spoil", ["path", "turn", "focal", "frozen", "nan"])
def test_a_wrong_camera_called_solved_is_found(spoil: str) -> None:
    truth, made, focal = cameras(), cameras(), 900.0
    if spoil == "path":
        made[:, 0, 3] += np.linspace(0, 2, 30) ** 2
    elif spoil == "focal":
        focal = 940.0
    elif spoil == "frozen":
        made[:, :, 3] = 1.0
    elif spoil == "turn":
        made[:, :, :3] = np.array([about_z(angle) for angle in np.linspace(0, 0.04, 30)]) @ made[:, :, :3]
    else:
        made[3] = np.nan
    assert is_wrong(SOLVED, score(FRAMES, made, focal, truth, FOCAL))


def test_a_camera_that_only_turns_is_never_solved_and_its_rotation_is_judged() -> None:
    truth = cameras()
    truth[:, :, 3] = (1.0, 2.0, 3.0)
    made = score(FRAMES, truth, 900.0, truth, FOCAL)
    assert not made.travels and made.turn == pytest.approx(0, abs=1e-9)
    assert is_wrong(SOLVED, made)
    assert not is_wrong(VerdictKind.TRIPOD, made)
    swung = truth.copy()
    swung[:, :, :3] = np.array([about_z(angle) for angle in np.linspace(0, 0.04, 30)]) @ truth[:, :, :3]
    assert is_wrong(VerdictKind.TRIPOD, score(FRAMES, swung, 900.0, truth, FOCAL))


def test_a_refusal_is_never_wrong_but_may_miss_its_target() -> None:
    nothing = score(FRAMES[:0], cameras()[:0], np.nan, cameras(), FOCAL)
    assert not is_wrong(VerdictKind.CUT, nothing)
    assert keeps_target(VerdictKind.CUT, np.nan, nothing, (VerdictKind.CUT,))
    assert not keeps_target(VerdictKind.NOT_SOLVED, np.nan, nothing, (VerdictKind.CUT,))
    assert not keeps_target(SOLVED, 0.1, nothing, (SOLVED,))


def test_a_solved_camera_keeps_its_target_in_pixels_and_path() -> None:
    truth = cameras()
    made = score(FRAMES, truth, 900.0, truth, FOCAL)
    assert keeps_target(SOLVED, 0.2, made, (SOLVED,))
    assert not keeps_target(SOLVED, 0.6, made, (SOLVED,))
    assert not keeps_target(SOLVED, np.nan, made, (SOLVED,))
