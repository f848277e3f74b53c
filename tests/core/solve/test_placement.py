# SPDX-License-Identifier: GPL-3.0-or-later
"""A solve without up and scale is placed as a person would place it."""

from __future__ import annotations

import math
import random

import pytest

from tracking_sessions.core.exchange.rotation import Rows, matrix_of, multiplied
from tracking_sessions.core.solve.placement import DISTANCE, EYE, Placement, guess_placement
from tracking_sessions.core.solve.solve import Bundle, Camera, Solve
from tracking_sessions.tests.core.solve.solves import solved

Vector = tuple[float, float, float]
TURN = matrix_of((37.0, -61.0, 112.0), "XYZ")
SCALE, SHIFT = 0.37, (3.0, -8.0, 1.0)


def of_solve(position: Vector) -> Vector:
    """From the true world, z up, to the axes of a solve, which are any."""
    x, y, z = (
        SCALE * sum(a * b for a, b in zip(row, position, strict=True)) + at for row, at in zip(TURN, SHIFT, strict=True)
    )
    return x, y, z


def filmed(points: list[Vector], places: list[Vector], angles: list[Vector]) -> Solve:
    cameras: list[Camera] = []
    for number, (place, turn) in enumerate(zip(places, angles, strict=True), 1):
        rows: Rows = multiplied(TURN, matrix_of(turn, "XYZ"))
        at = of_solve(place)
        cameras.append(Camera(number, tuple(v for row, one in zip(rows, at, strict=True) for v in (*row, one))))
    bundles = tuple(Bundle(number, of_solve(point)) for number, point in enumerate(points, 1))
    return solved(cameras=tuple(cameras), bundles=bundles, marker_errors={})


def walk(pitch: float = 80.0, roll: float = 0.0) -> tuple[list[Vector], list[Vector]]:
    """Cameras at eye level that look along y, 10 degrees down, and pan a little."""
    places = [(0.1 * n, 0.05 * n, 1.7 + 0.02 * math.sin(n)) for n in range(40)]
    return places, [(pitch, roll, 0.5 * (n - 20)) for n in range(40)]


def room(chance: random.Random, floor: int, walls: int, noise: float = 0.0) -> list[Vector]:
    points = [(chance.uniform(-4, 4), chance.uniform(3, 12), chance.gauss(0.0, noise)) for _ in range(floor)]
    points += [(chance.uniform(-4, 4), 12.0 + chance.gauss(0.0, 0.01), chance.uniform(0, 4)) for _ in range(walls)]
    return points + [(-4.0, chance.uniform(3, 12), chance.uniform(0, 4)) for _ in range(walls)]


def up_of(placement: Placement) -> Vector:
    """Where the true up is in the placed world."""
    x, y, z = (sum(row[n] * TURN[n][2] for n in range(3)) for row in placement.rotation)
    return x, y, z


def tilt(placement: Placement) -> float:
    """Degrees between the true up and z."""
    return math.degrees(math.acos(min(1.0, up_of(placement)[2])))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("floor", "walls", "noise"), [(40, 40, 0.0), (20, 50, 0.01), (100, 0, 0.01), (300, 500, 0.02)])
def test_the_floor_is_found_below_the_cameras(floor: int, walls: int, noise: float, seed: int) -> None:
    points = room(random.Random(seed), floor, walls, noise)
    solve = filmed(points, *walk())
    placement = guess_placement(solve)
    assert tilt(placement) < 1.0 and any("points below the camera lie on it" in note for note in placement.notes)
    placed = [placement.point(bundle.position) for bundle in solve.bundles[:floor]]
    assert max(abs(z) for _, _, z in placed) < 0.4
    assert abs(sum(z for _, _, z in placed) / floor) < 0.05
    camera = placement.camera(solve.cameras[0].matrix)
    assert camera[11] > 0.3 and -camera[6] > 0.9 and abs(camera[2]) < 0.05  # above the floor, looking along y
    distances = sorted(
        math.dist((camera[3], camera[7], camera[11]), placement.point(b.position)) for b in solve.bundles
    )
    assert distances[len(distances) // 2] == pytest.approx(DISTANCE, rel=0.25)
    assert guess_placement(solve) == placement


def test_without_a_floor_up_is_that_of_the_pictures() -> None:
    chance = random.Random(3)
    cloud = [(chance.uniform(-4, 4), chance.uniform(3, 9), chance.uniform(-3, 5)) for _ in range(150)]
    placement = guess_placement(filmed(cloud, *walk(pitch=90.0)))
    assert tilt(placement) < 2.0 and any("none was found" in note for note in placement.notes)
    solve = filmed(cloud, *walk(pitch=90.0))
    heights = sorted(placement.point(bundle.position)[2] for bundle in solve.bundles)
    assert heights[7] == pytest.approx(0.0, abs=0.01)


def test_a_wall_or_a_ceiling_is_no_floor() -> None:
    chance = random.Random(3)
    ceiling = [(chance.uniform(-4, 4), chance.uniform(3, 9), 3.0) for _ in range(80)]
    wall = [(chance.uniform(-4, 4), 9.0, chance.uniform(0, 3)) for _ in range(80)]
    placement = guess_placement(filmed(ceiling + wall, *walk(pitch=90.0)))
    assert any("none was found" in note for note in placement.notes) and tilt(placement) < 2.0


def test_a_camera_is_placed_without_its_scale() -> None:
    solve = filmed(room(random.Random(1), 40, 20), *walk())
    placement = guess_placement(solve)
    assert placement.scale != pytest.approx(1.0)
    for camera in solve.cameras:
        m = placement.camera(camera.matrix)
        for a in range(3):
            for b in range(3):
                product = sum(m[4 * row + a] * m[4 * row + b] for row in range(3))
                assert product == pytest.approx(float(a == b), abs=1e-9)


def test_a_camera_that_only_turns_stands_at_eye_level() -> None:
    places, angles = walk()
    solve = filmed(room(random.Random(1), 40, 20), [(0.0, 0.0, 0.0)] * len(places), angles)
    turning = solved(cameras=solve.cameras, bundles=solve.bundles, marker_errors={}, is_tripod=True)
    placement = guess_placement(turning)
    for camera in turning.cameras:
        assert placement.camera(camera.matrix)[3::4] == pytest.approx((0.0, 0.0, EYE), abs=1e-9)
    assert tilt(placement) < 11.0 and any("only turns" in note for note in placement.notes)


@pytest.mark.parametrize("points", [0, 1, 3])
def test_a_solve_with_hardly_a_point_is_placed(points: int) -> None:
    solve = solved(3, points)
    placement = guess_placement(solve)
    assert all(math.isfinite(value) for camera in solve.cameras for value in placement.camera(camera.matrix))
    same = Bundle(1, solve.cameras[0].matrix[3::4])  # type: ignore[arg-type]
    assert guess_placement(solved(1, bundles=(same,))).scale == 1.0
