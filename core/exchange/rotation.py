# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as Euler angles in a named order.

An order such as ZXY names the axes in the order in which they are turned about: first Z, then X, then Y, so the matrix
is Ry Rx Rz. Blender's orders of the same names mean the same. Matrices are three rows, and turn columns; angles are
degrees, about x, y and z, whatever the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = tuple[float, float, float]
Rows = tuple[Vector, Vector, Vector]

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
IDENTITY: Rows = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_LOCKED = 1e-9
"""The cosine of the second angle below which the first and the third turn about the same axis."""


def multiplied(a: Rows, b: Rows) -> Rows:
    """The matrix a b."""
    columns = tuple(zip(*b, strict=True))
    x, y, z = (tuple(sum(p * q for p, q in zip(row, column, strict=True)) for column in columns) for row in a)
    return (x[0], x[1], x[2]), (y[0], y[1], y[2]), (z[0], z[1], z[2])


def _about(axis: int, sine: float, cosine: float) -> Rows:
    one, two = (axis + 1) % 3, (axis + 2) % 3
    rows = [[0.0] * 3 for _ in range(3)]
    rows[axis][axis] = 1.0
    rows[one][one] = rows[two][two] = cosine
    rows[two][one] = sine
    rows[one][two] = -sine
    x, y, z = rows
    return (x[0], x[1], x[2]), (y[0], y[1], y[2]), (z[0], z[1], z[2])


def matrix_of(angles: Vector, order: str) -> Rows:
    """The matrix of these angles."""
    found = IDENTITY
    for axis in _axes(order):
        angle = math.radians(angles[axis])
        found = multiplied(_about(axis, math.sin(angle), math.cos(angle)), found)
    return found


def angles_of(matrix: Rows, order: str, before: Vector | None = None) -> Vector:
    """The angles of a rotation: of all that mean the same those nearest to `before`, else to 0.

    So they are continuous from frame to frame, also beyond 180 degrees, and through a gimbal lock.
    """
    i, j, k = _axes(order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    near = before or (0.0, 0.0, 0.0)
    cosine = math.hypot(matrix[i][i], matrix[j][i])
    third = math.atan2(sign * matrix[j][i], matrix[i][i]) if cosine > _LOCKED else math.radians(near[k])
    # without the third turn the first is exact, however small the cosine is
    rest = multiplied(_about(k, -math.sin(third), math.cos(third)), matrix)
    first = math.atan2(-sign * rest[j][k], rest[j][j])
    second = math.atan2(-sign * matrix[k][i], cosine)
    found: list[tuple[float, Vector]] = []
    for one, two, three in ((first, second, third), (first + math.pi, math.pi - second, third + math.pi)):
        angles = [0.0, 0.0, 0.0]
        for axis, angle in ((i, one), (j, two), (k, three)):
            angles[axis] = _nearest(math.degrees(angle), near[axis])
        x, y, z = angles
        found.append((sum(abs(a - b) for a, b in zip(angles, near, strict=True)), (x, y, z)))
    return min(found, key=lambda one: one[0])[1]


def _nearest(angle: float, near: float) -> float:
    """The angle plus or minus whole turns."""
    return angle - 360.0 * round((angle - near) / 360.0)


def continuous(matrices: Sequence[Rows], order: str) -> list[Vector]:
    """The angles of a motion."""
    found: list[Vector] = []
    for matrix in matrices:
        found.append(angles_of(matrix, order, found[-1] if found else None))
    return found


def _axes(order: str) -> tuple[int, int, int]:
    if order not in ORDERS:
        raise ValueError(f"{order} is not one of {', '.join(ORDERS)}")
    i, j, k = ("XYZ".index(axis) for axis in order)
    return i, j, k
