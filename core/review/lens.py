# SPDX-License-Identifier: GPL-3.0-or-later
"""The distortion of a lens, taken out of positions before E compares frames that are far apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .epipolar import LEAST_TRACKS, residuals
from .motion import Motion
from .regression import Floats, lowest, quantile

Lens = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""Undistorts: x and y, pixels of the footage from the centre of its picture, to those without distortion."""

UNIT = 1000.0  # pixels
STRONGEST, STEPS, ROUNDS = 0.25, 11, 3
"""The coefficients that are tried first, in (pixels / 1000)^-2: 11 from -0.25 to 0.25. Then as many, ever closer."""
GAIN = 0.9
"""A coefficient other than 0 has to bring the distances down to this part of theirs: tracks that hardly move tell
nothing about the lens."""
PAIRS, GAP = 12, 40
"""The pairs of frames that choose, and the frames between the two of one."""


def division(coefficient: float) -> Lens:
    """The lens of the one-parameter division model (Fitzgibbon 2001): undistorted = distorted / (1 + c r^2)."""

    def undistort(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        share = 1.0 / np.maximum(1.0 + coefficient / UNIT**2 * (x * x + y * y), 0.1)
        return x * share, y * share

    return undistort


def estimated(motion: Motion) -> float:
    """The coefficient of `division` with the smallest sum of median distances of E over pairs of frames; 0 if none is
    much better, as on a locked-off shot, or without pairs.

    Each round of the search looks closer around the lowest point of the one before.
    """
    later = np.flatnonzero(np.isin(motion.frames - GAP, motion.frames))
    if not len(later):
        return 0.0
    later = later[np.linspace(0, len(later) - 1, PAIRS + 2).astype(np.intp)[1:-1]]
    earlier = np.searchsorted(motion.frames, motion.frames[later] - GAP)
    pairs: list[tuple[Floats, ...]] = []
    for columns in zip(earlier.tolist(), later.tolist(), strict=True):
        one, other = (motion.table(column, column + 1) for column in columns)
        both, mine, theirs = np.intersect1d(one.track, other.track, assume_unique=True, return_indices=True)
        if len(both) >= LEAST_TRACKS:
            pairs.append((one.x[mine, 0], one.y[mine, 0], other.x[theirs, 0], other.y[theirs, 0]))
    if not pairs:
        return 0.0
    best, width = 0.0, STRONGEST
    unmoved = float(_costs(pairs, np.zeros(1))[0])
    costs = np.full(STEPS, np.inf)
    for _ in range(ROUNDS):
        tried = best + np.linspace(-width, width, STEPS)
        costs = _costs(pairs, tried)
        best, width = lowest(tried, costs), width / 5
    return best if abs(best) < STRONGEST and costs.min() < GAIN * unmoved else 0.0


def _costs(pairs: list[tuple[Floats, ...]], tried: Floats) -> Floats:
    """[coefficients]: the sum of the median distances of the pairs, undistorted by each, in pixels of the footage: a
    lens that only makes the picture smaller gains nothing."""
    counts = [len(pair[0]) for pair in pairs]
    whole = np.full((4, max(counts), len(pairs), 1), np.nan)
    for index, pair in enumerate(pairs):
        whole[:, : counts[index], index, 0] = pair
    shape = max(counts), len(pairs) * len(tried)
    (ax, ay), (bx, by) = (division_all(whole[at], whole[at + 1], tried) for at in (0, 2))
    found = residuals((ax.reshape(shape), bx.reshape(shape)), (ay.reshape(shape), by.reshape(shape))).distance
    found = np.where(np.isfinite(found), found, np.inf)
    total = quantile(found, np.repeat(counts, len(tried))).reshape(len(pairs), -1).sum(0)
    bent = tried[:, None] * np.concatenate([ax * ax + ay * ay for ax, ay, _, _ in pairs]) / UNIT**2
    area = np.maximum(1.0 - bent, 0.05) / np.maximum(1.0 + bent, 0.1) ** 3  # of a pixel of the footage, undistorted
    return total / np.sqrt(area).mean(1)


def division_all(x: Floats, y: Floats, coefficients: Floats) -> tuple[Floats, Floats]:
    """`division` of [tracks, …, 1] by each coefficient: [tracks, …, coefficients]."""
    share = 1.0 / np.maximum(1.0 + coefficients / UNIT**2 * (x * x + y * y), 0.1)
    return x * share, y * share


def undistorted(motion: Motion, lens: Lens | None) -> Motion:
    """The motion without distortion, by the lens or, without one, by an estimate."""
    x, y = (lens or division(estimated(motion)))(motion.x, motion.y)
    return motion.moved(x, y)
