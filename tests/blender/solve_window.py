# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py and fit_window.py: of the parts of Session only Solve is open, and it obeys.

`ask-scene` writes scene.json: the camera of the scene and its lens, the names of the objects, the frame.
"""

import json
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.panels import sessions, solve

PANEL = solve.TRACKING_SESSIONS_PT_solve
for cls in (PANEL, *(cls for cls in sessions.classes if issubclass(cls, bpy.types.Panel))):
    bpy.utils.unregister_class(cls)
    cls.bl_options = set() if cls is PANEL else {"DEFAULT_CLOSED"}
    bpy.utils.register_class(cls)


def scene():
    found = bpy.context.scene
    camera = found.camera
    content = {
        "camera": camera.name if camera else "",
        "lens": camera.data.lens if camera else 0.0,
        "objects": [one.name for one in bpy.data.objects],
        "frame": found.frame_current,
        "weights": [track.weight for track in bpy.data.movieclips[0].tracking.tracks],
    }
    Path("scene.json").write_text(json.dumps(content), encoding="utf-8")


def answer():
    request = Path("ask-scene")
    if request.exists():
        scene()
        request.unlink()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
