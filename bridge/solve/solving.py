# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves the camera of a session from its journal alone: no footage is read, no clip of the artist is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np

from ...core.errors import UsageError
from ...core.model.types import TrackData
from ...core.model.wording import timestamp
from ...core.recording.manager import TrackingSessionManager
from ...core.review.distortion import CameraLens
from ...core.review.motion import Motion
from ...core.review.regression import Bools
from ...core.solve.digest import digest
from ...core.solve.refining import Outcome, Refinement
from ...core.solve.residuals import errors
from ...core.solve.solve import Bundle, Camera, Lens, Round, Solve
from ...core.solve.solver import Solution
from ...core.solve.store import new_solve_id, write_solve
from ...core.solve.taking_part import camera_motion, weights
from ...core.solve.verdict import verdict
from ...core.storage.folder import SessionFolder
from .solver import BlenderSolver

CAMERA = "Camera"
"""Blender's name for the tracking object of the camera."""
GUESS = 35.0 / 36.0
"""The focal length to begin from, in widths of the picture, if it is not known: from 0.8 to 1.5 times the true one
leads to the same camera."""


def solve_session(
    manager: TrackingSessionManager,
    lens: Lens,
    tell: Callable[[Round], None],
    *,
    is_focal_known: bool,
    between: tuple[int, int] | None = None,
) -> Solve:
    """Solve the newest state of the session, and store the solve in its folder; `tell` gets each round.

    `lens`: of the camera, whatever the size in it; without `is_focal_known` its focal length is found. `between`: the
    first and the last clip frame to solve, such as a part of a shot with a cut. Raises UsageError if there is nothing
    to solve, and StorageFailed.
    """
    replay, size = manager.replay(), manager.session.footage.size
    if min(size) < 1:
        raise UsageError("The size of the footage is not known")
    name = _camera_of(replay.tracks)
    motion = camera_motion(replay, size, name, between)
    width = lens.focal / lens.sensor if is_focal_known else GUESS
    begun = CameraLens(lens.model, lens.coefficients, width * size[0], lens.centre, size, lens.aspect)
    with BlenderSolver.on(motion, lens.sensor, weights(replay.tracks, motion)) as solver:
        steps = Refinement(
            motion, solver, begun, is_focal_known=is_focal_known, frames=between or _asked(manager)
        ).steps()
        while True:
            try:
                tell(next(steps))
            except StopIteration as end:
                outcome: Outcome = end.value
                break
    judged = verdict(outcome, manager.counting, size[0])
    folder = SessionFolder.of(manager.path)
    solve = Solve(
        id=new_solve_id(folder, manager.id, (str(entry["id"]) for entry in manager.solves)),
        created=timestamp(),
        blender=bpy.app.version_string,
        object=name,
        digest=digest(motion, outcome.used),
        verdict=judged,
        lens=_lens(begun, lens.sensor),
        frames=outcome.facts.frames if len(motion) else between or (1, max(1, manager.session.footage.frame_count)),
        dropped=outcome.dropped,
        muted=outcome.muted,
        rounds=outcome.rounds,
        tracks_made=len(np.unique(motion.track)),
    )
    if outcome.solution is not None:
        solve = _with_solution(solve, outcome.solution, motion, outcome.used, lens.sensor)
    write_solve(folder, manager.id, solve)
    return solve


def _asked(manager: TrackingSessionManager) -> tuple[int, int] | None:
    """The first and the last clip frame of all passes, also of those that lost all tracks before their end."""
    ranges = list(manager.requested.ranges())
    return (ranges[0][0], ranges[-1][1]) if ranges else None


def _camera_of(tracks: dict[int, TrackData]) -> str:
    """The tracking object of the camera: Blender's name for it, or the only one. Raises UsageError."""
    counts = Counter(track.object for track in tracks.values())
    if CAMERA in counts or not counts:
        return CAMERA
    if len(counts) != 1:
        names = ", ".join(f"“{name}”" for name in sorted(counts))
        raise UsageError(
            f"The session has tracks of objects only ({names}): track what stands still, in the object “{CAMERA}”"
        )
    return next(iter(counts))


def _with_solution(solve: Solve, solution: Solution, motion: Motion, used: Bools, sensor: float) -> Solve:
    off, frame = errors(motion, solution), motion.frame
    by_track: dict[int, list[tuple[int, float]]] = {}
    for index in np.flatnonzero(used & np.isfinite(off)):
        number = motion.tracks[motion.track[index]].number
        by_track.setdefault(number, []).append((int(frame[index]), float(off[index])))
    return replace(
        solve,
        lens=_lens(solution.lens, sensor),
        keyframes=solution.keyframes,
        refined=tuple(sorted(solution.attempt.refine)),
        is_tripod=solution.attempt.is_tripod,
        average_error=solution.average_error,
        cameras=tuple(
            Camera(int(frame), tuple(map(float, matrix.ravel())), float(error))
            for frame, matrix, error in zip(solution.frames, solution.matrices, solution.camera_errors, strict=True)
        ),
        bundles=tuple(
            Bundle(int(number), (float(point[0]), float(point[1]), float(point[2])), float(error))
            for number, point, error in zip(solution.numbers, solution.points, solution.track_errors, strict=True)
        ),
        marker_errors={number: tuple(found) for number, found in by_track.items()},
    )


def _lens(lens: CameraLens, sensor: float) -> Lens:
    return Lens(
        lens.focal / lens.size[0] * sensor, sensor, lens.size, lens.aspect, lens.centre, lens.model, lens.coefficients
    )
