# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras of other programs as camera objects, and camera objects as other programs take them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.exchange.camera import CameraMove, Pose, focal_length, vertical_field_of_view
from ...core.solve.solve import Lens
from ..tracking.saving import save_copy
from .animation import animate, animate_poses

if TYPE_CHECKING:
    from bpy.types import Object, Scene


def import_move(scene: Scene, move: CameraMove, name: str, sensor: float, *, fits_range: bool = False) -> Object:
    """A new camera object on the scene frames of the move, which becomes the scene's camera.

    `sensor`: its width, millimetres. A field of view is that of pictures of the size of the scene's renders; one that
    changes animates the focal length. `fits_range`: the scene takes the frames of the move.
    """
    render: Any = scene.render
    size = render.resolution_x, render.resolution_y
    aspect = render.pixel_aspect_x / render.pixel_aspect_y
    data: Any = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    scene.collection.objects.link(camera)
    data.sensor_fit, data.sensor_width = "HORIZONTAL", sensor
    data.sensor_height = sensor * size[1] / (size[0] * aspect)
    frames = [pose.frame for pose in move.poses]
    animate_poses(camera, frames, [pose.position for pose in move.poses], [pose.rotation for pose in move.poses])
    angles = [pose.field_of_view for pose in move.poses if pose.field_of_view is not None]
    lengths = [focal_length(angle, size, sensor, aspect) for angle in angles]
    if lengths:
        data.lens = lengths[0]
    if lengths and max(angles) != min(angles):
        animate(data, "lens", -1, frames, lengths)
    scene.camera = camera
    if fits_range:
        scene.frame_start, scene.frame_end = math.floor(frames[0]), math.ceil(frames[-1])
    return camera


def move_of_camera(scene: Scene, camera: Object, order: str) -> CameraMove:
    """The camera on the frames of the scene's range, as constraints, parents and drivers leave it."""
    poses: list[Pose] = []
    with _frame_kept(scene):
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            evaluated: Any = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
            matrix = evaluated.matrix_world.normalized()
            x, y, z = (tuple(row)[:3] for row in matrix.to_3x3())
            poses.append(Pose(frame, tuple(matrix.translation), (x, y, z), _field_of_view(scene, evaluated.data)))
    return CameraMove(tuple(poses), order)


def _field_of_view(scene: Any, data: Any) -> float:
    """Vertical, of the whole picture, degrees. `sensor_fit` says which side of the picture the sensor has."""
    render = scene.render
    width, height = render.resolution_x, render.resolution_y
    aspect = render.pixel_aspect_x / render.pixel_aspect_y
    is_tall = height / aspect > width
    is_vertical = data.sensor_fit == "VERTICAL" or (data.sensor_fit == "AUTO" and is_tall)
    if not is_vertical:
        return vertical_field_of_view(Lens(data.lens, data.sensor_width, (width, height), aspect))
    sensor = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    return 2.0 * math.degrees(math.atan(sensor / (2.0 * data.lens)))


@contextmanager
def _frame_kept(scene: Scene) -> Iterator[None]:
    frame, part = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=part)


def save_with(camera: Object, path: Path) -> Path:
    """Save a copy of the open file, which has to hold this camera. Raises StorageFailed, SaveUnsound."""
    return save_copy(path, lambda saved: _loss(camera.name, saved))


def _loss(name: str, path: Path) -> str:
    libraries: Any = bpy.data.libraries
    try:
        with libraries.load(str(path)) as (there, _):
            return "" if name in there.objects else f"it has no camera “{name}”"
    except (OSError, RuntimeError) as error:
        return f"it cannot be read ({str(error).strip()})"
