# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender with a window: Track Forwards on the clip plate/, with the extension enabled and disabled in turns.

plan.json holds the `starts`, each with its number of `frames` and of `turns`, and the positions of the `tracks` on the
frames of the loop that the clip repeats. Each turn has a clip of its own and a file of its own, and thus a new session.
`figures.json` holds for each start a list of turns: whether the extension was enabled (`on`), the seconds of the job by
the clock and of the processors, those of the processor in the extension's own code on Blender's main thread (`own`:
looking, recording, drawing), and the last frame tracked.
"""

import importlib
import json
import time
from pathlib import Path

import addon_utils
import bpy
from bl_ext.user_default.tracking_sessions.bridge.clip import markers
from bl_ext.user_default.tracking_sessions.core.journal import rows as packed

bpy.context.preferences.view.show_splash = False
bpy.context.preferences.use_preferences_save = False
MODULE = "bl_ext.user_default.tracking_sessions"
PLAN = json.loads(Path("plan.json").read_text(encoding="utf-8"))
TURNS = [
    (start, frames, turn % 4 in (0, 3))  # neither is always first
    for start, frames, turns in PLAN["starts"]
    for turn in range(2 * turns)
]
figures = []
begun = []
own = []  # seconds of the processor in each call


def measured(function):
    """The function of two arguments at most, whose seconds go to `own`."""

    def call(first=None, second=None):
        begin = time.thread_time()
        try:
            return function(*(value for value in (first, second) if value is not None))
        finally:
            own.append(time.thread_time() - begin)

    return call


def measure():
    """Measure the timer, the strip and the panels of the extension, before it is enabled."""
    watch, strip = (importlib.import_module(f"{MODULE}.{name}") for name in ("bridge.watch", "panels.strip"))
    watch.tick, strip._draw = measured(watch.tick), measured(strip._draw)
    registration = importlib.import_module(f"{MODULE}.registration")
    for shown in registration._CLASSES:
        if issubclass(shown, bpy.types.Panel):
            shown.draw = measured(shown.draw)


def editor():
    window = bpy.context.window_manager.windows[0]
    return window, max(window.screen.areas, key=lambda area: area.width * area.height)


def show():
    _, area = editor()
    area.type = "CLIP_EDITOR"
    area.spaces.active.mode = "TRACKING"
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(prepare, first_interval=1)


def clip_with(tracked):
    """The clip, whose tracks have a marker on each of the frames 1 to `tracked`."""
    clip = bpy.data.movieclips.load(str(sorted(Path("plate").iterdir())[0].absolute()))
    for name, path in PLAN["tracks"].items():
        track = clip.tracking.tracks.new(name=name, frame=1)
        track.markers[0].co = path[0]
        first = markers.read_rows(track, 0)
        head = packed.MARKER.unpack(first)
        rows = [packed.MARKER.pack(0, n, 0, *path[(n - 1) % len(path)], *head[5:]) for n in range(2, tracked + 1)]
        markers.write_rows(track, first + b"".join(rows))
        track.select = True
    return clip


def prepare():
    start, frames, is_on = TURNS[len(figures)]
    for clip in list(bpy.data.movieclips):
        bpy.data.movieclips.remove(clip)
    addon_utils.disable(MODULE)
    if is_on:
        addon_utils.enable(MODULE)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(f"turn-{len(figures)}.blend").absolute()))
    _, area = editor()
    area.spaces.active.clip = clip_with(start)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 1, start + frames, start
    bpy.app.timers.register(begin, first_interval=3)  # the extension has read the clip


def begin():
    window, area = editor()
    region = next(region for region in area.regions if region.type == "WINDOW")
    sidebar = next(region for region in area.regions if region.type == "UI")
    if TURNS[len(figures)][2]:
        sidebar.active_panel_category = "Track"
    with bpy.context.temp_override(window=window, area=area, region=region):
        own.clear()
        begun[:] = time.perf_counter(), time.process_time()
        assert bpy.ops.clip.track_markers("INVOKE_DEFAULT", sequence=True) == {"RUNNING_MODAL"}
    bpy.app.timers.register(wait, first_interval=0.1)


def wait():
    if bpy.context.window_manager.is_interface_locked:  # the operator stays modal until the next event
        return 0.005
    clock, processors = time.perf_counter() - begun[0], time.process_time() - begun[1]
    start, _, is_on = TURNS[len(figures)]
    tracks = bpy.data.movieclips[0].tracking.tracks
    last = min(max(marker.frame for marker in track.markers if not marker.mute) for track in tracks)
    turn = {"start": start, "on": is_on, "clock": clock, "processors": processors, "own": sum(own)}
    turn["last_frame"] = last
    turn["file"] = f"turn-{len(figures)}"
    figures.append(turn)
    print("turn", turn, flush=True)
    if len(figures) < len(TURNS):
        bpy.app.timers.register(prepare, first_interval=1.5)  # what is left is recorded
        return None
    Path("figures.json").write_text(json.dumps(figures), encoding="utf-8")
    bpy.app.timers.register(lambda: print("measured", flush=True), first_interval=1.5)
    return None


measure()
bpy.app.timers.register(show, first_interval=0.2)
