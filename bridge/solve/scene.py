# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets a scene up for a solve: camera, picture, background and points, without solving again and in any version.

Nothing here calls an operator, so the operator that calls it is the one undo step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy

from ...core.errors import NoCamera
from ...core.exchange.rotation import Rows, Vector
from ...core.solve.placement import DISTANCE, Placement, guess_placement
from ...core.solve.solve import Lens, Solve
from .animation import animate_poses

if TYPE_CHECKING:
    from bpy.types import Camera, Collection, MovieClip, Object, Scene

MARK = "tracking_sessions_solve"
"""The custom property of the collection: the session and the solve."""
CAMERA, PARENT, POINTS = f"{MARK}_camera", f"{MARK}_parent", f"{MARK}_points"
"""Those that point to its objects, the points by the numbers of their tracks: they tell an object from its copies."""
_POINT_SIZE = 0.01 * DISTANCE  # Blender units
_FAR = 2.0  # times the farthest point: where the camera's view ends, at the nearest


class Placed(NamedTuple):
    """What stands in the scene, and in words what was guessed."""

    camera: Object
    collection: Collection
    notes: tuple[str, ...]


def place_solve(
    scene: Scene, clip: MovieClip, solve: Solve, names: Mapping[int, str], session_id: str = "", title: str = "Solve"
) -> Placed:
    """Set the scene up for the solve: its camera, the render size, the clip as background, points as empties.

    `names`: of the tracks by their numbers in the journal. All objects lie in one collection and have one parent. If
    the scene has them already, from this solve of this session, they are brought back as they were made, wherever they
    were moved to; copies of them, other objects in the collection, and other curves of the camera stay. The lens of the
    clip becomes that of the solve. Raises NoCamera.
    """
    if not solve.cameras:
        raise NoCamera(f"Solve {solve.id}", solve.verdict.reason)
    placement = guess_placement(solve)
    collection = _collection(scene, f"{session_id}/{solve.id}", title)
    here = {one.as_pointer() for one in scene.objects}
    parent = _brought_back(collection, here, collection.get(PARENT)) or _new_object(collection, title, None)
    _stand_at(parent, (0.0, 0.0, 0.0))
    camera = _brought_back(collection, here, collection.get(CAMERA))
    if camera is None:
        camera = _new_object(collection, f"{title} Camera", bpy.data.cameras.new(f"{title} Camera"))
    _place_camera(camera, parent, solve, placement, clip.frame_start - 1)
    known: dict[str, Any] = dict(collection.get(POINTS, {}).items())
    points: dict[str, Object] = {}
    for bundle in solve.bundles:
        point = _brought_back(collection, here, known.pop(str(bundle.track), None))
        if point is None:
            point = _new_object(collection, names.get(bundle.track, f"Track {bundle.track}"), None)
        point.empty_display_size = _POINT_SIZE
        _set_parent(point, parent)
        _stand_at(point, placement.point(bundle.position))
        points[str(bundle.track)] = point
    collection[PARENT], collection[CAMERA], collection[POINTS] = parent, camera, points
    for left in filter(None, known.values()):
        bpy.data.objects.remove(left)
    data: Any = camera.data
    far = _FAR * _farthest(solve, placement)
    data.clip_end = max(data.clip_end, far)
    set_lens(data, solve.lens)
    set_clip_lens(clip, solve.lens)
    set_picture(scene, solve.lens.size, solve.lens.aspect)
    set_background(data, clip, is_distorted=any(solve.lens.coefficients))
    scene.camera = camera
    if scene.active_clip is None:
        scene.active_clip = clip
    return Placed(camera, collection, placement.notes)


def _place_camera(camera: Object, parent: Object, solve: Solve, placement: Placement, shift: int) -> None:
    """Animate the camera on the scene frames, which are clip frames and `shift`."""
    _set_parent(camera, parent)
    matrices = [placement.camera(one.matrix) for one in solve.cameras]
    places: list[Vector] = [(m[3], m[7], m[11]) for m in matrices]
    turns: list[Rows] = [((m[0], m[1], m[2]), (m[4], m[5], m[6]), (m[8], m[9], m[10])) for m in matrices]
    animate_poses(camera, [one.frame + shift for one in solve.cameras], places, turns)


