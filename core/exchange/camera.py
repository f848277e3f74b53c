# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera as formats take and give it, and what changes between programs: axes, frames and the lens.

World axes are Blender's: right-handed, z up. All cameras here look along their own -z with y up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..solve.placement import Placement
from ..solve.solve import Lens, Solve
from .rotation import Rows, Vector, multiplied

_UP_TO_BACK: Rows = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))  # -90 degrees about x
_BACK_TO_UP: Rows = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))


class Pose(NamedTuple):
    """The camera on `frame`, as people count it; a file may have parts of frames.

    `rotation`: three rows, camera axes to world axes. `field_of_view`: vertical, of the whole picture, degrees; None if
    it is not known.
    """

    frame: float
    position: Vector
    rotation: Rows
    field_of_view: float | None = None


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A camera on its frames, which ascend. `order`: of Euler angles, for a format with angles; see `rotation`."""

    poses: tuple[Pose, ...]
    order: str = "ZXY"


def move_of(solve: Solve, placement: Placement, shown: Callable[[int], int], order: str = "ZXY") -> CameraMove:
    """The cameras of a solve in the world. `shown`: the number that people see of a clip frame."""
    angle = vertical_field_of_view(solve.lens)
    poses: list[Pose] = []
    for camera in solve.cameras:
        a, b, c, x, d, e, f, y, g, h, i, z = placement.camera(camera.matrix)
        poses.append(Pose(shown(camera.frame), (x, y, z), ((a, b, c), (d, e, f), (g, h, i)), angle))
    return CameraMove(tuple(poses), order)


def vertical_field_of_view(lens: Lens) -> float:
    """Of the whole picture, degrees. Blender's `angle_y` is that of the sensor's height instead.

    The principal point is left out: with it in the middle, this is the angle between top and bottom.
    """
    width, height = lens.size
    return 2.0 * math.degrees(math.atan(height * lens.sensor / (2.0 * width * lens.aspect * lens.focal)))


def focal_length(field_of_view: float, size: tuple[int, int], sensor: float, aspect: float = 1.0) -> float:
    """The focal length, millimetres, with which a picture on a sensor `sensor` millimetres wide has this vertical field
    of view, degrees. `size`: pixels; `aspect`: of a pixel, width to height."""
    width, height = size
    return height * sensor / (2.0 * width * aspect * math.tan(math.radians(field_of_view) / 2.0))


def convert_yup_to_zup_position(position: Vector) -> Vector:
    """From the world of Nuke and others, y up, to Blender's."""
    x, y, z = position
    return x, -z, y


def convert_zup_to_yup_position(position: Vector) -> Vector:
    """The inverse of `convert_yup_to_zup_position`."""
    x, y, z = position
    return x, z, -y


def convert_yup_to_zup_rotation(rotation: Rows) -> Rows:
    """The rotation of a camera, from y up to z up. Its own axes are the same in both."""
    return multiplied(_BACK_TO_UP, rotation)


def convert_zup_to_yup_rotation(rotation: Rows) -> Rows:
    """The inverse of `convert_yup_to_zup_rotation`."""
    return multiplied(_UP_TO_BACK, rotation)
