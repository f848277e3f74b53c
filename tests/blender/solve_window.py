# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py and fit_window.py: of the parts of Session only Solve is open, and it obeys.

`ask-scene` writes scene.json: the camera of the scene and its lens, the names of the objects, the frame. `ask-choose`
chooses the solve that the file `choice` names, `ask-compare` opens the comparison, `ask-deselect` selects no
track, `ask-look` begins Track and Solve, which looks at a third of the footage and then waits.
"""

import json
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.solve import looking, solves
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


def choose():
    solves.SOLVES.choose(bpy.context, Path("choice").read_text(encoding="utf-8"))
    clip_area()[1].tag_redraw()


def compare():
    window, area = clip_area()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.wm.call_panel("INVOKE_DEFAULT", name=solve.TRACKING_SESSIONS_PT_compare.__name__)


def look():
    tick = looking.Looking.tick
    looking.Looking.tick = lambda self, *how: self.done > self.total / 3 or tick(self, *how)
    window, area = clip_area()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.tracking_sessions.track_and_solve("INVOKE_DEFAULT")


def deselect():
    for track in bpy.data.movieclips[0].tracking.tracks:
        track.select = False
    clip_area()[1].tag_redraw()


def clip_area():
    window = bpy.context.window_manager.windows[0]
    return window, next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")


ACTIONS = {"scene": scene, "choose": choose, "compare": compare, "deselect": deselect, "look": look}


def answer():
    for name, action in ACTIONS.items():
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
