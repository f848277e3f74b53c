# SPDX-License-Identifier: GPL-3.0-or-later
"""The Protocol behind which Blender solves: `bridge.solve.solver.BlenderSolver`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..review.distortion import CameraLens
from ..review.regression import Bools, Floats, Indices

FOCAL = "FOCAL_LENGTH"
RADIAL = "RADIAL_DISTORTION"
"""What Blender refines, by the names of its old property `refine_intrinsics`."""


@dataclass(frozen=True)
class Attempt:
    """What to solve. `used` [markers of the motion]: those that take part. `keyframes`: clip frames; None: Blender
    chooses them. `refine`: FOCAL, RADIAL. `lens`: where it begins."""

    used: Bools
    lens: CameraLens
    keyframes: tuple[int, int] | None = None
    refine: frozenset[str] = frozenset()
    is_tripod: bool = False


@dataclass(frozen=True)
class Solution:
    """A camera as Blender solved it.

    `frames` [n]: the clip frames that have a camera, ascending; `matrices` [n, 3, 4], camera to the axes of the solve,
    the camera looking along its own -z, y up; `camera_errors` [n], pixels. `numbers` [m]: the tracks that have a point,
    as in the journal, ascending; `points` [m, 3]; `track_errors` [m], pixels.
    """

    attempt: Attempt
    keyframes: tuple[int, int]
    lens: CameraLens
    average_error: float
    frames: Indices
    matrices: Floats
    camera_errors: Floats
    numbers: Indices
    points: Floats
    track_errors: Floats


class SolveFailed(Exception):
    """Blender has refused; the message is its reason."""


class Solver(Protocol):
    """Solves markers of one motion of one tracking object, given at its creation. It changes no clip of the artist."""

    def solve(self, attempt: Attempt) -> Solution:
        """Solve. The same attempt gives the same bits. Raises SolveFailed."""
        ...
