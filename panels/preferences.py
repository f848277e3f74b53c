# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences of the extension; `bridge.preferences.Preferences` has the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty
from bpy.types import AddonPreferences

from ..bridge.clip.editor import redraw
from ..bridge.preferences import Preferences

if TYPE_CHECKING:
    from bpy.types import Context

_DEFAULTS = Preferences()
# Blender 4.2 always accepts such paths, and refuses the option
_RELATIVE: Any = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def _redraw(_: AddonPreferences, context: Context) -> None:
    redraw(context)


class TRACKING_SESSIONS_AP_preferences(AddonPreferences):
    bl_idname = (__package__ or "").rpartition(".")[0]

    folder: StringProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Session Folder",
        description="The folder for the sessions of all files; if empty, each file has a folder beside it",
        subtype="DIR_PATH",
        options=_RELATIVE,
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


classes = (TRACKING_SESSIONS_AP_preferences,)
