# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows or hides the strip over the timeline of the Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpy.types import Operator

from ..bridge.clip.editor import redraw
from ..bridge.preferences import stored_preferences

if TYPE_CHECKING:
    from bpy.types import Context


class TRACKING_SESSIONS_OT_toggle_strip(Operator):
    """Show over the timeline which frames are tracked and on which tracks got lost, or hide that"""

    bl_idname = "tracking_sessions.toggle_strip"
    bl_label = "Session Strip"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if stored_preferences() is None:
            cls.poll_message_set("Enable the extension in the Preferences first")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        stored = stored_preferences()
        stored.has_strip = not stored.has_strip
        context.preferences.is_dirty = True  # so that Blender saves them as after any other change
        redraw(context)
        return {"FINISHED"}


classes = (TRACKING_SESSIONS_OT_toggle_strip,)
