# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender with a window: shows the file's clip in a Movie Clip Editor with its sidebar, then obeys requests.

`window.json` holds the box of the sidebar, in pixels from the upper left of the window. A test makes a file in this
folder as a request; the script removes it after Blender has handled the request and all earlier events and has drawn:
`ask-nothing`, `ask-markers` (writes markers.json), `ask-save`, `ask-save-new` (as saved.blend), `ask-delete` (the
clip), `ask-workspace`, `ask-area` and `ask-mode` (show another workspace, area, mode), `ask-first-workspace` and
`ask-clip` (lead back), `ask-graph` (the Graph view), `ask-keys` (set the preference for Blender's Track keys),
`ask-track` (begin our pass, or print why it cannot begin), `ask-blender` (start Blender's tracker without a click or
key), `ask-slow` (let it track 12 frames a second at most), `ask-light` and `ask-dark` (the theme), `ask-load`
(other.blend) and `ask-quit`. With a file `open-sessions` that panel is open.
"""

import json
import struct
from pathlib import Path

import bpy

MARKER = struct.Struct("<iI14f")  # as in docs/format.md, without the number of the track
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.use_preferences_save = False


def clip_area():
    window = bpy.context.window_manager.windows[0]
    return window, max(window.screen.areas, key=lambda area: area.width * area.height)


def show():
    show_clip()
    bpy.app.timers.register(choose_tab, first_interval=0.05)


def show_clip():
    _, area = clip_area()
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.mode, space.view = "TRACKING", "CLIP"
    space.clip = bpy.data.movieclips[0] if bpy.data.movieclips else None
    space.show_region_ui = True


def choose_tab():
    window, area = clip_area()
    region = next(region for region in area.regions if region.type == "UI")
    if region.active_panel_category == "UNSUPPORTED":  # the sidebar has not been drawn yet
        return 0.05
    if region.active_panel_category != "Track":
        region.active_panel_category = "Track"
        return 0.05
    tracks = bpy.data.movieclips[0].tracking.tracks
    tracks.active = tracks[0]
    with bpy.context.temp_override(window=window, area=area, region=window_region(area)):
        bpy.ops.clip.view_all(fit_view=True)
    box = {
        "left": region.x,
        "top": window.height - region.y - region.height,
        "width": region.width,
        "height": region.height,
        "scale": bpy.context.preferences.system.ui_scale,
    }
    Path("window.json").write_text(json.dumps(box), encoding="utf-8")
    bpy.app.timers.register(lambda: print("ready", flush=True), first_interval=0.2)  # the sidebar fades in
    bpy.app.timers.register(answer, first_interval=0.05)


def window_region(area):
    return next(region for region in area.regions if region.type == "WINDOW")


def answer():
    while answered:  # by the call before; since then Blender has fetched events, handled them and drawn
        answered.pop().unlink(missing_ok=True)
    for name, action in ACTIONS.items():
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            answered.append(request)
    return 0.05


def nothing():
    pass


def markers():
    tracks = []
    for tracking_object in bpy.data.movieclips[0].tracking.objects:
        for track in tracking_object.tracks:
            tracks.append([tracking_object.name, track.name, [packed(marker) for marker in track.markers]])
    Path("markers.json").write_text(json.dumps(tracks), encoding="utf-8")


def packed(marker):
    corners = [value for corner in marker.pattern_corners for value in corner]
    flags = marker.mute + 2 * marker.is_keyed
    values = (*marker.co, *corners, *marker.search_min, *marker.search_max)
    return MARKER.pack(marker.frame, flags, *values).hex()


def save():
    bpy.ops.wm.save_mainfile()


def save_new():
    bpy.ops.wm.save_as_mainfile(filepath=str(Path("saved.blend").absolute()))


def open_sessions():
    kind = bpy.types.TRACKING_SESSIONS_PT_sessions
    bpy.utils.unregister_class(kind)
    kind.bl_options = set()
    bpy.utils.register_class(kind)


def delete():
    bpy.data.movieclips.remove(bpy.data.movieclips[0])


def other_workspace():
    bpy.context.window_manager.windows[0].workspace = bpy.data.workspaces["Modeling"]


def other_area():
    clip_area()[1].type = "VIEW_3D"


def other_mode():
    clip_area()[1].spaces.active.mode = "MASK"


def first_workspace():
    bpy.context.window_manager.windows[0].workspace = bpy.data.workspaces["Layout"]


def graph():
    clip_area()[1].spaces.active.view = "GRAPH"


def keys():
    addons = bpy.context.preferences.addons
    ours = next(addon for addon in addons if addon.module.endswith(".tracking_sessions"))
    ours.preferences.takes_keys = True


def track():
    window, area = clip_area()
    with bpy.context.temp_override(window=window, area=area, region=window_region(area)):
        try:
            bpy.ops.tracking_sessions.track("INVOKE_DEFAULT")
        except RuntimeError as error:
            print(error, flush=True)


def slow():
    bpy.data.movieclips[0].tracking.settings.speed = "HALF"


def blender_tracks():
    window, area = clip_area()
    with bpy.context.temp_override(window=window, area=area, region=window_region(area)):
        bpy.ops.clip.track_markers("INVOKE_DEFAULT", sequence=True)


def theme(name):
    folder = bpy.utils.preset_paths("interface_theme")[0]
    file = str(Path(folder) / f"Blender_{name}.xml")
    bpy.ops.script.execute_preset(filepath=file, menu_idname="USERPREF_MT_interface_theme_presets")


def light():
    theme("Light")


def dark():
    theme("Dark")


def load():
    Path("ask-load").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(Path("other.blend").absolute()))


def leave():
    Path("ask-quit").unlink()
    bpy.ops.wm.quit_blender()


answered = []
ACTIONS = {
    "nothing": nothing,
    "markers": markers,
    "save": save,
    "save-new": save_new,
    "delete": delete,
    "workspace": other_workspace,
    "area": other_area,
    "mode": other_mode,
    "first-workspace": first_workspace,
    "clip": show_clip,
    "graph": graph,
    "keys": keys,
    "track": track,
    "slow": slow,
    "blender": blender_tracks,
    "light": light,
    "dark": dark,
    "load": load,
    "quit": leave,
}
if Path("open-sessions").exists():
    open_sessions()
bpy.app.timers.register(show, first_interval=0.2)
