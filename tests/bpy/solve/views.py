# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a solve, and the camera of a scene, see a point."""

from __future__ import annotations

import math
from typing import Any

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from tracking_sessions.bridge.solve.scene import POINTS
from tracking_sessions.core.solve.solve import Camera, Lens, Solve


def seen_by_solve(camera: Camera, lens: Lens, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Pixels from the lower left of the undistorted picture, and the depth, as docs/format.md says."""
    m = camera.matrix
    off = [point[n] - m[4 * n + 3] for n in range(3)]
    x, y, z = (sum(m[4 * row + column] * off[row] for row in range(3)) for column in range(3))
    scale = lens.focal / lens.sensor * lens.size[0]
    u = lens.size[0] / 2 + lens.centre[0] - scale * x / z
    return u, lens.size[1] / 2 + lens.centre[1] - lens.aspect * scale * y / z, -z


def point_objects(collection: Any) -> dict[int, Any]:
    """The empties of the points by the numbers of their tracks."""
    return {int(track): one for track, one in collection[POINTS].items()}


def worst_difference(scene: Any, camera: Any, collection: Any, solve: Solve, shift: int) -> tuple[float, int]:
    """The largest difference, pixels, between the scene's camera and the solve, over all points in sight, and how many
    there were. Scene frame = clip frame + `shift`."""
    empties = point_objects(collection)
    worst, count = 0.0, 0
    for one in solve.cameras:
        scene.frame_set(one.frame + shift)
        for bundle in solve.bundles:
            u, v, depth = seen_by_solve(one, solve.lens, bundle.position)
            if depth <= 0.1 or not (0 < u < solve.lens.size[0] and 0 < v < solve.lens.size[1]):
                continue
            place = empties[bundle.track].matrix_world.translation
            x, y, _ = world_to_camera_view(scene, camera, Vector(place))
            found = x * scene.render.resolution_x, y * scene.render.resolution_y
            worst, count = max(worst, math.dist(found, (u, v))), count + 1
    return worst, count


def all_names() -> set[tuple[str, str]]:
    """What the file has, by kind and name."""
    kinds = ("objects", "cameras", "collections", "actions", "meshes", "movieclips", "scenes")
    return {(kind, one.name) for kind in kinds for one in getattr(bpy.data, kind)}