def set_lens(data: Camera, lens: Lens) -> None:
    """Give the camera the lens. Its shifts are in widths of the picture, also the one upwards."""
    width, height = lens.size
    data.type, data.lens_unit = "PERSP", "MILLIMETERS"
    data.sensor_fit = "HORIZONTAL"  # AUTO means another side for a portrait
    data.sensor_width = lens.sensor
    data.sensor_height = lens.sensor * height / (width * lens.aspect)
    data.lens = lens.focal
    data.shift_x = -lens.centre[0] / width
    data.shift_y = -lens.centre[1] / (width * lens.aspect)


def set_clip_lens(clip: MovieClip, lens: Lens) -> None:
    """Give the clip the lens, as a solve does. A coefficient that this Blender does not know is left out."""
    from ...core.model.types import COEFFICIENTS

    camera: Any = clip.tracking.camera
    camera.sensor_width, camera.pixel_aspect = lens.sensor, lens.aspect
    camera.units = "MILLIMETERS"
    camera.focal_length = lens.focal
    width, height = lens.size
    camera.principal_point = (lens.centre[0] / (width / 2.0), lens.centre[1] / (height / 2.0))
    if lens.model in COEFFICIENTS:
        camera.distortion_model = lens.model
        for name, value in zip(COEFFICIENTS[lens.model], lens.coefficients, strict=False):
            if hasattr(camera, name):
                setattr(camera, name, value)


def set_picture(scene: Scene, size: tuple[int, int], aspect: float) -> None:
    """Give renders the size and the pixels of the footage. Blender knows no aspect below 1, so one of the two is 1."""
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, aspect), max(1.0, 1.0 / aspect)


def set_background(data: Camera, clip: MovieClip, *, is_distorted: bool) -> None:
    """Show the clip behind the camera, undistorted if its lens distorts; other backgrounds stay."""
    data.show_background_images = True
    mine = [one for one in data.background_images if one.source == "MOVIE_CLIP" and one.clip == clip]
    background: Any = mine[0] if mine else data.background_images.new()
    background.source, background.clip = "MOVIE_CLIP", clip
    background.use_camera_clip = False
    background.frame_method, background.display_depth = "CROP", "BACK"
    background.alpha = 1.0
    background.clip_user.use_render_undistorted = is_distorted


def _collection(scene: Scene, key: str, title: str) -> Collection:
    """The collection of this solve in the scene, or a new one."""
    root: Any = scene.collection
    for collection in root.children_recursive:
        if collection.get(MARK) == key and collection.library is None:
            return collection
    collection = bpy.data.collections.new(title)
    collection[MARK] = key
    root.children.link(collection)
    return collection


def _brought_back(collection: Collection, here: set[int], object: Any) -> Any:
    """The object, linked again if it is not `here`, in the scene: what points to it keeps it when somebody deletes it.
    None if it was never made, or is gone."""
    if object is not None and object.as_pointer() not in here:
        collection.objects.link(object)
    return object


def _new_object(collection: Collection, name: str, data: Camera | None) -> Any:
    object = bpy.data.objects.new(name, data)
    collection.objects.link(object)
    return object


def _set_parent(child: Object, parent: Object) -> None:
    child.parent, child.parent_type = parent, "OBJECT"
    child.matrix_parent_inverse.identity()


def _stand_at(object: Object, position: Sequence[float]) -> None:
    object.location = position  # type: ignore[assignment]
    object.rotation_mode = "XYZ"
    object.rotation_euler = (0.0, 0.0, 0.0)
    object.scale = (1.0, 1.0, 1.0)


def _farthest(solve: Solve, placement: Placement) -> float:
    """Of the points, from the first camera."""
    m = placement.camera(solve.cameras[0].matrix)
    points = (placement.point(bundle.position) for bundle in solve.bundles)
    return max((sum((a - m[4 * n + 3]) ** 2 for n, a in enumerate(point)) ** 0.5 for point in points), default=0.0)
