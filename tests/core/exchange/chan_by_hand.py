# SPDX-License-Identifier: GPL-3.0-or-later
"""A second writer and reader of .chan files, from the description of the format alone, with rotations as quaternions.

`frame tx ty tz rx ry rz vfov`, degrees, y up, the camera looks along -z. In the order ZXY the camera is turned about z
first, then about x, then about y.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


class Line(NamedTuple):
    frame: float
    place: Vector
    turn: Quaternion
    angle: float | None  # vertical, degrees


def times(a: Quaternion, b: Quaternion) -> Quaternion:
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


def about(axis: str, degrees: float) -> Quaternion:
    half = math.radians(degrees) / 2.0
    vector = [math.sin(half) if name == axis else 0.0 for name in "xyz"]
    return (math.cos(half), vector[0], vector[1], vector[2])


def turned(rx: float, ry: float, rz: float, order: str = "ZXY") -> Quaternion:
    found: Quaternion = (1.0, 0.0, 0.0, 0.0)
    for axis in order.lower():
        found = times(about(axis, {"x": rx, "y": ry, "z": rz}[axis]), found)
    return found


def rotated(turn: Quaternion, vector: Vector) -> Vector:
    back = (turn[0], -turn[1], -turn[2], -turn[3])
    _, x, y, z = times(times(turn, (0.0, *vector)), back)
    return x, y, z


def read(path: Path, order: str = "ZXY") -> list[Line]:
    found: list[Line] = []
    for line in path.read_text(encoding="ascii").split("\n"):
        if line and not line.startswith("#"):
            frame, tx, ty, tz, rx, ry, rz, *angle = (float(word) for word in line.split(" "))
            found.append(Line(frame, (tx, ty, tz), turned(rx, ry, rz, order), angle[0] if angle else None))
    return found


def seen(line: Line, point: Vector, size: tuple[float, float]) -> tuple[float, float]:
    """Where the camera of Nuke sees a point of its world: pixels from the lower left; square pixels."""
    back = (line.turn[0], -line.turn[1], -line.turn[2], -line.turn[3])
    offset = (point[0] - line.place[0], point[1] - line.place[1], point[2] - line.place[2])
    x, y, z = rotated(back, offset)
    assert line.angle is not None
    scale = size[1] / 2.0 / math.tan(math.radians(line.angle) / 2.0)
    return size[0] / 2.0 - scale * x / z, size[1] / 2.0 - scale * y / z


def write(path: Path, lines: list[tuple[float, ...]]) -> Path:
    path.write_text("".join("\t".join(str(value) for value in line) + "\r\n" for line in lines), encoding="ascii")
    return path
