# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras of other programs, from and to files: File > Import and File > Export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy.types import Operator
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..bridge.errors import error_words
from ..bridge.solve.importing import import_move, move_of_camera
from ..core.errors import TrackingSessionError
from ..core.exchange.chan import DEFAULT_ORDER, read_chan, write_chan
from ..core.exchange.rotation import ORDERS
from ..core.storage.files import replace_file

if TYPE_CHECKING:
    from bpy.types import Context

_ORDER = EnumProperty(
    name="Rotation Order",
    description="The order in which Nuke's camera turns about its axes, its rot_order",
    items=[(order, order, f"First {order[0]}, then {order[1]}, then {order[2]}") for order in ORDERS],
    default=DEFAULT_ORDER,
)


class TRACKING_SESSIONS_OT_import_chan(Operator, ImportHelper):
    """Add a camera with the motion and the field of view of a .chan file of Nuke"""

    bl_idname = "tracking_sessions.import_chan"
    bl_label = "Import Nuke Camera"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".chan"
    filter_glob: StringProperty(default="*.chan", options={"HIDDEN"})  # type: ignore[valid-type]
    order: _ORDER  # type: ignore[valid-type]
    sensor_width: FloatProperty(  # type: ignore[valid-type]
        name="Sensor Width",
        description="The width of the sensor in millimetres, Nuke's haperture; the file has the field of view only",
        default=36.0,
        min=1.0,
        soft_max=100.0,
    )
    fits_range: BoolProperty(  # type: ignore[valid-type]
        name="Set Scene Frames", description="Give the scene the first and the last frame of the file", default=False
    )

    def execute(self, context: Context) -> set[Any]:
        path = Path(self.filepath)  # type: ignore[attr-defined]
        try:
            move = read_chan(path, self.order)
        except TrackingSessionError as error:
            self.report({"ERROR"}, error_words(error))
            return {"CANCELLED"}
        camera = import_move(context.scene, move, path.stem, self.sensor_width, fits_range=self.fits_range)
        words = f"“{camera.name}” has {len(move.poses)} frames"
        if move.poses[0].field_of_view is None:
            self.report({"WARNING"}, f"{words}, but no field of view: set its focal length")
        else:
            self.report({"INFO"}, words)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_export_chan(Operator, ExportHelper):
    """Write the motion and the field of view of the scene's camera into a .chan file for Nuke"""

    bl_idname = "tracking_sessions.export_chan"
    bl_label = "Export Nuke Camera"

    filename_ext = ".chan"
    filter_glob: StringProperty(default="*.chan", options={"HIDDEN"})  # type: ignore[valid-type]
    order: _ORDER  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Context) -> bool:
        camera: Any = context.scene.camera
        if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
            cls.poll_message_set("The scene has no camera with a perspective lens")
            return False
        return True

    def execute(self, context: Context) -> set[Any]:
        scene, path = context.scene, Path(self.filepath)  # type: ignore[attr-defined]
        try:
            move = move_of_camera(scene, scene.camera, self.order)
            replace_file(path, write_chan(move))
        except TrackingSessionError as error:
            self.report({"ERROR"}, error_words(error))
            return {"CANCELLED"}
        width, height = (f"{side:g}" for side in _sides(scene, scene.camera.data))
        self.report({"INFO"}, f"{len(move.poses)} frames; in Nuke haperture {width}, vaperture {height}, {self.order}")
        return {"FINISHED"}


def _sides(scene: Any, data: Any) -> tuple[float, float]:
    """Width and height of the part of the sensor that the picture takes, millimetres."""
    render = scene.render
    width, height = render.resolution_x, render.resolution_y * render.pixel_aspect_y / render.pixel_aspect_x
    if data.sensor_fit == "VERTICAL":
        return round(data.sensor_height * width / height, 4), round(data.sensor_height, 4)
    longest = max(width, height) if data.sensor_fit == "AUTO" else width
    return round(data.sensor_width * width / longest, 4), round(data.sensor_width * height / longest, 4)


classes = (TRACKING_SESSIONS_OT_import_chan, TRACKING_SESSIONS_OT_export_chan)
