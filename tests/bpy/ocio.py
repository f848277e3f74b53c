# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend on a machine whose OCIO configuration lacks the colour space of its clip."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.tests.bpy.tracker import place

MISSING = "does not have the colour space of the clip"
_CONFIGURATION = """ocio_profile_version: 1
displays:
  mon:
    - !<View> {name: Standard, colorspace: lin}
active_displays: [mon]
active_views: [Standard]
colorspaces:
  - !<ColorSpace> {name: lin, family: lin}
  - !<ColorSpace> {name: tex, family: tex}
  - !<ColorSpace> {name: raw, family: raw, isdata: true}
roles: {default: lin, scene_linear: lin, color_picking: tex, data: raw, ROLES}
"""
ROLES = {
    "byte and float": "default_byte: tex, default_float: lin, default_sequencer: tex",
    "neither": "texture_paint: tex, compositing_log: tex",  # a name of ACES
}


def elsewhere(folder: Path, roles: str) -> dict[str, str]:
    """The environment of a machine whose OCIO configuration lacks all of Blender's colour spaces."""
    path = folder / "other.ocio"
    path.write_text(_CONFIGURATION.replace("ROLES", ROLES[roles]), encoding="utf-8")
    return {**os.environ, "OCIO": str(path)}


def make_blend(files: list[Path], blend: Path) -> None:
    """A file with a clip, with some tracks on frame 1, all selected, and with a scene of the clip's length."""
    clip: Any = bpy.data.movieclips.load(str(files[0]))
    clip.use_fake_user = True
    assert clip.colorspace_settings.name
    for index, x in enumerate((0.4, 0.5, 0.6)):
        track = clip.tracking.tracks.new(name=f"T{index}", frame=1)
        place(clip, track.markers[0], (x, 0.5))
        track.select = True
    scene = bpy.context.scene
    scene.frame_end, scene.active_clip = len(files), clip
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
