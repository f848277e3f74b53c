# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a solve lies in a scene: a solve knows neither up nor scale, so a floor and a size are guessed.

World axes are Blender's: right-handed, z up.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .solve import Matrix, Solve

Vector = tuple[float, float, float]

DISTANCE = 5.0
"""Blender units: the median distance from the cameras to the points, as in a room or a street in metres."""
EYE = 1.6
"""Blender units: the height of a camera that only turns."""
STEEP = math.cos(math.radians(40.0))
"""How far, as a cosine, a floor may lean from what is up in the pictures."""
THICK = 0.01
"""Of the median distance: how far from a floor its points may lie."""
LEAST_POINTS = 8
LEAST_SHARE = 0.12
"""How many of the points, and which share, have to lie on a floor."""
BELOW = 0.05
"""The largest share of the points that may lie below a floor; tracking errors bring some."""
NEAR = 1e-6
"""Units of a solve: points that are nearer than this give no scale."""
ROUNDS = 400
"""Planes that are tried: where a fifth of the points lie on the floor, three of them hit it 3 times in 400."""
SEEN = 400  # points that each of them is compared with, at most


@dataclass(frozen=True, slots=True)
class Placement:
    """world = scale * rotation * solve + origin. `rotation`: three rows. `notes`: what was guessed, sentences without
    a full stop."""

    scale: float = 1.0
    rotation: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    origin: Vector = (0.0, 0.0, 0.0)
    notes: tuple[str, ...] = ()

    def point(self, position: Vector) -> Vector:
        """A position of the solve in the world."""
        x, y, z = (self.scale * dot(row, position) + at for row, at in zip(self.rotation, self.origin, strict=True))
        return x, y, z

    def camera(self, matrix: Matrix) -> Matrix:
        """A camera of the solve in the world: camera axes to world axes, rotation and position, without scale."""
        a, b, c, place = (_column(matrix, index) for index in range(4))
        placed = self.point(place)
        return tuple(
            value
            for row, at in zip(self.rotation, placed, strict=True)
            for value in (dot(row, a), dot(row, b), dot(row, c), at)
        )


