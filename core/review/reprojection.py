# SPDX-License-Identifier: GPL-3.0-or-later
"""P, the reprojection residual of each frame after a solve, for ERROR; and whether the solve is older than its tracks.

Each track is triangulated from its own rays by robust weights, since a least-squares point (`track.bundle`) lets a
drifting half of a track pull it away from the good half.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..model.flags import Flag, FlagKind, Severity
from .distortion import CameraLens
from .measures import chosen_runs, medians, segments
from .motion import Motion
from .regression import RAYLEIGH_MEDIAN, Bools, Floats, Indices, factored, solved
from .settings import Settings

ROUNDS = 10
"""The first half with weights for the smallest sum of absolute residuals, the second with Tukey's bisquare."""
CUT = 6.0
"""The cut-off of the bisquare in scales of the track's residuals."""
WINDOW = 5
"""Frames over which the residual vector is averaged: noise cancels, drift does not."""
FLOOR = 0.03
STEP = 30_000
"""Markers of a step at least, those of whole tracks."""
SAME = 1e-4
"""Pixels, and the share of an error, by which the error of an unchanged solve differs at most from the stored one, in
single precision. Measured: 0.00002 px at 0.1 px and 8192 pixels of width, 0.00004 px at 1.4 px."""
LEAST_FRAMES = 5


@dataclass(frozen=True)
class Solve:
    """A solved camera. `frames` [n]: its clip frames, ascending; `rotations` [n, 3, 3], world to camera, the camera
    looking along +z, x right and y up; `centres` [n, 3], world; `focal` [n], pixels.

    `lens`: of the camera; None: the principal point is the centre of the picture, and nothing is distorted. `object`:
    the tracking object whose tracks it was solved from.
    """

    frames: Indices
    rotations: Floats
    centres: Floats
    focal: Floats
    lens: CameraLens | None = None
    object: str = "Camera"


@dataclass(frozen=True)
class Stored:
    """What Blender keeps of a solve, as it was when the camera was solved.

    [tracks]: `numbers`, ascending; `points` [tracks, 3], world; `errors`, the mean distance in square pixels of the
    width, times `weights`, over 0; `offsets` [tracks, 2], pixels. `camera_errors` [frames]: that of each solved frame.
    """

    numbers: Indices
    points: Floats
    errors: Floats
    weights: Floats
    offsets: Floats
    camera_errors: Floats


def is_stale(motion: Motion, solve: Solve, stored: Stored) -> bool:
    """Whether markers, tracks or the lens have changed since the solve: the errors are others than those it stored."""
    numbers = np.array([track.number for track in motion.tracks], np.intp)
    if len(np.setdiff1d(stored.numbers, numbers)):
        return True
    number, frame = numbers[motion.track], motion.frame
    marker = np.flatnonzero(np.isin(number, stored.numbers) & np.isin(frame, solve.frames))
    track, at = np.searchsorted(stored.numbers, number[marker]), np.searchsorted(solve.frames, frame[marker])
    turn, off = solve.rotations[at], stored.points[track] - solve.centres[at]
    local = [turn[:, i, 0] * off[:, 0] + turn[:, i, 1] * off[:, 1] + turn[:, i, 2] * off[:, 2] for i in range(3)]
    with np.errstate(all="ignore"):
        x, y = (local[i] / local[2] * solve.focal[at] for i in range(2))
        aspect = 1.0
        if solve.lens is not None:
            (x, y), aspect = solve.lens.distorted(x, y), solve.lens.aspect
        x, y = x - motion.x[marker] - stored.offsets[track, 0], y - motion.y[marker] - stored.offsets[track, 1]
        length = np.sqrt(x * x + y * y / aspect**2) * stored.weights[track]
    for index, errors in ((track, stored.errors), (at, stored.camera_errors)):
        count = np.bincount(index, minlength=len(errors))
        mean = np.bincount(index, weights=length, minlength=len(errors)) / np.maximum(count, 1)
        if not (np.abs(mean - errors) <= np.maximum(SAME, SAME * errors)).all():
            return True
    return False


