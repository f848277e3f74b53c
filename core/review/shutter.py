# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling shutter, taken out of positions before they are compared: each line of a picture is of its own moment.

A line is read `share` x y / height of a frame before the middle line, with y up from the middle. The path of a track
through its markers on the frames beside it, a parabola, says where it was at the moment of the middle line. `share` is
the part of a frame that passes from the first line to the last: 0 for a global shutter, about 0.5 to 1 for many
sensors, negative for a picture upside down.
"""

from __future__ import annotations

from collections.abc import Generator
from copy import copy

import numpy as np
from numpy.typing import NDArray

from .epipolar import residuals
from .measures import segments
from .motion import Motion
from .regression import Floats, factored, lowest, quantile, solved

ROUNDS = 4
"""The neighbours of a marker are moved too: so often is the path drawn again. A round leaves an eighth of the error."""
UNIT = 1000.0  # pixels
RIDGE = 1e-3
MOST, STEPS = 1.0, 9
"""The shares that are tried first, from -MOST to MOST; then as many closer around the best."""
PAIRS, GAP = 24, 3
"""The pairs of frames that choose, and the frames between the two of one."""
GAIN = 0.8
"""A share other than 0 has to bring the distances down to this part of theirs: no noise of a global shutter does."""


def unrolled(motion: Motion, share: float) -> Motion:
    """The markers where they would be if all lines of a picture were of the moment of the middle one.

    At the ends of a segment the other tracks say how the path bends; such positions are less exact (`inner`).
    """
    if not share:
        return motion
    order, follows = segments(motion)
    behind = follows
    ahead = np.append(follows[1:], False)
    is_inner = behind & ahead
    early = share * motion.y[order] / motion.size[1]  # frames
    column = motion.column[order]
    place = [np.ones(len(order)), motion.x[order] / UNIT, motion.y[order] / UNIT]
    inner = [value[is_inner] for value in place]
    count = len(motion.frames)

    def total(values: Floats) -> Floats:
        return np.bincount(column[is_inner], weights=values, minlength=count).astype(np.float64)

    lower = factored([[total(inner[i] * inner[j]) + RIDGE * (i == j) for j in range(i + 1)] for i in range(3)])
    moved: list[Floats] = []
    for values in (motion.x, motion.y):
        raw = values[order]
        here = raw
        for _ in range(ROUNDS):
            before, after = np.append(0.0, here[:-1]), np.append(here[1:], 0.0)
            bend = after + before - 2 * here
            fit = solved(lower, [total(value * bend[is_inner]) for value in inner])
            bend = np.where(is_inner, bend, sum(part[column] * value for part, value in zip(fit, place, strict=True)))
            speed = np.where(is_inner, (after - before) / 2, 0.0)
            speed = np.where(ahead & ~behind, after - here - bend / 2, speed)
            speed = np.where(behind & ~ahead, here - before + bend / 2, speed)
            here = raw + early * speed - early * early * bend / 2
        back = np.empty_like(here)
        back[order] = here
        moved.append(back)
    return motion.moved(*moved)


def inner(motion: Motion) -> Motion:
    """The same markers, without a position where the frame before or after it has none of the track."""
    order, follows = segments(motion)
    is_inner = np.empty(len(order), bool)
    is_inner[order] = follows & np.append(follows[1:], False)
    found = copy(motion)
    found.x, found.y = np.where(is_inner, motion.x, np.nan), np.where(is_inner, motion.y, np.nan)
    return found


def estimated(motion: Motion) -> Generator[float, None, float]:
    """The share with the smallest sum of median distances of E over pairs of frames; 0 if none is much better.

    Yields the share done so far.
    """
    later = motion.frames[np.isin(motion.frames - GAP, motion.frames)]
    if not len(later):
        return 0.0
    later = later[np.linspace(0, len(later) - 1, PAIRS + 2).astype(np.intp)[1:-1]]
    near = (later[:, None] + np.arange(-GAP - ROUNDS - 1, ROUNDS + 2)).ravel()
    chosen = np.isin(motion.frame, near)
    track, frame = motion.track[chosen], motion.frame[chosen]
    few = Motion(motion.size, motion.tracks, track, frame, motion.x[chosen], motion.y[chosen])
    unmoved = _cost(few, later)
    best, width = 0.0, MOST
    for turn, gain in enumerate((1.0, GAIN)):
        tried = best + np.linspace(-width, width, STEPS)
        costs = np.full(STEPS, np.inf)
        for at, share in enumerate(tried.tolist()):
            costs[at] = _cost(unrolled(few, share), later)
            yield (turn + at / STEPS) / 2
        if not costs.min() < gain * unmoved:
            return 0.0
        best, width = min(max(lowest(tried, costs), -MOST), MOST), 2 * width / (STEPS - 1)
    return best


def _cost(motion: Motion, later: NDArray[np.int64]) -> float:
    """The sum of the median distances of E over the pairs of frames that end on the frames `later`."""
    tables = [motion.table(motion.column_of(frame - GAP), motion.column_of(frame) + 1) for frame in later.tolist()]
    whole = np.full((4, max(len(table.track) for table in tables), len(tables)), np.nan)
    for index, table in enumerate(tables):
        for at, values in enumerate((table.x[:, 0], table.x[:, -1], table.y[:, 0], table.y[:, -1])):
            whole[at, : len(values), index] = values
    found = residuals((whole[0], whole[1]), (whole[2], whole[3])).distance
    counts = np.isfinite(found).sum(0)
    return float(quantile(np.where(np.isfinite(found), found, np.inf), counts)[counts > 0].sum())
