# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the recording of a clip on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bridge.clip.editor import redraw
from ..bridge.open_file import open_file
from ..bridge.sessions.recording import is_recorded, set_recorded
from .editor import InEditor

if TYPE_CHECKING:
    from bpy.types import Context


class TRACKING_SESSIONS_OT_toggle_recording(InEditor):
    """Record whatever happens to the tracks of this clip, whoever does it, or only the passes of this panel"""

    bl_idname = "tracking_sessions.toggle_recording"
    bl_label = "Record Everything"

    _works_while_owned = True

    def execute(self, context: Context) -> set[str]:
        clip = context.space_data.clip
        set_recorded(clip, wanted=not is_recorded(clip))
        open_file.forget()
        redraw(context)
        return {"FINISHED"}


classes = (TRACKING_SESSIONS_OT_toggle_recording,)
