# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py, with 20 problems in the clip.

`ask-slips` moves markers of 20 tracks, each on a frame of its own, as a tracker that slips; `ask-unselect` selects no
track; `ask-graph-below` shows the Graph view in the lower half of the editor. `ask-look` writes look.json: the frame,
the selected tracks, the disabled markers, the slips, and for each where a person clicks on its curve and on its frame
in the graph, in pixels from the upper left of the window.
"""

import json
from pathlib import Path

import bpy

COUNT, FIRST, STEP = 20, 8, 3  # problems, the frame of the first one, frames from one to the next
SMALLEST = 8  # pixels


def slips():
    """The track, the frame and the pixels of each problem."""
    tracks = sorted(bpy.data.movieclips[0].tracking.tracks, key=lambda track: track.name)
    for i, track in enumerate(tracks[:COUNT]):
        yield track, FIRST + STEP * i, (SMALLEST + i) * (-1) ** i


def slip():
    clip = bpy.data.movieclips[0]
    for track, frame, pixels in slips():
        track.markers.find_frame(frame).co[0] += pixels / clip.size[0]
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Slip")


def unselect():
    tracks = bpy.data.movieclips[0].tracking.tracks
    for track in tracks:
        track.select = False
    tracks.active = tracks[COUNT]  # one without a problem


def editors():
    window = bpy.context.window_manager.windows[0]
    return window, [area for area in window.screen.areas if area.type == "CLIP_EDITOR"]


def graph_below():
    window, (area,) = editors()
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.5)
    area = min(editors()[1], key=lambda area: area.y)
    area.spaces.active.view = "GRAPH"
    area.spaces.active.show_region_ui = False


def look():
    window, areas = editors()
    clip = bpy.data.movieclips[0]
    found = {
        "frame": bpy.context.scene.frame_current,
        "selected": [track.name for track in clip.tracking.tracks if track.select],
        "disabled": [[t.name, m.frame] for t in clip.tracking.tracks for m in t.markers if m.mute and 0 < m.frame < 80],
        "slips": [[track.name, frame] for track, frame, _ in slips()],
    }
    graphs = [area for area in areas if area.spaces.active.view == "GRAPH"]
    if graphs:
        found["spikes"] = [spike(window, graphs[0], clip, track, frame) for track, frame, _ in slips()]
    Path("look.json").write_text(json.dumps(found), encoding="utf-8")


def spike(window, area, clip, track, frame):
    """Half-way down from the spike to the next frame, and the same height on its own frame.

    The graph shows the pixels that a marker has moved since the frame before.
    """
    region = next(region for region in area.regions if region.type == "PREVIEW")
    before, now, after = (
        track.markers.find_frame(number).co[0] * clip.size[0] for number in range(frame - 1, frame + 2)
    )
    height = (now - before) * 0.75 + (after - now) * 0.25
    points = [region.view2d.view_to_region(x, height, clip=False) for x in (frame + 0.25, frame)]
    return [[region.x + x, window.height - region.y - y] for x, y in points]


def answer():
    for name, action in (("slips", slip), ("unselect", unselect), ("graph-below", graph_below), ("look", look)):
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
