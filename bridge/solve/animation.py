# SPDX-License-Identifier: GPL-3.0-or-later
"""Animates a camera object from its poses, frame by frame, on Blender 4.2 to 5.2."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...core.exchange.rotation import Rows, Vector, continuous

if TYPE_CHECKING:
    from bpy.types import ID, Object

_LINEAR = "LINEAR"


def animate_poses(object: Object, frames: Sequence[float], positions: Sequence[Vector], turns: Sequence[Rows]) -> None:
    """Give the object a key on each of the scene frames, and no other key of its position and rotation.

    Rotations are Euler angles XYZ that go on from frame to frame, so that motion blur is right between frames. Other
    curves of the object stay.
    """
    object.rotation_mode = "XYZ"
    object.scale = (1.0, 1.0, 1.0)
    angles = continuous(turns, "XYZ")
    for axis in range(3):
        animate(object, "location", axis, frames, [position[axis] for position in positions])
        animate(object, "rotation_euler", axis, frames, [math.radians(angle[axis]) for angle in angles])


def animate(id: ID, path: str, index: int, frames: Sequence[float], values: Sequence[float]) -> None:
    """Give the property a key on each of these frames, with straight lines between them, and no other key.

    `index`: of a vector, else -1. An action that others use, too, is copied first.
    """
    animation: Any = getattr(id, "animation_data", None)
    if animation is not None and animation.action is not None and animation.action.users > 1:
        animation.action = animation.action.copy()
    still_animation(id, path, index)
    target: Any = id
    if index < 0:
        setattr(target, path, values[0])
    else:
        getattr(target, path)[index] = values[0]
    target.keyframe_insert(data_path=path, index=index, frame=frames[0])
    curve = next(one for one in curves_of(id) if (one.data_path, one.array_index) == (path, max(index, 0)))
    points = curve.keyframe_points
    points.add(len(frames) - len(points))
    points.foreach_set("co", array("f", chain.from_iterable(zip(frames, values, strict=True))))
    for point in points:
        point.interpolation = _LINEAR
    curve.update()


def still_animation(id: ID, path: str, index: int = -1) -> None:
    """Remove the curve of a property, if there is one."""
    for curves in _groups(id):
        found = curves.find(path, index=max(index, 0))
        if found is not None:
            curves.remove(found)


def curves_of(id: ID) -> list[Any]:
    """The curves of the action of a data-block."""
    return [curve for curves in _groups(id) for curve in curves]


def _groups(id: ID) -> list[Any]:
    """The collections of curves of a data-block: Blender 5.0 has them in layers only, 4.2 and 4.3 not at all."""
    animation: Any = getattr(id, "animation_data", None)
    action = animation.action if animation is not None else None
    if action is None:
        return []
    if hasattr(action, "fcurves"):
        return [action.fcurves]
    slot = animation.action_slot
    bags = (strip.channelbag(slot) for layer in action.layers for strip in layer.strips) if slot is not None else ()
    return [bag.fcurves for bag in bags if bag is not None]
