# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves cameras with Blender (libmv), in a clip of its own that has no footage but a blank picture of its size."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ...core.model.types import COEFFICIENTS
from ...core.review.distortion import CameraLens
from ...core.review.motion import Motion
from ...core.review.regression import Floats
from ...core.solve.solver import FOCAL, RADIAL, Attempt, Solution, SolveFailed
from ..clip.editor import ClipEditor, background_editor

if TYPE_CHECKING:
    from bpy.types import MovieClip

_PNG = b"\x89PNG\r\n\x1a\n"


class BlenderSolver:
    """Solves the markers of one motion; a `core.solve.solver.Solver`. Blender must have no window."""

    def __init__(self, editor: ClipEditor, motion: Motion, sensor: float, weights: Floats | None = None) -> None:
        """`editor` shows a clip of the size of the motion. `sensor`: the width of the sensor, millimetres. `weights`
        [tracks of the motion]: 1 for all of them without any."""
        self._editor, self._motion = editor, motion
        self._camera: Any = editor.clip.tracking.camera
        self._camera.sensor_width = sensor
        self._order = np.lexsort((motion.frame, motion.track))
        counts = np.bincount(motion.track, minlength=len(motion.tracks))
        self._ends = np.cumsum(counts)
        self._tracks = self._made()
        if weights is not None:
            for index, track in self._tracks:
                track.weight = weights[index]

    @classmethod
    @contextmanager
    def on(cls, motion: Motion, sensor: float, weights: Floats | None = None) -> Iterator[BlenderSolver]:
        """A solver with a clip of its own, which is removed at the end; see `__init__`."""
        with _blank_clip(motion.size) as clip, background_editor(clip) as editor:
            yield cls(editor, motion, sensor, weights)

    def _made(self) -> list[tuple[int, Any]]:
        """The tracks of Blender by the index of the motion's, with their markers."""
        motion, (width, height) = self._motion, self._motion.size
        made: list[tuple[int, Any]] = []
        tracks = self._editor.clip.tracking.objects.active.tracks
        frame = motion.frame
        for index in range(len(motion.tracks)):
            mine = self._mine(index)
            if not len(mine):
                continue
            frames = frame[mine]
            track = tracks.new(name=str(motion.tracks[index].number), frame=int(frames[0]))
            for each in frames[1:]:
                track.markers.insert_frame(int(each))
            co = np.empty((len(mine), 2), np.float32)
            co[:, 0] = motion.x[mine] / width + 0.5
            co[:, 1] = motion.y[mine] / height + 0.5
            track.markers.foreach_set("co", co.ravel())
            made.append((index, track))
        return made

    def _mine(self, index: int) -> Any:
        """The markers of a track, by frame."""
        start = int(self._ends[index - 1]) if index else 0
        return self._order[start : int(self._ends[index])]

    def solve(self, attempt: Attempt) -> Solution:
        """Solve the `attempt`. Raises SolveFailed with Blender's reason, also if there is no camera."""
        clip = self._editor.clip
        tracking: Any = clip.tracking
        where, settings = tracking.objects.active, tracking.settings
        for index, track in self._tracks:
            track.markers.foreach_set("mute", ~attempt.used[self._mine(index)])
        self._set_lens(attempt.lens)
        settings.use_tripod_solver = attempt.is_tripod
        settings.use_keyframe_selection = attempt.keyframes is None
        if attempt.keyframes is not None:
            where.keyframe_a, where.keyframe_b = attempt.keyframes
        settings.refine_intrinsics_focal_length = FOCAL in attempt.refine
        settings.refine_intrinsics_radial_distortion = RADIAL in attempt.refine
        settings.refine_intrinsics_principal_point = settings.refine_intrinsics_tangential_distortion = False
        with bpy.context.temp_override(window=self._editor.window, area=self._editor.area, region=self._editor.region):
            try:
                bpy.ops.clip.clear_solution()
                bpy.ops.clip.solve_camera()
            except RuntimeError as error:
                raise SolveFailed(_reason(error)) from error
        solution = self._read(attempt, where)
        if not len(solution.frames) or not np.isfinite(solution.average_error):
            raise SolveFailed("Blender has found no camera")
        return solution

    def _set_lens(self, lens: CameraLens) -> None:
        camera = self._camera
        camera.pixel_aspect = lens.aspect
        camera.distortion_model = lens.model
        for name, value in zip(COEFFICIENTS[lens.model], lens.coefficients, strict=True):
            if value or hasattr(camera, name):
                setattr(camera, name, value)
        camera.focal_length_pixels = lens.focal
        camera.principal_point_pixels = [
            point + whole / 2 for point, whole in zip(lens.centre, self._motion.size, strict=True)
        ]

    def _lens(self, lens: CameraLens) -> CameraLens:
        camera = self._camera
        coefficients = tuple(getattr(camera, name, 0.0) for name in COEFFICIENTS[lens.model])
        return CameraLens(
            lens.model, coefficients, camera.focal_length_pixels, lens.centre, self._motion.size, lens.aspect
        )

    def _read(self, attempt: Attempt, where: Any) -> Solution:
        cameras = sorted(where.reconstruction.cameras, key=lambda camera: camera.frame)
        matrices = np.array([camera.matrix for camera in cameras], np.float64).reshape(-1, 4, 4)
        solved = [(self._motion.tracks[index].number, track) for index, track in self._tracks if track.has_bundle]
        return Solution(
            attempt,
            (where.keyframe_a, where.keyframe_b),
            self._lens(attempt.lens),
            float(where.reconstruction.average_error) if where.reconstruction.is_valid else float("nan"),
            np.array([camera.frame for camera in cameras], np.intp),
            matrices[:, :3],
            np.array([camera.average_error for camera in cameras], np.float64),
            np.array([number for number, _ in solved], np.intp),
            np.array([track.bundle for _, track in solved], np.float64).reshape(-1, 3),
            np.array([track.average_error for _, track in solved], np.float64),
        )


def _reason(error: RuntimeError) -> str:
    """Blender's words, of which the last line is the reason."""
    lines = [line.removeprefix("Error: ").strip(" .") for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "Blender gives no reason"


@contextmanager
def _blank_clip(size: tuple[int, int]) -> Iterator[MovieClip]:
    """A clip of one black picture of `size` pixels: a solve reads no pixels, and frames beyond the clip count."""
    with tempfile.TemporaryDirectory(prefix="solve-") as folder:
        path = Path(folder) / "blank.png"
        path.write_bytes(_blank_png(*size))
        clip = bpy.data.movieclips.load(str(path))
        try:
            yield clip
        finally:
            bpy.data.movieclips.remove(clip)


def _blank_png(width: int, height: int) -> bytes:
    """A black picture with one bit for each pixel (PNG specification, sections 5 and 11)."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 1)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return _PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
