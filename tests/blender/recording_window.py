# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py: writes down every tenth of a second what stands in the clip.

`log.bin` is a sequence of pickles: the time, and the packed markers of each track (tracking object, name), or None if
nothing has changed. They are also written before and after each look of the extension, so that all states that it can
have recorded are among them.
`ask-seen` writes what the panel knows of the session to seen.json, `ask-one` selects the first track only, and
`ask-mute-and-quit` mutes a marker on frame 1 and quits at once. With a file `open-passes` or `open-history` that panel
is open.
"""

import json
import pickle
import time
from pathlib import Path

import bpy
import numpy as np
from bl_ext.user_default.tracking_sessions.bridge import watch
from bl_ext.user_default.tracking_sessions.bridge.sessions import overview

INTERVAL = 0.1  # seconds
ROW = np.dtype([("frame", "<i4"), ("flags", "<u4"), ("values", "<f4", 14)])  # as in docs/format.md, without the number
VALUES = (("co", 0, 2), ("pattern_corners", 2, 8), ("search_min", 10, 2), ("search_max", 12, 2))
last = {}
log = Path("log.bin").open("wb", buffering=0)  # noqa: SIM115  # open until the kill


def packed(track):
    markers = track.markers
    rows = np.zeros(len(markers), ROW)

    def column(name, width, kind):
        values = np.empty(len(markers) * width, kind)
        markers.foreach_get(name, values)
        return values.reshape(len(markers), width)

    rows["frame"] = column("frame", 1, np.int32)[:, 0]
    rows["flags"] = column("mute", 1, bool)[:, 0] + 2 * column("is_keyed", 1, bool)[:, 0].astype(np.uint32)
    for name, start, width in VALUES:
        rows["values"][:, start : start + width] = column(name, width, np.float32)
    return rows.tobytes()


def write_down():
    if bpy.data.movieclips:
        tracking = bpy.data.movieclips[0].tracking
        state = {(where.name, track.name): packed(track) for where in tracking.objects for track in where.tracks}
        log.write(pickle.dumps((time.time(), state if state != last else None)))
        last.clear()
        last.update(state)
    return INTERVAL


def look():
    write_down()  # what the look records, as a kill may come before the next line
    wait = watch.tick()
    write_down()
    return wait


def seen():
    known = overview.overview(bpy.data.movieclips[0])
    fields = {name: getattr(known, name) for name in ("missing", "resume_frame", "in_question", "frames", "total")}
    fields |= {"followed": [len(summary.followed) for summary in known.resumable], "is_done": known.is_done}
    Path("seen.json").write_text(json.dumps(fields), encoding="utf-8")


def select_one():
    for number, track in enumerate(bpy.data.movieclips[0].tracking.tracks):
        track.select = number == 0


def mute_and_quit():
    bpy.data.movieclips[0].tracking.tracks[0].markers.find_frame(1).mute = True
    bpy.ops.wm.quit_blender()


def answer():
    for name, action in ACTIONS.items():
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return INTERVAL


ACTIONS = {"seen": seen, "one": select_one, "mute-and-quit": mute_and_quit}
for panel in ("passes", "history"):
    if Path(f"open-{panel}").exists():
        for name in (panel, "solve", "farm"):  # these come below the open one: the sidebar has no room for more
            kind = getattr(bpy.types, f"TRACKING_SESSIONS_PT_{name}")
            bpy.utils.unregister_class(kind)
            kind.bl_options = set() if name == panel else {"DEFAULT_CLOSED"}
            bpy.utils.register_class(kind)
bpy.app.timers.unregister(watch._tick)
bpy.app.timers.register(look, first_interval=watch.INTERVAL, persistent=True)
bpy.app.timers.register(write_down, first_interval=INTERVAL, persistent=True)
bpy.app.timers.register(answer, first_interval=1, persistent=True)
