# SPDX-License-Identifier: GPL-3.0-or-later
"""The distortion of a lens, taken out of positions before E compares frames that are far apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .epipolar import residuals
from .motion import Motion
from .regression import Floats, quantile

Lens = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""Undistorts: x and y, pixels of the footage from the centre of its picture, to those without distortion."""

UNIT = 1000.0  # pixels
STRONGEST, STEPS = 0.25, 11
"""The coefficients that are tried, in (pixels / 1000)^-2: 11 from -0.25 to 0.25."""
PAIRS, GAP = 6, 20
"""The pairs of frames that choose, and the frames between the two of one."""


def division(coefficient: float) -> Lens:
    """The lens of the one-parameter division model (Fitzgibbon 2001): undistorted = distorted / (1 + c r^2)."""

    def undistort(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        share = 1.0 / np.maximum(1.0 + coefficient / UNIT**2 * (x * x + y * y), 0.1)
        return x * share, y * share

    return undistort


def estimated(motion: Motion) -> float:
    """The coefficient of `division` with the smallest median distance of E over pairs of frames, by a parabola through
    the best three of those tried; 0 without pairs."""
    later = np.flatnonzero(np.isin(motion.frames - GAP, motion.frames))
    if not len(later):
        return 0.0
    later = later[np.linspace(0, len(later) - 1, PAIRS + 2).astype(np.intp)[1:-1]]
    earlier = np.searchsorted(motion.frames, motion.frames[later] - GAP)
    tried = np.linspace(-STRONGEST, STRONGEST, STEPS)
    costs = np.zeros(STEPS)
    used = 0
    for columns in zip(earlier.tolist(), later.tolist(), strict=True):
        one, other = (motion.table(column, column + 1) for column in columns)
        both, mine, theirs = np.intersect1d(one.track, other.track, assume_unique=True, return_indices=True)
        if len(both) < 16:
            continue
        used += 1
        # each coefficient is a column
        xy = [division_all(table.x[rows], table.y[rows], tried) for table, rows in ((one, mine), (other, theirs))]
        pair = residuals((xy[0][0], xy[1][0]), (xy[0][1], xy[1][1]))
        distance = np.where(np.isfinite(pair.distance), pair.distance, np.inf)
        costs += quantile(distance, np.isfinite(distance).sum(0))
    if not used or not np.isfinite(costs).all():
        return 0.0
    best = int(np.argmin(costs))
    if not 0 < best < STEPS - 1:
        return float(tried[best])
    before, here, after = costs[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = (before - after) / (2 * bend) if bend > 0 else 0.0
    return float(tried[best] + shift * (tried[1] - tried[0]))


def division_all(x: Floats, y: Floats, coefficients: Floats) -> tuple[Floats, Floats]:
    """`division` of [tracks, 1] by each coefficient: [tracks, coefficients]."""
    share = 1.0 / np.maximum(1.0 + coefficients / UNIT**2 * (x * x + y * y), 0.1)
    return x * share, y * share


def undistorted(motion: Motion, lens: Lens | None) -> Motion:
    """The motion without distortion, by the lens or, without one, by an estimate."""
    x, y = (lens or division(estimated(motion)))(motion.x, motion.y)
    return motion.moved(x, y)