def guess_placement(solve: Solve) -> Placement:
    """The placement of a solve with cameras; the same solve has the same one.

    Up is the normal of the floor, a plane of points below all cameras; without one it is the mean of what is up in the
    pictures. The first camera looks along y. The origin is amid the points, on the floor or on the level of the lowest.
    """
    places = [_column(camera.matrix, 3) for camera in solve.cameras]
    points = [bundle.position for bundle in solve.bundles]
    distance = _median_distance(places, points)
    scale = DISTANCE / distance if distance > 0.0 else 1.0
    up = _unit(_sum([_column(camera.matrix, 1) for camera in solve.cameras])) or (0.0, 1.0, 0.0)
    notes = [f"Scale: the points are {DISTANCE:g} units away on average"] if distance > 0.0 else []
    if solve.is_tripod:
        notes.append(f"Floor: the camera only turns, {EYE:g} units above it; up is what is up in the pictures")
        return _around(scale, _axes(up, solve.cameras[0].matrix), places[0], EYE, notes)
    floor = _floor(points, places, up, THICK * distance) if distance > 0.0 else None
    if floor is not None:
        up, height, count = floor
        notes.append(f"Floor: {count} points below the camera lie on it")
    else:
        heights = sorted(dot(up, point) for point in points or places)
        height = heights[len(heights) // 20]
        notes.append("Floor: none was found; up is what is up in the pictures, and the lowest points are at 0")
    middle = _median(points or places)
    centre = _plus(middle, up, height - dot(up, middle))
    return _around(scale, _axes(up, solve.cameras[0].matrix), centre, 0.0, notes)


def _around(
    scale: float, rotation: tuple[Vector, Vector, Vector], centre: Vector, height: float, notes: Sequence[str]
) -> Placement:
    """The placement that has `centre`, a position of the solve, at (0, 0, height)."""
    x, y, z = (-scale * dot(row, centre) for row in rotation)
    return Placement(scale, rotation, (x, y, z + height), tuple(notes))


def _axes(up: Vector, first: Matrix) -> tuple[Vector, Vector, Vector]:
    """The rows of the rotation: `up` becomes z, and the `first` camera looks along y."""
    back, above = _column(first, 2), _column(first, 1)
    ahead = _plus((-back[0], -back[1], -back[2]), up, dot(back, up))
    if _length(ahead) < 1e-3:  # it looks straight up or down
        ahead = _plus(above, up, -dot(above, up))
    y = _unit(ahead) or _unit(_cross(up, (1.0, 0.0, 0.0))) or (0.0, 1.0, 0.0)
    return _cross(y, up), y, up


def _floor(
    points: Sequence[Vector], places: Sequence[Vector], up: Vector, thick: float
) -> tuple[Vector, float, int] | None:
    """The normal of the floor, upwards, its height along that and the number of its points, by RANSAC; None if there is
    none."""
    if len(points) < LEAST_POINTS:
        return None
    chance = random.Random(len(points))
    seen = points if len(points) <= SEEN else chance.sample(list(points), SEEN)
    wanted = max(LEAST_POINTS, math.ceil(LEAST_SHARE * len(points)))
    best: tuple[int, Vector, float] | None = None
    for _ in range(ROUNDS):
        a, b, c = chance.sample(seen, 3)
        normal = _unit(_cross(_minus(b, a), _minus(c, a)))
        plane = _upwards(normal, a, up) if normal is not None else None
        if plane is None or not _is_below(plane, places, thick):
            continue
        count = _count_on(plane, seen, thick)
        if best is None or count > best[0]:
            best = (count, *plane)
    if best is None:
        return None
    plane = best[1:]
    for _ in range(3):  # the best plane of three points becomes that of all of its points
        on_it = [point for point in points if abs(dot(plane[0], point) - plane[1]) <= thick]
        fitted = _fitted(on_it, plane[0])
        plane = (_upwards(*fitted, up) if fitted is not None else None) or plane
    count = _count_on(plane, points, thick)
    return (*plane, count) if count >= wanted and _is_below(plane, places, thick) else None


def _upwards(normal: Vector, on_it: Vector, up: Vector) -> tuple[Vector, float] | None:
    """The plane with its normal upwards and its height along that; None if it is too steep."""
    if dot(normal, up) < 0.0:
        normal = (-normal[0], -normal[1], -normal[2])
    return (normal, dot(normal, on_it)) if dot(normal, up) >= STEEP else None


def _is_below(plane: tuple[Vector, float], places: Sequence[Vector], thick: float) -> bool:
    return all(dot(plane[0], place) - plane[1] > 2.0 * thick for place in places)


def _count_on(plane: tuple[Vector, float], points: Sequence[Vector], thick: float) -> int:
    """How many points lie on the plane; 0 if too many lie below it."""
    heights = [dot(plane[0], point) - plane[1] for point in points]
    is_lowest = sum(height < -thick for height in heights) <= BELOW * len(heights)
    return sum(-thick <= height <= thick for height in heights) if is_lowest else 0


def _fitted(points: Sequence[Vector], normal: Vector) -> tuple[Vector, Vector] | None:
    """The normal of the plane nearest to the points, along `normal`, and their mean; None if they lie on a line."""
    if len(points) < 3:
        return None
    total = _sum(points)
    mean = (total[0] / len(points), total[1] / len(points), total[2] / len(points))
    x = _unit(_cross(normal, (1.0, 0.0, 0.0))) or _unit(_cross(normal, (0.0, 1.0, 0.0))) or (1.0, 0.0, 0.0)
    y = _cross(normal, x)
    rows = [(dot(x, off), dot(y, off), dot(normal, off)) for off in (_minus(point, mean) for point in points)]
    xx, xy, yy = sum(u * u for u, _, _ in rows), sum(u * v for u, v, _ in rows), sum(v * v for _, v, _ in rows)
    xz, yz = sum(u * h for u, _, h in rows), sum(v * h for _, v, h in rows)
    area = xx * yy - xy * xy
    if area <= 1e-9 * (xx + yy) ** 2:
        return None
    slope_x, slope_y = (xz * yy - yz * xy) / area, (yz * xx - xz * xy) / area
    found = _unit(_plus(_plus(normal, x, -slope_x), y, -slope_y))
    return (found, mean) if found is not None else None


def _median_distance(places: Sequence[Vector], points: Sequence[Vector]) -> float:
    """From some of the cameras to some of the points; 0 if there are none."""
    some = places[:: max(1, len(places) // 20)]
    others = points[:: max(1, len(points) // 200)]
    distances = [_length(_minus(point, place)) for place in some for point in others]
    found = statistics.median(distances) if distances else 0.0
    return found if found > NEAR else 0.0


def _median(points: Sequence[Vector]) -> Vector:
    x, y, z = (statistics.median(axis) for axis in zip(*points, strict=True))
    return x, y, z


# Vectors


def _column(matrix: Matrix, index: int) -> Vector:
    return matrix[index], matrix[index + 4], matrix[index + 8]


def dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _plus(a: Vector, b: Vector, times: float) -> Vector:
    return a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]


def _sum(vectors: Sequence[Vector]) -> Vector:
    x, y, z = (math.fsum(axis) for axis in zip(*vectors, strict=True))
    return x, y, z


def _length(a: Vector) -> float:
    return math.sqrt(dot(a, a))


def _unit(a: Vector) -> Vector | None:
    length = _length(a)
    return (a[0] / length, a[1] / length, a[2] / length) if length > 1e-12 else None
