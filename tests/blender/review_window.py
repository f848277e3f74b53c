# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py.

`ask-jumps` moves markers of the tracks that survive, as a tracker that slips: by 60 pixels on frame 12, 40 on frame 20
and 25 on frame 30. `ask-state` writes review.json: the frame, the names of the selected tracks, the zoom, and the
keys of ours that collide with one of Blender's.
"""

import json
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.operators import keys

JUMPS = {12: 60, 20: 40, 30: 25}
HELD = ("any", "shift", "ctrl", "alt", "oskey", "key_modifier")
IN_EDITOR = {"Window", "Screen", "Screen Editing", "Frames"} | {
    "Clip",
    "Clip Editor",
    "Clip Graph Editor",
    "Clip Dopesheet Editor",
}
"""The keymaps that Blender asks in the editor, all of them in mode Tracking."""


def editor():
    window = bpy.context.window_manager.windows[0]
    return next(area for area in window.screen.areas if area.type == "CLIP_EDITOR").spaces.active


def jumps():
    clip = bpy.data.movieclips[0]
    tracks = sorted((track for track in clip.tracking.tracks if "Survives" in track.name), key=lambda track: track.name)
    for track, (frame, pixels) in zip(tracks, JUMPS.items(), strict=False):
        track.markers.find_frame(frame).co[0] += pixels / clip.size[0]
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Slip")


def state():
    clip = bpy.data.movieclips[0]
    found = {
        "frame": bpy.context.scene.frame_current,
        "selected": [track.name for track in clip.tracking.tracks if track.select],
        "muted": [[t.name, m.frame] for t in clip.tracking.tracks if t.select for m in t.markers if m.mute],
        "zoom": editor().zoom_percentage,
        "collisions": collisions(),
    }
    Path("review.json").write_text(json.dumps(found), encoding="utf-8")


def collisions():
    ours = {held(item): item.idname for _, item in keys._items if "track_by_key" not in item.idname}
    assert len(ours) == len(keys.REVIEW_KEYS), "two of ours are the same"
    config = bpy.context.window_manager.keyconfigs.default
    theirs = [item for keymap in config.keymaps if keymap.name in IN_EDITOR for item in keymap.keymap_items]
    assert len(theirs) > 100
    return [[item.idname, ours[held(item)]] for item in theirs if item.active and held(item) in ours]


def held(item):
    return (item.type, *(getattr(item, name) for name in HELD))


def answer():
    for name, action in (("jumps", jumps), ("state", state)):
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
