# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's solver on tracks whose cameras are known: true projections, with a little noise."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge.solve.solver import BlenderSolver
from tracking_sessions.core.review.distortion import CameraLens
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.solver import FOCAL, RADIAL, Attempt, Solution, SolveFailed
from tracking_sessions.tools.truth.scenes import FOCAL as TRUE_FOCAL
from tracking_sessions.tools.truth.scenes import HEIGHT, WIDTH, Scene, make

SIZE, SENSOR, K1 = (WIDTH, HEIGHT), 36.0, -0.1


def lens(k1: float = 0.0, focal: float = TRUE_FOCAL) -> CameraLens:
    return CameraLens("POLYNOMIAL", (k1, 0.0, 0.0), focal, (0.0, 0.0), SIZE)


def shot(camera: str = "orbit", k1: float = 0.0, frames: int = 40) -> tuple[Scene, Motion]:
    scene = make(camera, seed=3, tracks=40, frames=frames, k1=k1)
    return scene, Motion.of_positions(scene.positions, SIZE)


@pytest.fixture(scope="module")
def orbit() -> tuple[Scene, Motion]:
    return shot()


@pytest.fixture
def solver(orbit: tuple[Scene, Motion]) -> Iterator[BlenderSolver]:
    with BlenderSolver.on(orbit[1], SENSOR) as made:
        yield made


def attempt(motion: Motion, **how: object) -> Attempt:
    return Attempt(np.ones(len(motion), bool), **{"lens": lens(), "keyframes": (5, 35), **how})  # type: ignore[arg-type]


def off(scene: Scene, solution: Solution) -> float:
    """The largest distance of a camera from the truth, as a share of the size of the path, after a similarity fit."""
    true, found = scene.centres[solution.frames - 1], solution.matrices[:, :, 3]
    a, b = true - true.mean(0), found - found.mean(0)
    u, s, v = np.linalg.svd(a.T @ b)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    scale = (s * np.diag(sign)).sum() / (b * b).sum()
    return float(np.sqrt(((a - scale * b @ (u @ sign @ v).T) ** 2).sum(1)).max() / np.sqrt((a * a).sum(1)).max())


def same(one: Solution, other: Solution) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("frames", "matrices", "camera_errors", "numbers", "points", "track_errors", "average_error")
    )


def test_the_camera_of_an_orbit_is_found(orbit: tuple[Scene, Motion], solver: BlenderSolver) -> None:
    scene, motion = orbit
    found = solver.solve(attempt(motion))
    assert found.frames.tolist() == list(range(1, 41)) and found.keyframes == (5, 35)
    assert found.average_error < 0.2 and off(scene, found) < 0.005
    assert set(found.numbers) <= {track.number for track in motion.tracks} and len(found.numbers) > 30


def test_the_same_attempt_gives_the_same_bits_whatever_was_solved_before(
    orbit: tuple[Scene, Motion], solver: BlenderSolver
) -> None:
    motion = orbit[1]
    first = solver.solve(attempt(motion))
    solver.solve(attempt(motion, keyframes=(1, 20), refine=frozenset({FOCAL, RADIAL}), lens=lens(0.05, 1500.0)))
    solver.solve(attempt(motion, is_tripod=True))
    assert same(solver.solve(attempt(motion)), first)


def test_markers_that_take_no_part_change_nothing(orbit: tuple[Scene, Motion], solver: BlenderSolver) -> None:
    """A wrong track, and a wrong half of one, are left out: the solve is that of a clip without them."""
    scene, motion = orbit
    wrong = motion.moved(np.where(motion.track == 7, motion.x + 50.0, motion.x), motion.y)
    used = motion.track != 7
    used &= (motion.track != 9) | (motion.frame > 20)
    with BlenderSolver.on(wrong, SENSOR) as other:
        found = other.solve(Attempt(used, lens(), (5, 35)))
    assert motion.tracks[7].number not in found.numbers and off(scene, found) < 0.005
    assert same(solver.solve(Attempt(used, lens(), (5, 35))), found)


@pytest.mark.parametrize("start", [0.8, 1.25])
def test_the_focal_length_is_refined(orbit: tuple[Scene, Motion], solver: BlenderSolver, start: float) -> None:
    motion = orbit[1]
    begun = lens(0.0, start * TRUE_FOCAL)
    fixed = solver.solve(attempt(motion, lens=begun))
    found = solver.solve(attempt(motion, lens=begun, refine=frozenset({FOCAL})))
    assert abs(found.lens.focal / TRUE_FOCAL - 1) < 0.01
    assert found.average_error < 0.9 * fixed.average_error
    assert fixed.lens.focal == pytest.approx(begun.focal)


def test_the_distortion_is_refined_or_taken_as_known() -> None:
    scene, motion = shot("orbit", K1)
    with BlenderSolver.on(motion, SENSOR) as solver:
        plain = solver.solve(attempt(motion))
        found = solver.solve(attempt(motion, refine=frozenset({RADIAL})))
        known = solver.solve(attempt(motion, lens=lens(K1)))
    assert abs(found.lens.coefficients[0] - K1) < 0.02
    assert max(found.average_error, known.average_error) < 0.3 * plain.average_error
    assert off(scene, known) < 0.005 and known.lens.coefficients[0] == pytest.approx(K1)


def test_a_pan_is_solved_as_a_tripod() -> None:
    scene, motion = shot("pan")
    with BlenderSolver.on(motion, SENSOR) as solver:
        found = solver.solve(attempt(motion, is_tripod=True))
    assert found.average_error < 0.2 and len(found.frames) == 40
    assert np.abs(found.matrices[:, :, 3]).max() == 0.0
    turned = np.einsum("nij,nkj->nik", scene.rotations, np.broadcast_to(scene.rotations[:1], scene.rotations.shape))
    mirror = np.array([1.0, 1.0, -1.0])
    own = found.matrices[:, :, :3].transpose(0, 2, 1) @ found.matrices[0, :, :3]
    assert np.abs(own * mirror[:, None] * mirror - turned).max() < 0.001


def test_what_blender_refuses_leaves_no_older_camera_behind(orbit: tuple[Scene, Motion], solver: BlenderSolver) -> None:
    motion = orbit[1]
    solver.solve(attempt(motion))
    few = Attempt(motion.track < 5, lens(), (5, 35))
    with pytest.raises(SolveFailed, match="At least 8 common tracks"):
        solver.solve(few)
    assert not bpy.data.movieclips[0].tracking.reconstruction.is_valid


def test_a_solver_leaves_nothing_in_the_file(orbit: tuple[Scene, Motion]) -> None:
    kinds = [area.type for area in bpy.context.window_manager.windows[0].screen.areas]
    with BlenderSolver.on(orbit[1], SENSOR) as solver:
        solver.solve(attempt(orbit[1]))
    assert not bpy.data.movieclips
    assert [area.type for area in bpy.context.window_manager.windows[0].screen.areas] == kinds
