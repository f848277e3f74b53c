# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py: opens all parts of the Session panel, counts frames from 1001, and obeys.

`ask-scaled` and `ask-unscaled` set the interface scale (1.5 and 1), `ask-freeze` and `ask-thaw` stop a running pass
between two frames. `box.json` then holds the box of the sidebar, in pixels from the
upper left of the window, and that of the editor's main region.
"""

import json
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.tracking import live
from bl_ext.user_default.tracking_sessions.panels import sessions

FIRST = 1001
tick = live.LivePass.tick
for cls in sessions.classes:
    if issubclass(cls, bpy.types.Panel):
        bpy.utils.unregister_class(cls)
        cls.bl_options = set()
        bpy.utils.register_class(cls)


def count_from_the_file():
    clip, scene = bpy.data.movieclips[0], bpy.context.scene
    frame = scene.frame_current - clip.frame_start
    clip.frame_start = FIRST
    scene.frame_start, scene.frame_end = FIRST, FIRST + clip.frame_duration - 1
    scene.frame_current = FIRST + frame


def scale(factor):
    bpy.context.preferences.view.ui_scale = factor


def freeze():
    live.LivePass.tick = lambda self: True


def thaw():
    live.LivePass.tick = tick


def box():
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
    found = {}
    for region in area.regions:
        if region.type in ("UI", "WINDOW"):
            top = window.height - region.y - region.height
            found[region.type] = [region.x, top, region.width, region.height]
    Path("box.json").write_text(json.dumps(found), encoding="utf-8")


ACTIONS = {
    "scaled": lambda: scale(1.5),
    "unscaled": lambda: scale(1.0),
    "freeze": freeze,
    "thaw": thaw,
    "box": box,
}
answered = []


def answer():
    while answered:
        answered.pop().unlink(missing_ok=True)
    for name, action in ACTIONS.items():
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            for area in bpy.context.window_manager.windows[0].screen.areas:
                area.tag_redraw()
            answered.append(request)
    return 0.1


bpy.app.timers.register(count_from_the_file, first_interval=0.1)
bpy.app.timers.register(answer, first_interval=1)
