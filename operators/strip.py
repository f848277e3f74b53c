# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows or hides the strip over the timeline of the Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bridge.clip.editor import redraw
from ..bridge.preferences import stored_preferences
from .editor import Polled

if TYPE_CHECKING:
    from bpy.types import Context


class TRACKING_SESSIONS_OT_toggle_strip(Polled):
    """Show or hide over the timeline which frames are tracked or to come, have too few tracks for a solve (low), \
lost tracks (orange), or are not in the file (dashed), and which a review has approved (green), finds suspect (yellow) \
or failed (red)"""

    bl_idname = "tracking_sessions.toggle_strip"
    bl_label = "Session Strip"

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        return "Enable the extension in the Preferences first" if stored_preferences() is None else ""

    def execute(self, context: Context) -> set[str]:
        stored = stored_preferences()
        stored.has_strip = not stored.has_strip
        context.preferences.is_dirty = True  # so that Blender saves the change
        redraw(context)
        return {"FINISHED"}


classes = (TRACKING_SESSIONS_OT_toggle_strip,)
