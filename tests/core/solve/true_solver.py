# SPDX-License-Identifier: GPL-3.0-or-later
"""A Solver that knows the true cameras, and finds the points from the markers that take part."""

from __future__ import annotations

import numpy as np

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.residuals import errors
from tracking_sessions.core.solve.solver import Attempt, Solution, SolveFailed
from tracking_sessions.tests.core.solve.shots import Floats, Shot

LEAST = 2
"""Markers of a point."""


class TrueSolver:
    """`attempts`: what it was asked for."""

    def __init__(self, shot: Shot, motion: Motion) -> None:
        self.shot, self.motion = shot, motion
        self.attempts: list[Attempt] = []

    def solve(self, attempt: Attempt) -> Solution:
        self.attempts.append(attempt)
        frames = np.unique(self.motion.frame[attempt.used])
        if len(frames) < 2:
            raise SolveFailed("At least 8 common tracks on both keyframes are needed for reconstruction")
        matrices = self._matrices(frames - 1, attempt.is_tripod)
        numbers, points = self._points(attempt, frames, matrices)
        blank = np.zeros(len(frames)), np.zeros(len(numbers))
        lens = attempt.lens
        found = Solution(
            attempt, attempt.keyframes or (1, 2), lens, 0.0, frames, matrices, blank[0], numbers, points, blank[1]
        )
        off = errors(self.motion, found)
        off = np.where(np.isfinite(off), off, 100.0)
        used, frame = attempt.used, self.motion.frame
        camera = np.array([off[used & (frame == each)].mean() for each in frames])
        return Solution(
            attempt, found.keyframes, lens, float(off[used].mean()), frames, matrices, camera, numbers, points, blank[1]
        )

    def _matrices(self, index: Floats, is_tripod: bool) -> Floats:
        turned = np.transpose(self.shot.rotations[index], (0, 2, 1)) * (1.0, 1.0, -1.0)
        centres = self.shot.centres[index] * (not is_tripod)
        return np.concatenate([turned, centres[:, :, None]], axis=2)

    def _points(self, attempt: Attempt, frames: Floats, matrices: Floats) -> tuple[Floats, Floats]:
        """The points nearest to the rays of each track."""
        motion, used = self.motion, attempt.used
        at = np.searchsorted(frames, motion.frame[used])
        ray = np.stack([motion.x[used], motion.y[used], np.full(used.sum(), -attempt.lens.focal)], 1)
        ray = np.einsum("mij,mj->mi", matrices[at, :, :3], ray)
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        centre, track = matrices[at, :, 3], motion.track[used]
        if attempt.is_tripod:
            totals = np.zeros((len(motion.tracks), 3))
            np.add.at(totals, track, ray)
        else:
            across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
            matrix, side = np.zeros((len(motion.tracks), 3, 3)), np.zeros((len(motion.tracks), 3))
            np.add.at(matrix, track, across)
            np.add.at(side, track, np.einsum("mij,mj->mi", across, centre))
            totals = np.linalg.solve(matrix + 1e-9 * np.eye(3), side[:, :, None])[:, :, 0]
        good = np.flatnonzero(np.bincount(track, minlength=len(motion.tracks)) >= LEAST)
        numbers = np.array([motion.tracks[index].number for index in good], np.intp)
        return numbers, totals[good]
