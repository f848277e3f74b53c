# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the next pass or re-track, which the artist chooses and the scene stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty
from bpy.types import PropertyGroup

from ..core.model.types import SOLVE_NEEDS
from ..core.tracking.retrack import DISTANCE

if TYPE_CHECKING:
    from bpy.types import Scene

# Blender 4.2 always accepts paths relative to the open file, and refuses the option
RELATIVE: Any = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
# Of the scene and of an operator, whose next call SKIP_SAVE starts with the defaults; a file stores the scene's values.
EXTENT = EnumProperty(
    name="Extent",
    description="How far to track from the current frame",
    items=(
        ("SCENE", "End of Scene", "Track to the first or the last frame of the scene"),
        ("CLIP", "End of Clip", "Track to the first or the last frame of the clip, regardless of the scene's range"),
        ("FRAMES", "Number of Frames", "Track the given number of frames"),
    ),
    default="SCENE",
    options={"SKIP_SAVE"},
)
FRAMES = IntProperty(
    name="Frames",
    description="How many frames to track in each direction",
    default=50,
    min=1,
    soft_max=1000,
    options={"SKIP_SAVE"},
)
PAUSE_BELOW = IntProperty(
    name="Pause Below",
    description=f"Pause as soon as fewer tracks than this are followed; a camera solve needs {SOLVE_NEEDS}, 0 is off",
    default=0,
    min=0,
    soft_max=100,
    options={"SKIP_SAVE"},
)
JOIN_DISTANCE = FloatProperty(
    name="Join Distance",
    description="How far apart, in pixels, two markers on a frame may be and count as the same: where a re-tracked "
    "track joins, and where both sides of a gap have to agree",
    default=DISTANCE,
    min=0.01,
    soft_max=10.0,
    options={"SKIP_SAVE"},
)


class TRACKING_SESSIONS_PG_scene(PropertyGroup):
    extent: EXTENT  # type: ignore[valid-type]  # Blender's way to declare a property
    frames: FRAMES  # type: ignore[valid-type]
    pause_below: PAUSE_BELOW  # type: ignore[valid-type]
    join_distance: JOIN_DISTANCE  # type: ignore[valid-type]


def settings_of(scene: Scene) -> TRACKING_SESSIONS_PG_scene:
    return scene.tracking_sessions  # type: ignore[attr-defined]  # the stubs do not know what `register` adds


def register() -> None:
    bpy.types.Scene.tracking_sessions = PointerProperty(type=TRACKING_SESSIONS_PG_scene)  # type: ignore[attr-defined]


def unregister() -> None:
    if hasattr(bpy.types.Scene, "tracking_sessions"):
        del bpy.types.Scene.tracking_sessions  # type: ignore[attr-defined]


classes = (TRACKING_SESSIONS_PG_scene,)
