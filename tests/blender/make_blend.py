# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender: a clip and the tracks of tracks.json, saved as the .blend named behind `--`, if any.

The clip is plate/, or that of the picture named behind the .blend.
"""

import json
import sys
from pathlib import Path

import bpy

said = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
picture = Path(said[1] if len(said) > 1 else "plate/shot_0001.png")
clip = bpy.data.movieclips.load(str(picture.absolute()))
clip.use_fake_user = True
width, height = clip.size
for one in json.loads(Path("tracks.json").read_text(encoding="utf-8"))["tracks"]:
    track = clip.tracking.tracks.new(name=one["name"], frame=1)
    marker = track.markers[0]
    marker.co = one["co"]
    x, y = one["pattern_size"] / width / 2, one["pattern_size"] / height / 2
    marker.pattern_corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    x, y = one["search_size"] / width / 2, one["search_size"] / height / 2
    marker.search_min, marker.search_max = (-x, -y), (x, y)
    track.select = True
scene = bpy.context.scene
scene.active_clip = clip
scene.frame_start, scene.frame_end = 1, clip.frame_duration
scene.frame_current = 1
if said:
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(said[0]).absolute()))
