# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender: makes a clip with the tracks of tracks.json, and saves it as the .blend named behind `--`, if any.

The clip is plate/, or the picture named behind the .blend.
"""

import json
import sys
from pathlib import Path

import bpy

arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
picture = Path(arguments[1] if len(arguments) > 1 else "plate/shot_0001.png")
clip = bpy.data.movieclips.load(str(picture.absolute()))
clip.use_fake_user = True
width, height = clip.size
for entry in json.loads(Path("tracks.json").read_text(encoding="utf-8"))["tracks"]:
    track = clip.tracking.tracks.new(name=entry["name"], frame=1)
    marker = track.markers[0]
    marker.co = entry["co"]
    x, y = entry["pattern_size"] / width / 2, entry["pattern_size"] / height / 2
    marker.pattern_corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    x, y = entry["search_size"] / width / 2, entry["search_size"] / height / 2
    marker.search_min, marker.search_max = (-x, -y), (x, y)
    track.select = True
scene = bpy.context.scene
scene.active_clip = clip
scene.frame_start, scene.frame_end = 1, clip.frame_duration
scene.frame_current = 1
if arguments:
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(arguments[0]).absolute()))
