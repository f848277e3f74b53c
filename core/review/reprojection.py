# SPDX-License-Identifier: GPL-3.0-or-later
"""P, the reprojection residual of each frame after a solve, for ERROR.

Each track is triangulated from its own rays by robust weights, since a least-squares point (`track.bundle`) lets a
drifting half of a track pull it away from the good half.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..model.flags import Flag, FlagKind, Severity
from .measures import chosen_runs, medians, segments
from .motion import Motion
from .regression import RAYLEIGH_MEDIAN, Floats, Indices, factored, solved
from .settings import Settings

ROUNDS = 10
"""The first half with weights for the smallest sum of absolute residuals, the second with Tukey's bisquare."""
CUT = 6.0
"""The cut-off of the bisquare in scales of the track's residuals."""
WINDOW = 5
"""Frames over which the residual vector is averaged: noise cancels, drift does not."""
FLOOR = 0.03
LEAST_FRAMES = 5


@dataclass(frozen=True)
class Solve:
    """A solved camera. `frames` [n]: its clip frames, ascending; `rotations` [n, 3, 3], world to camera, the camera
    looking along +z, x right and y up; `centres` [n, 3], world; `focal` [n], pixels.

    `x`, `y`: of each marker of the `Motion`, undistorted, pixels from the principal point; None: its positions.
    """

    frames: Indices
    rotations: Floats
    centres: Floats
    focal: Floats
    x: Floats | None = None
    y: Floats | None = None


def reprojection(motion: Motion, solve: Solve, settings: Settings) -> Generator[float, None, list[Flag]]:
    """The flags; yields the share done so far."""
    rays = _Rays(motion, solve)
    weights = np.ones(len(rays.marker))
    points: list[Floats] = []
    x, y = weights, weights
    for turn in range(ROUNDS):
        points = rays.triangulated(weights, points)
        x, y = rays.residuals(points)
        length = np.sqrt(x * x + y * y)
        if turn < ROUNDS // 2:
            weights = 1.0 / np.maximum(length, FLOOR)
        else:
            share = np.minimum(length / (CUT * np.maximum(rays.medians(length), FLOOR)), 1.0)
            weights = (1.0 - share * share) ** 2
        yield 0.9 * (turn + 1) / ROUNDS
    mean = _averaged(motion, rays.marker, x, y)
    # a track of few frames fits any point
    mean[(np.bincount(motion.track, minlength=len(motion.tracks)) < LEAST_FRAMES)[motion.track]] = np.nan
    threshold = np.maximum(settings.error, settings.error_noise * medians(motion, mean))[motion.column]
    found: list[Flag] = []
    with np.errstate(invalid="ignore"):
        is_off = mean > threshold
    for run in chosen_runs(motion, is_off):
        worst = run[int(np.argmax(mean[run] / threshold[run]))]
        number, frames = motion.tracks[motion.track[run[0]]].number, motion.frame[run]
        value, limit = float(mean[worst]), float(threshold[worst])
        found.append(
            Flag(FlagKind.ERROR, Severity.WARNING, number, int(frames[0]), int(frames[-1]), value, limit, "px")
        )
    return found


class _Rays:
    """The rays through the markers on solved frames. Lists of Floats are the components of vectors, [markers] each."""

    def __init__(self, motion: Motion, solve: Solve) -> None:
        at = np.searchsorted(solve.frames, motion.frame)
        is_solved = at < len(solve.frames)
        is_solved[is_solved] = solve.frames[at[is_solved]] == motion.frame[is_solved]
        self.marker = np.flatnonzero(is_solved)
        at = at[is_solved]
        self._track, self._count = motion.track[self.marker], len(motion.tracks)
        self._x, self._y = (motion.x, motion.y) if solve.x is None or solve.y is None else (solve.x, solve.y)
        self._x, self._y = self._x[self.marker], self._y[self.marker]
        self._turn = [[solve.rotations[at, i, j] for j in range(3)] for i in range(3)]
        self._centre = [solve.centres[at, i] for i in range(3)]
        self._focal = solve.focal[at]
        seen = [self._x / self._focal, self._y / self._focal]
        ray = [self._turn[0][j] * seen[0] + self._turn[1][j] * seen[1] + self._turn[2][j] for j in range(3)]
        length = np.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
        ray = [value / length for value in ray]
        self._across = [[float(i == j) - ray[i] * ray[j] for j in range(i + 1)] for i in range(3)]

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self._track, weights=values, minlength=self._count).astype(np.float64)

    def triangulated(self, weights: Floats, before: list[Floats]) -> list[Floats]:
        """[tracks]: the points nearest to the rays, by weight and, once points are known, by pixels: (f / z)^2."""
        if before:
            depth = np.maximum(np.abs(self._local(before)[2]), 1e-9)
            weights = weights * (self._focal / depth) ** 2
        across, centre = self._across, self._centre
        matrix = [[self._sums(weights * across[i][j]) for j in range(i + 1)] for i in range(3)]
        side = [self._sums(weights * sum(across[max(i, j)][min(i, j)] * centre[j] for j in range(3))) for i in range(3)]
        return solved(factored(matrix), side)

    def _local(self, points: list[Floats]) -> list[Floats]:
        off = [value[self._track] - centre for value, centre in zip(points, self._centre, strict=True)]
        return [row[0] * off[0] + row[1] * off[1] + row[2] * off[2] for row in self._turn]

    def residuals(self, points: list[Floats]) -> tuple[Floats, Floats]:
        """[markers]: pixels from the picture of the point to the marker."""
        x, y, depth = self._local(points)
        depth = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        return self._x - x / depth * self._focal, self._y - y / depth * self._focal

    def medians(self, length: Floats) -> Floats:
        """[markers]: the scale of the residuals of their tracks."""
        order = np.lexsort((length, self._track))
        counts = np.bincount(self._track, minlength=self._count)
        middle = np.cumsum(counts) - counts + np.maximum(counts - 1, 0) // 2
        if not len(order):
            return length
        known = length[order[np.minimum(middle, len(order) - 1)]] / RAYLEIGH_MEDIAN
        return known[self._track]


def _averaged(motion: Motion, marker: Indices, x: Floats, y: Floats) -> Floats:
    """[markers]: the length of the mean residual over WINDOW frames of the track; NaN where it is not solved."""
    order, follows = segments(motion)
    segment = np.cumsum(~follows)
    whole = np.full((2, len(motion)), np.nan)
    whole[0][marker], whole[1][marker] = x, y
    totals, counts = np.zeros((2, len(order))), np.zeros(len(order))
    for offset in range(-(WINDOW // 2), WINDOW // 2 + 1):
        at = np.clip(np.arange(len(order)) + offset, 0, max(len(order) - 1, 0))
        values = whole[:, order[at]]
        is_mine = (segment[at] == segment) & (at == np.arange(len(order)) + offset) & np.isfinite(values[0])
        totals += np.where(is_mine, values, 0.0)
        counts += is_mine
    mean = totals / np.maximum(counts, 1)
    found = np.full(len(motion), np.nan)
    found[order] = np.sqrt(mean[0] * mean[0] + mean[1] * mean[1])
    found[~np.isfinite(whole[0])] = np.nan
    return found
