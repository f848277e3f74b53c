# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the markers by a solution, and how well its points are seen: figures that Blender does not give."""

from __future__ import annotations

import numpy as np

from ..review.motion import Motion
from ..review.regression import Bools, Floats, Indices
from .solver import Solution

RAYS = 5
"""Rays of a point that are compared: those of frames evenly spread over its life."""


def _places(motion: Motion, solution: Solution) -> tuple[Indices, Indices, Indices]:
    """The markers that have a camera and a point, and the index of each."""
    numbers = np.array([track.number for track in motion.tracks], np.intp)[motion.track]
    frame = motion.frame
    if not len(solution.frames) or not len(solution.numbers):
        none = np.zeros(0, np.intp)
        return none, none, none
    point = np.minimum(np.searchsorted(solution.numbers, numbers), len(solution.numbers) - 1)
    camera = np.minimum(np.searchsorted(solution.frames, frame), len(solution.frames) - 1)
    marker = np.flatnonzero((solution.numbers[point] == numbers) & (solution.frames[camera] == frame))
    return marker, point[marker], camera[marker]


def errors(motion: Motion, solution: Solution) -> Floats:
    """[markers]: the distance from the marker to where the solution projects its point, pixels of the footage; inf
    behind the camera, NaN without a camera or a point. `motion` is that of the footage, with its distortion."""
    marker, point, camera = _places(motion, solution)
    turn, centre = solution.matrices[camera, :, :3], solution.matrices[camera, :, 3]
    off = solution.points[point] - centre
    right, up, back = ((turn[:, :, j] * off).sum(1) for j in range(3))
    found = np.full(len(motion), np.nan)
    with np.errstate(all="ignore"):
        x, y = right / -back * solution.lens.focal, up / -back * solution.lens.focal
        x, y = solution.lens.distorted(x, y)
        x, y = x - motion.x[marker], y - motion.y[marker]
        length = np.sqrt(x * x + y * y)
    found[marker] = np.where((back < 0) & np.isfinite(length), length, np.inf)
    return found


def angles(motion: Motion, solution: Solution, used: Bools) -> Floats:
    """[points]: the largest angle between rays of a point, from RAYS of its used markers [markers], degrees."""
    marker, point, camera = _places(motion, solution)
    mine = used[marker]
    point, camera = point[mine], camera[mine]
    order = np.lexsort((camera, point))
    point, camera = point[order], camera[order]
    counts = np.bincount(point, minlength=len(solution.numbers))
    starts = np.cumsum(counts) - counts
    seen = np.flatnonzero(counts > 1)
    largest = np.zeros(len(solution.numbers))
    if not len(seen):
        return largest[:0]
    rays: list[Floats] = []
    for part in range(RAYS):
        at = starts[seen] + np.round((counts[seen] - 1) * (part / (RAYS - 1))).astype(np.intp)
        ray = solution.points[seen] - solution.matrices[camera[at], :, 3]
        rays.append(ray / np.maximum(np.sqrt((ray * ray).sum(1)), 1e-12)[:, None])
    for one in range(RAYS):
        for other in range(one):
            off = rays[one] - rays[other]
            half = np.sqrt((off * off).sum(1)) / 2
            largest[seen] = np.maximum(largest[seen], 2 * np.degrees(np.arcsin(np.minimum(half, 1.0))))
    return largest[seen]
