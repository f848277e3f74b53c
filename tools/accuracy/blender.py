# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera by Blender's own operators alone, in a process of its own: `python blender.py REQUEST RESULT`.

REQUEST is the JSON of a `solved.Request`, RESULT the .npz that `solved.py` reads: `tracks` [tracks, frames, 2], pixels
from the lower left, NaN without a marker; `frames` [n] and `matrices` [n, 3, 4] of the cameras, Blender's axes;
`focal`, pixels; `error`, pixels, NaN if the solve failed; `points`; `track_seconds`, `solve_seconds`; `reason` of a
failure.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.tools.accuracy.solved import Request

THRESHOLD, DISTANCE = 0.1, 40.0
"""Of the detection; the distance is that for pictures 960 wide."""


def main(request: Request, result: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    clip = _opened(request)
    window: Any = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode = clip, "TRACKING"
    region = next(one for one in area.regions if one.type == "WINDOW")
    tracking: Any = clip.tracking
    scale = request.size[0] / 960
    if request.is_recipe:
        settings = tracking.settings
        settings.default_motion_model = "Affine"
        settings.default_correlation_min = 0.9
        settings.default_pattern_size, settings.default_search_size = round(31 * scale), round(71 * scale)
    with bpy.context.temp_override(window=window, area=area, region=region):
        began = time.monotonic()
        frame = len(request.names) // 2 if request.is_recipe else 1
        _go(space, frame)
        bpy.ops.clip.detect_features(threshold=THRESHOLD, min_distance=round(DISTANCE * scale), placement="FRAME")
        _track(space, frame, backwards=False)
        if request.is_recipe:
            _go(space, frame)
            bpy.ops.clip.select_all(action="SELECT")
            _track(space, frame, backwards=True)
        tracked = time.monotonic()
        reason = _solve(tracking, request)
        solved = time.monotonic()
    _write(result, tracking, request, reason, (tracked - began, solved - tracked))


def _opened(request: Request) -> Any:
    clip: Any = bpy.data.movieclips.load(request.first)
    if clip.frame_duration != len(request.names):
        raise SystemExit(f"Blender counts {clip.frame_duration} frames instead of {len(request.names)}")
    clip.tracking.camera.sensor_width = request.sensor
    clip.tracking.camera.focal_length = request.focal
    return clip


def _go(space: Any, frame: int) -> None:
    bpy.context.scene.frame_set(frame)
    space.clip_user.frame_current = frame  # the tracker starts there; nothing follows the scene without a window


def _track(space: Any, frame: int, *, backwards: bool) -> None:
    _go(space, frame)
    try:
        bpy.ops.clip.track_markers(backwards=backwards, sequence=True)
    except RuntimeError as error:
        print(error)  # nothing to track


def _solve(tracking: Any, request: Request) -> str:
    settings = tracking.settings
    settings.use_keyframe_selection = True
    settings.refine_intrinsics_focal_length = "FOCAL_LENGTH" in request.refine
    try:
        bpy.ops.clip.solve_camera()
    except RuntimeError as error:
        return str(error).strip()
    return ""


def _write(result: Path, tracking: Any, request: Request, reason: str, seconds: tuple[float, float]) -> None:
    tracks = np.full((len(tracking.tracks), len(request.names), 2), np.nan)
    for index, track in enumerate(tracking.tracks):
        for marker in track.markers:
            if not marker.mute and 1 <= marker.frame <= len(request.names):
                tracks[index, marker.frame - 1] = np.array(marker.co) * request.size
    cameras: Any = [] if reason else sorted(tracking.reconstruction.cameras, key=lambda camera: camera.frame)
    np.savez_compressed(
        result,
        tracks=tracks,
        frames=np.array([camera.frame for camera in cameras], np.intp),
        matrices=np.array([camera.matrix for camera in cameras], np.float64).reshape(-1, 4, 4)[:, :3],
        focal=tracking.camera.focal_length / tracking.camera.sensor_width * request.size[0],
        error=np.nan if reason else tracking.reconstruction.average_error,
        points=0 if reason else sum(track.has_bundle for track in tracking.tracks),
        track_seconds=seconds[0],
        solve_seconds=seconds[1],
        reason=reason,
    )


if __name__ == "__main__":
    values = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    values |= {name: tuple(values[name]) for name in ("names", "size", "refine")}
    main(Request(**values), Path(sys.argv[2]))
