# SPDX-License-Identifier: GPL-3.0-or-later
"""The lens and the solved camera of a clip, as an audit takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.journal.head import Head
from ...core.model.types import COEFFICIENTS
from ..clip.movie_clip import clip_size

if TYPE_CHECKING:
    from bpy.types import MovieClip

    from ...core.review.distortion import CameraLens
    from ...core.review.motion import Motion
    from ...core.review.reprojection import Solve

OLD = "No “Error” is looked for: the solve is older than its tracks"
ANIMATED = "No “Error” is looked for: with animated weights nothing tells whether the solve is older than its tracks"


def known_lens(clip: MovieClip) -> CameraLens | None:
    """The lens, if the artist or a solve has said how it distorts."""
    lens = lens_of(clip)
    return lens if lens.is_known else None


def lens_of(clip: MovieClip) -> CameraLens:
    from ...core.review.distortion import CameraLens  # here, as it loads numpy

    camera: Any = clip.tracking.camera
    size, model = clip_size(clip), camera.distortion_model
    coefficients = tuple(getattr(camera, name, 0.0) for name in COEFFICIENTS[model])
    x, y = (point - whole / 2 for point, whole in zip(camera.principal_point_pixels, size, strict=True))
    return CameraLens(model, coefficients, camera.focal_length_pixels, (x, y), size, camera.pixel_aspect)


def solve_of(clip: MovieClip, head: Head, motion: Motion) -> tuple[Solve | None, str]:
    """The solved camera, or None, with the reason unless the camera simply was not solved.

    `motion`: the markers of the clip, whose newest state is `head`.
    """
    import numpy as np

    from ...core.review.reprojection import Solve, Stored, is_stale

    where: Any = next((one for one in clip.tracking.objects if one.is_camera), None)
    if where is None or not where.reconstruction.is_valid or not len(where.reconstruction.cameras):
        return None, ""
    if clip.animation_data is not None and clip.animation_data.action is not None:
        return None, ANIMATED  # so nothing tells whether the solve is stale
    cameras: Any = sorted(where.reconstruction.cameras, key=lambda camera: camera.frame)
    frames = np.array([camera.frame for camera in cameras], np.intp)
    matrix = np.array([camera.matrix for camera in cameras], np.float64)
    turn = matrix[:, :3, :3].transpose(0, 2, 1) * np.array([[1.0], [1.0], [-1.0]])  # Blender looks along -z
    lens = lens_of(clip)
    solve = Solve(frames, turn, matrix[:, :3, 3], np.full(len(frames), lens.focal), lens, where.name)
    known = {head.numbers.get((where.name, track.name), 0): track for track in where.tracks}
    solved = sorted((number, track) for number, track in known.items() if track.has_bundle and track.weight > 0)
    stored = Stored(
        np.array([number for number, _ in solved], np.intp),
        np.array([track.bundle for _, track in solved], np.float64).reshape(-1, 3),
        np.array([track.average_error for _, track in solved], np.float64),
        np.array([track.weight for _, track in solved], np.float64),
        np.array([track.offset for _, track in solved], np.float64).reshape(-1, 2) * clip_size(clip),
        np.array([camera.average_error for camera in cameras], np.float64),
    )
    return (None, OLD) if is_stale(motion, solve, stored) else (solve, "")
