# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips whose markers are the pictures of points in space through a lens, and cameras that Blender solves from them."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review.camera import lens_of
from tracking_sessions.tests.bpy.window import inside

FRAMES = 60
NOISE = 0.05  # pixels
LENSES = {
    "POLYNOMIAL": {"k1": -0.1, "k2": 0.02, "k3": 0.005},
    "DIVISION": {"division_k1": -0.1, "division_k2": 0.02},
    "NUKE": {"nuke_k1": -0.05, "nuke_k2": 0.01},
    "BROWN": {"brown_k1": -0.1, "brown_k2": 0.02, "brown_k4": 0.01, "brown_p1": 0.01, "brown_p2": -0.02},
}


def set_lens(clip: Any, model: str, **values: Any) -> None:
    """A lens of 36 mm on a sensor as wide, with this distortion."""
    camera = clip.tracking.camera
    camera.sensor_width, camera.focal_length, camera.distortion_model = 36.0, 36.0, model
    for name, value in (LENSES[model] | values).items():
        setattr(camera, name, value)


def seen(clip: Any, count: int, *, is_tripod: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
    """[tracks, FRAMES] each: x and y, pixels from the centre of the picture, by a camera that moves right and turns."""
    rng = np.random.default_rng(5)
    depth = np.exp(rng.uniform(np.log(3), np.log(20), (count, 1)))
    x, y = (rng.uniform(-part, part, (count, 1)) * depth for part in (0.4, 0.25))
    time = np.arange(FRAMES)
    turn, moved = 0.03 * np.sin(time / 20), (0.0 if is_tripod else 0.01) * time
    x, z = x - moved, depth - 0.3 * moved
    x, z = x * np.cos(turn) - z * np.sin(turn), x * np.sin(turn) + z * np.cos(turn)
    lens = lens_of(clip)
    u, v = lens.distorted(x / z * lens.focal, y / z * lens.focal)
    return u + rng.normal(0, NOISE, u.shape), v + rng.normal(0, NOISE, v.shape)


def put(clip: Any, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Give the tracks of the clip these markers, and no others."""
    width, height = clip.size
    for index, track in enumerate(clip.tracking.tracks):
        for frame in [marker.frame for marker in track.markers if not 1 <= marker.frame <= FRAMES]:
            track.markers.delete_frame(frame)
        for frame in range(1, FRAMES + 1):
            co = x[index, frame - 1] / width + 0.5, y[index, frame - 1] / height + 0.5
            track.markers.insert_frame(frame, co=co).mute = False


def solve(editor: ClipEditor, *, is_tripod: bool = False) -> Any:
    """Solve the camera; returns its reconstruction."""
    tracking: Any = editor.clip.tracking
    tracking.settings.use_tripod_solver, tracking.settings.use_keyframe_selection = is_tripod, False
    camera = tracking.objects[0]
    camera.keyframe_a, camera.keyframe_b = 1, FRAMES - 10
    with inside(editor):
        assert bpy.ops.clip.solve_camera() == {"FINISHED"}
    assert camera.reconstruction.is_valid and camera.reconstruction.average_error < 0.2
    return camera.reconstruction
