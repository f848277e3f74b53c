# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences of the extension; `bridge.preferences.Preferences` has the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty
from bpy.types import AddonPreferences

from ..bridge.clip.editor import redraw
from ..bridge.preferences import Preferences
from ..operators.settings import RELATIVE

if TYPE_CHECKING:
    from bpy.types import Context

_DEFAULTS = Preferences()


def _redraw(_: AddonPreferences, context: Context) -> None:
    redraw(context)


class TRACKING_SESSIONS_AP_preferences(AddonPreferences):
    bl_idname = (__package__ or "").rpartition(".")[0]

    folder: StringProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Session Folder",
        description="The folder for the sessions of all files; if empty, each file has a folder beside it",
        subtype="DIR_PATH",
        options=RELATIVE,
        default=_DEFAULTS.folder,
        update=_redraw,
    )
    is_durable: BoolProperty(  # type: ignore[valid-type]
        name="Flush Each Frame to Disk",
        description="Wait for the disk after each frame, so that a power cut loses at most the current frame; "
        "a crash of Blender loses no more with this off",
        default=_DEFAULTS.is_durable,
    )
    records: BoolProperty(  # type: ignore[valid-type]
        name="Record Everything",
        description="Record whatever happens to the tracks of a clip, also by Blender's own buttons and by scripts, "
        "from the first tracked frame on",
        default=_DEFAULTS.records,
        update=_redraw,
    )
    interval: FloatProperty(  # type: ignore[valid-type]
        name="Update Interval",
        description="Time between two updates of the tracks and the view while tracking",
        subtype="TIME",
        unit="TIME_ABSOLUTE",
        default=_DEFAULTS.interval,
        min=0.1,
        max=5.0,
        precision=2,
    )
    saves_copy: BoolProperty(  # type: ignore[valid-type]
        name="Save a Copy After Each Pass",
        description="Save a copy of the file beside the session whenever a pass ends or is paused; "
        "the file itself is not saved",
        default=_DEFAULTS.saves_copy,
    )
    has_strip: BoolProperty(  # type: ignore[valid-type]
        name="Strip of Tracked Frames",
        description="Show over the timeline of the Movie Clip Editor which frames are tracked and which have problems",
        default=_DEFAULTS.has_strip,
        update=_redraw,
    )
    takes_keys: BoolProperty(  # type: ignore[valid-type]
        name="Blender's Track Keys Track in the Session",
        description="Let Ctrl+T, Shift+Ctrl+T, Alt+Left Arrow and Alt+Right Arrow track in the session, "
        "which records each frame, in place of Blender's own tracker",
        default=_DEFAULTS.takes_keys,
    )
    farm_blender: StringProperty(  # type: ignore[valid-type]
        name="Blender on the Nodes",
        description="The path of Blender on the nodes of a farm; if empty, that of this Blender",
        default=_DEFAULTS.farm_blender,
    )
    farm_extension: StringProperty(  # type: ignore[valid-type]
        name="Extension There",
        description="The name of this extension on the nodes, such as bl_ext.system.tracking_sessions in a folder "
        "that all of them share; if empty, the one that it has here",
        default=_DEFAULTS.farm_extension,
    )
    farm_rules: StringProperty(  # type: ignore[valid-type]
        name="Path Rules",
        description="A file with rules by which the paths of this machine become those of the nodes, in the form of "
        "OpenJD; if empty, the nodes see the same paths",
        subtype="FILE_PATH",
        options=RELATIVE,
        default=_DEFAULTS.farm_rules,
    )
    farm_queue: StringProperty(  # type: ignore[valid-type]
        name="Queue",
        description="The partition of SLURM, the queue or the worker tag of Flamenco for all shots; if empty, the farm "
        "chooses",
        default=_DEFAULTS.farm_queue,
    )
    farm_url: StringProperty(  # type: ignore[valid-type]
        name="Flamenco Manager",
        description="The address of Flamenco's Manager",
        default=_DEFAULTS.farm_url,
    )

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "folder", placeholder="Beside the File")
        column = layout.column(heading="Recording")
        column.prop(self, "records")
        column.prop(self, "is_durable")
        column.prop(self, "saves_copy")
        column = layout.column(heading="Movie Clip Editor")
        column.prop(self, "has_strip")
        column.prop(self, "interval")
        column.prop(self, "takes_keys")
        column = layout.column()
        column.label(text="Farm")
        column.prop(self, "farm_blender", placeholder=bpy.app.binary_path)
        column.prop(self, "farm_extension", placeholder=TRACKING_SESSIONS_AP_preferences.bl_idname)
        column.prop(self, "farm_rules", placeholder="The Nodes See the Same Paths")
        column.prop(self, "farm_queue", placeholder="The Farm Chooses")
        column.prop(self, "farm_url", placeholder="http://farm:8080")


classes = (TRACKING_SESSIONS_AP_preferences,)
