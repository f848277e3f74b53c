# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py: tells where a mouse finds things, and gives two operators a key.

`ask-where` writes where.json, all in pixels from the upper left of the window: the `parts` of the active track's marker
on the current frame that can be dragged, the `box` of the region of the clip or the graph, and `x`, where the graph has
the frames 1 to 9. `ask-tracks` writes tracks.bin, the settings and packed markers of each track. `ask-search` shows the
search areas. The operators get the keys Y and U, as after Assign Shortcut.
"""

import json
import pickle
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.clip.markers import read_rows, read_settings

KEYS = {"clip.add_marker_at_click": "Y", "clip.add_marker_move": "U"}


def clip_editor():
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    kind = "PREVIEW" if area.spaces.active.view == "GRAPH" else "WINDOW"
    return window, area, next(region for region in area.regions if region.type == kind)


def where():
    window, area, region = clip_editor()
    left, bottom, height = region.x, region.y, window.height

    def on_screen(x, y):
        across, up = region.view2d.view_to_region(x, y, clip=False)
        return left + across, height - bottom - up

    track = bpy.data.movieclips[0].tracking.tracks.active
    marker = track.markers.find_frame(area.spaces.active.clip_user.frame_current)
    parts = {}
    if marker is not None:
        (x, y), (_, low_right, high_right, _) = marker.co, marker.pattern_corners
        parts = {
            "point": on_screen(x, y),
            "corner": on_screen(x + high_right[0], y + high_right[1]),
            "tilt": on_screen(x + low_right[0] + high_right[0], y + low_right[1] + high_right[1]),
            "search": on_screen(x + marker.search_max[0], y + marker.search_min[1]),
        }
    found = {
        "parts": parts,
        "box": [left, height - bottom - region.height, region.width, region.height],
        "x": [on_screen(frame, 0)[0] for frame in range(1, 10)],
    }
    Path("where.json").write_text(json.dumps(found), encoding="utf-8")


def tracks():
    found = {}
    for where in bpy.data.movieclips[0].tracking.objects:
        for track in where.tracks:
            settings = {name: value for name, value in read_settings(track).items() if not name.startswith("select")}
            found[where.name, track.name] = settings, read_rows(track, 0)
    Path("tracks.bin").write_bytes(pickle.dumps(found))


def search():
    clip_editor()[1].spaces.active.show_marker_search = True  # off by default; only what is shown can be dragged


def answer():
    for name, action in (("where", where), ("tracks", tracks), ("search", search)):
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


keymap = bpy.context.window_manager.keyconfigs.addon.keymaps.new("Clip Editor", space_type="CLIP_EDITOR")
for operator, key in KEYS.items():
    keymap.keymap_items.new(operator, key, "PRESS")
bpy.app.timers.register(answer, first_interval=1)
