# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py: gives Re-track and Fill Gap a key, and a track its faults.

`ask-jump` moves the markers of one track on the frames 40 to 44, `ask-gap` deletes them, `ask-slip` moves all from 40
on; each selects this track alone and goes to a frame from which the fault can be mended, with an undo step.
"""

from pathlib import Path

import bpy

KEYS = {"retrack_forwards": "Y", "retrack_backwards": "U", "fill_gap": "O"}
NAME = "Survives.01"
BAD = range(40, 45)


def tracks():
    return bpy.data.movieclips[0].tracking.tracks


def choose(frame):
    for track in tracks():
        track.select = track.name == NAME
    bpy.context.scene.frame_current = frame
    bpy.ops.ed.undo_push(message="Fault")


def move(frames):
    width, height = bpy.data.movieclips[0].size
    for frame in frames:
        marker = tracks()[NAME].markers.find_frame(frame)
        marker.co = marker.co[0] + 6 / width, marker.co[1] - 4 / height
    choose(BAD.start - 1)


def jump():
    move(BAD)


def slip():
    move(range(BAD.start, 101))


def gap():
    for frame in BAD:
        tracks()[NAME].markers.delete_frame(frame)
    choose(BAD[2])


def answer():
    for name, action in (("jump", jump), ("slip", slip), ("gap", gap)):
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


keymap = bpy.context.window_manager.keyconfigs.addon.keymaps.new("Clip Editor", space_type="CLIP_EDITOR")
for operator, key in KEYS.items():
    keymap.keymap_items.new(f"tracking_sessions.{operator}", key, "PRESS")
bpy.app.timers.register(answer, first_interval=1)
