# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender with a window: tracks the clip plate/ from an early and from a late frame, and measures each tick.

plan.json holds the start frames, the number of frames, and the positions of the tracks on the frames of the loop that
the clip repeats. `figures.json` holds for each start the seconds of each tick: its `own` work (without Blender's
tracking) by the clock and of the `processor`, the waiting for the `disk`, the writing of markers to the artist's tracks
(`showing`), the end of each of its `steps`; and the frames by which the tracks are `late`. A tick without steps writes
the session file or pending markers. It also holds the instants of the `events`, those of mouse `moves`, and the seconds
that each panel, the status bar and the strip took to draw (`drawn`).
"""

import json
import os
import time
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.clip import editor, markers
from bl_ext.user_default.tracking_sessions.bridge.tracking import live
from bl_ext.user_default.tracking_sessions.core.journal import rows as packed
from bl_ext.user_default.tracking_sessions.core.tracking import run
from bl_ext.user_default.tracking_sessions.operators import status
from bl_ext.user_default.tracking_sessions.operators import track as operators
from bl_ext.user_default.tracking_sessions.panels import review, session, sessions, strip

bpy.context.preferences.view.show_splash = False
bpy.context.preferences.use_preferences_save = False
PLAN = json.loads(Path("plan.json").read_text(encoding="utf-8"))
figures = {}
spent = {}
ticks, moves, events, drawn = [], [], [], {}


def timed(owner, name, key, at=None):
    """Let `spent` count the seconds of a function, and `at` the instants of its ends."""
    inner = getattr(owner, name)

    def outer(*args, **kwargs):
        begun, used = time.perf_counter(), time.thread_time()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[key] = spent.get(key, 0.0) + time.perf_counter() - begun
            spent[f"{key}, processor"] = spent.get(f"{key}, processor", 0.0) + time.thread_time() - used
            if at is not None:
                at.append(time.perf_counter())

    setattr(owner, name, outer)


ends = []
timed(editor.ClipEditor, "track", "track")
timed(run.Run, "step", "step", ends)
timed(run.Run, "flush_some", "showing")
timed(os, "fsync", "disk")
modal = operators.TracksLive.modal


def timed_modal(self, context, event):
    if event.type != "TIMER" or live.running() is None:
        return modal(self, context, event)
    spent.clear()
    ends.clear()
    begun, used = time.perf_counter(), time.thread_time()
    result = modal(self, context, event)
    took, used = time.perf_counter() - begun, time.thread_time() - used
    if live.running() is not None:  # the last tick, which ends the pass and writes all markers, does not count
        ticks.append(
            {
                "begun": begun,
                "took": took,
                "own": took - spent.get("track", 0.0),
                "processor": used - spent.get("track, processor", 0.0),
                "disk": spent.get("disk", 0.0),
                "showing": spent.get("showing", 0.0),
                "steps": [end - begun for end in ends],
                "late": abs(live.running().run.frame - live.running().run.displayed_frame),
            }
        )
    return result


operators.TracksLive.modal = timed_modal


def timed_drawing(owner, name, label):
    inner = getattr(owner, name)

    def outer(self=None, context=None):  # Blender passes as many arguments as the signature names
        begun = time.perf_counter()
        inner(*(argument for argument in (self, context) if argument is not None))
        drawn.setdefault(label, []).append(time.perf_counter() - begun)

    setattr(owner, name, outer)


panels = [kind for kind in (*session.classes, *sessions.classes, *review.classes) if issubclass(kind, bpy.types.Panel)]
for panel in reversed(panels):
    bpy.utils.unregister_class(panel)
for panel in panels:
    panel.bl_options = set()  # opened
    bpy.utils.register_class(panel)
    timed_drawing(panel, "draw", panel.bl_label)
timed_drawing(status, "draw_status", "Status bar")
strip.unregister()
timed_drawing(strip, "_draw", "Strip")
strip.register()


class Observer(bpy.types.Operator):
    """Note when Blender handles events"""

    bl_idname = "wm.observe_events"
    bl_label = "Observe"

    def invoke(self, context, event):
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if live.running() is None:
            return {"FINISHED", "PASS_THROUGH"}
        events.append(time.perf_counter())
        if event.type == "MOUSEMOVE":
            moves.append(time.perf_counter())
        return {"PASS_THROUGH"}


bpy.utils.register_class(Observer)


def show():
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    area.spaces.active.mode = "TRACKING"
    bpy.app.timers.register(prepare, first_interval=1)


def editor_area():
    return next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "CLIP_EDITOR")


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
    start = PLAN["starts"][len(figures)]
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(f"after-{start}.blend").absolute()))  # one session each
    space = editor_area().spaces.active
    space.clip = clip_with(start)
    space.show_region_ui = True
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 1, start + PLAN["frames"], start
    bpy.app.timers.register(begin, first_interval=1)


def begin():
    area = editor_area()
    regions = {region.type: region for region in area.regions}
    regions["UI"].active_panel_category = "Track"  # needs a sidebar that Blender has drawn
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=regions["WINDOW"]):
        bpy.ops.clip.view_all(fit_view=True)
        assert bpy.ops.tracking_sessions.track("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
        bpy.ops.wm.observe_events("INVOKE_DEFAULT")
    for samples in (ticks, moves, events, drawn):
        samples.clear()
    bpy.app.timers.register(wait, first_interval=0.5)


def wait():
    if live.running() is not None:
        return 0.5
    clip = bpy.data.movieclips[-1]
    last = min(max(marker.frame for marker in track.markers if not marker.mute) for track in clip.tracking.tracks)
    figures[str(PLAN["starts"][len(figures)])] = {
        "ticks": list(ticks),
        "moves": list(moves),
        "events": list(events),
        "drawn": dict(drawn),
        "last_frame": last,
        "tick": live.TICK,
    }
    bpy.data.movieclips.remove(clip)
    if len(figures) < len(PLAN["starts"]):
        bpy.app.timers.register(prepare, first_interval=0.1)
        return None
    Path("figures.json").write_text(json.dumps(figures), encoding="utf-8")
    print("measured", flush=True)
    return None


bpy.app.timers.register(show, first_interval=0.2)
