# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py and review_window.py.

`ask-review` begins a review by an audit, `ask-button` writes button.json: the boxes of the Review panel's end.
`ask-hand` selects one track alone, makes it active and goes to frame 1016, for a drag with G.
"""

from pathlib import Path

import bpy


def in_editor(act):
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        act()


def review():
    in_editor(lambda: bpy.ops.tracking_sessions.audit("EXEC_DEFAULT", level="FULL"))


def hand():
    clip = bpy.data.movieclips[0]
    names = sorted(track.name for track in clip.tracking.tracks if "Survives" in track.name)
    for track in clip.tracking.tracks:
        track.select = track.name == names[-1]
    clip.tracking.tracks.active = clip.tracking.tracks[names[-1]]
    bpy.context.scene.frame_current = 1016
    in_editor(lambda: bpy.ops.ed.undo_push(message="Choose"))


def dropped():
    """Give up what is left of the passes, so that the session can be committed."""
    from bl_ext.user_default.tracking_sessions.bridge.sessions import recovery
    from bl_ext.user_default.tracking_sessions.bridge.sessions.recording import recording_of

    clip = bpy.data.movieclips[0]
    for known in recording_of(clip).session.unfinished:
        recovery.drop_pass(clip, known.number)


def answer():
    for name, action in (("review", review), ("hand", hand), ("dropped", dropped)):
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