def reprojection(motion: Motion, solve: Solve, settings: Settings) -> Generator[float, None, list[Flag]]:
    """The flags; yields the share done so far."""
    mean: Floats = np.full(len(motion), np.nan)
    order, follows = segments(motion)
    ends, done = np.flatnonzero(np.append(np.diff(motion.track[order]) != 0, True)) + 1, 0
    while done < len(order):  # each track by itself, so that a step is short
        end = int(ends[np.searchsorted(ends, min(done + STEP, len(order)))])
        share = 0.9 * (end - done) / len(order)
        work = _averaged(motion, solve, order[done:end], follows[done:end])
        try:
            while True:
                yield 0.9 * done / len(order) + share * next(work)
        except StopIteration as last:
            mean[order[done:end]] = last.value
        done = end
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

    def __init__(self, motion: Motion, solve: Solve, marker: Indices) -> None:
        """`place`: those of the markers that have a ray."""
        x, y, frame = motion.x[marker], motion.y[marker], motion.frame[marker]
        if solve.lens is not None:
            x, y = solve.lens.straight(x, y)
        self.place = np.flatnonzero(np.isin(frame, solve.frames) & np.isfinite(x) & np.isfinite(y))
        self._x, self._y = x[self.place], y[self.place]
        at = np.searchsorted(solve.frames, frame[self.place])
        self._track, self._count = motion.track[marker[self.place]], len(motion.tracks)
        self._turn = [[solve.rotations[at, i, j] for j in range(3)] for i in range(3)]
        self._centre = [solve.centres[at, i] for i in range(3)]
        self._focal = solve.focal[at]
        seen = [self._x / self._focal, self._y / self._focal]
        ray = [self._turn[0][j] * seen[0] + self._turn[1][j] * seen[1] + self._turn[2][j] for j in range(3)]
        length = np.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
        self._ray = ray = [value / length for value in ray]
        self._is_tripod = bool((solve.centres == solve.centres[:1]).all())
        self._across = [[float(i == j) - ray[i] * ray[j] for j in range(i + 1)] for i in range(3)]

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self._track, weights=values, minlength=self._count).astype(np.float64)

    def triangulated(self, weights: Floats, before: list[Floats]) -> list[Floats]:
        """[tracks]: the points nearest to the rays, by weight and, once points are known, by pixels: (f / z)^2."""
        if before:
            depth = np.maximum(np.abs(self._local(before)[2]), 1e-9)
            weights = weights * (self._focal / depth) ** 2
        across, centre = self._across, self._centre
        if self._is_tripod:  # all rays of a track begin at one point: its direction is all that there is
            total = np.maximum(self._sums(weights), 1e-300)
            return [self._sums(weights * (part + ray)) / total for part, ray in zip(centre, self._ray, strict=True)]
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


def _averaged(motion: Motion, solve: Solve, marker: Indices, follows: Bools) -> Generator[float, None, Floats]:
    """[markers], of these ones, by track: the length of the mean residual over WINDOW frames of the track; NaN where it
    is not solved. `follows`: whether each is on the frame after the one before it. Yields the share done."""
    rays = _Rays(motion, solve, marker)
    weights = np.ones(len(rays.place))
    points: list[Floats] = []
    x, y = weights, weights
    for turn in range(ROUNDS):
        points = rays.triangulated(weights, points)
        x, y = rays.residuals(points)
        length = np.sqrt(x * x + y * y)
        if turn < ROUNDS // 2:
            weights = 1.0 / np.maximum(length, FLOOR)
        else:
            part = np.minimum(length / (CUT * np.maximum(rays.medians(length), FLOOR)), 1.0)
            weights = (1.0 - part * part) ** 2
        yield (turn + 1) / (ROUNDS + 1)
    segment, place = np.cumsum(~follows), np.arange(len(marker))
    whole = np.full((2, len(marker)), np.nan)
    whole[0][rays.place], whole[1][rays.place] = x, y
    totals, counts = np.zeros((2, len(marker))), np.zeros(len(marker))
    for offset in range(-(WINDOW // 2), WINDOW // 2 + 1):
        at = np.clip(place + offset, 0, len(marker) - 1)
        values = whole[:, at]
        is_mine = (segment[at] == segment) & (at == place + offset) & np.isfinite(values[0])
        totals += np.where(is_mine, values, 0.0)
        counts += is_mine
    mean = totals / np.maximum(counts, 1)
    length = np.sqrt(mean[0] * mean[0] + mean[1] * mean[1])
    length[~np.isfinite(whole[0])] = np.nan
    return length
