# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py, shows the History panel open, and works on its states.

`ask-edit` deletes markers of the first track, `ask-choose` chooses the oldest state once the list has three,
`ask-back` goes back to the state chosen in the list, and `ask-undo` undoes.
"""

from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.sessions.states import STATES
from bl_ext.user_default.tracking_sessions.panels import history

panel = history.TRACKING_SESSIONS_PT_history
bpy.utils.unregister_class(panel)
panel.bl_options = set()
bpy.utils.register_class(panel)


def override():
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def edit():
    tracks = bpy.data.movieclips[0].tracking.tracks
    for frame in range(3, 10):
        tracks[0].markers.delete_frame(frame)
    bpy.ops.ed.undo_push(message="Delete Markers")


def back():
    bpy.ops.tracking_sessions.go_back("INVOKE_DEFAULT", True)  # as a click: with an undo step


def undo():
    bpy.ops.ed.undo()


def choose():
    states = STATES.data(bpy.context)
    if len(states.entries) < 3:  # a timer fills the list
        return False
    states.active = len(states.entries) - 1
    return True


def answer():
    for name, action in (("edit", edit), ("back", back), ("undo", undo), ("choose", choose)):
        request = Path(f"ask-{name}")
        if request.exists():
            with override():
                is_done = action()
            if is_done is not False:
                request.unlink()
    return 0.1


bpy.app.timers.register(answer, first_interval=1)
