# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist does about frames that are recorded but not in the open file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bridge import overview
from ..core.errors import TrackingSessionError
from .editor import InEditor, editor_of, redraw

if TYPE_CHECKING:
    from bpy.types import Context


class TRACKING_SESSIONS_OT_restore(InEditor):
    """Put the recorded frames into this file, without tracking on"""

    bl_idname = "tracking_sessions.restore"
    bl_label = "Restore Markers"
    bl_options = {"UNDO"}

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if not seen.is_missing:
            cls.poll_message_set("This file has all frames that are recorded")
        return seen.is_missing

    def execute(self, context: Context) -> set[str]:
        try:
            frame = overview.restore(editor_of(context))
        except TrackingSessionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Restored the recorded markers up to frame {frame}")
        redraw(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_start_fresh(InEditor):
    """Leave the recorded frames aside and begin a new session; the old one is kept"""

    bl_idname = "tracking_sessions.start_fresh"
    bl_label = "Start Fresh"

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if not (seen.name or seen.error):
            cls.poll_message_set("This clip has no session yet")
        return bool(seen.name or seen.error)

    def execute(self, context: Context) -> set[str]:
        try:
            overview.set_aside(context.space_data.clip)
        except TrackingSessionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        redraw(context)
        return {"FINISHED"}


classes = (TRACKING_SESSIONS_OT_restore, TRACKING_SESSIONS_OT_start_fresh)
