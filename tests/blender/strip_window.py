# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py and obeys `ask-toggle` (the strip) and `ask-redraw`.

`strip.json` holds the box of the main region of the Clip Editor, in pixels from the lower left of the window, its
frame, the colours of the strip and of its background, the seconds that the strip took in each redraw: during
tracking, without a change, and with another frame each time, and those of the whole redraws.
"""

import json
import time
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.panels import strip

REDRAWS = 200
durations = []
draw = strip._draw


def timed():
    started = time.perf_counter()
    draw()
    durations.append(time.perf_counter() - started)


strip.unregister()
strip._draw = timed
strip.register()


def editor():
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return area, region, bpy.context.temp_override(window=window, area=area, region=region)


def toggle():
    with editor()[2]:
        bpy.ops.tracking_sessions.toggle_strip()


def redraw():
    area, region, override = editor()
    user = area.spaces.active.clip_user
    shown = user.frame_current
    took = {"tracking": list(durations)}
    redraws = {}
    with override:
        for kind in ("same", "moved"):
            durations.clear()
            redraws[kind] = []
            for i in range(REDRAWS):
                if kind == "moved":
                    user.frame_current = 1 + i % 90
                started = time.perf_counter()
                bpy.ops.wm.redraw_timer(type="DRAW", iterations=1)
                redraws[kind].append(time.perf_counter() - started)
            took[kind] = list(durations)
    user.frame_current = shown
    area.tag_redraw()
    figures = {"x": region.x, "y": region.y, "width": region.width, "frame": shown, "took": took, "redraws": redraws}
    figures["background"] = strip.BACKGROUND
    figures["colours"] = [strip.COLOURS[kind] for kind in sorted(strip.COLOURS)]
    Path("strip.json").write_text(json.dumps(figures), encoding="utf-8")


def answer():
    for name, action in (("toggle", toggle), ("redraw", redraw)):
        request = Path(f"ask-{name}")
        if request.exists():
            request.unlink()
            action()
    return 0.1


bpy.app.timers.register(answer, first_interval=1)
